"""Adopting what devices report and the database does not know, and where that ends: a device can invent it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest
from sqlmodel import Session, col, func, select

from runlet.controller import adoption, executions, notifications
from runlet.controller.store import Store
from runlet.controller.tables import Execution, Notification, Run
from runlet.model.execution import Event, State
from runlet.model.notify import Notify
from runlet.protocol.messages import Report
from tests.contract.operations import NOON, connect

MOST = 5
TOLD = (Notify(frozenset({State.SUCCEEDED, State.FAILED}), webhook="http://a.example/"),)


@pytest.fixture(autouse=True)
async def connected(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adoption, "MOST_ADOPTED", MOST)
    await store.transact(lambda session: connect(session, "pi-1", "pi-2"))


def invented(number: int, event: Event = Event.SUCCEED, run: int = 0) -> list[Report]:
    ids = (str(uuid.uuid4()) for _ in range(number))
    return [Report(one, 1, 3, event, 0.0, run=run or 7_000 + n, job="invented") for n, one in enumerate(ids)]


async def reported(store: Store, device: str, reports: Iterable[Report], now: datetime = NOON) -> int:
    """As the collector does it; how many were adopted. What has ended is settled."""

    def work(session: Session) -> int:
        recorded = executions.record(session, [(device, one) for one in reports], now)
        adopted = adoption.adopt(session, recorded.strangers, now)
        executions.record(session, adopted, now)
        executions.settle(session, {(one.execution, 1): 0 for _, one in adopted if one.event is Event.SUCCEED})
        return len(adopted)

    return await store.transact(work)


async def test_what_is_settled_counts_for_a_day(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    assert await reported(store, "pi-1", invented(3)) == 3
    assert await reported(store, "pi-1", invented(40)) == MOST - 3
    told = [one.getMessage() for one in caplog.records if one.getMessage().startswith("dropped")]
    assert told == [
        f"dropped 38 reports from pi-1 on unknown executions: it is not enrolled, or had {MOST} adopted already"
    ]
    assert await reported(store, "pi-1", invented(1), NOON + timedelta(hours=23)) == 0
    assert await reported(store, "pi-2", invented(1)) == 1, "another device's have their own bound"
    assert await reported(store, "pi-1", invented(MOST + 1), NOON + timedelta(hours=25)) == MOST
    count = await store.transact(lambda session: session.exec(select(func.count(col(Execution.id)))).one())
    assert count == 2 * MOST + 1


async def test_what_is_not_settled_counts_for_ever(store: Store) -> None:
    assert await reported(store, "pi-1", invented(MOST, Event.START)) == MOST
    assert await reported(store, "pi-1", invented(1), NOON + timedelta(days=30)) == 0


async def test_what_was_adopted_goes_on_beyond_the_bound(store: Store) -> None:
    running = invented(MOST, Event.START)
    await reported(store, "pi-1", running)
    ended = [Report(one.execution, 1, 4, Event.SUCCEED, 0.0, run=one.run, job=one.job) for one in running]
    await reported(store, "pi-1", ended)
    states = await store.transact(lambda session: set(session.exec(select(Execution.state))))
    assert states == {State.SUCCEEDED}


async def told(store: Store) -> int:
    await store.transact(lambda session: notifications.notice(session, TOLD, NOON))
    return await store.transact(lambda session: session.exec(select(func.count(col(Notification.id)))).one())


async def test_nobody_is_told_of_what_had_ended(store: Store) -> None:
    await reported(store, "pi-1", invented(2))
    assert await told(store) == 0


async def test_the_end_of_what_still_ran_is_told(store: Store) -> None:
    """Also in a run of which another device's part had ended."""
    await reported(store, "pi-1", invented(1, run=9))
    running = invented(1, Event.START, run=9)
    await reported(store, "pi-2", running)
    assert await told(store) == 0
    await reported(store, "pi-2", [Report(running[0].execution, 1, 4, Event.SUCCEED, 0.0, run=9, job="invented")])
    assert await told(store) == 1
    assert len(await store.transact(lambda session: session.exec(select(Run)).all())) == 1
