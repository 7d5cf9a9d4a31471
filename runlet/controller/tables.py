"""The tables of the store. Instants are aware UTC datetimes; what a job said at its launch is kept with the run.

A changed table needs a migration (`make migration m="..."`); tests compare the two on both databases.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, DateTime, Dialect, Enum, Index, Integer
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

from runlet.model.answer import Origin, Result
from runlet.model.declaration import Kind
from runlet.model.execution import State
from runlet.model.logs import DEFAULT_LIMIT, Overflow
from runlet.model.prompt import Prompt
from runlet.model.schedule import FiringOutcome
from runlet.model.target import Where
from runlet.protocol.values import from_json, to_json

# A constraint must have a name to be dropped by; these are the same on every database.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

# The key of a table whose rows number themselves: on SQLite only an INTEGER does, which is as long as it needs to be.
_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime; SQLite has none, so it is kept there as naive UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class PromptColumn(TypeDecorator[Prompt]):
    """A prompt as JSON."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: Prompt | None, dialect: Dialect) -> dict[str, Any] | None:
        return None if value is None else to_json(value)

    def process_result_value(self, value: dict[str, Any] | None, dialect: Dialect) -> Prompt | None:
        return None if value is None else from_json(Prompt, value, "prompt")


def _instant(*, nullable: bool = False) -> Any:
    return Field(default=None, sa_column=Column(UtcDateTime, nullable=nullable))


def _enum(kind: type[StrEnum], *, primary_key: bool = False, nullable: bool = False, **options: Any) -> Any:
    """Kept as its value in a text column: a new member needs no change of the table."""
    values = Enum(
        kind, native_enum=False, length=32, values_callable=lambda members: [member.value for member in members]
    )
    return Field(sa_column=Column(values, nullable=nullable, primary_key=primary_key), **options)


class Device(SQLModel, table=True):
    """A device and its agent's last sign of life. Enrolled is what is configured or declared in an inventory."""

    name: str = Field(primary_key=True)
    configured: bool = False  # named in the controller's configuration
    declared: bool = False  # in an inventory
    enabled: bool = True  # by the inventory that declares it
    connected: bool = False  # said hello, and not goodbye since
    last_seen: datetime | None = _instant(nullable=True)
    agent_version: str | None = None
    sealing_key: str | None = None  # public, in Base64
    facts: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    facts_at: datetime | None = _instant(nullable=True)


class Content(SQLModel, table=True):
    """What was declared at some time, by its digest; never changed and never deleted, so that it can be returned to."""

    digest: str = Field(primary_key=True)
    content: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))


class Apply(SQLModel, table=True):
    """One `runlet apply` that changed something: who, when, from which commit, and what its source then declared."""

    id: int | None = Field(default=None, sa_column=Column(_NUMBER, primary_key=True))
    at: datetime = _instant()
    by: str
    origin: str | None = None  # the device that applied, if it was one
    source: str = Field(index=True)
    commit: str | None = None
    dirty: bool = False
    note: str = ""
    changes: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))  # kind, name, change of each
    manifest: dict[str, dict[str, str]] = Field(sa_column=Column(JSON, nullable=False))  # kind -> name -> digest


class Declared(SQLModel, table=True):
    """The present revision of a declared thing; `owner` is the source that may change and delete it."""

    kind: Kind = _enum(Kind, primary_key=True)
    name: str = Field(primary_key=True)
    revision: str = Field(foreign_key="content.digest")
    owner: str = Field(index=True)
    position: int = 0  # of a device, among those of its owner
    apply: int = Field(foreign_key="apply.id", sa_type=BigInteger)
    applied_at: datetime = _instant()


