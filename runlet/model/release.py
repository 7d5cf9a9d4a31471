"""Which executions of a run may go to their devices now: `decide` is the one judge.

- A batch is filled with devices that are connected, in the run's order. A device that is away is passed over; when it
  is back it takes the next free place. Only when there is room for all that are left are the away ones released with
  them: their commands wait in the outbox for the devices.
- A released execution *holds* its place while it is open and its device is connected or its program has started. One
  that is away and not started holds nothing, so no device that is away blocks anybody; when it returns, it may for a
  while be one more than the batch has places, and nothing is released until it is not.
- An execution that waits for its next attempt keeps its place in the batch, and takes no slot.
- A batch is finished when at least one execution was completed in it, nobody holds a place, and either no place is
  left or no connected device waits for one.
- *Completed* are executions that succeeded, failed, timed out, were rejected or interrupted, with no retry to come.
  Abort thresholds are of all completed executions of the whole run so far. Cancelled, expired and skipped ones tell
  nothing of the job and count nowhere.
- What an interruption is followed by is apart from retries: `rerun` begins the execution again, MOST_RERUNS times at
  most, and `ask` leaves it undecided until a person says so. Neither uses up a retry. What is undecided is completed
  for batches and thresholds: no device waits because a person was asked about another.
- An abort that cancels is final: nothing is released or retried any more, everything not started (queued or delivered)
  is cancelled, what runs goes on to its end. A rule pauses a run once; who resumes has judged it.

Clocks are set. What lies further ahead than any delay or pause can put it was written before the clock was set back.

Deciding again with the same facts, the decision applied, decides nothing more. It is linear in the run's devices, but
for ordering them.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from runlet.model import counted
from runlet.model.execution import STARTED, State, retried
from runlet.model.rollout import (
    ALL_AT_ONCE,
    MOST_RERUNS,
    UNLIMITED,
    Abort,
    Action,
    Concurrency,
    Delays,
    Failure,
    OnInterrupted,
    Order,
    Retry,
    Rollout,
)
from runlet.model.rollout_state import RolloutState, pause, waits_for_approval

_BAD = frozenset({State.FAILED, State.TIMED_OUT, State.REJECTED, State.INTERRUPTED})
COMPLETED = _BAD | {State.SUCCEEDED}

_NOT_STARTED = frozenset({State.QUEUED, State.DELIVERED})


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What the job said at the run's launch. `seed`, the run's id, fixes the shuffled order and the retries' delays."""

    seed: str
    rollout: Rollout = ALL_AT_ONCE
    aborts: tuple[Abort, ...] = ()
    retry: Retry | None = None
    concurrency: Concurrency = UNLIMITED
    on_interrupted: OnInterrupted = OnInterrupted.FAIL

    @classmethod
    def from_mapping(cls, seed: str, content: Mapping[str, Any]) -> RunPlan:
        """From the keys of a job's mapping that are PLAN_KEYS."""
        return cls(
            seed=seed,
            rollout=Rollout.from_mapping(content["rollout"]) if "rollout" in content else ALL_AT_ONCE,
            aborts=tuple(Abort.from_mapping(rule) for rule in content.get("abort", ())),
            retry=Retry.from_mapping(content["retry"]) if "retry" in content else None,
            concurrency=Concurrency.from_mapping(content["concurrency"]) if "concurrency" in content else UNLIMITED,
            on_interrupted=OnInterrupted(content.get("onInterrupted", OnInterrupted.FAIL)),
        )


# What of a job's mapping a plan is made from; a job that has none of them is released at once, and never judged.
PLAN_KEYS = ("rollout", "abort", "retry", "concurrency", "onInterrupted")


