"""Launching runs: what is asked for, by whom it is run, and what of it waits for a device to connect."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlmodel import Session, col, or_, select

from runlet.controller import (
    deliveries,
    devices,
    executions,
    inventories,
    jobs,
    outbox,
    releases,
    renderings,
    runs,
)
from runlet.controller.deliveries import Effects
from runlet.controller.outbox import Outgoing
from runlet.controller.tables import Execution, Run
from runlet.errors import Conflict, InvalidInput
from runlet.model import declared_answers, text
from runlet.model.declaration import digest
from runlet.model.declared_answers import Rules
from runlet.model.execution import OUTCOMES, Event, State, advance
from runlet.model.logs import Logs
from runlet.model.release import PLAN_KEYS
from runlet.model.schedule import Schedule
from runlet.model.target import Fleet, Target, Where, resolve_in
from runlet.protocol.messages import TerminalSize
from runlet.protocol.views import ExecutionView, Rendering, RunView

# Linux takes no single argument longer than this; together they keep a command below the size of a message.
MAX_ARGUMENTS_BYTES = 128 * 1024
# What a program is told when nobody's own terminal is known.
DEFAULT_TERM = "xterm-256color"


# By device, by name: what only the device opens.
Sealed = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class FireTime:
    """What a schedule asks a run for. `only` are the devices it is about; None: all that the target selects."""

    at: datetime
    zone: str
    schedule: Schedule
    only: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What an operator asks to run: a declared job by name, or a bare command. `target` None is the job's own."""

    job: str | None = None
    command: tuple[str, ...] | None = None
    args: tuple[str, ...] = ()
    target: Target | None = None
    origin: str | None = None  # the device that asks, if it is one
    terminal: TerminalSize = field(default_factory=TerminalSize)
    term: str = DEFAULT_TERM
    variables: Mapping[str, str] = field(default_factory=dict)  # win over the job's
    no_input: bool = False  # nobody is asked, whatever the job says
    secrets: Sealed = field(default_factory=dict)
    fire_time: FireTime | None = None  # when it is not an operator who asks
    id: str | None = None  # the client's own, of this launch


@dataclass(frozen=True, slots=True)
class Rerun:
    """What an operator asks to run again: a run, by its number or as the latest, where it ended in one of `only`.

    `only` None means: where it did not succeed. Secrets are given anew.
    """

    run: str
    only: Collection[State] | None = None
    secrets: Sealed = field(default_factory=dict)
    id: str | None = None  # the client's own, of this launch


@dataclass(frozen=True, slots=True)
class Launched:
    """A new run, and what its launch means outside the database."""

    run: RunView
    effects: Effects

    @property
    def outgoing(self) -> list[Outgoing]:
        """The commands to publish now."""
        return self.effects.outgoing


def launch(session: Session, request: Request, now: datetime) -> Launched:
    """Resolve the target, render the script and write down the run with one execution per device.

    What was launched before under the request's id is not launched again. Raises UnknownName, InvalidInput or Conflict;
    then nothing was written.
    """
    if before := _launched_before(session, request, now):
        return before
    run, target = _prepare(session, request, now)
    inventory = inventories.present(session)
    fleet = devices.fleet(session, inventory, now)
    candidates = fleet.candidates
    chosen = _chosen(request, run, target, fleet)
    session.add(run)
    session.flush()
    assert run.id is not None
    position = {name: index for index, name in enumerate(candidates)}
    rows = [
        Execution(
            id=str(uuid.uuid4()),
            run=run.id,
            device=name,
            position=0 if name is None else position[name],
            state=State.QUEUED,
            queued_at=now,
            output_limit=run.output_limit,
            secrets=_of_device(run, request.secrets, name),
        )
        for name in chosen
    ]
    render, writer = renderings.renderer(run, inventory), renderings.Writer(session)
    for execution in rows:
        if execution.device is not None:
            writer.put(execution, render(candidates[execution.device]))
    writer.flush()
    return _begin(session, run, rows, now)


def _launched_before(session: Session, request: Request | Rerun, now: datetime) -> Launched | None:
    """The run of a client that asks again, for it has not heard the answer."""
    if request.id is None:
        return None
    run = session.exec(select(Run).where(Run.launch_id == request.id)).first()
    if run is None:
        return None
    if run.launch_digest != _digest(request):
        raise Conflict(
            f"the id {request.id!r} is of run {run.id}, which is another", "give each launch an id of its own"
        )
    assert run.id is not None
    return Launched(runs.view(session, run.id, now), Effects())


