"""Answers: who answered what, when, and what became of it. The devices judge; here it is kept.

A device tells of an answer by itself and again with its reports, so that what was taken is known here in the end,
whatever is lost on the way. What is told of an answer once holds; that it was taken holds against everything.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import func, select, tuple_
from sqlmodel import Session, SQLModel

from runlet.controller import executions
from runlet.controller.pages import Place
from runlet.controller.tables import Answer, Execution
from runlet.errors import InvalidInput, UnknownName
from runlet.model.answer import First, Origin, Result, text_of
from runlet.model.prompt import Prompt
from runlet.protocol import messages
from runlet.protocol.messages import Answered
from runlet.protocol.views import AnswerView

# Answers that one execution's device may tell of by itself: a program in a loop would fill the table.
MAX_TOLD = 1000

log = logging.getLogger(__name__)

TABLE = SQLModel.metadata.tables[str(Answer.__tablename__)]
_EXECUTION = SQLModel.metadata.tables[str(Execution.__tablename__)]
# The columns of a view, in its order.
_COLUMNS = [(_EXECUTION if name in ("run", "device") else TABLE).c[name] for name in AnswerView.__dataclass_fields__]
_VIEWS = select(*_COLUMNS).join(_EXECUTION, _EXECUTION.c.id == TABLE.c.execution)


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


def of_run(session: Session, run: int, limit: int, after: Place | None = None) -> list[AnswerView]:
    """Some of the answers to the prompts of a run, in the order in which they were given."""
    query = _VIEWS.where(_EXECUTION.c.run == run)
    if after is not None:
        query = query.where(after.is_before(TABLE.c.given_at, TABLE.c.id))
    query = query.order_by(TABLE.c.given_at, TABLE.c.id).limit(limit)
    return [AnswerView(*row) for row in session.connection().execute(query)]


def newest(session: Session, limit: int, after: Place | None = None) -> list[AnswerView]:
    """Some of the answers to the prompts of all runs, those given last first."""
    query = _VIEWS
    if after is not None:
        query = query.where(after.is_behind(TABLE.c.given_at, TABLE.c.id))
    query = query.order_by(TABLE.c.given_at.desc(), TABLE.c.id.desc()).limit(limit)
    return [AnswerView(*row) for row in session.connection().execute(query)]


def views(session: Session, ids: Collection[str]) -> dict[str, AnswerView]:
    """Those of these answers that exist, by id."""
    rows = session.connection().execute(_VIEWS.where(TABLE.c.id.in_(ids)))
    return {view.id: view for view in (AnswerView(*row) for row in rows)}


def taken(session: Session, asking: Collection[str]) -> set[tuple[str, int, str]]:
    """(execution, attempt, prompt) of what was answered of these executions."""
    if not asking:
        return set()
    key = TABLE.c.execution, TABLE.c.attempt, TABLE.c.prompt
    query = select(*key).where(TABLE.c.execution.in_(asking), TABLE.c.result == Result.TAKEN)
    return {(execution, attempt, prompt) for execution, attempt, prompt in session.execute(query)}


def give(session: Session, given: Sequence[messages.Answer], now: datetime) -> list[tuple[str, messages.Answer]]:
    """Keep answers of operators; those that are to be sent, each with its device.

    What was given before is not sent again, and what comes too late for sure is not sent at all. Raises UnknownName for
    an execution that there is not, InvalidInput for a secret that is not sealed.
    """
    known = {row.id for row in _rows(session, {one.id for one in given})}
    asking = {view.id: view for view in executions.views(session, {one.execution for one in given})}
    answered = taken(session, asking)
    to_send, stale = [], []
    for one in given:
        view = asking.get(one.execution)
        if view is None or view.device is None:
            raise UnknownName(f"there is no execution {one.execution}", "see what is asked with: runlet prompts")
        if one.id in known:
            continue
        known.add(one.id)
        prompt = view.prompt if view.prompt is not None and view.prompt.id == one.prompt else None
        if prompt is not None and prompt.secret and not one.sealed:
            raise InvalidInput(f"{view.device} asks for a secret", "seal the answer for its key: it is never sent open")
        row = _given(one, prompt, now)
        session.add(row)
        if prompt is not None and view.attempt == one.attempt and _of(one) not in answered:
            to_send.append((view.device, one))
        else:
            row.result, row.answered_at = Result.STALE, now
            stale.append(row)
    _name_the_first(session, stale)
    return to_send


def refuse(session: Session, ids: Collection[str], detail: str, now: datetime) -> None:
    """These could not be sent."""
    for row in _rows(session, ids):
        row.result, row.detail, row.answered_at = Result.REFUSED, detail, now


def _rows(session: Session, ids: Collection[str]) -> Sequence[Answer]:
    return session.execute(select(Answer).where(TABLE.c.id.in_(ids))).scalars().all()


def _owners(session: Session, ids: Collection[str]) -> dict[str, tuple[str | None, int]]:
    """The device of each of these executions, and which attempt is the present one."""
    query = select(_EXECUTION.c.id, _EXECUTION.c.device, _EXECUTION.c.attempt).where(_EXECUTION.c.id.in_(ids))
    return {id_: (device, attempt) for id_, device, attempt in session.execute(query)}


def _counts(session: Session, ids: Collection[str]) -> Counter[str]:
    query = select(TABLE.c.execution, func.count()).where(TABLE.c.execution.in_(ids)).group_by(TABLE.c.execution)
    found = session.connection().execute(query).all()
    return Counter(dict(found))


def _of(one: Answer | Answered | messages.Answer) -> tuple[str, int, str]:
    """The prompt it is to."""
    return one.execution, one.attempt, one.prompt


def _given(one: messages.Answer, prompt: Prompt | None, now: datetime) -> Answer:
    return Answer(
        id=one.id,
        execution=one.execution,
        attempt=one.attempt,
        prompt=one.prompt,
        question=prompt.text if prompt else "",
        fingerprint=prompt.fingerprint if prompt else "",
        secret=one.sealed,
        origin=Origin.OPERATOR,
        by=one.by,
        text=None if one.sealed or prompt is None else text_of(one.typed),
        given_at=now,
    )


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
