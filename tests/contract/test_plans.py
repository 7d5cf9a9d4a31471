"""No question that is asked often reads a whole table: the database itself tells how it would answer.

SQLite only: PostgreSQL's planner reads small tables whole on purpose, and has the same indexes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlmodel import Session

from runlet.controller import (
    answers,
    deliveries,
    executions,
    firings,
    inbox,
    launches,
    notifications,
    outbox,
    releases,
    runs,
)
from runlet.controller.deliveries import Effects
from runlet.controller.firings import fire_due
from runlet.controller.migrations.migrate import migrate
from runlet.controller.pages import Place
from runlet.controller.store import Store
from runlet.controller.tables import Run
from runlet.errors import UnknownName
from runlet.model.execution import Event, State
from runlet.protocol.messages import Report
from tests.contract.operations import NOON

_ID = "00000000-0000-0000-0000-000000000000"

SUPERSEDING = Run(id=2, job="job", delivery={"supersede": True})

ASKED_OFTEN: dict[str, Callable[[Session], object]] = {
    "what is to be told": lambda session: notifications.claim(session, NOON),
    "runs to tell of": lambda session: notifications.notice(session, (), NOON),
    "runs": lambda session: runs.summaries(session, 20, NOON),
    "older runs": lambda session: runs.summaries(session, 20, NOON, 1000),
    "counts": lambda session: executions.counts(session, [1, 2, 3]),
    "executions of a run": lambda session: executions.of_run(session, 1),
    "a page of them": lambda session: executions.page(session, 1, 100, "pi-1", None),
    "a page in one state": lambda session: executions.page(session, 1, 100, "pi-1", State.FAILED),
    "one on a device": lambda session: executions.of_run(session, 1, device="pi-1"),
    "what is not settled": lambda session: executions.unsettled(session, [_ID]),
    "what was told of": lambda session: executions.views(session, [_ID]),
    "reports": lambda session: executions.record(session, [("pi-1", Report(_ID, 1, 1, Event.START, 0.0))], NOON),
    "settling": lambda session: executions.settle(session, {(_ID, 1): 1}),
    "waiting for any device": lambda session: launches.assign_waiting(session, "pi-1", NOON, Effects()),
    "commands for a device": lambda session: outbox.for_device(session, "pi-1", NOON),
    "commands not sent": lambda session: outbox.unsent(session, [_ID]),
    "what is due to fire": lambda session: fire_due(session, NOON),
    "runs that a fire time may meet": lambda session: firings._open_runs(session, "job", "UTC"),
    "runs that are due": lambda session: releases.due(session, NOON),
    "runs concerned": lambda session: releases.concerned(session, ended=[_ID], settled=[_ID], moved=["pi-1"]),
    "a run with a plan": lambda session: releases.advance(session, [1], NOON),
    "executions away": lambda session: executions.away(session, [1, 2], NOON),
    "attempts to come": lambda session: executions.to_be_tried_again(session, [1, 2]),
    "executions that count otherwise": lambda session: executions.apart(session, [1, 2]),
    "what has expired": lambda session: deliveries.expire(session, NOON, Effects()),
    "what is superseded": lambda session: deliveries.supersede(session, SUPERSEDING, None, NOON, Effects()),
    "what is superseded on one device": lambda session: deliveries.supersede(
        session, SUPERSEDING, "pi-1", NOON, Effects()
    ),
    "the inbox": lambda session: inbox.page(session, NOON, 100),
    "the rest of the inbox": lambda session: inbox.page(session, NOON, 100, Place(NOON, _ID)),
    "what was answered": lambda session: answers.taken(session, [_ID]),
    "the newest answers": lambda session: answers.newest(session, 100),
    "older answers": lambda session: answers.newest(session, 100, Place(NOON, _ID)),
    "answers given": lambda session: answers.views(session, [_ID]),
    "commands answered": lambda session: outbox.answered(session, taken=[_ID], ended=[_ID]),
}

# In the order of an index, from its end, and no further than the page: that is not the whole of a table.
FIRST_PAGES = {("runs", "SCAN run"), ("the newest answers", "SCAN answer USING INDEX answer_by_time")}


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Store]:
    migrate(f"sqlite:///{tmp_path}/plans.db")
    opened = Store(f"sqlite:///{tmp_path}/plans.db")
    yield opened
    opened.close()


async def plans(store: Store, work: Callable[[Session], object]) -> list[str]:
    """Each step that SQLite would take for each statement of `work`."""
    statements: list[tuple[str, object]] = []

    def explained(session: Session) -> list[str]:
        connection = session.connection()

        @event.listens_for(connection, "before_cursor_execute")
        def on_statement(_connection, _cursor, statement, parameters, _context, executemany):
            statements.append((statement, parameters[0] if executemany else parameters))

        work(session)
        cursor = connection.connection.cursor()
        return [row[3] for one in statements for row in cursor.execute(f"EXPLAIN QUERY PLAN {one[0]}", one[1])]

    return await store.transact(explained)


@pytest.mark.parametrize("what", ASKED_OFTEN)
async def test_nothing_reads_a_whole_table_or_sorts_it(sqlite: Store, what: str):
    steps = await plans(sqlite, ASKED_OFTEN[what])
    assert steps
    unlimited = [step for step in steps if step.startswith("SCAN") and (what, step) not in FIRST_PAGES]
    assert unlimited == []
    # Those that wait for any device are few, and sorted when one connects.
    assert what == "waiting for any device" or not any("TEMP B-TREE" in step for step in steps)


async def test_a_whole_table_that_is_read_is_noticed(sqlite: Store):
    careless = "SELECT * FROM execution WHERE detail = ?"
    steps = await plans(sqlite, lambda session: session.connection().exec_driver_sql(careless, ("x",)))
    assert steps == ["SCAN execution"]


async def test_the_newest_run_is_found_without_the_others(sqlite: Store):
    def ask(session: Session) -> None:
        with pytest.raises(UnknownName):
            runs.number(session, runs.LATEST)

    assert await plans(sqlite, ask) in (["SCAN run"], ["SCAN run USING COVERING INDEX ix_run_job"])