def _digest(request: Request | Rerun) -> str:
    """The same for what asks for the same."""
    if isinstance(request, Rerun):
        only = None if request.only is None else sorted(request.only)
        return digest(["rerun", request.run, only, request.secrets])
    target = request.target and (request.target.where, request.target.patterns, request.target.allow_empty)
    terminal = (request.terminal.columns, request.terminal.rows, request.term)
    what = (request.job, request.command, request.args, request.variables, request.no_input, request.secrets)
    return digest([what, target, request.origin, terminal])


def _begin(session: Session, run: Run, rows: Sequence[Execution], now: datetime) -> Launched:
    """Write down a run's executions, and release what may go to its device: all of them when there is no plan."""
    assert run.id is not None
    session.add_all(rows)
    session.flush()  # the outbox refers to them
    effects = Effects()
    superseded = deliveries.supersede(session, run, None, now, effects)
    if run.plan is None:
        deliveries.release(session, run, rows, devices.connected(session, now), now, effects)
    session.flush()
    effects.add(releases.advance(session, {run.id, *superseded}, now))
    return Launched(runs.of(session, run, [executions.view(row) for row in rows], now), effects)


# What of a run's row is of this one launch; the rest is what every launch of the same content has.
_OF_ONE_LAUNCH = frozenset(
    {
        "id",
        "created_at",
        "rerun_of",
        "launch_id",
        "launch_digest",
        "adopted_from",
        "rollout_state",
        "told",
        "waits_for",
        "decide_at",
        "scheduled_for",
        "zone",
        "splay",
        "only",
    }
)


def rerun(session: Session, request: Rerun, now: datetime) -> Launched:
    """Launch an earlier run's content again on those of its devices where it ended so, under an id once.

    Raises UnknownName, or Conflict when it ended so nowhere.
    """
    if before := _launched_before(session, request, now):
        return before
    run_id, only = runs.number(session, request.run), request.only
    old = runs.find(session, run_id)
    if old.adopted_from is not None:
        raise Conflict(
            f"run {run_id} was adopted from its devices: what it ran is not known here",
            "launch its job with: runlet run",
        )
    wanted = OUTCOMES - {State.SUCCEEDED} if only is None else only
    chosen = [view for view in executions.of_run(session, run_id) if view.is_over and view.standing in wanted]
    if not chosen:
        words = "not succeeded" if only is None else " or ".join(sorted(state.replace("_", " ") for state in only))
        raise Conflict(f"no execution of run {run_id} has ended {words}", f"see how with: runlet show {run_id}")
    run = Run(
        **{name: value for name, value in old.model_dump().items() if name not in _OF_ONE_LAUNCH},
        created_at=now,
        rerun_of=run_id,
        launch_id=request.id,
        launch_digest=None if request.id is None else _digest(request),
    )
    session.add(run)
    session.flush()
    assert run.id is not None
    ended = session.exec(select(Execution).where(col(Execution.id).in_([view.id for view in chosen])))
    rows = [_again(execution, run.id, now) for execution in ended]
    for row in rows:
        row.secrets = _of_device(run, request.secrets, row.device)
    return _begin(session, run, rows, now)


def _of_device(run: Run, secrets: Sealed, device: str | None) -> dict[str, str]:
    """Those of the sealed secrets that are a device's and that the run's answers name."""
    names = Rules.from_mapping(run.input).secrets
    return {name: box for name, box in secrets.get(device or "", {}).items() if name in names}


def _again(before: Execution, run: int, now: datetime) -> Execution:
    """An execution of the same on the same device: everything that is carried over from the one before."""
    return Execution(
        id=str(uuid.uuid4()),
        run=run,
        device=before.device,
        position=before.position,
        script=before.script,
        environment=before.environment,
        state=State.QUEUED,
        queued_at=now,
        output_limit=before.output_limit,
    )


def rendered(session: Session, request: Request, device: str, now: datetime) -> Rendering:
    """What a job would be on a device, launched now; nothing is. Raises UnknownName or InvalidInput."""
    run, _ = _prepare(session, replace(request, target=Target.custom([device])), now)
    inventory = inventories.present(session)
    candidates = devices.candidates(session, inventory, now)
    devices.check_known([device], candidates)
    return renderings.renderer(run, inventory)(candidates[device])


def _chosen(request: Request, run: Run, target: Target, fleet: Fleet) -> list[str | None]:
    """The devices of the run. Raises as `resolve_in` does."""
    only = None if request.fire_time is None else request.fire_time.only
    barred = frozenset(run.barred)
    if only is None:
        return resolve_in(fleet, target, origin=request.origin, barred=barred)
    if target.where is Where.ANY:  # one of them, or the next of them to connect
        return resolve_in(fleet, target, barred=barred | (fleet.candidates.keys() - only))
    found = resolve_in(fleet, target, origin=request.origin, barred=barred)
    chosen: list[str | None] = [name for name in found if name in only]
    if not chosen and not target.allow_empty:
        raise Conflict(f"none of the devices in {run.zone} can be selected now", "see them with: runlet devices")
    return chosen


