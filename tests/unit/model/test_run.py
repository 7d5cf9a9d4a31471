from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.model.execution import State
from runlet.model.run import WORDS, ExitCode, day, derived_state, exit_code, is_settled, moment, progress

S = State


@pytest.mark.parametrize(
    ("states", "settled", "derived", "code"),
    [
        ([S.SUCCEEDED, S.SUCCEEDED], True, S.SUCCEEDED, ExitCode.SUCCEEDED),
        ([S.SUCCEEDED, S.FAILED], True, S.FAILED, ExitCode.SOME_FAILED),
        ([S.SUCCEEDED, S.CANCELLED], True, S.CANCELLED, ExitCode.SOME_FAILED),
        ([S.REJECTED], True, S.REJECTED, ExitCode.SOME_FAILED),
        ([S.TIMED_OUT, S.INTERRUPTED], True, S.TIMED_OUT, ExitCode.SOME_FAILED),
        ([S.SUCCEEDED, S.EXPIRED], True, S.EXPIRED, ExitCode.SOME_NEVER_DELIVERED),
        ([S.FAILED, S.EXPIRED], True, S.FAILED, ExitCode.SOME_FAILED),
        ([S.SKIPPED], True, S.SKIPPED, ExitCode.SOME_NEVER_DELIVERED),
        ([S.SUCCEEDED, S.SKIPPED], True, S.SUCCEEDED, ExitCode.SOME_NEVER_DELIVERED),
        ([S.FAILED, S.QUEUED], False, S.QUEUED, ExitCode.WAITED_TOO_LONG),
        ([S.DELIVERED, S.QUEUED], False, S.DELIVERED, ExitCode.WAITED_TOO_LONG),
        ([S.RUNNING, S.AWAITING_INPUT], False, S.AWAITING_INPUT, ExitCode.AWAITING_INPUT),
        ([S.RUNNING, S.FAILED], False, S.RUNNING, ExitCode.WAITED_TOO_LONG),
    ],
)
def test_a_run_is_what_its_executions_are(states: list[State], settled: bool, derived: State, code: ExitCode) -> None:
    for order in (states, states[::-1]):
        assert is_settled(order) is settled
        assert derived_state(order) is derived
        assert exit_code(order) is code


@pytest.mark.parametrize("state", list(State))
def test_a_run_of_one_execution_is_in_its_state(state: State) -> None:
    assert derived_state([state]) is state


def test_every_state_has_its_words() -> None:
    assert sorted(WORDS) == sorted(State)


def test_progress_tells_what_is_done_what_waits_and_what_went_wrong() -> None:
    states = [S.SUCCEEDED] * 487 + [S.AWAITING_INPUT] * 3 + [S.FAILED]
    away = [S.QUEUED] * 7 + [S.RUNNING, S.AWAITING_INPUT]
    assert progress(states, away, "Friday") == (
        "487 done, 9 waiting to reconnect until Friday, 3 need an answer, 1 failed"
    )


def test_an_outcome_on_a_device_that_went_away_is_an_outcome() -> None:
    assert progress([S.RUNNING, S.AWAITING_INPUT], [S.SUCCEEDED]) == "1 done, 1 running, 1 needs an answer"


@given(st.lists(st.sampled_from(State)), st.lists(st.sampled_from(State)))
def test_the_numbers_of_progress_add_up(states: list[State], away: list[State]) -> None:
    told = progress(states, away, "18:00")
    assert sum(int(number) for number in re.findall(r"(\d+) ", told)) == len(states) + len(away)


@pytest.mark.parametrize(
    ("deadline", "told"),
    [
        (datetime(2026, 3, 2, 20, 30, tzinfo=UTC), "22:30"),
        (datetime(2026, 3, 2, 23, tzinfo=UTC), "Tuesday"),
        (datetime(2026, 3, 8, 12, tzinfo=UTC), "Sunday"),
        (datetime(2026, 3, 9, 12, tzinfo=UTC), "2026-03-09"),
        (datetime(2026, 3, 1, 12, tzinfo=UTC), "2026-03-01"),
    ],
)
def test_a_deadline_is_told_by_the_day_here(deadline: datetime, told: str) -> None:
    monday = datetime(2026, 3, 2, 10, tzinfo=timezone(timedelta(hours=2)))
    assert day(deadline, monday) == told


@pytest.mark.parametrize(
    ("deadline", "told"),
    [
        (datetime(2026, 3, 2, 20, 30, tzinfo=UTC), "22:30"),
        (datetime(2026, 3, 6, 12, tzinfo=UTC), "Fri 14:00"),
        (datetime(2026, 3, 9, 12, tzinfo=UTC), "2026-03-09 14:00"),
    ],
)
def test_a_deadline_is_told_to_the_minute(deadline: datetime, told: str) -> None:
    monday = datetime(2026, 3, 2, 10, tzinfo=timezone(timedelta(hours=2)))
    assert moment(deadline, monday) == told


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ([S.FAILED, S.CANCELLED], ExitCode.ABORTED),
        ([S.FAILED, S.RUNNING], ExitCode.WAITED_TOO_LONG),
        ([S.FAILED, S.AWAITING_INPUT], ExitCode.AWAITING_INPUT),
    ],
)
def test_an_aborted_run_is_told_once_everything_has_ended(states: list[State], code: ExitCode) -> None:
    assert exit_code(states, aborted=True) is code
