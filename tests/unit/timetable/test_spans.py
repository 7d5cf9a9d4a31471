"""Zones by name, and where their offsets change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.errors import InvalidInput
from runlet.timetable.spans import find_zone, span_at
from tests.unit.timetable.oracle import CHANGES, ZONES


@pytest.mark.parametrize(("name", "change"), CHANGES)
def test_changes_are_found_to_the_second(name: str, change: datetime) -> None:
    zone, instant = ZoneInfo(name), change.replace(tzinfo=None)
    before, after = span_at(zone, instant - timedelta(seconds=1)), span_at(zone, instant)
    assert before.end == after.start == instant
    assert before.offset == after.before != after.offset


@given(st.sampled_from(ZONES), st.integers(0, 60 * 365 * 86_400))
def test_a_span_has_one_offset(name: str, second: int) -> None:
    zone = ZoneInfo(name)
    instant = datetime(1980, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    span = span_at(zone, instant.replace(tzinfo=None))
    assert span.start <= instant.replace(tzinfo=None) < span.end
    ends = (span.start, span.end - timedelta(seconds=1))
    assert {one.replace(tzinfo=UTC).astimezone(zone).utcoffset() for one in ends} == {span.offset}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Europe/Zürich", "; did you mean Europe/Zurich?"),
        ("europe/zurich", "; did you mean Europe/Zurich?"),
        ("Europe", ""),
        ("../etc/passwd", ""),
        ("localtime", ""),
        ("right/UTC", "; did you mean"),
        ("", ""),
        ("a\0b", ""),
        ("x" * 5000, ""),
    ],
)
def test_an_unknown_zone_is_refused(name: str, meant: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        find_zone(name)
    assert meant in caught.value.message


def test_a_zone_by_its_name() -> None:
    assert find_zone("Europe/Zurich") == ZoneInfo("Europe/Zurich")