def _prepare(session: Session, request: Request, now: datetime) -> tuple[Run, Target]:
    """The row of the run, not yet added: everything its executions are made from; and where they go."""
    _check_texts((request.job or "", *(request.command or ()), *request.args))
    job = jobs.find(session, request.job) if request.job else None
    if job is None and not request.command:
        raise InvalidInput("neither a job nor a command is given")
    target = request.target or (job.target if job else None)
    if target is None:
        raise InvalidInput("a command needs a target", "name a device, or say all, any, enrolled or local")
    entrypoint = job.entrypoint if job else request.command
    logs = job.logs if job else Logs()
    rules = job.input if job else declared_answers.BY_DEFAULT
    plan = {key: value for key, value in job.to_mapping().items() if key in PLAN_KEYS} if job else {}
    run = Run(
        job=job.name if job else None,
        revision=job.revision if job else None,
        command=None if job else list(request.command or ()),
        script=job.script if job else None,
        entrypoint=None if entrypoint is None else list(entrypoint),
        args=list(request.args),
        cwd=job.cwd if job else None,
        environment=job.env if job else {},
        variables={**(job.vars if job else {}), **request.variables},
        given=dict(request.variables),
        timeout=job.timeout.total_seconds() if job and job.timeout else None,
        output_limit=logs.limit,
        overflow=logs.overflow,
        input=(rules.unattended() if request.no_input else rules).to_mapping(),
        notify=[one.to_mapping() for one in job.notify] or None if job else None,
        where=target.where,
        where_custom=list(target.patterns),
        barred=sorted(job.barred) if job else [],
        show_duration=job.show_duration if job else False,
        columns=request.terminal.columns,
        rows=request.terminal.rows,
        term=request.term,
        created_at=now,
        launch_id=request.id,
        launch_digest=None if request.id is None else _digest(request),
        delivery=job.delivery.to_mapping() if job else {},
        plan=plan or None,
        concurrency_group=(job.concurrency.group or job.name) if job and job.concurrency else None,
    )
    if request.fire_time is not None:
        run.scheduled_for, run.zone = request.fire_time.at, request.fire_time.zone
        run.splay = request.fire_time.schedule.splay.total_seconds() or None
        run.only = None if request.fire_time.only is None else sorted(request.fire_time.only)
    return run, target


def _check_texts(texts: Sequence[str]) -> None:
    """A job's name and arguments: text that the database and a program's argv can hold."""
    for one in texts:
        if found := text.unspeakable(one):
            raise InvalidInput(f"an argument or the job's name holds {found[1]}, which no program can be given")
    size = sum(len(one.encode()) for one in texts)
    if size > MAX_ARGUMENTS_BYTES:
        raise InvalidInput(
            f"{size} bytes of arguments are over the limit of {MAX_ARGUMENTS_BYTES}", "pass a file's name"
        )


def assign_waiting(session: Session, device: str, now: datetime, effects: Effects) -> list[ExecutionView]:
    """A device connected: give it the executions that wait for any device."""
    has_time = or_(col(Execution.expires_at).is_(None), col(Execution.expires_at) > now)
    rows = session.exec(
        select(Execution, Run)
        .join(Run)
        .where(col(Execution.device).is_(None), Execution.state == State.QUEUED, has_time)
        .order_by(col(Execution.run))
    )
    waiting = [(execution, run) for execution, run in rows if _may_take(run, device)]
    if not waiting:
        return []
    inventory = inventories.present(session)
    candidate = devices.candidates(session, inventory, now).get(device)
    if candidate is None or not candidate.enabled:
        return []
    for execution, run in waiting:
        execution.device = device
        writer = renderings.Writer(session)
        try:
            writer.put(execution, renderings.renderer(run, inventory)(candidate))
            writer.flush()
        except InvalidInput as error:
            execution.state, execution.detail = advance(execution.state, Event.REJECT), error.message
            execution.ended_at, execution.settled = now, True
            continue
        if execution.released_at is not None:
            # Its Hello, which brought us here, sends everything in the outbox.
            outbox.enqueue(session, execution, run, now, connected=False)
        session.flush()
        deliveries.supersede(session, run, device, now, effects)
    return [executions.view(execution) for execution, _ in waiting]


def _may_take(run: Run, device: str) -> bool:
    return device not in run.barred and (run.only is None or device in run.only)
