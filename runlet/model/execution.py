"""The states of an execution. All transitions live in TRANSITIONS, and `advance` is their only judge.

An execution is the part of a run on one device. Events come from two sides that cannot see each other's clock: the
controller (cancel, expire, skip) and the agent (everything else). A message may be lost, so a later report of the agent
may skip states it has passed: the table lists these jumps openly instead of inventing the missing events.
Outcomes are absorbing: no event leaves one. A retry is no event: it begins another attempt, with a state of its own,
and a report names the attempt that it is about, so that one which comes late from an earlier attempt is stale.
"""

from __future__ import annotations

from enum import StrEnum

from runlet.errors import IllegalTransition


class State(StrEnum):
    """Where an execution is. The last eight are outcomes."""

    QUEUED = "queued"
    DELIVERED = "delivered"
    RUNNING = "running"
    AWAITING_INPUT = "awaiting_input"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    SKIPPED = "skipped"
    INTERRUPTED = "interrupted"

    @property
    def is_outcome(self) -> bool:
        return self in OUTCOMES


class Event(StrEnum):
    """What can happen to an execution."""

    ACCEPT = "accept"  # the agent's journal holds it
    REJECT = "reject"  # the agent refuses it
    START = "start"  # its program was started
    ASK = "ask"  # its program waits for a person
    RESUME = "resume"  # its program went on
    SUCCEED = "succeed"  # the program ended with exit code 0
    FAIL = "fail"  # the program ended otherwise, or could not be started
    TIME_OUT = "time_out"  # the job's time limit passed
    CANCEL = "cancel"  # ended because an operator asked
    EXPIRE = "expire"  # the deadline passed undelivered
    SKIP = "skip"  # superseded
    INTERRUPT = "interrupt"  # reboot or agent lost: how much happened is not known


OUTCOMES = frozenset(
    {
        State.SUCCEEDED,
        State.FAILED,
        State.TIMED_OUT,
        State.CANCELLED,
        State.REJECTED,
        State.EXPIRED,
        State.SKIPPED,
        State.INTERRUPTED,
    }
)

# Its program runs.
STARTED = frozenset({State.RUNNING, State.AWAITING_INPUT})

# The outcomes after which the same may go better: what was refused, cancelled or left out would be so again.
RETRYABLE = frozenset({State.FAILED, State.TIMED_OUT, State.INTERRUPTED})

# The program's end as the agent reports it, reachable from every state in which the agent may hold the execution.
_ENDS = {
    Event.SUCCEED: State.SUCCEEDED,
    Event.FAIL: State.FAILED,
    Event.TIME_OUT: State.TIMED_OUT,
    Event.CANCEL: State.CANCELLED,
    Event.INTERRUPT: State.INTERRUPTED,
}

TRANSITIONS: dict[State, dict[Event, State]] = {
    State.QUEUED: {
        Event.ACCEPT: State.DELIVERED,
        Event.REJECT: State.REJECTED,
        Event.EXPIRE: State.EXPIRED,
        Event.SKIP: State.SKIPPED,
        Event.START: State.RUNNING,  # the report of ACCEPT was lost
        Event.ASK: State.AWAITING_INPUT,  # the reports of ACCEPT and START were lost
        Event.RESUME: State.RUNNING,  # and that of ASK
        **_ENDS,
    },
    State.DELIVERED: {
        Event.REJECT: State.REJECTED,
        Event.EXPIRE: State.EXPIRED,  # it was asked back when its acceptance was not known yet, and had not started
        Event.SKIP: State.SKIPPED,
        Event.START: State.RUNNING,
        Event.ASK: State.AWAITING_INPUT,
        Event.RESUME: State.RUNNING,
        **_ENDS,
    },
    State.RUNNING: {
        Event.ASK: State.AWAITING_INPUT,
        Event.RESUME: State.RUNNING,  # the report of ASK was lost
        **_ENDS,
    },
    State.AWAITING_INPUT: {
        Event.RESUME: State.RUNNING,
        Event.ASK: State.AWAITING_INPUT,  # the report of RESUME was lost
        **_ENDS,
    },
    **{outcome: {} for outcome in OUTCOMES},
}


def advance(state: State, event: Event) -> State:
    """The state after `event`; raises IllegalTransition when the table has no entry."""
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise IllegalTransition(f"an execution that is {state} cannot take {event}") from None


_TURN = "waits for its turn"


def turn_words(parallel: int) -> str:
    """What an execution waits for that its device has, and does not start yet."""
    return f"{_TURN}: {parallel} programs run on the device, as many as may at once"


def is_turn(detail: str) -> bool:
    """Whether a detail is no longer true once the program starts."""
    return detail.startswith(_TURN)


def retried(state: State, attempt: int) -> tuple[State, int]:
    """The state and number of the attempt that follows one which ended so; raises IllegalTransition when none may."""
    if state not in RETRYABLE:
        raise IllegalTransition(f"an execution that is {state} is not tried again")
    return State.QUEUED, attempt + 1
