"""Executions: recording what agents report. The transition table judges; versions keep late news from going back.

Reports come by the thousand, so a batch reads its executions with one statement and writes those that changed with
another. Between the two there are values only.
"""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, func, not_, or_, select, update
from sqlmodel import Session, SQLModel, col

from runlet.controller import devices
from runlet.controller.tables import Device, Execution, Run
from runlet.errors import IllegalTransition, StaleUpdate
from runlet.model import counted, size
from runlet.model.execution import OUTCOMES, RETRYABLE, STARTED, Event, State, advance, is_turn
from runlet.model.logs import Overflow
from runlet.protocol.messages import Report, Stored
from runlet.protocol.views import ExecutionView

# An execution and its attempt.
Attempt = tuple[str, int]

log = logging.getLogger(__name__)

TABLE = SQLModel.metadata.tables[str(Execution.__tablename__)]
# The columns of a view, in its order.
COLUMNS = [TABLE.c[name] for name in ExecutionView.__dataclass_fields__]

# Of the columns, those that a report moves.
_MOVED = (
    *("state", "version", "detail", "exit_code", "signal", "seconds", "output_length", "started_at", "ended_at"),
    *("counts_as", "prompt", "asked_at", "unanswered"),
)
_RECORD = update(TABLE).where(
    TABLE.c.id == bindparam("known"),
    TABLE.c.attempt == bindparam("known_attempt"),
    TABLE.c.version == bindparam("known_version"),
)
_EXPLAIN = update(TABLE).where(TABLE.c.id == bindparam("known"))
# What an execution that was asked back becomes when its agent says that it has not started and never will.
_GIVEN_BACK: dict[State | None, Event] = {State.EXPIRED: Event.EXPIRE, State.SKIPPED: Event.SKIP}
# Executions that their runs wait for, as ExecutionView.is_over has it.
_ENDS_BY_STATE = and_(TABLE.c.state.in_(OUTCOMES), TABLE.c.retry_at.is_(None))
IS_OPEN = or_(
    and_(TABLE.c.counts_as.is_(None), not_(_ENDS_BY_STATE)),
    and_(TABLE.c.counts_as.is_not(None), TABLE.c.counts_as.not_in(OUTCOMES)),
)
_SETTLE = update(TABLE).where(TABLE.c.id == bindparam("known"), TABLE.c.attempt == bindparam("known_attempt"))


@dataclass(frozen=True, slots=True)
class Recorded:
    """What reports came to. An execution is among `open` also when they changed nothing: a commit whose confirmation
    was lost is done again, and what it means outside the database has not happened yet.
    """

    open: list[ExecutionView]  # not settled: more is expected of them
    settled: list[tuple[str, Stored]]  # told again though nothing more was expected: (device, answer)
    strangers: list[tuple[str, Report]]  # of executions or attempts that there is no record of


def record(session: Session, reports: Sequence[tuple[str, Report]], now: datetime) -> Recorded:
    """Apply reports, each with the device it came from, in their order.

    An attempt before the present one is settled: no other is begun before.
    """
    known = _known(session, {report.execution for _, report in reports})
    after: dict[str, ExecutionView] = {}
    settled: dict[Attempt, tuple[str, Stored]] = {}
    strangers = []
    for device, report in reports:
        view, is_settled = known.get(report.execution, (None, False))
        if view is None and not report.run:  # a cancel that nobody waits for any more
            answer = Stored(report.execution, report.attempt, report.output_length, settled=True)
            settled[report.execution, report.attempt] = device, answer
        elif view is None or view.device != device or report.attempt > view.attempt:
            strangers.append((device, report))
        elif report.attempt < view.attempt or is_settled:
            length = view.output_length if report.attempt == view.attempt else report.output_length
            settled[view.id, report.attempt] = device, Stored(view.id, report.attempt, length, settled=True)
        else:
            after[view.id] = judged(after.get(view.id, view), report, now)
    _write(session, [(known[view.id][0], view) for view in after.values() if view is not known[view.id][0]])
    return Recorded(list(after.values()), list(settled.values()), strangers)


