from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.errors import InvalidInput
from runlet.model.duration import LONGEST, parse, text


@pytest.mark.parametrize(
    ("written", "seconds"), [("0s", 0), ("90s", 90), ("15m", 900), ("6h", 21_600), ("2d", 172_800), ("25h", 90_000)]
)
def test_a_duration_is_read_and_written_in_the_largest_unit_that_leaves_no_rest(written: str, seconds: int) -> None:
    assert parse(written) == timedelta(seconds=seconds)
    assert text(parse(written)) == written


@given(st.integers(0, int(LONGEST.total_seconds())).map(lambda seconds: timedelta(seconds=seconds)))
def test_what_is_written_is_read_back(duration: timedelta) -> None:
    assert parse(text(duration)) == duration


@pytest.mark.parametrize(
    "written", ["", "5", "s", "h", "-1s", "1.5h", "6 h", "6H", "6y", "6h\n", "1h30m", "٣s", "9999999999s"]
)
def test_anything_else_is_refused(written: str) -> None:
    with pytest.raises(InvalidInput, match="is not a duration"):
        parse(written)


def test_a_slip_of_the_finger_is_refused() -> None:
    with pytest.raises(InvalidInput, match="3661d is longer than 3660 days"):
        parse("3661d")
