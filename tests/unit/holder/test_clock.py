"""runlet/holder/clock.py: what of a program's time counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.holder.clock import Clock


def test_a_clock_that_stands_still_is_never_due_and_goes_on_where_it_stood() -> None:
    clock = Clock(10.0, 5.0)
    assert clock.due == 15.0
    clock.stand(12.0)
    assert clock.due is None
    assert clock.ran(1000.0) == 2.0
    clock.go(1000.0)
    assert clock.due == 1003.0
    assert clock.ran(1001.0) == 3.0


def test_without_a_limit_it_only_counts() -> None:
    clock = Clock(0.0, None)
    assert clock.due is None
    assert clock.ran(7.0) == 7.0
    limited = Clock(0.0, 1.0)
    limited.unlimit()
    assert limited.due is None
    assert limited.ran(7.0) == 7.0


@given(st.lists(st.tuples(st.floats(0.001, 100), st.booleans()), max_size=30))
def test_it_counts_what_lies_between_waits(steps: list[tuple[float, bool]]) -> None:
    clock, now, counted, stands = Clock(0.0, 1e6), 0.0, 0.0, False
    for seconds, waits in steps:
        now += seconds
        counted += 0.0 if stands else seconds
        clock.stand(now) if waits else clock.go(now)
        stands = waits
    assert clock.ran(now) == pytest.approx(counted)
    assert clock.due is None if stands else clock.due == pytest.approx(now + 1e6 - counted)