class Run(SQLModel, table=True):
    """One launch, with everything its executions are made from. Only what stands last moves, while it rolls out."""

    id: int | None = Field(default=None, sa_column=Column(_NUMBER, primary_key=True))
    job: str | None = Field(default=None, index=True)
    revision: str | None = None
    command: list[str] | None = Field(default=None, sa_column=Column(JSON))
    script: str | None = None  # as declared: each execution has it rendered
    entrypoint: list[str] | None = Field(default=None, sa_column=Column(JSON))
    args: list[str] = Field(sa_column=Column(JSON, nullable=False))
    cwd: str | None = None
    environment: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))  # the job's env
    variables: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False)
    )  # job's and operator's
    given: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))  # operator's
    timeout: float | None = None  # seconds a program may run
    notify: list[dict[str, Any]] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))  # model.Notify
    told: bool = False  # its end was noticed, and written down for whoever is to be told
    output_limit: int = Field(default=DEFAULT_LIMIT, sa_type=BigInteger)  # bytes kept of what an attempt prints
    overflow: Overflow = _enum(Overflow, default=Overflow.KEEP_ENDS)  # what becomes of a program that prints more
    input: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))  # its Rules
    where: Where = _enum(Where)
    where_custom: list[str] = Field(sa_column=Column(JSON, nullable=False))
    barred: list[str] = Field(sa_column=Column(JSON, nullable=False))
    show_duration: bool = False
    columns: int
    rows: int
    term: str
    created_at: datetime = _instant()
    scheduled_for: datetime | None = _instant(nullable=True)  # the fire time that started it, if one did
    zone: str | None = None  # the time zone that the fire time is of
    splay: float | None = None  # seconds over which a fire time's commands are spread
    only: list[str] | None = Field(default=None, sa_column=Column(JSON))  # with `timezone: device`, those in the zone
    launch_id: str | None = None  # the client's own: asked twice, it is launched once
    launch_digest: str | None = None  # of what it asked for under that id
    rerun_of: int | None = Field(default=None, sa_type=BigInteger)
    adopted_from: int | None = Field(default=None, sa_type=BigInteger, index=True)  # its number in a lost database
    delivery: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))  # model.Delivery
    plan: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))  # release.RunPlan
    concurrency_group: str | None = None
    rollout_state: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    waits_for: str | None = None  # release.WaitsFor, of the executions that are not released
    decide_at: datetime | None = _instant(nullable=True)  # when to judge again if nothing happens before

    __table_args__ = (
        Index("run_due", "decide_at"),
        Index("run_of_launch", "launch_id", unique=True),
        Index("run_to_tell", "told"),  # the few that are open
        Index("run_of_group", "concurrency_group", "waits_for"),
    )


class Script(SQLModel, table=True):
    """A rendered script, by its digest: the executions of a run mostly share one."""

    digest: str = Field(primary_key=True)
    text: str


class Execution(SQLModel, table=True):
    """The part of a run on one device. `state` moves by model.execution.advance only."""

    id: str = Field(primary_key=True)
    run: int = Field(foreign_key="run.id", sa_type=BigInteger)
    device: str | None = Field(default=None, foreign_key="device.name", index=True)
    script: str | None = Field(default=None, foreign_key="script.digest")  # None for a command, or without a device yet
    environment: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))  # its variables
    position: int = 0  # of the device among those of its run, as the inventory has them
    attempt: int = 1
    state: State = _enum(State, default=State.QUEUED)
    version: int = Field(default=0, sa_type=BigInteger)
    exit_code: int | None = Field(default=None, sa_type=BigInteger)
    signal: int | None = Field(default=None, sa_type=BigInteger)
    detail: str = ""
    cancel_requested: bool = False
    queued_at: datetime = _instant()
    started_at: datetime | None = _instant(nullable=True)
    ended_at: datetime | None = _instant(nullable=True)
    seconds: float | None = None
    output_length: int = Field(default=0, sa_type=BigInteger)
    output_limit: int = Field(default=DEFAULT_LIMIT, sa_type=BigInteger)  # its run's
    released_at: datetime | None = _instant(nullable=True)  # None: the command may not leave yet
    retry_at: datetime | None = _instant(nullable=True)  # with an outcome: another attempt follows; queued: due then
    expires_at: datetime | None = _instant(nullable=True)  # released, or awaited: not accepted by then, it never starts
    interruptions: int = 0  # of the attempts before, how many were interrupted
    counts_as: State | None = _enum(State, nullable=True, default=None)  # for its run, when that is not its state
    prompt: Prompt | None = Field(default=None, sa_column=Column(PromptColumn))  # what it waits with
    asked_at: datetime | None = _instant(nullable=True)
    # By name, sealed for its device, in Base64.
    secrets: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    told_prompt: str | None = None  # the last question that was noticed, and written down likewise
    unanswered: bool = False  # it was ended because nobody answered its question
    settled: bool = False  # the outcome is recorded and its whole output stored: the agent may forget it

    __table_args__ = (
        Index("execution_unsettled", "settled", "device"),
        Index("execution_of_run", "run", "device", unique=True),  # a page of a run's executions, in order of device
        Index("execution_in_state", "run", "state", "device"),  # the counts of a page of runs, and a page of one state
        Index("execution_apart", "run", "counts_as", "state"),  # the few that count otherwise
        Index("execution_expiring", "state", "counts_as", "expires_at"),
        Index("execution_asking", "state", "asked_at", "id"),  # the inbox, oldest first
    )


