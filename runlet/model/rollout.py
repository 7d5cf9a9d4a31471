"""What a job says of how its runs roll out: `rollout`, `abort`, `retry`, `concurrency`, `onInterrupted`, as values.

`from_mapping` reads what was checked against the playbook's schema (and raises InvalidInput for a duration that is
none); `to_mapping` writes the same spelling, without the keys that say nothing. What the values mean for a run is
judged in runlet.model.release.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from runlet.model import duration
from runlet.model.execution import State


@dataclass(frozen=True, slots=True)
class Amount:
    """A count (5), or a percentage ("10%") of a whole that the place of use states."""

    number: int
    percent: bool = False

    @classmethod
    def parse(cls, value: int | str) -> Amount:
        """From its spelling in a playbook."""
        return cls(int(value[:-1]), percent=True) if isinstance(value, str) else cls(int(value))

    @property
    def spelling(self) -> int | str:
        return f"{self.number}%" if self.percent else self.number

    def of(self, whole: int) -> int:
        """How many of `whole`: a percentage is rounded down, and neither is ever below 1."""
        return max(1, whole * self.number // 100) if self.percent else self.number

    def is_reached(self, count: int, whole: int) -> bool:
        """Whether `count` of `whole` is this much or more; exact, without rounding. None of nothing is not."""
        return count > 0 and (count * 100 >= self.number * whole if self.percent else count >= self.number)


EVERYONE = Amount(100, percent=True)


class Mode(StrEnum):
    """What the last of the batches, which repeats, waits for."""

    BATCH = "batch"  # all of it, before the next begins
    WINDOW = "window"  # one of it, and another takes its place


class Order(StrEnum):
    """The order in which devices take their places."""

    INVENTORY = "inventory"  # as they are declared
    REVERSE = "reverse"
    SORTED = "sorted"  # by name
    SHUFFLE = "shuffle"  # at random, and for one run always the same


@dataclass(frozen=True, slots=True)
class Gate:
    """After which batches, counted from 1, a person must approve; after each when none is named."""

    after: tuple[int, ...] = ()

    def stands_after(self, batch: int) -> bool:
        return not self.after or batch in self.after


@dataclass(frozen=True, slots=True)
class Rollout:
    """How a run spreads over its devices. The default is one batch of all."""

    batches: tuple[Amount, ...] = (EVERYONE,)  # percentages are of all devices of the run; the last repeats
    mode: Mode = Mode.BATCH
    max_parallel: int | None = None
    order: Order = Order.INVENTORY
    pause: timedelta = timedelta()  # from the end of a batch to the begin of the next
    gate: Gate | None = None

    def size(self, batch: int, devices: int) -> int:
        """The places of a batch, counted from 1, in a run on so many devices."""
        return self.batches[min(batch, len(self.batches)) - 1].of(devices)

    def planned(self, devices: int) -> int:
        """How many batches a run on so many devices takes when nothing gets in the way."""
        left, last = devices, len(self.batches)
        for batch in range(1, last + 1):
            left -= self.size(batch, devices)
            if left <= 0:
                return batch
        return last if self.slides(last) else last + -(-left // self.size(last, devices))

    def slides(self, batch: int) -> bool:
        """Whether this batch is the window, which has no end of its own."""
        return self.mode is Mode.WINDOW and batch >= len(self.batches)

    def is_gated(self, batch: int) -> bool:
        return self.gate is not None and self.gate.stands_after(batch)

    def to_mapping(self) -> dict[str, Any]:
        content: dict[str, Any] = {
            "batches": [amount.spelling for amount in self.batches],
            "mode": self.mode.value,
            "order": self.order.value,
        }
        if self.max_parallel is not None:
            content["maxParallel"] = self.max_parallel
        if self.pause:
            content["pause"] = duration.text(self.pause)
        if self.gate is not None:
            content["gate"] = {"after": list(self.gate.after)} if self.gate.after else True
        return content

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any]) -> Rollout:
        return cls(
            batches=tuple(Amount.parse(value) for value in content.get("batches", [EVERYONE.spelling])),
            mode=Mode(content.get("mode", Mode.BATCH)),
            max_parallel=content.get("maxParallel"),
            order=Order(content.get("order", Order.INVENTORY)),
            pause=duration.parse(content["pause"]) if "pause" in content else timedelta(),
            gate=_gate(content.get("gate", False)),
        )


ALL_AT_ONCE = Rollout()


def _gate(written: Any) -> Gate | None:
    if isinstance(written, bool):
        return Gate() if written else None
    after = written["after"]
    return Gate(tuple(sorted(set(after))) if isinstance(after, list) else (after,))


class Failure(StrEnum):
    """The kinds of end that an abort rule counts."""

    FAILED = "failed"
    TIMED_OUT = "timed_out"
    REJECTED = "rejected"
    INTERRUPTED = "interrupted"
    UNANSWERED = "unanswered"  # it ended because nobody answered its question
    ANY = "any"  # each of the above


class Action(StrEnum):
    """What an abort rule does to its run."""

    CANCEL = "cancel"  # what is not started is cancelled; what runs goes on to its end
    PAUSE = "pause"  # nothing more is released until a person resumes


@dataclass(frozen=True, slots=True)
class Abort:
    """A rule that stops a run: `threshold` or more, of the run's completed executions, ended as `on` says."""

    threshold: Amount
    on: Failure = Failure.ANY
    min_executed: int | None = None  # the rule is silent before so many executions are completed: 1 where not said
    action: Action = Action.CANCEL

    def to_mapping(self) -> dict[str, Any]:
        said = {} if self.min_executed is None else {"minExecuted": self.min_executed}
        return {"on": self.on.value, "threshold": self.threshold.spelling, **said, "action": self.action.value}

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any]) -> Abort:
        return cls(
            threshold=Amount.parse(content["threshold"]),
            on=Failure(content.get("on", Failure.ANY)),
            min_executed=content.get("minExecuted"),
            action=Action(content.get("action", Action.CANCEL)),
        )


