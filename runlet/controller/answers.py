"""Answers: who answered what, when, and what became of it. The devices judge; here it is kept.

A device tells of an answer by itself and again with its reports, so that what was taken is known here in the end,
whatever is lost on the way. What is told of an answer once holds; that it was taken holds against everything.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, tuple_
from sqlmodel import Session, SQLModel

from runlet.controller.tables import Answer, Execution
from runlet.model.answer import First, Result
from runlet.protocol.messages import Answered
from runlet.protocol.views import AnswerView

# Answers that one execution's device may tell of by itself: a program in a loop would fill the table.
MAX_TOLD = 1000

log = logging.getLogger(__name__)

TABLE = SQLModel.metadata.tables[str(Answer.__tablename__)]
_EXECUTION = SQLModel.metadata.tables[str(Execution.__tablename__)]
# The columns of a view, in its order.
_COLUMNS = [(_EXECUTION if name == "device" else TABLE).c[name] for name in AnswerView.__dataclass_fields__]


def record(session: Session, told: Sequence[tuple[str, Answered]], now: datetime) -> list[str]:
    """What devices tell became of answers; the ids of those of which it was not known."""
    if not told:
        return []
    rows = {row.id: row for row in _rows(session, {one.id for _, one in told})}
    owners = _owners(session, {one.execution for _, one in told})
    strangers = {one.execution for _, one in told if one.id not in rows}
    counts = _counts(session, strangers) if strangers else Counter()
    changed = []
    for device, one in told:
        row = rows.get(one.id)
        owner, attempts = owners.get(one.execution, (None, 0))
        if owner != device or one.attempt > attempts or (row is not None and _of(row) != _of(one)):
            log.warning("dropped an answer from %s: it is to none of its executions' prompts", device)
        elif row is None:
            if one.asked is not None and one.result is Result.TAKEN and counts[one.execution] < MAX_TOLD:
                counts[one.execution] += 1
                rows[one.id] = _new(one, now)
                session.add(rows[one.id])
                changed.append(one.id)
        elif row.result is None or (one.result is Result.TAKEN and row.result is not Result.TAKEN):
            row.result, row.detail, row.answered_at = one.result, one.detail, now
            _set_first(row, one.first)
            changed.append(one.id)
    _name_the_first(session, [rows[id_] for id_ in changed if rows[id_].result is Result.STALE])
    return changed


def of_run(session: Session, run: int) -> list[AnswerView]:
    """The answers to the prompts of a run, the first first."""
    return _views(session, _EXECUTION.c.run == run)


def views(session: Session, ids: Collection[str]) -> dict[str, AnswerView]:
    """Those of these answers that exist, by id."""
    return {view.id: view for view in _views(session, TABLE.c.id.in_(ids))}


def _views(session: Session, condition: Any) -> list[AnswerView]:
    query = select(*_COLUMNS).join(_EXECUTION, _EXECUTION.c.id == TABLE.c.execution).where(condition)
    rows = session.connection().execute(query.order_by(TABLE.c.given_at, TABLE.c.id))
    return [AnswerView(*row) for row in rows]


def _rows(session: Session, ids: Collection[str]) -> Sequence[Answer]:
    return session.execute(select(Answer).where(TABLE.c.id.in_(ids))).scalars().all()


def _owners(session: Session, executions: Collection[str]) -> dict[str, tuple[str | None, int]]:
    """The device of each of these executions, and which attempt is the present one."""
    query = select(_EXECUTION.c.id, _EXECUTION.c.device, _EXECUTION.c.attempt).where(_EXECUTION.c.id.in_(executions))
    return {id_: (device, attempt) for id_, device, attempt in session.execute(query)}


def _counts(session: Session, executions: Collection[str]) -> Counter[str]:
    query = select(TABLE.c.execution, func.count()).where(TABLE.c.execution.in_(executions)).group_by(TABLE.c.execution)
    return Counter(dict(session.execute(query).tuples()))


def _of(one: Answer | Answered) -> tuple[str, int, str]:
    """The prompt it is to."""
    return one.execution, one.attempt, one.prompt


def _new(one: Answered, now: datetime) -> Answer:
    """One that was not given here: typed on a console, or declared."""
    assert one.asked is not None
    return Answer(
        id=one.id,
        execution=one.execution,
        attempt=one.attempt,
        prompt=one.prompt,
        question=one.asked.text,
        fingerprint=one.asked.fingerprint,
        secret=one.asked.secret or one.text is None,
        origin=one.origin,
        by=one.by,
        text=one.text,
        result=one.result,
        given_at=now,
        answered_at=now,
    )


def _set_first(row: Answer, first: First | None) -> None:
    row.first = first.answer if first else None
    row.first_by = first.by if first else None
    row.first_origin = first.origin if first else None


def _name_the_first(session: Session, stale: Sequence[Answer]) -> None:
    """Its device found the question gone; if that is because another answer was taken, it was late."""
    if not stale:
        return
    session.flush()
    key = tuple_(TABLE.c.execution, TABLE.c.attempt, TABLE.c.prompt)
    query = select(Answer).where(key.in_([_of(row) for row in stale]), TABLE.c.result == Result.TAKEN)
    taken = {_of(row): row for row in session.execute(query).scalars()}
    for row in stale:
        if first := taken.get(_of(row)):
            row.result = Result.LATE
            _set_first(row, First(first.id, first.by, first.origin))
