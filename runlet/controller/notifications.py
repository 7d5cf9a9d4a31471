"""What runs tell others: noticed in the executions, written down once, and kept until it is told.

That a run is to be told of is found in its executions, by looking, not by whoever changes them: so no way in which one
may end is forgotten. What is found is written down in the same transaction that marks it as found, with a condition on
the mark, so that of several controllers one does; and it is claimed for a while before it is told, likewise. A
controller that dies in between leaves a claim that lapses: what is told may be told twice, and has a key to know it by.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, update
from sqlmodel import Session, col, delete, select

from runlet.controller import executions, runs
from runlet.controller.tables import Execution, Notification, Run
from runlet.model.execution import State
from runlet.model.notify import Notify
from runlet.model.prompt import Prompt
from runlet.model.run import derived_state, is_settled

# A claim lapses after this: far beyond the time that telling may take.
CLAIM_SECONDS = 120.0
# The pauses after a try that failed; after the last the notification is given up.
RETRY_SECONDS = (5.0, 30.0, 120.0, 600.0)
# Questions of one run are told together when none has come for so long, ...
GATHER_SECONDS = 2.0
# ... and however many come, when the first of them has waited for so long.
MOST_GATHER_SECONDS = 10.0
# Open runs that one statement asks about; databases bound how many it may name.
RUNS_AT_ONCE = 1000
# Told at once: a run of a large fleet has a few of them, not one a device.
MOST_AT_ONCE = 20
# In one notification: what a person reads. The numbers of all are in it.
MOST_QUESTIONS = 20
MOST_DEVICES = 50


@dataclass(frozen=True, slots=True)
class Claimed:
    """A notification to tell now; `tries` counts this one."""

    id: int
    key: str
    notify: Notify
    payload: dict[str, Any]
    tries: int


@dataclass(frozen=True, slots=True)
class _Told:
    """What of a run is looked at."""

    id: int
    job: str | None
    notify: list[dict[str, Any]] | None


def notice(session: Session, always: Sequence[Notify], now: datetime) -> bool:
    """Write down what is new; whether something is. `always` is told of every run."""
    if not always:  # nobody waits for the others, and nobody who is named later is told of them
        unwanted = update(Run).where(col(Run.told).is_(False), col(Run.notify).is_(None))
        session.connection().execute(unwanted.values(told=True))
    columns = col(Run.id), col(Run.job), col(Run.notify)
    open_ones = [_Told(*row) for row in session.execute(select(*columns).where(col(Run.told).is_(False)))]
    found = False
    for start in range(0, len(open_ones), RUNS_AT_ONCE):
        found |= _notice(session, open_ones[start : start + RUNS_AT_ONCE], always, now)
    return found


def _notice(session: Session, some: Sequence[_Told], always: Sequence[Notify], now: datetime) -> bool:
    standings = runs.standings(session, [run.id for run in some])
    found = False
    for run in some:
        states = standings[run.id]
        wanted = [*always, *(Notify.from_mapping(one) for one in run.notify or ())]
        if is_settled(states):
            if _marks_settled(session, run.id):
                found |= _write(session, run, wanted, derived_state(states), states, _ended(session, run.id), now)
        elif states.get(State.AWAITING_INPUT) and any(State.AWAITING_INPUT in one.on for one in wanted):
            asked = _new_questions(session, run.id, now)
            if asked:
                found |= _write(session, run, wanted, State.AWAITING_INPUT, states, _questions(asked), now)
    return found


def claim(session: Session, now: datetime) -> list[Claimed]:
    """What is due, and no other controller's to tell for a while."""
    rows = session.exec(
        select(Notification)
        .where(col(Notification.due_at) <= now)
        .order_by(col(Notification.due_at))
        .limit(MOST_AT_ONCE)
    )
    claimed = []
    for row in list(rows):
        assert row.id is not None
        mine = update(Notification).where(col(Notification.id) == row.id, col(Notification.tries) == row.tries)
        until = now + timedelta(seconds=CLAIM_SECONDS)
        if session.connection().execute(mine.values(tries=row.tries + 1, due_at=until)).rowcount:
            claimed.append(Claimed(row.id, row.key, Notify.from_mapping(row.notify), row.payload, row.tries + 1))
    return claimed


