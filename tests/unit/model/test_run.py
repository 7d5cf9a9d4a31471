from __future__ import annotations

import pytest

from runlet.model.execution import State
from runlet.model.run import TELLING_ORDER, ExitCode, derived_state, exit_code, is_settled, summary

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


def test_every_state_is_told_once() -> None:
    assert sorted(TELLING_ORDER) == sorted(State)


def test_summary_tells_first_what_needs_a_person() -> None:
    states = [S.SUCCEEDED, S.QUEUED, S.AWAITING_INPUT, S.SUCCEEDED, S.RUNNING]
    assert summary(states) == "1 awaiting input, 1 running, 1 queued, 2 succeeded"
