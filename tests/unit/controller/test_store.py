"""A database that takes nothing, or is damaged, is told; and no value of a statement with it."""

from __future__ import annotations

import resource
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from runlet.controller.migrations.migrate import migrate
from runlet.controller.store import Store
from runlet.controller.tables import Device
from runlet.errors import Unavailable


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    migrate(f"sqlite:///{tmp_path}/runlet.db")
    opened = Store(f"sqlite:///{tmp_path}/runlet.db")
    await opened.open()
    yield opened
    opened.close()


async def test_a_disk_that_takes_no_write_is_found_out(store: Store, tmp_path: Path) -> None:
    await store.check()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "runlet.db-wal").stat().st_size, hard))
    try:
        with pytest.raises(Unavailable, match="the database failed"):
            await store.check()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    await store.check()
    assert store.failure.startswith("the database failed")


async def test_a_damaged_database_is_unavailable_and_stays_told(store: Store, tmp_path: Path) -> None:
    await store.transact(lambda session: session.add_all(Device(name=f"d-{number}") for number in range(3000)))
    await store.transact(lambda session: None)
    store.close()
    damaged = tmp_path / "runlet.db"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[: len(whole) // 2] + b"\xff" * (len(whole) - len(whole) // 2))
    again = Store(f"sqlite:///{damaged}")
    try:
        with pytest.raises(Unavailable, match="malformed"):
            await again.transact(lambda session: session.connection().execute(text("SELECT * FROM device")).all())
        assert "malformed" in again.failure
    finally:
        again.close()


async def test_a_statement_that_fails_does_not_tell_its_values(store: Store) -> None:
    def work(session):
        session.connection().execute(text("INSERT INTO device (name, no_such) VALUES (:a, 1)"), {"a": "hunter2"})

    with pytest.raises(Exception, match="no_such") as caught:
        await store.transact(work)
    cause = caught.value.__cause__ or caught.value
    assert "hunter2" not in str(cause)
