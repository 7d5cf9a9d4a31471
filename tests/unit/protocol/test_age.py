"""runlet/protocol/age.py: how old what comes is, by two clocks that have nothing to do with one another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.protocol.age import Ages


@pytest.mark.parametrize("apart", [-1e9, 0.0, 5.0, 1e9])
def test_what_lay_somewhere_is_older_by_that(apart: float) -> None:
    ages = Ages()
    assert ages.of(100.0, 100.1 + apart) == pytest.approx(0, abs=1e-6)
    assert ages.of(110.0, 135.1 + apart) == pytest.approx(25, abs=1e-6)
    assert ages.of(140.0, 140.1 + apart) == pytest.approx(0, abs=1e-6)


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e3)), min_size=1))
def test_nothing_is_taken_for_older_than_it_is(sent: list[tuple[float, float]]) -> None:
    ages = Ages()
    for at, delay in sent:
        assert ages.of(at, at + delay + 12345.0) <= delay + 1e-6
