"""Which clocks are believed. `Clocks` stands for both of the machine's."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from runlet.controller import wall_clock
from runlet.controller.wall_clock import DOUBT_SECONDS, GAP, WallClock

DAY = 24 * 3600.0


class Clocks:
    """A machine's clocks; `set_by` moves only the one on the wall."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._wall, self._boot = time.time(), 1000.0
        monkeypatch.setattr(wall_clock.time, "time", lambda: self._wall)
        monkeypatch.setattr(wall_clock.time, "clock_gettime", lambda _: self._boot)

    def pass_time(self, seconds: float) -> None:
        self._wall += seconds
        self._boot += seconds

    def set_by(self, seconds: float) -> None:
        self._wall += seconds


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(monkeypatch)


def test_a_clock_that_jumps_forward_is_not_believed_at_first(clocks: Clocks) -> None:
    clock = WallClock()
    assert clock.take_set_back()
    clocks.pass_time(DAY)  # as of a machine that slept
    assert not clock.is_doubtful()
    clocks.set_by(DAY)
    assert clock.is_doubtful()
    clocks.pass_time(20)
    assert clock.is_doubtful()
    clocks.set_by(-DAY)
    assert not clock.is_doubtful()
    assert clock.take_set_back()
    assert not clock.take_set_back()


def test_a_clock_that_stays_where_it_was_set_is_believed(clocks: Clocks) -> None:
    clock = WallClock()
    clocks.set_by(DAY)
    assert clock.is_doubtful()
    clocks.pass_time(DOUBT_SECONDS)
    assert not clock.is_doubtful()


def test_a_clock_that_is_slewed_is_believed(clocks: Clocks) -> None:
    clock = WallClock()
    for _ in range(100):
        clocks.pass_time(1)
        clocks.set_by(1)
        assert not clock.is_doubtful()


def test_after_a_gap_nobody_knows_whether_it_was_an_outage_or_the_clock(clocks: Clocks) -> None:
    now = datetime.now(UTC)
    believed, behind, doubted = WallClock(), WallClock(), WallClock()
    believed.compare(now - GAP / 2)
    assert not believed.has_stepped()
    behind.compare(now + timedelta(days=1))
    assert behind.has_stepped()
    assert not behind.is_doubtful()
    doubted.compare(now - 2 * GAP)
    assert doubted.has_stepped()
    assert doubted.is_doubtful()
    clocks.pass_time(DOUBT_SECONDS)
    assert not doubted.is_doubtful()


@pytest.mark.parametrize("step", [DAY, -DAY])
def test_a_clock_that_stepped_tells_for_a_while_of_nobody_how_long_he_is_silent(clocks: Clocks, step: float) -> None:
    clock = WallClock()
    assert not clock.has_stepped()
    clocks.set_by(step)
    assert clock.has_stepped()
    clocks.pass_time(DOUBT_SECONDS / 2)
    assert clock.has_stepped()
    clocks.set_by(-step)  # the other way, which is a step too
    assert clock.has_stepped()
    clocks.pass_time(DOUBT_SECONDS - 1)
    assert clock.has_stepped()
    clocks.pass_time(1)
    assert not clock.has_stepped()


def test_a_set_back_that_comes_while_one_is_acted_on_is_not_lost(clocks: Clocks) -> None:
    clock = WallClock()
    assert clock.take_set_back()
    clocks.set_by(-DAY)
    clock.has_stepped()  # whoever looks at the clock notices
    assert clock.take_set_back()
    clock.put_set_back()  # the work failed
    assert clock.take_set_back()
