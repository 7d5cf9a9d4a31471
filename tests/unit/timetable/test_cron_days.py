"""Which days the last three fields of cron mean, beside a reading of their text that shares nothing with runlet's."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from runlet.errors import InvalidInput
from runlet.model.schedule import Schedule
from runlet.timetable.firing import fire_times
from runlet.timetable.grammar import canonical, parse

FIRST, DAYS = date(2027, 1, 1), 2 * 366  # the second year is a leap year
MONTHS = [name.lower() for name in calendar.month_abbr[1:]]
WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


def number(text: str) -> int:
    text = text.lower()
    if text in MONTHS:
        return MONTHS.index(text) + 1
    return WEEKDAYS.index(text) if text in WEEKDAYS else int(text)


def fits(field: str, value: int, low: int, high: int) -> bool:
    """Whether a value is one that the field's text names."""
    for item in field.split(","):
        body, _, step = item.partition("/")
        if body == "*":
            first, last = low, high
        else:
            begin, dash, end = body.partition("-")
            first = number(begin)
            last = number(end) if dash else first
            if last == 0 < first:  # to sunday
                last = 7
        if first <= value <= last and (value - first) % int(step or 1) == 0:
            return True
    return False


def days(text: str) -> list[date]:
    """The days of two years that the expression means, asked one by one."""
    _, _, day, month, weekday = text.split()
    found = []
    for one in (FIRST + timedelta(days=n) for n in range(DAYS)):
        by_day = fits(day, one.day, 1, 31)
        of_week = one.isoweekday() % 7
        by_weekday = fits(weekday, of_week, 0, 7) or (of_week == 0 and fits(weekday, 7, 0, 7))
        both = day.startswith("*") or weekday.startswith("*")
        if fits(month, one.month, 1, 12) and (by_day and by_weekday if both else by_day or by_weekday):
            found.append(one)
    return found


def fields(low: int, high: int, names: list[str]) -> st.SearchStrategy[str]:
    values = st.integers(low, high)

    def spelled(value: int) -> st.SearchStrategy[str]:
        at = value - 1 if low else value % 7  # months, or weekdays
        return st.sampled_from([str(value), names[at], names[at].upper()]) if names else st.just(str(value))

    def item(first: int, last: int) -> st.SearchStrategy[str]:
        first, last = min(first, last), max(first, last)
        steps = st.none() | st.integers(1, high)
        return st.builds(
            lambda a, b, step: f"{a}-{b}" + ("" if step is None else f"/{step}"), spelled(first), spelled(last), steps
        )

    one = values.flatmap(spelled)
    alone = values.flatmap(lambda value: item(value, value))
    items = st.lists(one | alone | st.tuples(values, values).flatmap(lambda pair: item(*pair)), min_size=1, max_size=3)
    return st.just("*") | st.integers(1, high).map("*/{}".format) | items.map(",".join)


@settings(max_examples=300, deadline=None)
@given(fields(1, 31, []), fields(1, 12, MONTHS), fields(0, 7, WEEKDAYS))
@example("1-1/1", "*", "*")
@example("1", "1-1/1", "*")
@example("*", "*", "MON-MON/2")
@example("*", "*", "SUN-SUN/3")
@example("*", "*", "0-7/7")
@example("*", "*", "SAT-SUN/2")
@example("*", "*", "7-7/2")
@example("31-31/5", "DEC-DEC/4", "6-7")
def test_the_days_of_a_cron_expression_are_those_that_its_text_names(day: str, month: str, weekday: str) -> None:
    text = f"0 0 {day} {month} {weekday}"
    expected = days(text)
    try:
        trigger = parse(text)
    except InvalidInput as error:
        # "sun-mon" is 0 to 1, but "7-mon" and "mon-sun/3" with 0 for sunday may be said to run backwards or never fire.
        assume("backwards" not in error.message)
        assert not expected, error.message  # noqa: PT017
        return
    zone, start = ZoneInfo("UTC"), datetime(FIRST.year, 1, 1, tzinfo=UTC) - timedelta(seconds=1)
    end = FIRST + timedelta(days=DAYS)
    walked = fire_times(Schedule(text), trigger, zone, start, start)
    assert [one.date() for one in takewhile(lambda one: one.date() < end, walked)] == expected
    assert parse(canonical(trigger)) == trigger