@dataclass(frozen=True, slots=True)
class Member:
    """One execution of the run as it is now. Times are of the present attempt."""

    id: str
    device: str | None  # None is the next device to connect, and so not connected
    state: State = State.QUEUED
    attempt: int = 1
    connected: bool = True
    cancel_requested: bool = False
    unanswered: bool = False  # it ended because nobody answered its question
    released_at: datetime | None = None
    ended_at: datetime | None = None
    retry_at: datetime | None = None  # not to be released before
    interruptions: int = 0  # of the attempts before, how many were interrupted

    @property
    def is_completed(self) -> bool:
        return self.state in COMPLETED or (self.unanswered and self.state.is_outcome)

    @property
    def holds(self) -> bool:
        """Whether it is released, open, and on a device that is connected or has started it."""
        released = self.released_at is not None and not self.state.is_outcome
        return released and (self.connected or self.state in STARTED)

    def again(self, at: datetime) -> Member:
        """The member in its next attempt, not released, due at `at`."""
        state, attempt = retried(self.state, self.attempt)
        return replace(
            self,
            state=state,
            attempt=attempt,
            unanswered=False,
            released_at=None,
            ended_at=None,
            retry_at=at,
            interruptions=self.interruptions + (self.state is State.INTERRUPTED),
        )


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What other runs of the same concurrency group have under way: executions that hold, in all and by device."""

    running: int = 0
    on_device: Mapping[str, int] = field(default_factory=dict, hash=False)


class WaitsFor(StrEnum):
    """What the executions that are not released wait for."""

    BATCH = "batch"  # the present batch or window
    GATE = "gate"  # a person's approval
    PAUSE = "pause"  # the pause between batches
    RETRY = "retry"  # the delay before the next attempt
    SLOT = "slot"  # maxParallel or concurrency: decide again when an execution of the group ends, in any run
    DEVICE = "device"  # a device to return: decide again at its hello
    RESUME = "resume"  # a person to resume the paused run


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now, in this order: write down the retries, then release, then cancel, then keep `new_state`."""

    new_state: RolloutState
    release: tuple[str, ...] = ()
    retry: tuple[tuple[str, datetime], ...] = ()  # the next attempt, and when it is due
    cancel: tuple[str, ...] = ()  # unless its program has started meanwhile
    awaited: tuple[str, ...] = ()  # not released, and waiting for nothing but their devices
    undecided: tuple[str, ...] = ()  # interrupted, and a person decides whether they are begun again
    pause: str | None = None  # why the run is paused from now on
    wake_at: datetime | None = None  # when to decide again if nothing happens before
    waits_for: WaitsFor | None = None


def decide(
    plan: RunPlan, members: Sequence[Member], now: datetime, state: RolloutState, elsewhere: Elsewhere = Elsewhere()
) -> Decision:
    """Judge a run by the rules of this module."""
    retries = {} if state.aborted_by else _retries(plan, members, now)
    present = [member.again(retries[member.id]) if member.id in retries else member for member in members]
    judged = _abort(plan.aborts, present, state)
    if judged.aborted_by:
        return Decision(judged, cancel=tuple(member.id for member in members if _is_cancellable(member)))
    retry = tuple(retries.items())
    undecided = tuple(member.id for member in present if _is_undecided(plan, member))
    if judged.paused_by:
        newly = None if state.paused_by else judged.paused_by
        waits_for = WaitsFor.RESUME if any(_is_waiting(member) for member in present) else None
        return Decision(judged, retry=retry, undecided=undecided, pause=newly, waits_for=waits_for)
    places = _Places(plan, present, now, judged, elsewhere)
    places.hand_out()
    return Decision(
        places.state,
        tuple(places.released),
        retry,
        awaited=places.awaited(),
        undecided=undecided,
        wake_at=places.wake_at(),
        waits_for=places.waits_for(),
    )


def _is_waiting(member: Member) -> bool:
    return member.state is State.QUEUED and member.released_at is None and not member.cancel_requested


def _is_cancellable(member: Member) -> bool:
    return member.state in _NOT_STARTED and not member.cancel_requested


def _is_undecided(plan: RunPlan, member: Member) -> bool:
    asks = plan.on_interrupted is OnInterrupted.ASK and member.state is State.INTERRUPTED
    return asks and not member.cancel_requested


def _retries(plan: RunPlan, members: Iterable[Member], now: datetime) -> dict[str, datetime]:
    """The executions whose end is tried again, and when."""
    if plan.retry is None and plan.on_interrupted is OnInterrupted.FAIL:
        return {}
    found = {member.id: _next_attempt(plan, member, now) for member in members if not member.cancel_requested}
    return {member: at for member, at in found.items() if at is not None}


