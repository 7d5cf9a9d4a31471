"""Commands of the 2020 dissertation that this version does not have: each says what to use instead."""

from __future__ import annotations

import click

from runlet.errors import InvalidInput


def _absent(name: str, instead: str) -> click.Command:
    @click.command(name, hidden=True, context_settings={"ignore_unknown_options": True})
    @click.argument("rest", nargs=-1, type=click.UNPROCESSED)
    def command(rest: tuple[str, ...]) -> None:
        raise InvalidInput(f"{name} is not available in this version", instead)

    return command


signin = _absent("@signin", "set RUNLET_CONTROLLER and RUNLET_TOKEN, or start a controller here with: runlet up")
signout = _absent("@signout", "unset RUNLET_CONTROLLER and RUNLET_TOKEN")