def judged(view: ExecutionView, report: Report, now: datetime) -> ExecutionView:
    """The execution after the report; the very same when the report is late, or the table forbids it."""
    if report.version <= view.version:
        return view
    given_back = view.counts_as is not None and report.event is Event.CANCEL and report.seconds is None
    event = _GIVEN_BACK.get(view.counts_as, Event.CANCEL) if given_back else report.event
    try:
        state = advance(view.state, event)
    except IllegalTransition as error:
        log.warning("%s on %s: %s", view.id, view.device, error)
        return view
    if not state.is_outcome:
        if view.counts_as is not None:  # it was asked back meanwhile: what was said of that holds until it starts
            detail, counts_as = (view.detail, view.counts_as) if state is State.DELIVERED else (report.detail, None)
        else:
            # What is known already may have overtaken its start's report, but for what it waited for; of a question,
            # the report says all.
            says_all = report.event in (Event.ASK, Event.RESUME) or is_turn(view.detail)
            detail = report.detail if says_all else report.detail or view.detail
            counts_as = None
        is_same = view.prompt and report.prompt and view.prompt.id == report.prompt.id
        return replace(
            view,
            state=state,
            version=report.version,
            detail=detail,
            started_at=view.started_at or (now if state in STARTED else None),
            counts_as=counts_as,
            prompt=report.prompt,
            asked_at=view.asked_at if is_same else now if report.prompt else None,
        )
    return replace(
        view,
        state=state,
        version=report.version,
        counts_as=None,
        detail=view.detail if given_back else report.detail,
        exit_code=report.exit_code,
        signal=report.signal,
        seconds=report.seconds,
        output_length=report.output_length,
        ended_at=now,
        prompt=None,
        asked_at=None,
        unanswered=report.unanswered,
    )


def block(session: Session, full: Collection[str]) -> list[ExecutionView]:
    """Of these executions, which printed as much as is kept of them: those whose programs wait now, and say so."""
    if not full:
        return []
    waits = select(col(Run.id)).where(col(Run.overflow) == Overflow.BLOCK)
    query = select(*COLUMNS).where(TABLE.c.id.in_(full), TABLE.c.state.not_in(OUTCOMES), TABLE.c.run.in_(waits))
    views = [ExecutionView(*row) for row in session.connection().execute(query)]
    blocked = [
        replace(
            one, detail=f"printed {size.text(one.output_limit)}, all that its job keeps; waits until it is cancelled"
        )
        for one in views
    ]
    if blocked:
        session.connection().execute(_EXPLAIN, [{"known": one.id, "detail": one.detail} for one in blocked])
    return blocked


def settle(session: Session, lengths: Mapping[Attempt, int]) -> None:
    """The outcomes of these executions are recorded and their whole output stored: so many bytes.

    That may be more than the agent reported: one that crashed does not know what it had sent before.
    """
    rows = [
        {"known": execution, "known_attempt": attempt, "settled": True, "output_length": length}
        for (execution, attempt), length in lengths.items()
    ]
    if rows:
        session.connection().execute(_SETTLE, rows)


def view(row: Execution) -> ExecutionView:
    return ExecutionView(*(getattr(row, column.name) for column in COLUMNS))


def of_run(
    session: Session,
    run: int,
    *,
    device: str | None = None,
) -> list[ExecutionView]:
    """A run's executions, in no order; that on `device` when given."""
    query = select(*COLUMNS).where(TABLE.c.run == run)
    if device is not None:
        query = query.where(TABLE.c.device == device)
    return [ExecutionView(*row) for row in session.connection().execute(query)]


def page(session: Session, run: int, limit: int, after: str | None, state: State | None) -> list[ExecutionView]:
    """Some of a run's executions in order of device: those beyond the device `after`, those in `state`.

    The order is no database's: its names are read from an index and put in order here.
    """
    those = TABLE.c.run == run if state is None else and_(TABLE.c.run == run, TABLE.c.state == state)
    names = session.connection().execute(select(TABLE.c.device).where(those)).scalars()
    in_order = sorted((name or "" for name in names), key=counted.key)  # without a device, the first
    begin = 0 if after is None else bisect_right(in_order, counted.key(after), key=counted.key)
    place = {name: index for index, name in enumerate(in_order[begin : begin + limit])}
    if not place:
        return []
    on = TABLE.c.device.in_(place)
    rows = select(*COLUMNS).where(TABLE.c.run == run, or_(on, TABLE.c.device.is_(None)) if "" in place else on)
    views = (ExecutionView(*row) for row in session.connection().execute(rows))
    return sorted(views, key=lambda view: place[view.device or ""])


def counts(session: Session, runs: Collection[int]) -> dict[int, dict[State, int]]:
    """How many executions of each of these runs are in which state."""
    if not runs:
        return {}
    key = TABLE.c.run, TABLE.c.state
    query = select(*key, func.count()).where(TABLE.c.run.in_(runs)).group_by(*key)
    found: dict[int, dict[State, int]] = {run: {} for run in runs}
    for run, state, number in session.connection().execute(query):
        found[run][state] = number
    return found