def _next_attempt(plan: RunPlan, member: Member, now: datetime) -> datetime | None:
    """When an execution that has ended is tried again; None when it is not, or not by itself."""
    if not member.state.is_outcome:
        return None
    at = min(member.ended_at or now, now) + _delays(plan).before(member.attempt + 1, _retry_seed(plan, member))
    if member.state is State.INTERRUPTED and plan.on_interrupted is not OnInterrupted.FAIL:
        if plan.on_interrupted is OnInterrupted.ASK:
            return member.retry_at  # as a person has said
        return at if member.interruptions < MOST_RERUNS else None
    if plan.retry is None or member.state not in plan.retry.on:
        return None
    apart = 0 if plan.on_interrupted is OnInterrupted.FAIL else member.interruptions
    return at if member.attempt - apart <= plan.retry.max else None


def _delays(plan: RunPlan) -> Delays:
    return Delays() if plan.retry is None else plan.retry.backoff


def _is_delayed(plan: RunPlan, member: Member, now: datetime) -> bool:
    """Whether it is not due yet. What is further away than any delay was put down before the clock was set back."""
    if member.retry_at is None or member.retry_at <= now:
        return False
    return member.retry_at - now <= _delays(plan).at_most(member.attempt)


def _retry_seed(plan: RunPlan, member: Member) -> str:
    return f"{plan.seed}:{member.id}:{member.attempt}"


def _abort(rules: Sequence[Abort], members: Iterable[Member], state: RolloutState) -> RolloutState:
    """The state after every rule that has not acted yet and now does."""
    if not rules:
        return state
    completed = [member for member in members if member.is_completed]
    counts = Counter(member.state.value for member in completed)
    counts[Failure.UNANSWERED] = sum(member.unanswered for member in completed)
    counts[Failure.ANY] = sum(member.state in _BAD or member.unanswered for member in completed)
    for index, rule in enumerate(rules):
        count = counts[rule.on]
        if index in state.fired or len(completed) < (rule.min_executed or 1):
            continue
        if rule.threshold.is_reached(count, len(completed)):
            what = "ended badly" if rule.on is Failure.ANY else rule.on.replace("_", " ")
            reason = f"{count} of {len(completed)} completed {what}; the threshold is {rule.threshold.spelling}"
            state = replace(state, fired=(*state.fired, index))
            if rule.action is Action.PAUSE:
                state = pause(state, reason)
            else:
                state = replace(state, aborted_by=state.aborted_by or reason)
    return state


def _arranged(members: list[Member], plan: RunPlan) -> list[Member]:
    match plan.rollout.order:
        case Order.INVENTORY:
            return members
        case Order.REVERSE:
            return members[::-1]
        case Order.SORTED:
            return sorted(members, key=lambda member: counted.key(member.device or ""))
        case Order.SHUFFLE:
            return sorted(members, key=lambda member: _shuffled(plan.seed, member.device or ""))


def _shuffled(seed: str, device: str) -> bytes:
    return hashlib.sha256(f"{seed}:{device}".encode()).digest()


