from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.errors import InvalidInput
from runlet.model import duration


@given(st.integers(1, 10**8))
def test_text_and_back(seconds: int) -> None:
    assert duration.parse(duration.text(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@pytest.mark.parametrize(("seconds", "text"), [(90, "90s"), (600, "10m"), (21_600, "6h"), (172_800, "2d")])
def test_the_largest_unit_that_fits(seconds: int, text: str) -> None:
    assert duration.text(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    "text", ["", "5", "0s", "-1s", "1.5h", "5 m", "5M", "5w", "1h30m", "٣s", "9999999999s", "5m\n"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a duration"):
        duration.parse(text)
