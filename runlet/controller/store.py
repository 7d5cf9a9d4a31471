"""The database: one thread, one transaction at a time, each durable when it returns.

SQLite has one writer anyway; a thread of its own keeps the event loop free and rules "database is locked" out. The
collector puts many reports into one transaction, which is where the throughput comes from.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, InternalError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlmodel import Session

from runlet.backoff import Backoff
from runlet.controller import database, migrations
from runlet.controller.wall_clock import STEPPED, WallClock
from runlet.errors import InvalidInput, Unavailable

T = TypeVar("T")

# A transaction that met another one is done again, so often at most: each time one of those that met has got through.
TRIES = 10
# ... after a pause: at first a few times what a transaction takes, at last what a person just notices.
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.02, 0.2

# A failure counts this long: what failed is tried again within it, so that one that lasts is told without a break.
FAILURE_SECONDS = 30.0

log = logging.getLogger(__name__)


class Store:
    """The controller's only way to its tables."""

    def __init__(self, url: str) -> None:
        self._engine = database.connect(url)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self.clock = WallClock()
        self._failure = ""
        self._failed_until = float("-inf")

    @property
    def failure(self) -> str:
        """Why the database failed of late; empty when it did not. A damaged one stays so."""
        return self._failure if time.monotonic() < self._failed_until else ""

    async def open(self) -> None:
        """Raises Conflict when the schema is not this version's, InvalidInput for what we may not use.

        Raises Unavailable when the database does not answer.
        """
        try:
            await self._call(lambda: migrations.check(self._engine))
        except ProgrammingError as error:  # an option in the URL that there is not, or a right that is missing
            raise InvalidInput(f"the database cannot be used: {database.words(error)}") from error

    async def transact(self, work: Callable[[Session], T]) -> T:
        """Run `work` in a transaction that commits when it returns and rolls back when it raises.

        `work` runs in the store's thread: it takes values and returns values, never rows. It may run more than once,
        for PostgreSQL can refuse a transaction that met another one: nothing outside the session may know of a try
        that did not commit. The session's `info` has STEPPED while the clock cannot tell who is silent.

        Raises Unavailable when the database fails. If the connection was lost, it may have committed all the same.
        """

        info = {STEPPED: self.clock.has_stepped()}

        def transaction() -> T:
            pause = Backoff(PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
            for _ in range(TRIES - 1):
                try:
                    return self._once(work, info)
                except DBAPIError as error:
                    if not database.may_repeat(error):
                        raise
                    log.info("a transaction met another one and is done again: %s", database.words(error))
                    time.sleep(pause.next())
            return self._once(work, info)

        return await self._call(transaction)

    def _once(self, work: Callable[[Session], T], info: dict[str, bool]) -> T:
        with Session(self._engine, expire_on_commit=False, info=info) as session, session.begin():
            return work(session)

    async def check(self) -> None:
        """Raises Unavailable when the database takes nothing: reading alone would pass where the disk is full."""
        await self.transact(lambda session: migrations.touch(session.connection()))

    def close(self) -> None:
        """Finish the transaction under way, then let go of the database."""
        self._thread.shutdown(wait=True)
        self._engine.dispose()

    async def _call(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (OperationalError, InterfaceError, InternalError, PoolTimeoutError) as error:
            # The database's trouble, not the statement's: what breaks a constraint is a defect of whoever asked.
            raise self._failed(error, FAILURE_SECONDS) from error
        except DatabaseError as error:
            if type(error) is not DatabaseError:
                raise
            raise self._failed(error, math.inf) from error  # what SQLite says of a file that is damaged

    def _failed(self, error: Exception, seconds: float) -> Unavailable:
        self._failure = f"the database failed: {database.words(error)}"
        self._failed_until = max(self._failed_until, time.monotonic() + seconds)
        return Unavailable(self._failure)
