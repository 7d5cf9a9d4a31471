"""What is due, missed and next: policies, outages, clocks set back; previews; delays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.model.schedule import Misfire, Overlap, Schedule, Window
from runlet.timetable.due import GRACE, MOST_TOLD, Due, delay, due, preview
from runlet.timetable.firing import fire_times
from runlet.timetable.grammar import parse

UTC_ZONE = ZoneInfo("UTC")
MONDAY = datetime(2026, 6, 1, tzinfo=UTC)


def at(day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return MONDAY + timedelta(days=day - 1, hours=hour, minutes=minute, seconds=second)


def ask(schedule: Schedule, last: datetime, now: datetime, zone: ZoneInfo = UTC_ZONE) -> Due:
    return due(schedule, parse(schedule.every), zone, MONDAY, last, now)


def test_a_fire_time_starts_once() -> None:
    schedule = Schedule("daily at 8am")
    first = ask(schedule, at(1), at(1, 8))
    assert first == Due((at(1, 8),), (), False, at(2, 8), at(1, 8))
    assert ask(schedule, first.handled, at(1, 8, 0, 1)) == Due((), (), False, at(2, 8), at(1, 8, 0, 1))


def test_three_days_down_and_only_the_newest_is_made_up_for() -> None:
    found = ask(Schedule("daily at 8am"), at(1, 9), at(4, 12))
    assert found == Due((at(4, 8),), (at(2, 8), at(3, 8)), False, at(5, 8), at(4, 12))


def test_three_days_down_and_none_is_made_up_for() -> None:
    found = ask(Schedule("daily at 8am", misfire=Misfire.SKIP), at(1, 9), at(4, 12))
    assert found == Due((), (at(2, 8), at(3, 8), at(4, 8)), False, at(5, 8), at(4, 12))


def test_three_days_down_and_the_newest_two_are_made_up_for() -> None:
    found = ask(Schedule("daily at 8am", misfire=Misfire.ALL, misfire_max=2), at(1, 9), at(4, 12))
    assert found == Due((at(3, 8), at(4, 8)), (at(2, 8),), False, at(5, 8), at(4, 12))


@pytest.mark.parametrize("misfire", Misfire)
def test_what_is_within_grace_is_on_time(misfire: Misfire) -> None:
    schedule = Schedule("daily at 8am", misfire=misfire)
    assert ask(schedule, at(1), at(1, 8) + GRACE).fire == (at(1, 8),)
    late = ask(schedule, at(1), at(1, 8) + GRACE + timedelta(seconds=1))
    assert bool(late.missed) == (misfire is Misfire.SKIP)


def test_past_its_start_deadline_a_fire_time_is_missed_for_good() -> None:
    schedule = Schedule("daily at 8am", misfire=Misfire.ALL, start_deadline=timedelta(hours=30))
    found = ask(schedule, at(1), at(3, 12))
    assert (found.fire, found.missed) == ((at(2, 8), at(3, 8)), (at(1, 8),))


def test_a_late_run_begins_inside_the_window_only() -> None:
    schedule = Schedule("daily at 02:00", window=Window.parse("01:00-05:00"))
    assert ask(schedule, at(1), at(1, 4, 59)).fire == (at(1, 2),)
    closed = ask(schedule, at(1), at(1, 5))
    assert (closed.fire, closed.missed, closed.next) == ((), (at(1, 2),), at(2, 2))


def test_a_run_on_time_begins_although_the_window_just_closed() -> None:
    schedule = Schedule("daily at 04:59", window=Window.parse("01:00-05:00"))
    assert ask(schedule, at(1), at(1, 4, 59) + GRACE).fire == (at(1, 4, 59),)


def test_suspended_fire_times_are_not_missed() -> None:
    schedule = Schedule("daily at 8am", suspend=True)
    assert ask(schedule, at(1), at(4)) == Due((), (), False, None, at(4))


def test_a_clock_set_back_repeats_nothing() -> None:
    schedule = Schedule("1m")
    now = at(1, 8)
    before = ask(schedule, at(1), now)
    for minutes in (1, 5, 600):
        found = ask(schedule, before.handled, now - timedelta(minutes=minutes))
        assert found == Due((), (), False, now + timedelta(minutes=1), now)


@pytest.mark.parametrize("every", ["1s", "* * * * *", "hourly"])
def test_years_away_cost_no_more_than_what_is_told(every: str) -> None:
    found = ask(Schedule(every, misfire=Misfire.ALL), at(1), at(20 * 365))
    assert (len(found.fire), len(found.missed)) == (10, MOST_TOLD - 10)
    assert found.more_missed
    assert found.fire[-1] == at(20 * 365)


def test_device_zones_have_their_own_instants() -> None:
    schedule = Schedule("daily at 8am", timezone="device")
    zones = {name: ZoneInfo(name) for name in ("Europe/Zurich", "America/New_York", "Pacific/Auckland")}
    found = {name: ask(schedule, at(1), at(1, 20, 0, 1), zone).fire for name, zone in zones.items()}
    assert found == {
        "Europe/Zurich": (at(1, 6),),
        "America/New_York": (at(1, 12),),
        "Pacific/Auckland": (at(1, 20),),
    }


@given(
    st.sampled_from(["7m", "*/20 * * * *", "daily at 02:30", "hourly", "every monday at 8am"]),
    st.sampled_from(Misfire),
    st.lists(st.integers(-200, 1000), max_size=30),
)
def test_however_often_one_looks_nothing_is_lost_or_doubled(every: str, misfire: Misfire, steps: list[int]) -> None:
    """Steps are minutes between looks; negative ones are a clock set back."""
    zone = ZoneInfo("Europe/Zurich")
    schedule, trigger = Schedule(every, misfire=misfire), parse(every)
    anchor = now = last = datetime(2026, 10, 24, 20, tzinfo=UTC)
    told: list[datetime] = []
    for step in steps:
        now += timedelta(minutes=step)
        found = due(schedule, trigger, zone, anchor, last, now)
        told += sorted(found.fire + found.missed)
        last = found.handled
    expected = []
    for instant in fire_times(schedule, trigger, zone, anchor, anchor):
        if instant > last:
            break
        expected.append(instant)
    assert told == expected


def test_a_preview_tells_the_next_ones() -> None:
    schedule = Schedule("every weekday at 08:00", suspend=True)
    found = preview(schedule, parse(schedule.every), UTC_ZONE, MONDAY, at(5, 9), 3)
    assert found == (at(8, 8), at(9, 8), at(10, 8))


@given(st.integers(0, 86_400), st.text(max_size=20), st.text(max_size=20))
def test_a_delay_is_the_same_every_time_and_within_splay(seconds: int, job: str, device: str) -> None:
    schedule = Schedule("6h", splay=timedelta(seconds=seconds))
    found = delay(schedule.splay, job, device)
    assert found == delay(schedule.splay, job, device)
    assert timedelta(0) <= found
    assert found < schedule.splay or not schedule.splay


def test_delays_spread_a_fleet() -> None:
    schedule = Schedule("6h", splay=timedelta(minutes=10))
    tenths = [delay(schedule.splay, "backup", f"device-{number}") // timedelta(minutes=1) for number in range(1000)]
    assert all(60 < tenths.count(minute) < 140 for minute in range(10))
    assert delay(schedule.splay, "backup", "pi-1") != delay(schedule.splay, "upgrade", "pi-1")


def test_overlap_is_the_controller_s() -> None:
    assert {ask(Schedule("1h", overlap=overlap), at(1), at(1, 1)).fire for overlap in Overlap} == {(at(1, 1),)}
