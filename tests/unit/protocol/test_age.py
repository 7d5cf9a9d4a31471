"""runlet/protocol/age.py: how old what comes is, by two clocks that have nothing to do with one another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.protocol.age import WINDOW_SECONDS, Ages


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


def test_clocks_that_drift_apart_make_nothing_old() -> None:
    ages = Ages()
    day = 24 * 3600
    assert max(ages.of(at * (1 + 50e-6), float(at)) for at in range(0, 30 * day, 60)) < 0.1
    ages = Ages()
    assert max(ages.of(at * (1 - 50e-6), float(at)) for at in range(0, 30 * day, 60)) < 0.1


def test_a_clock_that_stood_still_is_believed_again() -> None:
    ages = Ages()
    assert ages.of(100.0, 100.0) == 0
    assert ages.of(101.0, 131.0) == pytest.approx(30), "as if it had lain somewhere"
    later = [ages.of(at - 30, at) for at in (131.0 + n * WINDOW_SECONDS / 4 for n in range(12))]
    assert later[-1] == pytest.approx(0)


def test_a_long_stop_does_not_make_what_came_before_forgotten() -> None:
    ages = Ages()
    assert ages.of(100.0, 100.0) == 0
    assert ages.of(101.0, 5000.0) == pytest.approx(4899)
