"""The database: one thread, one transaction at a time, each durable when it returns.

SQLite has one writer anyway; a thread of its own keeps the event loop free and rules "database is locked" out. The
collector puts many reports into one transaction, which is where the throughput comes from.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import Engine, event, text
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlmodel import Session, SQLModel, create_engine

from runlet.controller import tables
from runlet.errors import Unavailable

T = TypeVar("T")

# Another process may hold SQLite's write lock (a backup); it is awaited this long.
BUSY_SECONDS = 10.0


class Store:
    """The controller's only way to its tables."""

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    async def open(self) -> None:
        """Create the tables that are missing; raises Unavailable when the database cannot be used."""
        await self._call(lambda: SQLModel.metadata.create_all(self._engine, tables=_TABLES))

    async def transact(self, work: Callable[[Session], T]) -> T:
        """Run `work` in a transaction that commits when it returns and rolls back when it raises.

        `work` runs in the store's thread: it takes values and returns values, never rows.
        Raises Unavailable when the database fails.
        """

        def transaction() -> T:
            with Session(self._engine, expire_on_commit=False) as session, session.begin():
                return work(session)

        return await self._call(transaction)

    async def check(self) -> None:
        """Raises Unavailable when the database does not answer."""
        await self.transact(lambda session: session.connection().execute(text("SELECT 1")).close())

    def close(self) -> None:
        """Finish the transaction under way, then let go of the database."""
        self._thread.shutdown(wait=True)
        self._engine.dispose()

    async def _call(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (OperationalError, InterfaceError, PoolTimeoutError) as error:
            # The database's trouble, not the statement's: what breaks a constraint is a defect of whoever asked.
            raise Unavailable(f"the database failed: {error}") from error


_TABLES = [
    SQLModel.metadata.tables[str(table.__tablename__)]
    for table in (
        tables.Device,
        tables.Content,
        tables.Apply,
        tables.Declared,
        tables.Run,
        tables.Execution,
        tables.Outbox,
    )
]


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url)
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # sqlite3's own implicit BEGIN is deferred, and fails at the first write
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def on_begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
