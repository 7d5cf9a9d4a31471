"""runlet/cli/terminal.py on a real terminal that cannot keep up."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator

import pytest

from runlet.cli.terminal import Terminal
from tests.harness import PATIENCE_SECONDS

MANY = 200_000  # bytes, more than a terminal takes at once


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """What shows the terminal that stdin is."""
    shows, own = os.openpty()
    with open(own) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield shows
    os.close(shows)


def shown(screen: int, length: int) -> bytes:
    found = b""
    while len(found) < length:
        found += os.read(screen, 65536)
    return found


async def test_what_is_shown_at_once_comes_one_behind_the_other(screen: int) -> None:
    """A program's output, and words of the console: neither waits for ever, and neither stands within the other."""
    with Terminal() as terminal:
        writing = [asyncio.create_task(terminal.write(letter * MANY)) for letter in (b"a", b"b")]
        async with asyncio.timeout(PATIENCE_SECONDS):
            found = await asyncio.to_thread(shown, screen, 2 * MANY)
            await asyncio.gather(*writing)
        assert found == b"a" * MANY + b"b" * MANY
        assert terminal.written == 2 * MANY


@pytest.mark.parametrize(("seconds", "is_behind"), [(2 * PATIENCE_SECONDS, True), (0.0, False)])
async def test_a_slow_terminal_is_behind_for_a_moment_after_each_chunk(
    screen: int, monkeypatch: pytest.MonkeyPatch, seconds: float, is_behind: bool
) -> None:
    monkeypatch.setattr("runlet.cli.terminal.CAUGHT_UP_SECONDS", seconds)
    with Terminal() as terminal:
        await terminal.write(b"a")
        assert not terminal.is_behind
        writing = asyncio.create_task(terminal.write(b"b" * MANY))
        await asyncio.to_thread(shown, screen, MANY)
        await writing
        assert terminal.is_behind == is_behind
