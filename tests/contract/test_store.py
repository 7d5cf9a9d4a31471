"""The store when it is not alone: transactions that meet, connections that are cut, servers that go away."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy import text
from sqlmodel import Session

from runlet.controller import database
from runlet.controller import store as store_module
from runlet.controller.migrations.migrate import migrate
from runlet.controller.store import Store
from runlet.controller.tables import Device
from runlet.errors import InvalidInput, Unavailable
from runlet.model.declaration import ChangeKind
from runlet.model.job import Job
from tests.contract.operations import apply
from tests.databases import PrivatePostgres


def count_up(session: Session) -> int:
    """A careless read-modify-write: right only when nothing else is done between the two."""
    device = session.get_one(Device, "counter")
    value = int(device.agent_version or 0) + 1
    device.agent_version = str(value)
    return value


@pytest.fixture
async def other(url: str, store: Store) -> AsyncIterator[Store]:
    """Another controller's store on the same database."""
    second = Store(url)
    await second.open()
    await store.transact(lambda session: session.add(Device(name="counter")))
    yield second
    second.close()


async def test_transactions_of_two_controllers_are_as_if_one_after_the_other(store: Store, other: Store):
    values = await asyncio.gather(*(one.transact(count_up) for _ in range(25) for one in (store, other)))
    assert sorted(values) == list(range(1, 51))


async def test_two_applies_at_once_create_a_job_once(store: Store, other: Store):
    for number in range(10):
        job = Job(f"job-{number}", "true")
        applying = (one.transact(lambda session, job=job: apply(session, job)) for one in (store, other))
        told = [change.change for [change] in await asyncio.gather(*applying)]
        assert sorted(told) == [ChangeKind.CREATED, ChangeKind.UNCHANGED]


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[PrivatePostgres]:
    """A server that may be stopped: no other test uses it."""
    private = PrivatePostgres()
    private.start()
    yield private
    private.remove()


@pytest.fixture
def name(server: PrivatePostgres) -> str:
    """A migrated database there."""
    created = server.create()
    migrate(server.url(created))
    return created


@pytest.fixture
async def remote(server: PrivatePostgres, name: str) -> AsyncIterator[Store]:
    opened = Store(server.url(name))
    await opened.open()
    await opened.transact(lambda session: session.add(Device(name="counter")))
    yield opened
    opened.close()


async def test_an_option_that_there_is_not_is_said_at_the_start(server: PrivatePostgres, name: str):
    wrong = Store(f"{server.url(name)}&no_such_option=1")
    with pytest.raises(InvalidInput, match="no_such_option"):
        await wrong.open()
    wrong.close()


async def test_a_connection_cut_between_transactions_is_not_noticed(server: PrivatePostgres, name: str, remote: Store):
    for value in range(1, 4):
        assert server.disconnect(name) == 1
        assert await remote.transact(count_up) == value


async def test_a_connection_cut_within_a_transaction_makes_it_unavailable_and_undone(
    server: PrivatePostgres, name: str, remote: Store
):
    def cut(session: Session) -> None:
        count_up(session)
        session.flush()
        server.disconnect(name)

    with pytest.raises(Unavailable, match="database failed"):
        await remote.transact(cut)
    assert await remote.transact(count_up) == 1


async def test_a_server_that_went_away_is_unavailable_until_it_is_back(server: PrivatePostgres, remote: Store):
    server.stop()
    with pytest.raises(Unavailable):
        await remote.check()
    server.launch()
    await remote.check()
    assert await remote.transact(count_up) == 1


async def test_a_transaction_that_always_meets_another_is_given_up(server: PrivatePostgres, name: str, remote: Store):
    tries = itertools.count(1)

    def meet(session: Session) -> None:
        count_up(session)
        server.ask(f"UPDATE device SET agent_version = '{next(tries)}'", name)

    with pytest.raises(Unavailable, match="serialize"):
        await remote.transact(meet)
    assert next(tries) == store_module.TRIES + 1


async def test_a_statement_that_takes_too_long_is_ended_and_its_values_are_not_told(
    server: PrivatePostgres, name: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(database, "STATEMENT_SECONDS", 0.05)
    slow = Store(server.url(name))
    sleep = text("SELECT pg_sleep(60), :secret")
    with pytest.raises(Unavailable, match="statement timeout") as caught:
        await slow.transact(lambda session: session.connection().execute(sleep, {"secret": "hunter2"}))
    assert "hunter2" not in caught.value.message
    slow.close()


async def test_a_transaction_that_idles_is_ended_and_the_store_recovers(
    server: PrivatePostgres, name: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(database, "IDLE_SECONDS", 0.05)
    frozen = Store(server.url(name))

    def idle(session: Session) -> None:
        session.connection().execute(text("SELECT 1"))
        while server.ask(f"SELECT 1 FROM pg_stat_activity WHERE datname = '{name}' AND state LIKE 'idle in%'"):
            pass
        session.connection().execute(text("SELECT 1"))

    with pytest.raises(Unavailable):
        await frozen.transact(idle)
    await frozen.check()
    frozen.close()
