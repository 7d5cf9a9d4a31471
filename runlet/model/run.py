"""What a run is, derived from its executions: a run has no state of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Literal

from runlet.model.execution import OUTCOMES, State

# How a run is named: by its number, or as the newest.
RunId = int | Literal["latest"]

# The states of a run's executions, one by one or counted.
States = Iterable[State] | Mapping[State, int]

# The order in which counts are told: what needs a person first, then what moves, then outcomes.
TELLING_ORDER = (
    State.AWAITING_INPUT,
    State.RUNNING,
    State.DELIVERED,
    State.QUEUED,
    State.SUCCEEDED,
    State.FAILED,
    State.TIMED_OUT,
    State.INTERRUPTED,
    State.CANCELLED,
    State.REJECTED,
    State.EXPIRED,
    State.SKIPPED,
)


class ExitCode(IntEnum):
    """The exit codes of `run`, `exec` and `attach`: a contract with scripts and CI."""

    SUCCEEDED = 0
    ERROR = 1
    SOME_FAILED = 4
    SOME_NEVER_DELIVERED = 5
    AWAITING_INPUT = 6
    ABORTED = 7
    WAITED_TOO_LONG = 124


def is_settled(states: States) -> bool:
    """A run stays open until each of its executions has an outcome; an offline device is not a failure."""
    return set(Counter(states)) <= OUTCOMES


def derived_state(states: States) -> State:
    """One state for a whole run: the most urgent open one, else the worst outcome."""
    present = Counter(states)
    for state in (State.AWAITING_INPUT, State.RUNNING, State.DELIVERED, State.QUEUED):
        if present[state]:
            return state
    for state in (State.FAILED, State.TIMED_OUT, State.INTERRUPTED, State.REJECTED, State.CANCELLED, State.EXPIRED):
        if present[state]:
            return state
    return State.SKIPPED if present[State.SKIPPED] and not present[State.SUCCEEDED] else State.SUCCEEDED


def exit_code(states: States) -> ExitCode:
    """The exit code that tells a script how the run stands."""
    present = set(Counter(states))
    if State.AWAITING_INPUT in present:
        return ExitCode.AWAITING_INPUT
    if present - OUTCOMES:
        return ExitCode.WAITED_TOO_LONG
    if present & {State.FAILED, State.TIMED_OUT, State.CANCELLED, State.REJECTED, State.INTERRUPTED}:
        return ExitCode.SOME_FAILED
    if present & {State.EXPIRED, State.SKIPPED}:
        return ExitCode.SOME_NEVER_DELIVERED
    return ExitCode.SUCCEEDED


def summary(states: States) -> str:
    """One line for people: "2 running, 1 queued"."""
    present = Counter(states)
    return ", ".join(f"{present[state]} {state.value.replace('_', ' ')}" for state in TELLING_ORDER if present[state])
