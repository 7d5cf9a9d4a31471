from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.model.execution import State
from runlet.model.rollout import (
    Abort,
    Action,
    Amount,
    Concurrency,
    Delays,
    Failure,
    Gate,
    Mode,
    Order,
    Retry,
    Rollout,
)

MINUTE = timedelta(minutes=1)
amounts = st.one_of(st.builds(Amount, st.integers(1, 50)), st.builds(Amount, st.integers(1, 100), st.just(True)))
rollouts = st.builds(
    Rollout,
    batches=st.lists(amounts, min_size=1, max_size=4).map(tuple),
    mode=st.sampled_from(Mode),
    max_parallel=st.none() | st.integers(1, 20),
    order=st.sampled_from(Order),
    pause=st.sampled_from([timedelta(), 10 * MINUTE]),
    gate=st.none() | st.builds(Gate, st.sets(st.integers(1, 4)).map(sorted).map(tuple)),
)
aborts = st.builds(
    Abort, amounts, on=st.sampled_from(Failure), min_executed=st.integers(1, 8), action=st.sampled_from(Action)
)
retries = st.builds(
    Retry,
    max=st.integers(1, 3),
    on=st.sets(st.sampled_from([State.FAILED, State.TIMED_OUT, State.INTERRUPTED]), min_size=1).map(frozenset),
)
concurrencies = st.builds(
    Concurrency, per_device=st.none() | st.integers(1, 2), group=st.none() | st.just("apt"), max=st.integers(1, 20)
)


@given(rollouts, st.lists(aborts, max_size=3), retries, concurrencies)
def test_mapping_and_back(rollout: Rollout, rules: list[Abort], retry: Retry, concurrency: Concurrency) -> None:
    assert Rollout.from_mapping(rollout.to_mapping()) == rollout
    assert [Abort.from_mapping(rule.to_mapping()) for rule in rules] == rules
    assert Retry.from_mapping(retry.to_mapping()) == retry
    assert Concurrency.from_mapping(concurrency.to_mapping()) == concurrency


@pytest.mark.parametrize(
    ("spelling", "devices", "size"),
    [(3, 10, 3), (30, 10, 30), ("30%", 10, 3), ("10%", 59, 5), ("10%", 9, 1), ("1%", 1, 1), ("100%", 7, 7)],
)
def test_a_percentage_of_devices_is_rounded_down_and_never_below_one(
    spelling: int | str, devices: int, size: int
) -> None:
    amount = Amount.parse(spelling)
    assert amount.of(devices) == size
    assert amount.spelling == spelling


@given(amounts, st.integers(0, 60), st.integers(0, 60))
def test_a_threshold_is_reached_exactly(amount: Amount, count: int, more: int) -> None:
    whole = count + more
    share = Fraction(count, whole) >= Fraction(amount.number, 100) if count else False
    assert amount.is_reached(count, whole) == (share if amount.percent else count >= amount.number)


def test_the_last_batch_repeats() -> None:
    rollout = Rollout(batches=(Amount(1), Amount(10, percent=True)))
    assert [rollout.size(batch, 50) for batch in (1, 2, 3, 99)] == [1, 5, 5, 5]


def test_the_window_is_the_last_batch() -> None:
    rollout = Rollout(batches=(Amount(1), Amount(5)), mode=Mode.WINDOW)
    assert [rollout.slides(batch) for batch in (1, 2, 3)] == [False, True, True]


@pytest.mark.parametrize(("gate", "gated"), [(None, ""), (Gate(), "123"), (Gate((2,)), "2")])
def test_gates_stand_after_the_named_batches_or_after_each(gate: Gate | None, gated: str) -> None:
    rollout = Rollout(gate=gate)
    assert "".join(str(batch) for batch in (1, 2, 3) if rollout.is_gated(batch)) == gated


@given(st.integers(2, 11), st.text(max_size=5))
def test_delays_double_up_to_the_longest_and_are_spread_over_their_upper_half(attempt: int, seed: str) -> None:
    delays = Delays(MINUTE, 30 * MINUTE)
    step = min(30 * MINUTE, MINUTE * 2 ** (attempt - 2))
    assert step / 2 <= delays.before(attempt, seed) < step
    assert delays.before(attempt, seed) == delays.before(attempt, seed)


def test_devices_that_failed_together_do_not_come_back_together() -> None:
    assert len({Delays().before(2, str(device)) for device in range(100)}) == 100


def test_a_first_delay_above_the_default_longest_is_the_longest() -> None:
    assert Delays.from_mapping({"from": "2h"}) == Delays(120 * MINUTE, 120 * MINUTE)


@given(rollouts, st.integers(0, 200))
def test_the_planned_batches_have_places_for_all(rollout: Rollout, devices: int) -> None:
    planned, places, batches = rollout.planned(devices), 0, 0
    while batches == 0 or (places < devices and not rollout.slides(batches)):
        batches += 1
        places += rollout.size(batches, devices)
    assert planned == batches
