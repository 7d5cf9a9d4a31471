"""runlet/modes.py: leaving undoes what a program switched on, and only that."""

from __future__ import annotations

import pytest
from hypothesis import given

from runlet.modes import PRIVATE_MODES, ModeTracker, modes_before
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
        (b"\x1b)0\x0e", b"\x1b)B"),
        (b"\x1b[>1u\x1b[>5u\x1b[<u", b"\x1b[<1u"),
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


def entered(*chunks: bytes) -> bytes:
    tracker = ModeTracker()
    for chunk in chunks:
        tracker.feed(chunk)
    return tracker.enter()


@pytest.mark.parametrize(
    "output",
    [b"\x1b[?1049h\x1b[?1h\x1b=\x1b[?1000h\x1b[?2004h\x1b[?25l", b"\x1b)0\x0e", b"\x1b[2;20r\x1b[4h\x1b[>4;2m\x1b[5 q"]
    + [f"\x1b[{mode}{final}".encode() for mode in PRIVATE_MODES for final in "hl"],
)
def test_what_is_entered_elsewhere_is_the_same(output: bytes) -> None:
    assert left(entered(output)) == left(output)
    assert entered(entered(output)) == entered(output)


def test_keyboards_are_pushed_on_the_screen_that_they_belong_to() -> None:
    output = b"\x1b[>1u\x1b[?1049h\x1b[>5u\x1b[>3u"
    assert entered(output) == output.replace(b"\x1b[>1u\x1b[?1049h", b"\x1b[>1u\x1b[?1049h")
    assert left(output) == b"\x1b[<2u\x1b[?1049l\x1b[<1u" + NOTHING_BUT_COLOURS


@pytest.mark.parametrize(
    ("tail", "after", "before"),
    [
        (b"drawing", b"\x1b[?1049h\x1b[?1h", b"\x1b[?1049h\x1b[?1h"),
        (b"shell\x1b[?1049hdrawing", b"\x1b[?1049h", b""),
        (b"drawing\x1b[?1049lshell", b"", b"\x1b[?1049h"),
        (b"one\x1b[?1049lshell\x1b[?1049hother", b"\x1b[?1049h\x1b=", b"\x1b[?1049h\x1b="),
        (b"\x1b[?25hseen", b"", b"\x1b[?25l"),
        (b"\x1bcanew", b"\x1b[?1h", b""),
        (b"\x1b[?1049l\x1bcanew", b"", b"\x1b[?1049h"),
        (b"lqqk\x0f", b"\x1b)0", b"\x1b)0"),
    ],
)
def test_what_a_tail_does_not_switch_was_the_same_before_it(tail: bytes, after: bytes, before: bytes) -> None:
    assert modes_before(tail, after) == before


def test_a_reset_undoes_all() -> None:
    assert entered(b"\x1b[?1049h\x1b[?1h\x1b[>1u\x1bc") == b""