class Attempt(SQLModel, table=True):
    """An attempt of an execution that another one followed."""

    execution: str = Field(foreign_key="execution.id", primary_key=True)
    attempt: int = Field(primary_key=True)
    state: State = _enum(State)
    exit_code: int | None = Field(default=None, sa_type=BigInteger)
    signal: int | None = Field(default=None, sa_type=BigInteger)
    detail: str = ""
    started_at: datetime | None = _instant(nullable=True)
    ended_at: datetime | None = _instant(nullable=True)
    seconds: float | None = None
    output_length: int = Field(default=0, sa_type=BigInteger)


class Answer(SQLModel, table=True):
    """An answer to a prompt of an execution. Of a secret there is no text, here or anywhere."""

    id: str = Field(primary_key=True)
    execution: str = Field(foreign_key="execution.id")
    attempt: int
    prompt: str  # its id
    question: str  # its text
    fingerprint: str
    secret: bool
    origin: Origin = _enum(Origin)
    by: str
    text: str | None = None  # what was typed, without its Enter
    result: Result | None = _enum(Result, nullable=True, default=None)  # None: its device has not said
    first: str | None = None  # the id of the answer that was first, where this one was not
    first_by: str | None = None
    first_origin: Origin | None = _enum(Origin, nullable=True, default=None)
    detail: str = ""
    given_at: datetime = _instant()
    answered_at: datetime | None = _instant(nullable=True)  # its device said what became of it

    __table_args__ = (
        Index("answer_of_prompt", "execution", "attempt", "prompt"),
        Index("answer_by_time", "given_at", "id"),
    )


class Outbox(SQLModel, table=True):
    """A command that a device has not answered yet. Committed with the transition that causes it."""

    id: int | None = Field(default=None, sa_column=Column(_NUMBER, primary_key=True))
    execution: str = Field(foreign_key="execution.id", index=True)
    device: str = Field(foreign_key="device.name", index=True)
    kind: str  # "execute", "cancel" or "withdraw"
    tries: int = 0
    due_at: datetime = _instant()
    not_before: datetime | None = _instant(nullable=True)  # nothing is sent earlier, whoever asks


class Notification(SQLModel, table=True):
    """Something about a run that somebody is to be told; gone once it is. `tries` is also who may tell it now."""

    id: int | None = Field(default=None, sa_column=Column(_NUMBER, primary_key=True))
    key: str  # names it to who is told
    run: int = Field(foreign_key="run.id", sa_type=BigInteger)
    notify: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))  # model.Notify
    payload: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    tries: int = 0
    due_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))


class Schedule(SQLModel, table=True):
    """Up to where the fire times of a job are handled, in one time zone; kept for every declared job with `every`."""

    job: str = Field(primary_key=True)
    zone: str = Field(primary_key=True)
    by_device: bool  # `timezone: device`: the devices tell which zones there are
    revision: str  # the digest of what decides which fire times there are
    anchor: datetime = _instant()  # where an interval begins
    handled: datetime = _instant()  # every fire time up to here
    next_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime, nullable=True, index=True))


class Firing(SQLModel, table=True):
    """What became of a fire time. Its key is why none starts twice; the newest of a job are kept."""

    job: str = Field(primary_key=True)
    zone: str = Field(primary_key=True)
    at: datetime = Field(sa_column=Column(UtcDateTime, primary_key=True))
    outcome: FiringOutcome = _enum(FiringOutcome)
    run: int | None = Field(default=None, foreign_key="run.id", sa_type=BigInteger)
    detail: str = ""
    recorded_at: datetime = _instant()

    __table_args__ = (Index("firing_in_outcome", "outcome", "at"),)  # the few that are queued
