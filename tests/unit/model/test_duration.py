from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.errors import InvalidInput
from runlet.model.duration import parse, text

DURATIONS = st.builds(lambda number, unit: f"{number}{unit}", st.integers(1, 999_999_999), st.sampled_from("smhd"))


@pytest.mark.parametrize(
    ("written", "duration"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("6h", timedelta(hours=6)),
        ("2d", timedelta(days=2)),
        ("999999999d", timedelta(days=999_999_999)),
    ],
)
def test_a_duration_is_read_and_written(written: str, duration: timedelta) -> None:
    assert parse(written) == duration
    assert text(duration) == written


@given(DURATIONS)
def test_what_is_written_is_read_back(written: str) -> None:
    assert parse(text(parse(written))) == parse(written)


def test_the_largest_unit_that_leaves_no_rest_is_chosen() -> None:
    assert [text(timedelta(seconds=seconds)) for seconds in (60, 61, 3600, 86_400, 90_000)] == [
        "1m",
        "61s",
        "1h",
        "1d",
        "25h",
    ]
    assert text(timedelta(seconds=1.5)) == "1s"


@pytest.mark.parametrize("written", ["", "5", "s", "0s", "05m", "-1s", "1.5h", "6 h", "6y", "6h\n", "1h30m", "٣s"])
def test_anything_else_is_refused(written: str) -> None:
    with pytest.raises(InvalidInput, match="is not a duration"):
        parse(written)
