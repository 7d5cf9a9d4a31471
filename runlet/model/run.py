"""What a run is, derived from its executions: a run has no state of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import IntEnum
from typing import Literal

from runlet.model.execution import OUTCOMES, State

# How a run is named: by its number, or as the newest.
RunId = int | Literal["latest"]

# The states of a run's executions, one by one or counted.
States = Iterable[State] | Mapping[State, int]

# The order in which counts are told, and their words: what is done, what moves, what waits, what went wrong.
WORDS = {
    State.SUCCEEDED: "done",
    State.RUNNING: "running",
    State.DELIVERED: "delivered",
    State.QUEUED: "queued",
    State.AWAITING_INPUT: "need an answer",
    State.FAILED: "failed",
    State.TIMED_OUT: "timed out",
    State.INTERRUPTED: "interrupted",
    State.CANCELLED: "cancelled",
    State.REJECTED: "rejected",
    State.EXPIRED: "expired",
    State.SKIPPED: "skipped",
}
_TOLD_AFTER_AWAY = frozenset(WORDS) - {State.SUCCEEDED, State.RUNNING, State.DELIVERED, State.QUEUED}
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# Later than this a weekday's name could mean two days.
_WEEKDAY_IS_CLEAR_DAYS = 6
_SHORT = 3  # letters of a weekday


class ExitCode(IntEnum):
    """The exit codes of the command line: a contract with scripts and CI. 2 and 3 are of `plan` and `apply` only."""

    SUCCEEDED = 0
    ERROR = 1
    CHANGES = 2
    STALE_PLAN = 3
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


def exit_code(states: States, *, aborted: bool = False) -> ExitCode:
    """The exit code that tells a script how the run stands; `aborted` when a threshold ended it."""
    present = set(Counter(states))
    if State.AWAITING_INPUT in present:
        return ExitCode.AWAITING_INPUT
    if present - OUTCOMES:
        return ExitCode.WAITED_TOO_LONG
    if aborted:
        return ExitCode.ABORTED
    if present & {State.FAILED, State.TIMED_OUT, State.CANCELLED, State.REJECTED, State.INTERRUPTED}:
        return ExitCode.SOME_FAILED
    if present & {State.EXPIRED, State.SKIPPED}:
        return ExitCode.SOME_NEVER_DELIVERED
    return ExitCode.SUCCEEDED


def progress(states: States, away: States = (), until: str | None = None) -> str:
    """One line for people: "487 done, 9 waiting to reconnect until Friday, 3 need an answer, 1 failed".

    `away` are the states on devices that are not connected; `until` says when the last deadline of those passes.
    """
    elsewhere = Counter(away)
    waiting = sum(count for state, count in elsewhere.items() if not state.is_outcome)
    present = Counter(states) + Counter({state: count for state, count in elsewhere.items() if state.is_outcome})
    told = {state: f"{present[state]} {words}" for state, words in WORDS.items() if present[state]}
    if present[State.AWAITING_INPUT] == 1:
        told[State.AWAITING_INPUT] = "1 needs an answer"
    parts = [told[state] for state in told if state not in _TOLD_AFTER_AWAY]
    if waiting:
        parts.append(f"{waiting} waiting to reconnect{f' until {until}' if until else ''}")
    return ", ".join([*parts, *(told[state] for state in told if state in _TOLD_AFTER_AWAY)])


def day(deadline: datetime, now: datetime) -> str:
    """When `deadline` is, for people in the time zone of `now`: "18:00", "Friday", "2027-03-02"."""
    local = deadline.astimezone(now.tzinfo)
    return f"{local:%H:%M}" if local.date() == now.date() else _date(local, now)


def moment(deadline: datetime, now: datetime) -> str:
    """The same to the minute: "18:00", "Fri 18:00", "2027-03-02 18:00"."""
    local = deadline.astimezone(now.tzinfo)
    before = "" if local.date() == now.date() else _date(local, now, _SHORT) + " "
    return f"{before}{local:%H:%M}"


def _date(local: datetime, now: datetime, letters: int | None = None) -> str:
    """The weekday, of so many letters, while it is clear which one is meant."""
    days = (local.date() - now.date()).days
    clear = 0 < days <= _WEEKDAY_IS_CLEAR_DAYS
    return _WEEKDAYS[local.weekday()][:letters] if clear else f"{local:%Y-%m-%d}"