def done(session: Session, told: Iterable[Claimed], failed: Iterable[Claimed], now: datetime) -> None:
    """These were told; those were not, and are tried again, or given up after the last try."""
    over = [one.id for one in told]
    for one in failed:
        if is_last(one):
            over.append(one.id)
            continue
        due = now + timedelta(seconds=RETRY_SECONDS[one.tries - 1])
        mine = update(Notification).where(col(Notification.id) == one.id, col(Notification.tries) == one.tries)
        session.connection().execute(mine.values(due_at=due))
    session.exec(delete(Notification).where(col(Notification.id).in_(over)))


def is_last(one: Claimed) -> bool:
    return one.tries > len(RETRY_SECONDS)


def _marks_settled(session: Session, run: int) -> bool:
    mine = update(Run).where(col(Run.id) == run, col(Run.told).is_(False)).values(told=True)
    return session.connection().execute(mine).rowcount > 0


def _new_questions(session: Session, run: int, now: datetime) -> list[tuple[str, Prompt]]:
    """(device, question) of those that ask, and were not told of; they count as told from here on.

    None while more are coming.
    """
    columns = (Execution.id, Execution.device, Execution.prompt, Execution.told_prompt, Execution.asked_at)
    query = select(*map(col, columns)).where(Execution.run == run, Execution.state == State.AWAITING_INPUT)
    rows = session.execute(query.order_by(col(Execution.device))).all()
    untold = [row for row in rows if row.prompt is not None and row.prompt.id != row.told_prompt]
    waits = sorted((now - row.asked_at).total_seconds() for row in untold)
    if not waits or (waits[0] < GATHER_SECONDS and waits[-1] < MOST_GATHER_SECONDS):
        return []
    new = []
    for id_, device, prompt, _, _ in untold:
        mine = update(Execution).where(
            col(Execution.id) == id_, or_(col(Execution.told_prompt).is_(None), col(Execution.told_prompt) != prompt.id)
        )
        if session.connection().execute(mine.values(told_prompt=prompt.id)).rowcount:
            new.append((device, prompt))
    return new


def _questions(asked: Sequence[tuple[str, Prompt]]) -> dict[str, Any]:
    groups: dict[str, tuple[Prompt, list[str]]] = {}
    for device, prompt in asked:
        groups.setdefault(prompt.fingerprint, (prompt, []))[1].append(device)
    largest = sorted(groups.values(), key=lambda group: -len(group[1]))[:MOST_QUESTIONS]
    return {
        "questions": [
            {"text": prompt.text, "secret": prompt.secret, "count": len(devices), "devices": devices[:MOST_DEVICES]}
            for prompt, devices in largest
        ]
    }


def _ended(session: Session, run: int) -> dict[str, Any]:
    """The executions that did not succeed, the first of them."""
    table = executions.TABLE
    columns = [table.c[name] for name in ("device", "state", "exit_code", "signal", "detail")]
    query = select(*columns).where(table.c.run == run, table.c.state != State.SUCCEEDED)
    rows = session.execute(query.order_by(table.c.device).limit(MOST_DEVICES))
    return {"executions": [{**row, "state": row["state"].value} for row in rows.mappings()]}


def _write(
    session: Session,
    run: _Told,
    wanted: Iterable[Notify],
    occasion: State,
    states: Mapping[State, int],
    more: Mapping[str, Any],
    now: datetime,
) -> bool:
    payload = {
        "event": occasion.value,
        "run": run.id,
        "job": run.job,
        "at": now.isoformat(),
        "counts": {state.value: count for state, count in states.items() if count},
        **more,
    }
    rows = []
    for one in wanted:
        if occasion in one.on:
            key = str(uuid.uuid4())
            rows.append(
                Notification(key=key, run=run.id, notify=one.to_mapping(), payload={"id": key, **payload}, due_at=now)
            )
    session.add_all(rows)
    return bool(rows)
