"""runlet/agent/controller_clock.py: what is past for sure."""

from __future__ import annotations

from runlet.agent.controller_clock import ControllerClock

NOON = 1_800_000_000.0


def test_nothing_is_past_before_the_controller_told_its_time() -> None:
    assert ControllerClock().past(0.0, now=1e9) <= 0


def test_the_time_that_passes_here_counts() -> None:
    clock = ControllerClock()
    clock.told(NOON, now=100.0)
    assert clock.past(NOON + 5, now=104.0) == -1
    assert clock.past(NOON + 5, now=107.0) == 2


def test_what_was_under_way_for_long_does_not_put_the_clock_back() -> None:
    """A stalled connection brings the answer to a heartbeat and a command at once, when the deadline is over."""
    clock = ControllerClock()
    clock.told(NOON, now=100.0)
    clock.told(NOON + 1, now=110.0)
    assert clock.past(NOON + 5, now=110.0) == 5


def test_what_comes_sooner_tells_more() -> None:
    clock = ControllerClock()
    clock.told(NOON, now=103.0)
    clock.told(NOON + 10, now=110.0)
    assert clock.past(NOON + 10, now=110.0) == 0
