"""Deliveries: executions are released to their devices, asked back from them, and expire.

- A deadline counts from the release, or from when a run waits for nothing but absent devices; by the clock of
  controllers alone: devices boot in 1970.
- What never left the controller ends here, at once. What was sent may lie in the broker or in the agent's journal, and
  only the agent knows: it is asked to give it back, unless it has started it. Until it answers, the execution keeps its
  state, and its run counts it as what it then becomes.
- A command whose deadline has passed is never sent, whoever is connected.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import and_, delete, or_, select, update
from sqlmodel import Session, col

from runlet.controller import devices, executions, outbox
from runlet.controller.outbox import Outgoing
from runlet.controller.tables import Execution, Outbox, Run
from runlet.model.delivery import Delivery, Offline
from runlet.model.execution import RETRYABLE, Event, State
from runlet.model.execution import advance as advanced
from runlet.protocol.views import ExecutionView, RolloutView

# One sweep expires at most this many, so that a fleet whose deadline passes does not stop everything else.
EXPIRE_LIMIT = 1000
# The words for what was not delivered in time, and for what was released to a device that was not there.
EXPIRED = "not delivered before its deadline"
NOT_THERE = "its device was not connected when its turn came"
NOBODY_THERE = "no device was connected when its turn came"


# What an agent reports of programs that it has started, and that went their own way.
_STARTED = frozenset({State.RUNNING, State.AWAITING_INPUT, State.SUCCEEDED} | RETRYABLE)


@dataclass(slots=True)
class Effects:
    """What committed decisions mean for the world outside the database."""

    changed: list[ExecutionView] = field(default_factory=list)
    ended: list[ExecutionView] = field(default_factory=list)  # before they left the controller
    outgoing: list[Outgoing] = field(default_factory=list)
    rollouts: list[tuple[int, RolloutView]] = field(default_factory=list)  # runs that came further

    def add(self, more: Effects) -> None:
        """What comes of later decisions."""
        self.changed += more.changed
        self.ended += more.ended
        self.outgoing += more.outgoing
        self.rollouts += more.rollouts


@dataclass(frozen=True, slots=True)
class End:
    """How executions that are not wanted any more are ended: by `event`; what was sent is asked for by `kind`."""

    event: Event
    kind: str
    detail: str


def release(
    session: Session,
    run: Run,
    rows: Collection[Execution],
    reachable: Mapping[str, bool],
    now: datetime,
    effects: Effects,
) -> None:
    """Let these executions of a run go to their devices, and begin their deadlines.

    `reachable` tells which devices are connected. The deadline of one whose command leaves later begins then; one that
    was awaited, and still is, keeps its own.
    """
    delivery = Delivery.from_mapping(run.delivery)
    for row in rows:
        row.released_at, row.retry_at = now, None
        connected = row.device is not None and reachable.get(row.device, False)
        if delivery.offline is Offline.FAIL and not connected:
            _not_there(row, now, effects)
            continue
        if connected or row.expires_at is None:
            row.expires_at = _deadline(row, run, delivery, now)
        if row.device is not None:
            effects.outgoing += outbox.enqueue(session, row, run, now, connected)


def await_devices(run: Run, rows: Collection[Execution], now: datetime, effects: Effects) -> bool:
    """Begin the deadlines of executions that are not released, for nothing but their absent devices keeps them from it.

    Whether they have ended instead, in a job that does not wait for who is away.
    """
    delivery = Delivery.from_mapping(run.delivery)
    for row in rows:
        if delivery.offline is Offline.FAIL:
            _not_there(row, now, effects)
        else:
            row.expires_at = _deadline(row, run, delivery, now)
            effects.changed.append(executions.view(row))
    return bool(rows) and delivery.offline is Offline.FAIL


def _deadline(row: Execution, run: Run, delivery: Delivery, now: datetime) -> datetime:
    return max(now, outbox.splayed(row, run) or now) + delivery.deliver_within


def _not_there(row: Execution, now: datetime, effects: Effects) -> None:
    _end(row, Event.EXPIRE, NOBODY_THERE if row.device is None else NOT_THERE, now)
    effects.ended.append(executions.view(row))


def stop(session: Session, rows: Collection[Execution], end: End, now: datetime, effects: Effects) -> None:
    """End open executions: what never left the controller at once; of the rest the agents are asked."""
    if not rows:
        return
    unsent = outbox.unsent(session, [row.id for row in rows])
    asked = outbox.cancelling(session, [row.id for row in rows])
    ended, recalled = [], []
    for row in rows:
        if row.device is None or row.released_at is None or (row.state is State.QUEUED and row.id in unsent):
            _end(row, end.event, end.detail, now)
            ended.append(row)
        elif row.id not in asked:
            if end.event is not Event.CANCEL:
                row.counts_as, row.detail = advanced(State.QUEUED, end.event), end.detail
            row.cancel_requested = True
            recalled.append(row)
    outbox.answered(session, taken=[row.id for row in recalled], ended=[row.id for row in ended])
    reachable = devices.connected(session, now) if recalled else {}
    for row in recalled:
        effects.outgoing += outbox.ask(session, end.kind, row, now, reachable.get(row.device or "", False))
    effects.changed += map(executions.view, recalled)
    effects.ended += map(executions.view, ended)


def expire(session: Session, now: datetime, effects: Effects) -> set[int]:
    """End what was not delivered by now, some of it at a time; the runs that this is of."""
    query = select(Execution).where(col(Execution.state) == State.QUEUED, col(Execution.counts_as).is_(None))
    query = query.where(col(Execution.expires_at) <= now).order_by(col(Execution.expires_at)).limit(EXPIRE_LIMIT)
    rows = list(session.scalars(query))
    if not rows:
        return set()
    give_up(session, rows, now, effects)
    return {row.run for row in rows}


def give_up(session: Session, rows: Collection[Execution], now: datetime, effects: Effects) -> None:
    """End executions whose deadlines have passed."""
    for row in rows:
        if row.cancel_requested:  # somebody was earlier, and its device has not answered yet
            row.counts_as = State.CANCELLED
            effects.changed.append(executions.view(row))
    stop(session, [row for row in rows if not row.cancel_requested], _EXPIRED, now, effects)


_EXPIRED = End(Event.EXPIRE, outbox.WITHDRAW, EXPIRED)


def supersede(session: Session, run: Run, device: str | None, now: datetime, effects: Effects) -> set[int]:
    """Skip what earlier runs of the same job have not delivered to the devices of this run; the runs that this is of.

    With `device`, on that one only.
    """
    if run.job is None or not Delivery.from_mapping(run.delivery).supersede:
        return set()
    ours = select(col(Execution.device)).where(col(Execution.run) == run.id)
    waits = or_(
        and_(col(Execution.state) == State.QUEUED, col(Execution.counts_as).is_(None)),
        col(Execution.retry_at).is_not(None),
    )
    waits = and_(waits, col(Execution.cancel_requested).is_(False))
    query = (
        select(Execution)
        .join(Run, col(Run.id) == col(Execution.run))
        .where(waits, col(Run.job) == run.job, col(Run.id) < run.id)
        .where(col(Execution.device).in_(ours) if device is None else col(Execution.device) == device)
    )
    rows = list(session.scalars(query))
    waiting = [row for row in rows if row.state is State.QUEUED]
    stop(session, waiting, End(Event.SKIP, outbox.WITHDRAW, f"superseded by run {run.id}"), now, effects)
    for row in rows:
        if row.state.is_outcome and row.retry_at is not None:
            row.retry_at, row.cancel_requested = None, True
            effects.changed.append(executions.view(row))
    return {row.run for row in rows}


def spare(session: Session, reported: Collection[ExecutionView]) -> set[str]:
    """Of those reported, a withdrawal came too late for what has started: what nobody else has cancelled goes on."""
    started = {view.id for view in reported if view.cancel_requested and view.state in _STARTED}
    if not started:
        return set()
    session.execute(delete(Outbox).where(col(Outbox.execution).in_(started), col(Outbox.kind) == outbox.WITHDRAW))
    spared = started - outbox.cancelling(session, started)
    session.execute(update(Execution).where(col(Execution.id).in_(spared)).values(cancel_requested=False))
    return spared


def _end(row: Execution, event: Event, detail: str, now: datetime) -> None:
    """Before any agent has seen it: nothing more is to come."""
    row.state, row.detail, row.ended_at = advanced(row.state, event), detail, now
    row.retry_at, row.settled = None, True
