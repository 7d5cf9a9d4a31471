"""runlet/controller/typing_window.py: what of a console's typing is under way."""

from __future__ import annotations

from runlet.controller.typing_window import LOST_SECONDS, TypingWindow
from runlet.protocol.chunk import INPUT_WINDOW_BYTES


def test_what_is_taken_makes_room() -> None:
    window = TypingWindow()
    assert window.send(INPUT_WINDOW_BYTES - 10, 0.0) == INPUT_WINDOW_BYTES - 10
    assert window.fits(10)
    assert not window.fits(11)
    window.moved(held=100, taken=100)
    assert window.freed == 100
    assert window.fits(110)
    assert not window.fits(111)
    window.moved(held=100, taken=90)  # late
    assert window.freed == 100


def test_what_is_refused_is_no_longer_under_way_and_what_was_before_it_is() -> None:
    window = TypingWindow()
    window.send(5, 0.0)
    number = window.send(7, 0.0)
    window.refused(number)
    window.refused(number)
    assert window.freed == 7
    window.moved(held=12, taken=12)
    assert window.freed == 12


def test_what_nothing_is_heard_of_is_lost_and_what_waits_at_the_device_is_not() -> None:
    window = TypingWindow()
    window.send(5, 0.0)
    window.send(7, 1.0)
    window.moved(held=5, taken=3)
    assert window.lost(LOST_SECONDS + 0.5) == 0
    assert window.lost(LOST_SECONDS + 1.5) == 7
    assert window.lost(LOST_SECONDS + 9) == 0
    assert window.freed == 10
    window.moved(held=12, taken=12)
    assert window.freed == 12
