from __future__ import annotations

import random

from runlet.backoff import Backoff


class _Highest(random.Random):
    """Draws the upper end, so that the ceiling of each delay can be seen."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_the_ceiling_doubles_up_to_the_cap_and_starts_again() -> None:
    backoff = Backoff(base=1, cap=10, draw=_Highest())
    assert [backoff.next() for _ in range(6)] == [1, 2, 4, 8, 10, 10]
    backoff.reset()
    assert backoff.next() == 1


def test_delays_are_spread_over_the_whole_range() -> None:
    backoff = Backoff(base=60, cap=60, draw=random.Random(1))
    delays = [backoff.next() for _ in range(1000)]
    assert min(delays) < 5
    assert max(delays) > 55
    assert all(0 <= delay <= 60 for delay in delays)


def test_years_of_failures_do_not_overflow() -> None:
    backoff = Backoff(draw=_Highest())
    backoff.tries = 10**9
    assert backoff.next() == 60
