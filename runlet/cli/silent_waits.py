"""What a run waits for where nobody is attached, so that it does not look hung: who asks what, and how to answer."""

from __future__ import annotations

import asyncio

import click

from runlet.cli.inert import plain
from runlet.cli.picture import Picture
from runlet.cli.prefix import device_name
from runlet.cli.roster import title
from runlet.model.execution import State
from runlet.protocol.views import ExecutionView

# Questions that are asked within this are told together, and one that is answered within it is not told.
TELL_SECONDS = 1.0
# What is still asked then is told again: a person who looks now and then finds it, and a log stays short.
AGAIN_SECONDS = 60.0
# Devices named in one line; the others are counted.
_MOST_NAMED = 5


class SilentWaits:
    """What of `picture` was told."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._told: dict[str, str] = {}  # by execution

    async def tell(self) -> None:
        """Until cancelled."""
        rounds = round(AGAIN_SECONDS / TELL_SECONDS)
        while True:
            for count in range(rounds):
                await asyncio.sleep(TELL_SECONDS)
                for line in self.news(again=count == rounds - 1):
                    click.echo(line, err=True)

    def news(self, *, again: bool = False) -> list[str]:
        """Lines on what is new since the last time, or with `again` on all."""
        waits = [(one, words) for one in self._picture.executions if (words := _words(one))]
        before, self._told = self._told, {one.id: words for one, words in waits}
        new = [(one, words) for one, words in waits if again or before.get(one.id) != words]
        groups: dict[str, list[str]] = {}
        for one, words in new:
            groups.setdefault(words, []).append(device_name(one))
        lines = [f"{_named(devices)} {words}" for words, devices in groups.items()]
        if any(one.state is State.AWAITING_INPUT for one, _ in new):
            run = self._picture.run.id
            lines.append(f"answer with: runlet answer --run {run}, or: runlet attach {run}")
        return lines


def _words(one: ExecutionView) -> str:
    """What it waits for; empty when it does not, or does not say."""
    if one.state is State.AWAITING_INPUT and one.prompt is not None:
        return f"asks {title(one.prompt) or 'without a question'}"
    return plain(one.detail) if one.state is State.DELIVERED else ""


def _named(devices: list[str]) -> str:
    named = ", ".join(devices[:_MOST_NAMED])
    return f"{named}:" if len(devices) <= _MOST_NAMED else f"{named} and {len(devices) - _MOST_NAMED} more:"
