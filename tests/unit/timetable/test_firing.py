"""Fire times against a minute-by-minute oracle, around every kind of change of clocks, and beside it by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from runlet.errors import InvalidInput
from runlet.model.schedule import Fold, Gap, Schedule, Window
from runlet.timetable.firing import check, fire_times, fire_times_back
from runlet.timetable.grammar import parse
from tests.unit.timetable import oracle
from tests.unit.timetable.oracle import Rule

ANCHOR = datetime(2020, 1, 1, tzinfo=UTC)
ZURICH = ZoneInfo("Europe/Zurich")


def between(schedule: Schedule, zone: ZoneInfo, after: datetime, until: datetime) -> list[datetime]:
    """The fire times after an instant up to another; both ways of walking must tell the same."""
    trigger = parse(schedule.every)
    onward = list(takewhile(lambda instant: instant <= until, fire_times(schedule, trigger, zone, ANCHOR, after)))
    back = takewhile(lambda instant: instant > after, fire_times_back(schedule, trigger, zone, ANCHOR, until))
    assert onward == list(back)[::-1]
    return onward


def passes(schedule: Schedule) -> bool:
    try:
        check(schedule, parse(schedule.every))
    except InvalidInput:
        return False
    return True


def walls(every: str, zone: str, after: str, until: str, **keys: object) -> list[str]:
    """Fire times as the clock on the wall shows them."""
    found = ZoneInfo(zone)
    first, last = (datetime.fromisoformat(text).replace(tzinfo=found) for text in (after, until))
    schedule = Schedule(every, **keys)  # type: ignore[arg-type]
    instants = between(schedule, found, first.astimezone(UTC), last.astimezone(UTC))
    return [f"{instant.astimezone(found):%m-%d %H:%M%z}" for instant in instants]


@settings(max_examples=300)
@given(
    oracle.RULES,
    st.sampled_from(oracle.CHANGES),
    st.sampled_from(Gap),
    st.sampled_from(Fold),
    st.none() | oracle.windows(),
    st.integers(-26 * 60, 60),
)
def test_around_changes_of_clocks_as_the_oracle(
    rule: Rule, change: tuple[str, datetime], gap: Gap, fold: Fold, window: Window | None, start: int
) -> None:
    zone = ZoneInfo(change[0])
    after = change[1] + timedelta(minutes=start)
    until = change[1] + timedelta(hours=26)
    schedule = Schedule(rule.text, gap=gap, fold=fold, window=window)
    assume(passes(schedule))
    assert between(schedule, zone, after, until) == list(oracle.fire_times(rule, zone, gap, fold, after, until, window))


@settings(max_examples=20)
@given(
    oracle.RULES,
    st.sampled_from(oracle.ZONES),
    st.sampled_from(Gap),
    st.sampled_from(Fold),
    st.integers(0, 6 * 365 * 24 * 60),
)
def test_over_months_as_the_oracle(rule: Rule, name: str, gap: Gap, fold: Fold, start: int) -> None:
    zone = ZoneInfo(name)
    after = datetime(2023, 12, 1, tzinfo=UTC) + start * oracle.MINUTE
    until = after + timedelta(days=60)
    found = between(Schedule(rule.text, gap=gap, fold=fold), zone, after, until)
    assert found == list(oracle.fire_times(rule, zone, gap, fold, after, until))


@given(
    st.integers(1, 3 * 86_400),
    st.integers(-10, 10**6),
    st.none() | oracle.windows(),
    st.sampled_from(oracle.CHANGES),
)
def test_an_interval_is_absolute_time_from_its_anchor(
    seconds: int, offset: int, window: Window | None, change: tuple[str, datetime]
) -> None:
    zone, anchor = ZoneInfo(change[0]), change[1] - timedelta(seconds=offset)
    schedule, trigger = Schedule(f"{seconds}s", window=window), parse(f"{seconds}s")
    after = change[1] - timedelta(hours=1)
    until = change[1] + timedelta(hours=1)
    first = max(1, (after - anchor) // timedelta(seconds=seconds))
    numbers = range(first, first + 7200 // seconds + 3)
    instants = [anchor + timedelta(seconds=number * seconds) for number in numbers]
    expected = [
        instant
        for instant in instants
        if after < instant <= until and (window is None or oracle.open_at(window, instant.astimezone(zone).time()))
    ]
    found = fire_times(schedule, trigger, zone, anchor, after)
    assert list(takewhile(lambda instant: instant <= until, found)) == expected
    back = fire_times_back(schedule, trigger, zone, anchor, until)
    assert list(takewhile(lambda instant: instant > after, back)) == expected[::-1]


@given(oracle.RULES, st.sampled_from(oracle.ZONES), st.integers(0, 60 * 365 * 86_400))
def test_going_on_from_any_fire_time_tells_the_same(rule: Rule, name: str, start: int) -> None:
    zone, schedule, trigger = ZoneInfo(name), Schedule(rule.text), parse(rule.text)
    after = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=start)
    found = list(islice(fire_times(schedule, trigger, zone, ANCHOR, after), 20))
    assert all(earlier < later for earlier, later in pairwise(found))
    for number, instant in enumerate(found[:-1]):
        assert next(fire_times(schedule, trigger, zone, ANCHOR, instant)) == found[number + 1]


# --- by hand --------------------------------------------------------------------------------------------------------

SPRING = ("2026-03-28T12:00", "2026-03-30T12:00")
AUTUMN = ("2026-10-24T12:00", "2026-10-26T12:00")


def test_a_time_in_the_gap_comes_after_it_or_not_at_all() -> None:
    assert walls("daily at 02:30", "Europe/Zurich", *SPRING) == ["03-29 03:00+0200", "03-30 02:30+0200"]
    assert walls("daily at 02:30", "Europe/Zurich", *SPRING, gap=Gap.SKIP) == ["03-30 02:30+0200"]


def test_times_in_the_gap_do_not_pile_up() -> None:
    found = walls("every day at 02:00, 02:30 and 03:00", "Europe/Zurich", *SPRING)
    assert found == ["03-29 03:00+0200", "03-30 02:00+0200", "03-30 02:30+0200", "03-30 03:00+0200"]


def test_a_time_in_the_fold_comes_once_or_twice() -> None:
    once = ["10-25 02:30+0200", "10-26 02:30+0100"]
    assert walls("daily at 02:30", "Europe/Zurich", *AUTUMN) == once
    both = ["10-25 02:30+0200", "10-25 02:30+0100", "10-26 02:30+0100"]
    assert walls("daily at 02:30", "Europe/Zurich", *AUTUMN, fold=Fold.BOTH) == both


@pytest.mark.parametrize("every", ["hourly", "0 * * * *", "0 */1 * * *"])
def test_what_repeats_by_the_hour_runs_through(every: str) -> None:
    spring = walls(every, "Europe/Zurich", "2026-03-29T00:30", "2026-03-29T04:30")
    assert spring == ["03-29 01:00+0100", "03-29 03:00+0200", "03-29 04:00+0200"]
    autumn = walls(every, "Europe/Zurich", "2026-10-25T01:30", "2026-10-25T03:30")
    assert autumn == ["10-25 02:00+0200", "10-25 02:00+0100", "10-25 03:00+0100"]


def test_half_an_hour_is_skipped_on_lord_howe() -> None:
    found = walls("daily at 02:15", "Australia/Lord_Howe", "2026-10-03T12:00", "2026-10-05T12:00")
    assert found == ["10-04 02:30+1100", "10-05 02:15+1100"]


def test_midnight_does_not_exist_in_havana() -> None:
    found = walls("daily at midnight", "America/Havana", "2024-03-09T12:00", "2024-03-11T12:00")
    assert found == ["03-10 01:00-0400", "03-11 00:00-0400"]


def test_a_whole_day_does_not_exist_in_samoa() -> None:
    found = walls("30th of december at noon", "Pacific/Apia", "2011-12-01T00:00", "2012-12-31T00:00")
    assert found == ["12-31 00:00+1400", "12-30 12:00+1400"]


def test_leap_day() -> None:
    zone, trigger = ZURICH, parse("29th of february at noon")
    found = fire_times(Schedule("-"), trigger, zone, ANCHOR, datetime(2027, 1, 1, tzinfo=UTC))
    assert [instant.year for instant in islice(found, 3)] == [2028, 2032, 2036]
    century = fire_times(Schedule("-"), trigger, zone, ANCHOR, datetime(2097, 1, 1, tzinfo=UTC))
    assert next(century).year == 2104


def test_it_goes_on_for_longer_than_the_horizon_of_a_search() -> None:
    found = fire_times(Schedule("-"), parse("1st of march at noon"), ZURICH, ANCHOR, ANCHOR)
    assert [instant.year for instant in islice(found, 90)] == list(range(2020, 2110))
    found = fire_times_back(Schedule("-"), parse("1st of march at noon"), ZURICH, ANCHOR, ANCHOR)
    assert [instant.year for instant in islice(found, 90)] == list(range(2019, 1929, -1))


def test_month_ends() -> None:
    last = walls("last day of the month at 23:59", "Europe/Zurich", "2027-12-31T00:00", "2028-04-01T00:00")
    assert last == ["12-31 23:59+0100", "01-31 23:59+0100", "02-29 23:59+0100", "03-31 23:59+0200"]
    assert len(walls("31st of the month at noon", "UTC", "2026-01-01T00:00", "2027-01-01T00:00")) == 7


def test_either_day_matches_when_both_are_restricted() -> None:
    found = walls("0 0 1 * 1", "UTC", "2026-05-31T12:00", "2026-06-16T00:00")
    assert [one[:5] for one in found] == ["06-01", "06-08", "06-15"]
    found = walls("0 0 13 * 5", "UTC", "2026-03-05T12:00", "2026-03-21T00:00")
    assert [one[:5] for one in found] == ["03-06", "03-13", "03-20"]


@pytest.mark.parametrize(
    ("field", "weekday"), [("0", "Sun"), ("7", "Sun"), ("1", "Mon"), ("5L", "Fri"), ("2#3", "Tue")]
)
def test_weekdays_count_from_sunday(field: str, weekday: str) -> None:
    first = next(fire_times(Schedule("-"), parse(f"0 0 * * {field}"), ZoneInfo("UTC"), ANCHOR, ANCHOR))
    assert f"{first:%a}" == weekday


def test_a_window_crosses_midnight() -> None:
    window = Window.parse("22:00-02:00")
    found = walls("hourly", "UTC", "2026-06-01T12:00", "2026-06-02T12:00", window=window)
    assert [one[6:11] for one in found] == ["22:00", "23:00", "00:00", "01:00"]


@pytest.mark.parametrize(
    ("every", "window"), [("daily at 8am", "01:00-05:00"), ("0 5 * * *", "01:00-05:00"), ("6h", "01:00-05:00")]
)
def test_a_window_that_lets_nothing_through_is_refused(every: str, window: str) -> None:
    with pytest.raises(InvalidInput, match=r"this never fires|may miss it every time"):
        check(Schedule(every, window=Window.parse(window)), parse(every))


@pytest.mark.parametrize("every", ["daily at 04:59", "* * * * *", "4h", "90s"])
def test_a_window_that_lets_something_through_is_not(every: str) -> None:
    check(Schedule(every, window=Window.parse("01:00-05:00")), parse(every))


def test_a_trigger_that_only_meets_gaps_ends() -> None:
    trigger = parse("last sunday of march at 02:30")
    assert list(fire_times(Schedule("-", gap=Gap.SKIP), trigger, ZURICH, ANCHOR, ANCHOR)) == []
    before_summer_time = datetime(1979, 1, 1, tzinfo=UTC)
    back = fire_times_back(Schedule("-", gap=Gap.SKIP), trigger, ZURICH, ANCHOR, ANCHOR)
    assert next(back) < before_summer_time + timedelta(days=2 * 366)
