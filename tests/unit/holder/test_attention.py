"""runlet/holder/attention.py: when a terminal is looked at."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.holder.attention import (
    GONE_ON_SECONDS,
    IDLE_SHARE,
    QUIET_SECONDS,
    SELDOM_SECONDS,
    SHARE,
    SOON_SECONDS,
    Attention,
)

LOOK_SECONDS = 0.0003


def looked(attention: Attention, now: float, *, waits: bool, seconds: float = LOOK_SECONDS) -> float:
    """When the next look is due."""
    attention.looked(now, seconds, waits=waits)
    assert attention.due is not None
    return attention.due


def test_a_quiet_terminal_is_looked_at_and_again() -> None:
    attention = Attention(0.0)
    attention.changed(5.0)
    assert attention.due == 5.0 + QUIET_SECONDS
    assert looked(attention, 5.1, waits=False) == pytest.approx(5.1 + SOON_SECONDS)
    assert looked(attention, 100.0, waits=False) == pytest.approx(100.0 + SELDOM_SECONDS)


def test_what_waits_is_looked_at_seldom_before_long() -> None:
    attention = Attention(0.0)
    assert looked(attention, 0.1, waits=True) == pytest.approx(0.1 + SOON_SECONDS)
    assert looked(attention, 2.0, waits=True) == pytest.approx(2.0 + SELDOM_SECONDS)


def test_a_look_that_takes_long_is_followed_by_another_while_a_person_may_wait() -> None:
    attention = Attention(0.0)
    assert looked(attention, 2.0, waits=True, seconds=0.03) <= 2.0 + 0.03 / SHARE
    assert looked(attention, 100.0, waits=True, seconds=0.03) == pytest.approx(100.0 + 0.03 / IDLE_SHARE)


def test_what_prints_all_the_time_is_looked_at_only_if_it_waited() -> None:
    attention = Attention(0.0)
    for at in range(1, 100):
        attention.changed(at / 100)
        assert attention.due == at / 100 + QUIET_SECONDS
    attention.looked(1.0, LOOK_SECONDS, waits=True)
    for at in range(101, 150):
        attention.changed(at / 100)
    assert attention.due == pytest.approx(1.01 + GONE_ON_SECONDS)


def test_nobody_wants_to_know() -> None:
    attention = Attention(0.0)
    attention.rest()
    assert attention.due is None
    attention.wake(7.0)
    assert attention.due == 7.0 + QUIET_SECONDS


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.floats(0.0001, 0.1), st.floats(0, 0.5)), max_size=80))
def test_looking_takes_its_share_at_most(steps: list[tuple[bool, bool, float, float]]) -> None:
    """However a program prints and waits, and however slow a look is."""
    attention = Attention(0.0)
    now, spent, last = 0.0, 0.0, 0.0
    for prints, waits, seconds, pause in steps:
        now += pause
        if prints:
            attention.changed(now)
        assert attention.due is not None
        if now >= attention.due:
            attention.looked(now, seconds, waits=waits)
            spent, last = spent + seconds, seconds
    assert spent - last <= now * SHARE + 1e-9