class _Places:
    """The places of the present batch and the slots of the whole run, being handed out at one instant."""

    def __init__(
        self, plan: RunPlan, members: Sequence[Member], now: datetime, state: RolloutState, elsewhere: Elsewhere
    ) -> None:
        # A clock that was set back: the pause counts from now, not from a moment that is yet to come.
        ahead = state.finished_at is not None and state.finished_at > now
        self.state = replace(state, finished_at=now) if ahead else state
        self.released: list[str] = []
        self._plan, self._now, self._total = plan, now, len(members)
        self._completed = sum(member.is_completed for member in members)
        self._holding = sum(member.holds for member in members)  # places of the batch that are taken
        waiting = [member for member in members if _is_waiting(member)]
        delayed = [member for member in waiting if _is_delayed(plan, member, now)]
        self._next_retry = min((member.retry_at for member in delayed if member.retry_at), default=None)
        due = [member for member in waiting if not _is_delayed(plan, member, now)]
        limit = plan.concurrency.per_device
        free = [one for one in due if limit is None or elsewhere.on_device.get(one.device or "", 0) < limit]
        self._barred = len(due) - len(free)  # their devices are at the limit of perDevice
        self._slots = _slots(plan, self._holding, elsewhere, self._total)
        self._holding += sum(member.attempt > 1 and member.connected for member in waiting)
        self._again = [member.id for member in free if member.attempt > 1 and member.connected]
        first = [member for member in free if member.attempt == 1 or not member.connected]
        order = _arranged(first, plan)
        # Taken from their ends.
        self._ready = [member.id for member in reversed(order) if member.connected]
        self._away = [member.id for member in reversed(order) if not member.connected]

    def hand_out(self) -> None:
        """Release what has a place and a slot, batch after batch, until one must be waited for."""
        self._release_again()
        if self.state.batch == 0 and self._candidates:
            self._begin(1)
        while self._candidates:
            if self.state.finished_at is None:
                self._fill()
                if not self._candidates or not self._is_finished():
                    return
                self.state = replace(self.state, finished_at=self._now)
            if self._needs_approval or self._pause_ends is not None:
                return
            self._begin(self.state.batch + 1)

    def wake_at(self) -> datetime | None:
        instants = [instant for instant in (self._next_retry, self._pause_ends) if instant is not None]
        return min(instants, default=None)

    def waits_for(self) -> WaitsFor | None:
        """The first obstacle of the executions that are left; None when none is left."""
        if not self._candidates:
            return WaitsFor.SLOT if self._again else WaitsFor.RETRY if self._next_retry else None
        if self.state.finished_at is not None:
            return WaitsFor.GATE if self._needs_approval else WaitsFor.PAUSE
        if self._slots <= 0 and (self._ready or self._again or not self._holding):
            return WaitsFor.SLOT
        if self._ready:
            return WaitsFor.BATCH
        return WaitsFor.SLOT if self._barred else WaitsFor.DEVICE

    def awaited(self) -> tuple[str, ...]:
        """Those that only the absence of their devices keeps from being released."""
        others = self._ready or self._again or self._barred or self._holding or self._next_retry
        if others or self.state.finished_at is not None or self._slots <= 0:
            return ()
        return tuple(reversed(self._away))

    @property
    def _candidates(self) -> int:
        return len(self._ready) + len(self._away) + self._barred

    def _release_again(self) -> None:
        """Next attempts first: they have their places, and need but slots."""
        count = max(0, min(self._slots, len(self._again)))
        self.released += self._again[:count]
        self._again = self._again[count:]
        self._slots -= count

    def _begin(self, batch: int) -> None:
        self.state = replace(self.state, batch=batch, completed_before=self._completed, finished_at=None)

    def _fill(self) -> None:
        room = max(0, min(self._room(), self._slots))
        fits_all = self._candidates <= room
        count = min(room, len(self._ready))
        self.released += [self._ready.pop() for _ in range(count)]
        self._holding += count
        self._slots -= count
        if fits_all:
            self.released += [self._away.pop() for _ in range(len(self._away))]

    def _room(self) -> int:
        """The places of the present batch that are free."""
        size = self._plan.rollout.size(self.state.batch, self._total)
        if self._plan.rollout.slides(self.state.batch):
            return size - self._holding
        return size - self._holding - (self._completed - self.state.completed_before)

    def _is_finished(self) -> bool:
        if self._plan.rollout.slides(self.state.batch) or self._holding:
            return False
        return self._completed > self.state.completed_before and (self._room() <= 0 or not self._ready)

    @property
    def _needs_approval(self) -> bool:
        return waits_for_approval(self._plan.rollout, self.state)

    @property
    def _pause_ends(self) -> datetime | None:
        """The end of the pause after the finished batch, while only that keeps somebody waiting."""
        if self.state.finished_at is None or self._needs_approval or not self._candidates:
            return None
        end = self.state.finished_at + self._plan.rollout.pause
        return end if end > self._now else None


def _slots(plan: RunPlan, running: int, elsewhere: Elsewhere, total: int) -> int:
    """How many more may be under way at once; as good as no limit where there is none."""
    slots = total
    if plan.rollout.max_parallel is not None:
        slots = min(slots, plan.rollout.max_parallel - running)
    if plan.concurrency.max is not None:
        slots = min(slots, plan.concurrency.max - running - elsewhere.running)
    return slots
