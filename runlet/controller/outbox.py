"""The outbox: commands that devices have not answered yet, and when each is due to be sent (again).

A command is put here in the transaction that causes it and leaves when the agent's answer is recorded, so a crash
between the two repeats it, and the agent dedupes. Nothing is sent to a device that is not connected: its Hello makes
everything due, but for what must not be sent before its own instant.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement
from sqlmodel import Session, and_, col, delete, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from runlet.controller import devices, renderings
from runlet.controller.portions import portions
from runlet.controller.tables import Device, Execution, Outbox, Run
from runlet.model.declared_answers import Rules
from runlet.model.logs import Logs
from runlet.protocol.messages import Ask, Cancel, Execute, TerminalSize
from runlet.timetable.due import begins, delay

EXECUTE = "execute"
CANCEL = "cancel"
WITHDRAW = "withdraw"  # a cancel that leaves a started program alone

# An unanswered command goes out again after these many seconds, the last repeating.
RESEND_SECONDS = (5.0, 15.0, 60.0)
# One sweep sends at most this many, so that a returning fleet does not stop everything else.
SWEEP_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A command to publish now."""

    device: str
    message: Execute | Cancel | Ask
    until: datetime | None = None  # it is worth nothing later


def enqueue(
    session: Session,
    execution: Execution,
    run: Run,
    now: datetime,
    connected: bool,
) -> list[Outgoing]:
    """Put an execution into the outbox; it comes back to be sent at once when its device is connected.

    A command that a schedule spreads over the fleet leaves when its time has come.
    """
    assert execution.device is not None
    row = Outbox(execution=execution.id, device=execution.device, kind=EXECUTE, due_at=now)
    if (first := splayed(execution, run)) is not None and first > now:
        row.due_at = row.not_before = first
    session.add(row)
    return [_send(session, row, execution, run, now)] if connected and row.not_before is None else []


def ask(session: Session, kind: str, execution: Execution, now: datetime, connected: bool) -> list[Outgoing]:
    """Ask a device for the end of an execution; comes back as from `enqueue`."""
    assert execution.device is not None
    row = Outbox(execution=execution.id, device=execution.device, kind=kind, due_at=now)
    session.add(row)
    return [_send(session, row, execution, None, now)] if connected else []


def splayed(execution: Execution, run: Run) -> datetime | None:
    """From when on an execution's command may leave, in a run that a schedule spreads over the fleet."""
    if run.splay is None or run.scheduled_for is None or execution.device is None:
        return None
    assert run.job is not None, "what a schedule starts is a job"
    splay = timedelta(seconds=run.splay)
    return begins(run.scheduled_for, run.created_at) + delay(splay, run.job, execution.device)


def due(session: Session, now: datetime, fresh: Collection[str] = ()) -> list[Outgoing]:
    """What is due for connected devices, counted as sent; but for the executions whose commands have just left."""
    reachable = [name for name, connected in devices.connected(session, now).items() if connected]
    latest = now + timedelta(seconds=RESEND_SECONDS[-1])  # what is due later was put down before the clock was set back
    is_due = or_(col(Outbox.due_at) <= now, col(Outbox.due_at) > latest)
    rows = _waiting(now).where(is_due, col(Outbox.device).in_(reachable)).order_by(col(Outbox.id))
    wanted = [row for row in session.exec(rows.limit(SWEEP_LIMIT)) if row.execution not in fresh]
    return _send_rows(session, wanted, now)


def for_device(session: Session, device: str, now: datetime) -> list[Outgoing]:
    """Everything that one device has not answered, counted as sent."""
    rows = _waiting(now).where(Outbox.device == device).order_by(col(Outbox.id))
    return _send_rows(session, session.exec(rows), now)


def _waiting(now: datetime) -> SelectOfScalar[Outbox]:
    """What may go by now. Executions wait while their device takes no part; what it has already can be cancelled.

    One whose deadline has passed goes no more, though it is still to be found expired.
    """
    has_time = or_(col(Execution.expires_at).is_(None), col(Execution.expires_at) > now)
    may_start = or_(Outbox.kind != EXECUTE, and_(devices.TAKES_PART, has_time))
    query = select(Outbox).join(Device, col(Device.name) == col(Outbox.device))
    return query.join(Execution, col(Execution.id) == col(Outbox.execution)).where(_may_go(now), may_start)


def unsent(session: Session, ids: Collection[str]) -> set[str]:
    """Those of these executions whose command still waits here, never having left the controller."""
    rows = select(Outbox.execution).where(Outbox.kind == EXECUTE, Outbox.tries == 0)
    return {one for some in portions(ids) for one in session.exec(rows.where(col(Outbox.execution).in_(some)))}


def cancelling(session: Session, ids: Collection[str]) -> set[str]:
    """Those of these executions whose programs were asked to end, started or not."""
    rows = select(Outbox.execution).where(Outbox.kind == CANCEL)
    return {one for some in portions(ids) for one in session.exec(rows.where(col(Outbox.execution).in_(some)))}


def answered(session: Session, taken: Collection[str], ended: Collection[str]) -> None:
    """Agents have taken these executions, or ended those: drop what that answers, for a whole batch at once."""
    for some in portions(taken):
        session.exec(delete(Outbox).where(col(Outbox.execution).in_(some), col(Outbox.kind) == EXECUTE))
    for some in portions(ended):
        session.exec(delete(Outbox).where(col(Outbox.execution).in_(some)))


def _may_go(now: datetime) -> ColumnElement[bool]:
    return or_(col(Outbox.not_before).is_(None), col(Outbox.not_before) <= now)


def _send_rows(session: Session, rows: Iterable[Outbox], now: datetime) -> list[Outgoing]:
    outgoing = []
    for row in list(rows):
        execution = session.get_one(Execution, row.execution)
        outgoing.append(_send(session, row, execution, session.get_one(Run, execution.run), now))
    return outgoing


def _send(session: Session, row: Outbox, execution: Execution, run: Run | None, now: datetime) -> Outgoing:
    delay = RESEND_SECONDS[min(row.tries, len(RESEND_SECONDS) - 1)]
    row.tries += 1
    row.due_at = now + timedelta(seconds=delay)
    if row.kind != EXECUTE:
        withdrawn = row.kind == WITHDRAW
        return Outgoing(row.device, Cancel(execution.id, execution.attempt, unless_started=withdrawn))
    assert run is not None
    assert run.id is not None
    return Outgoing(
        row.device,
        Execute(
            execution=execution.id,
            attempt=execution.attempt,
            run=run.id,
            job=run.job or "exec",
            script=renderings.text(session, execution),
            entrypoint=None if run.entrypoint is None else tuple(run.entrypoint),
            arguments=tuple(run.args),
            cwd=run.cwd,
            terminal=TerminalSize(run.columns, run.rows),
            term=run.term,
            environment=execution.environment | run.environment,
            timeout=run.timeout,
            logs=Logs(run.output_limit, run.overflow),
            input=Rules.from_mapping(run.input).on(row.device),
            secrets=execution.secrets,
            expires_at=execution.expires_at.timestamp() if execution.expires_at else None,
        ),
        execution.expires_at,
    )
