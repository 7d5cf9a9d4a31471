"""runlet/cli/modes.py: leaving undoes what a program switched on, and only that."""

from __future__ import annotations

import pytest
from hypothesis import given

from runlet.cli.modes import ModeTracker
from tests.unit.cli.outputs import cut_outputs

NOTHING_BUT_COLOURS = b"\x1b[0m\x0f\x1b(B"


def left(*chunks: bytes) -> bytes:
    tracker = ModeTracker()
    for chunk in chunks:
        tracker.feed(chunk)
    return tracker.restore()


@pytest.mark.parametrize(
    ("entered", "restored"),
    [
        (b"plain text", b""),
        (b"\x1b[?1049h", b"\x1b[?1049l"),
        (b"\x1b[?1049h\x1b[?1049l", b""),
        (b"\x1b[?25l", b"\x1b[?25h"),
        (b"\x1b[?1000;1006h", b"\x1b[?1000l\x1b[?1006l"),
        (b"\x1b[?2004h\x1b=", b"\x1b[?2004l\x1b>"),
        (b"\x1b[>4;2m", b"\x1b[>4m"),
        (b"\x1b[>4;2m\x1b[>4;m", b""),
        (b"\x1b[>1u", b"\x1b[<1u"),
        (b"\x1b[2 q", b"\x1b[0 q"),
        (b"\x1b[1;10r", b"\x1b7\x1b[r\x1b8"),
        (b"\x1b[31mred", b""),
    ],
)
def test_what_was_entered_is_left(entered: bytes, restored: bytes) -> None:
    assert left(entered) == restored + NOTHING_BUT_COLOURS


def test_the_screen_is_left_last() -> None:
    assert left(b"\x1b[?1049h\x1b[?1000h") == b"\x1b[?1000l\x1b[?1049l" + NOTHING_BUT_COLOURS


def test_nothing_is_restored_twice() -> None:
    tracker = ModeTracker()
    tracker.feed(b"\x1b[?1049h")
    assert tracker.full_screen
    tracker.restore()
    assert not tracker.full_screen
    assert tracker.restore() == b""


@given(cut_outputs())
def test_cuts_change_nothing(chunks: list[bytes]) -> None:
    assert left(*chunks, b" ") == left(b"".join(chunks), b" ")