def to_be_tried_again(session: Session, runs: Collection[int]) -> dict[int, dict[State, int]]:
    """Of those with an outcome that `counts` tells, how many are not over: another attempt follows."""
    found: dict[int, dict[State, int]] = {run: {} for run in runs}
    if not runs:
        return found
    key = TABLE.c.run, TABLE.c.state
    query = select(*key, func.count()).where(TABLE.c.run.in_(runs), TABLE.c.state.in_(RETRYABLE)).group_by(*key)
    for run, state, number in session.connection().execute(query.where(TABLE.c.retry_at.is_not(None))):
        found[run][state] = number
    return found


@dataclass(slots=True)
class Away:
    """Executions of one run that have not started, on devices that are not connected; and the last deadline of them."""

    counts: dict[State, int] = field(default_factory=dict)
    expires_at: datetime | None = None


def away(session: Session, runs: Collection[int], now: datetime) -> dict[int, Away]:
    """What each of these runs has on devices that are not connected, and still waits for."""
    found = {run: Away() for run in runs}
    if not runs:
        return found
    key = TABLE.c.run, TABLE.c.state
    query = select(*key, func.count(), func.max(TABLE.c.expires_at, type_=TABLE.c.expires_at.type))
    query = query.join(Device, col(Device.name) == TABLE.c.device).group_by(*key)
    query = query.where(TABLE.c.run.in_(runs), TABLE.c.state.in_((State.QUEUED, State.DELIVERED)))
    query = query.where(TABLE.c.counts_as.is_(None), devices.is_away(session, now))
    for run, state, number, deadline in session.connection().execute(query):
        found[run].counts[state] = number
        if state is State.QUEUED:  # what its agent has accepted does not expire
            found[run].expires_at = deadline
    return found


def apart(session: Session, runs: Collection[int]) -> dict[int, tuple[Counter[State], Counter[State]]]:
    """Of those that `counts` tells by their states, which count otherwise: their states, and what they count as."""
    if not runs:
        return {}
    key = TABLE.c.run, TABLE.c.state, TABLE.c.counts_as
    query = select(*key, func.count()).where(TABLE.c.run.in_(runs), TABLE.c.counts_as.is_not(None)).group_by(*key)
    found: dict[int, tuple[Counter[State], Counter[State]]] = {}
    for run, state, counts_as, number in session.connection().execute(query):
        states, standings = found.setdefault(run, (Counter(), Counter()))
        states[state] += number
        standings[counts_as] += number
    return found


def open_on(session: Session, names: Collection[str]) -> dict[str, int]:
    """Those of these devices that have executions without an outcome, and how many."""
    if not names:
        return {}
    is_open = TABLE.c.device.in_(names) & TABLE.c.settled.is_(False) & TABLE.c.state.not_in(OUTCOMES)
    query = select(TABLE.c.device, func.count()).where(is_open).group_by(TABLE.c.device).order_by(TABLE.c.device)
    found = session.connection().execute(query).all()
    return dict(found)


def views(session: Session, ids: Collection[str]) -> list[ExecutionView]:
    """Those of these executions that exist."""
    query = select(*COLUMNS).where(TABLE.c.id.in_(ids))
    return [ExecutionView(*row) for row in session.connection().execute(query)]


def unsettled(session: Session, ids: Collection[str]) -> list[ExecutionView]:
    """Those of these executions that a device may still send something about."""
    query = select(*COLUMNS).where(TABLE.c.id.in_(ids), TABLE.c.settled.is_(False), TABLE.c.device.is_not(None))
    return [ExecutionView(*row) for row in session.connection().execute(query)]


def not_named(session: Session, device: str, held: Collection[str]) -> list[ExecutionView]:
    """What a device should hold and did not name: accepted by it, and not settled."""
    query = select(*COLUMNS).where(TABLE.c.device == device, TABLE.c.settled.is_(False))
    views = [ExecutionView(*row) for row in session.connection().execute(query.where(TABLE.c.state != State.QUEUED))]
    return [view for view in views if view.id not in held]


def _known(session: Session, executions: Iterable[str]) -> dict[str, tuple[ExecutionView, bool]]:
    """Those of these executions that exist, and whether they are settled."""
    query = select(*COLUMNS, TABLE.c.settled).where(TABLE.c.id.in_(executions))
    return {row[0]: (ExecutionView(*row[:-1]), row[-1]) for row in session.connection().execute(query)}


def _write(session: Session, changes: Sequence[tuple[ExecutionView, ExecutionView]]) -> None:
    """Raises StaleUpdate when one of them is not what it was when it was read; then nothing may be committed."""
    if not changes:
        return
    rows: list[dict[str, Any]] = [
        {
            "known": before.id,
            "known_attempt": before.attempt,
            "known_version": before.version,
            **{name: getattr(after, name) for name in _MOVED},
        }
        for before, after in changes
    ]
    found = session.connection().execute(_RECORD, rows)
    if found.rowcount != len(rows):
        raise StaleUpdate("an execution was recorded by another controller meanwhile")
