"""A script's first line, `#!`: the program it names, read as Linux reads it, and what cannot work there."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

# Some editors put it before all text; no program wants it.
BYTE_ORDER_MARK = "\ufeff"
# Programs that run a script in the language of the Bourne shell.
SHELLS = frozenset({"ash", "bash", "dash", "ksh", "mksh", "sh", "zsh"})

_MARK = "#!"
_BLANKS = " \t"
# `env` splits the one argument that it is given only when it is asked to.
_SPLITS = re.compile(r"-[A-Za-z0]*S|--split-string")


def interpreter(script: str) -> tuple[str, ...] | None:
    """The program that the first line names, and at most one argument, blanks and all; None: it names none.

    A carriage return at the line's end does not count, although Linux would look for a program of that name.
    """
    first = script.removeprefix(BYTE_ORDER_MARK).partition("\n")[0]
    if not first.startswith(_MARK):
        return None
    program, _, argument = first.removeprefix(_MARK).strip(_BLANKS + "\r").replace("\t", " ").partition(" ")
    return tuple(part for part in (program, argument.lstrip()) if part) or None


def mistake(script: str) -> str | None:
    """Why the first line cannot mean what it says, if that is so; `script` is not yet rendered."""
    before, mark, after = script.removeprefix(BYTE_ORDER_MARK).partition(_MARK)
    first, _, rest = after.partition("\n")
    if not mark or before.strip() or "{{" in first or "{%" in first:
        return None
    if before:
        return "the script begins with blanks or an empty line, so that its '#!' is a comment: put it first"
    named = interpreter(script)
    if named is None:
        return "the first line names no program after '#!'"
    if not rest.strip():
        return "the script is its first line alone; write 'script: |' to keep its lines apart"
    program, argument = PurePosixPath(named[0]), named[1] if len(named) > 1 else ""
    if not program.is_absolute():
        return f"the first line must name a program by its whole path: '#!/usr/bin/env {named[0]}'"
    if program.name == "env":
        return _env_mistake(argument)
    if program.name in SHELLS and len(argument.split()) > 1:
        return (
            f"the first line passes '{argument}' to {program.name} as one argument; "
            f"'#!/usr/bin/env -S {program.name} {argument}' passes its words"
        )
    return None


def _env_mistake(argument: str) -> str | None:
    if not argument:
        return "the first line names no program after 'env'"
    if len(argument.split()) > 1 and not _SPLITS.match(argument):
        return f"the first line passes '{argument}' to env as one name; '#!/usr/bin/env -S {argument}' passes its words"
    return None