@dataclass(frozen=True, slots=True)
class Delays:
    """How long before each next attempt: `first`, then twice as long each time, `longest` at most."""

    first: timedelta = timedelta(minutes=1)
    longest: timedelta = timedelta(minutes=30)

    def before(self, attempt: int, seed: str) -> timedelta:
        """The delay before `attempt` (2 is the first retry): between half and all of its step, fixed by `seed`.

        A fleet that failed at one instant does not come back at one instant, and asking twice gives one answer.
        """
        return self.at_most(attempt) * (0.5 + 0.5 * _fraction(seed))

    def at_most(self, attempt: int) -> timedelta:
        """No delay before `attempt` is longer."""
        return min(self.longest, self.first * (1 << (attempt - 2)))

    def to_mapping(self) -> dict[str, Any]:
        return {"from": duration.text(self.first), "to": duration.text(self.longest)}

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any]) -> Delays:
        first = duration.parse(content["from"]) if "from" in content else cls().first
        longest = duration.parse(content["to"]) if "to" in content else max(first, cls().longest)
        return cls(first, longest)


def _fraction(seed: str) -> float:
    """A number in [0, 1) that looks random and is always the same for one seed."""
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4]) / 2**32


@dataclass(frozen=True, slots=True)
class Retry:
    """Which ends are tried again, and how often after the first attempt."""

    max: int
    on: frozenset[State] = frozenset({State.FAILED, State.TIMED_OUT})
    backoff: Delays = Delays()

    def to_mapping(self) -> dict[str, Any]:
        return {"max": self.max, "on": sorted(state.value for state in self.on), "backoff": self.backoff.to_mapping()}

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any]) -> Retry:
        on = frozenset(State(value) for value in content.get("on", [State.FAILED, State.TIMED_OUT]))
        return cls(content["max"], on, Delays.from_mapping(content.get("backoff", {})))


class OnInterrupted(StrEnum):
    """What follows when an execution was interrupted: nobody knows how much of it happened."""

    FAIL = "fail"  # nothing: it has ended badly
    RERUN = "rerun"  # it is begun again, MOST_RERUNS times at most
    ASK = "ask"  # a person decides whether it is begun again


# A program that makes its device restart would be begun again for ever. Five times, with delays that double from a
# minute on, bear with a flaky power supply for half an hour; what fails longer needs a person.
MOST_RERUNS = 5


@dataclass(frozen=True, slots=True)
class Concurrency:
    """How many executions of one group (the job itself when it names none) are under way at once."""

    per_device: int | None = None
    group: str | None = None
    max: int | None = None  # in the whole fleet

    def to_mapping(self) -> dict[str, Any]:
        content = {"perDevice": self.per_device, "group": self.group, "max": self.max}
        return {key: value for key, value in content.items() if value is not None}

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any]) -> Concurrency:
        return cls(content.get("perDevice"), content.get("group"), content.get("max"))


UNLIMITED = Concurrency()
