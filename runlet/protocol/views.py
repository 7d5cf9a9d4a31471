"""What the controller shows of its store, over HTTP and to attached consoles: the JSON objects of the API, typed.

A view is a picture at one instant, never a thing to change. values.py turns it into JSON and back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from runlet.model.answer import Origin, Result
from runlet.model.declaration import Change, ChangeKind, Kind
from runlet.model.execution import State
from runlet.model.facts import FactValue
from runlet.model.logs import DEFAULT_LIMIT
from runlet.model.prompt import Prompt
from runlet.model.release import WaitsFor
from runlet.model.schedule import FiringOutcome
from runlet.model.target import Target, Where
from runlet.protocol.moment import Moment
from runlet.protocol.values import WIRE_NAME


class Presence(StrEnum):
    """Whether a device can be reached, derived from its heartbeats."""

    ONLINE = "online"
    STALE = "stale"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class ExecutionView:
    """An execution; `device` is None while a run on `any` waits for a device to connect."""

    id: str
    device: str | None
    state: State
    attempt: int
    version: int
    exit_code: int | None
    signal: int | None
    detail: str
    cancel_requested: bool
    queued_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    seconds: float | None  # how long the program ran, without the time that it waited for a person
    output_length: int  # bytes, with those that are not kept
    released_at: datetime | None = None  # None: it waits for its turn in the rollout
    retry_at: datetime | None = None  # with an outcome: another attempt follows; queued: not before
    output_limit: int = DEFAULT_LIMIT  # of which so many are kept
    expires_at: datetime | None = None  # released or awaited: not accepted by then, it never starts
    # For its run, when that is not its state. An outcome: it was asked back from its device, which may have started it
    # meanwhile and has not answered. AWAITING_INPUT: it was interrupted, and a person decides whether it goes on.
    counts_as: State | None = None
    prompt: Prompt | None = None  # what it waits with
    asked_at: datetime | None = None  # since when, by the controller's clock
    unanswered: bool = False  # it was ended because nobody answered its question
    settled: bool = False  # its outcome is recorded and its output stored, `output_length` bytes of this attempt

    @property
    def is_over(self) -> bool:
        """Whether its run waits for it no more."""
        return self.standing.is_outcome

    @property
    def standing(self) -> State:
        """Where it stands for its run: what is tried again is queued."""
        if self.counts_as is not None:
            return self.counts_as
        return State.QUEUED if self.state.is_outcome and self.retry_at is not None else self.state


@dataclass(frozen=True, slots=True)
class PromptView:
    """A question that is open: what an execution waits with."""

    execution: str
    attempt: int
    run: int
    job: str | None  # None: a command
    device: str
    presence: Presence
    sealing_key: str | None  # the device's
    asked_at: datetime  # since when, by the controller's clock
    prompt: Prompt


@dataclass(frozen=True, slots=True)
class AnswerView:
    """An answer to a prompt, and what became of it."""

    id: str
    run: int
    execution: str
    device: str | None
    attempt: int
    prompt: str  # its id
    question: str  # its text
    fingerprint: str
    secret: bool
    origin: Origin
    by: str
    text: str | None  # what was typed, without its Enter; None of a secret
    result: Result | None  # None: its device has not said
    first: str | None  # the id of the answer that was first, where this one was not
    first_by: str | None
    first_origin: Origin | None
    detail: str  # refused: why
    given_at: datetime
    answered_at: datetime | None  # its device said what became of it


class Steering(StrEnum):
    """What a person may decide of a run."""

    APPROVE = "approve"  # the finished batch: let the next begin
    PAUSE = "pause"  # release nothing more
    RESUME = "resume"
    RERUN = "rerun"  # begin again what was interrupted and waits for that


@dataclass(frozen=True, slots=True)
class RolloutView:
    """How far a run that rolls out has come. `batches` is how many are planned when nothing gets in the way."""

    batch: int  # the present one; 0 before the first
    batches: int
    waits_for: WaitsFor | None  # what the executions that are not released wait for
    until: datetime | None  # with a pause or a delay: when that is over
    paused_by: str | None
    aborted_by: str | None


@dataclass(frozen=True, slots=True)
class RunHead:
    """What is known of a run of a job, or of a bare command (`job` is None), without its executions."""

    id: int
    job: str | None
    command: tuple[str, ...] | None
    args: tuple[str, ...]
    where: Where
    where_custom: tuple[str, ...] = field(metadata={WIRE_NAME: "whereCustom"})
    revision: str | None
    show_duration: bool
    created_at: datetime
    scheduled_for: datetime | None  # the fire time that started it; None: an operator did
    zone: str | None  # the time zone that the fire time is of
    state: State  # derived from the executions
    settled: bool
    away: dict[State, int]  # of the executions not started, those on devices that are not connected
    expires_at: datetime | None  # the last deadline of those
    rollout: RolloutView | None  # None when the job has no rollout, abort, retry or concurrency
    rerun_of: int | None
    adopted_from: int | None  # its number in a database that was lost

    @property
    def target(self) -> Target:
        return Target(self.where, self.where_custom)

    @property
    def is_aborted(self) -> bool:
        return self.rollout is not None and self.rollout.aborted_by is not None


@dataclass(frozen=True, slots=True)
class RunSummary(RunHead):
    """A run among others in a list: of its executions, how many are in each state that has any."""

    counts: dict[State, int]


@dataclass(frozen=True, slots=True)
class AttemptView:
    """An attempt that another one followed."""

    device: str | None
    attempt: int
    state: State
    exit_code: int | None
    signal: int | None
    detail: str
    started_at: datetime | None
    ended_at: datetime | None
    seconds: float | None  # how long the program ran
    output_length: int  # bytes


@dataclass(frozen=True, slots=True)
class RunView(RunHead):
    """A run with all its executions, in order of device."""

    executions: tuple[ExecutionView, ...]
    earlier: tuple[AttemptView, ...] = ()  # the attempts before the present ones, in order of device and attempt
    variables: dict[str, str] = field(default_factory=dict)  # what the operator gave, which wins over the job's
    secrets: tuple[str, ...] = ()  # the names of those that its answers send


@dataclass(frozen=True, slots=True)
class JobView:
    """The revision of a job that the controller holds."""

    name: str
    description: str
    revision: str
    where: Where
    where_custom: tuple[str, ...] = field(metadata={WIRE_NAME: "whereCustom"})
    every: str | None
    owner: str  # the source that declares it
    applied_at: datetime

    @property
    def target(self) -> Target:
        return Target(self.where, self.where_custom)


@dataclass(frozen=True, slots=True)
class DeclaredJob(JobView):
    """A job with what it says."""

    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class FiringView:
    """What became of a fire time."""

    job: str
    zone: str
    at: datetime
    outcome: FiringOutcome
    run: int | None
    detail: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """When a job fires in one time zone; with `timezone` device it has one for each zone that its devices are in."""

    job: str
    every: str  # in its one spelling
    timezone: str
    zone: str
    suspended: bool
    next_at: datetime | None  # None: suspended, or there is none
    last: FiringView | None
    silent_until: datetime | None = None  # the clock was set back: it fires when that has passed this instant again


@dataclass(frozen=True, slots=True)
class FireTimeView:
    """A fire time that is still to come."""

    zone: str
    at: datetime


@dataclass(frozen=True, slots=True)
class JobScheduleView:
    """One job's schedule, the next fire times (those it would have, while suspended) and the last firings."""

    schedules: tuple[ScheduleView, ...]
    next: tuple[FireTimeView, ...]  # in order of time
    firings: tuple[FiringView, ...]  # the newest first


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A device and the last sign of life from its agent."""

    name: str
    presence: Presence
    last_seen: datetime | None
    agent_version: str | None
    description: str = ""
    enabled: bool = True
    groups: tuple[str, ...] = ()  # all that contain it, outer ones first
    labels: dict[str, str] = field(default_factory=dict)
    facts: dict[str, FactValue] = field(default_factory=dict)
    facts_at: datetime | None = None  # when they were told, by the controller's clock
    sealing_key: str | None = None  # its public key, in Base64: secrets are sealed for it


@dataclass(frozen=True, slots=True)
class JobOutlook:
    """What a declared job will mean: the devices it goes to as things stand now, and when it fires.

    With `where` any or local they are those that may be the one.
    """

    job: str
    where: Where
    devices: int
    sample: tuple[str, ...]  # the first of them, in order of name
    fire_times: tuple[datetime, ...]  # the next
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlanView:
    """What applying a tree does, or did. `base` is a digest of what the plan depends on, for `apply --plan`."""

    source: str
    base: str
    changes: tuple[Change, ...]
    outlooks: tuple[JobOutlook, ...] = ()  # of every job in the tree
    warnings: tuple[str, ...] = ()  # about what the tree does not hold: jobs of others, executions under way
    reordered: bool = False  # devices that were declared before are in another order

    @property
    def changes_something(self) -> bool:
        return self.reordered or any(change.is_one for change in self.changes)


@dataclass(frozen=True, slots=True)
class Rendering:
    """What a job is on one device. `environment` are its variables, without the job's own `env`."""

    script: str | None  # None for a command
    environment: dict[str, str]


@dataclass(frozen=True, slots=True)
class Timing:
    """When the bytes of an attempt's transcript were printed, in order; empty when that is not known."""

    moments: tuple[Moment, ...]


@dataclass(frozen=True, slots=True)
class AppliedChange:
    """What one apply did with one declared thing."""

    kind: Kind
    name: str
    change: ChangeKind
    adopted_from: str | None = None


@dataclass(frozen=True, slots=True)
class ApplyView:
    """One apply of the history. Who applied it is as they said: the controller knows one token only."""

    id: int
    at: datetime
    by: str
    source: str
    commit: str | None
    dirty: bool  # files differed from the commit
    note: str
    changes: tuple[AppliedChange, ...]


# What is said of a part that works; of one that does not, to whom has no token.
OK, FAILED = "ok", "failed"


@dataclass(frozen=True, slots=True)
class Health:
    """The controller's own word on its parts: "ok", or why not."""

    status: str
    database: str
    broker: str
    transcripts: str = OK
    reports: str = OK  # whether what agents tell is recorded
    schedules: str = OK  # whether they are looked at

    @property
    def is_ok(self) -> bool:
        return self.status == OK
