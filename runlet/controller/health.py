"""Whether the controller can do its work, found out by trying and by what failed of late."""

from __future__ import annotations

import asyncio
import time

from runlet.amqp.consumer import Consumer
from runlet.amqp.publisher import Publisher
from runlet.controller.collector import Collector
from runlet.controller.scheduler import Scheduler
from runlet.controller.store import Store
from runlet.controller.transcripts import Transcripts
from runlet.errors import Unavailable
from runlet.protocol.views import FAILED, OK, Health

# A database, or a disk, that takes longer than this to answer is not one that runs can be launched on.
ANSWER_SECONDS = 2.0
# Anybody may ask, and each look writes to the disk: what was found holds so long.
HOLDS_SECONDS = 1.0
# A batch of reports is recorded within a second; devices count as offline when theirs wait for 45.
BEHIND_SECONDS = 20.0


class Vitals:
    """The parts the controller cannot do without."""

    def __init__(
        self,
        store: Store,
        publisher: Publisher,
        consumer: Consumer,
        collector: Collector,
        transcripts: Transcripts,
        scheduler: Scheduler,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._consumer = consumer
        self._collector = collector
        self._transcripts = transcripts
        self._scheduler = scheduler
        self._looking = asyncio.Lock()
        self._probe: asyncio.Task[None] | None = None  # of the transcripts
        self._found: Health | None = None
        self._found_at = 0.0

    async def check(self) -> Health:
        async with self._looking:
            if self._found is None or time.monotonic() - self._found_at >= HOLDS_SECONDS:
                self._found = await self._look()
                self._found_at = time.monotonic()
            return self._found

    async def _look(self) -> Health:
        database, transcripts = await asyncio.gather(self._database(), self._stored())
        parts = (database, self._broker(), transcripts, self._reports(), self._schedules())
        return Health(OK if all(part == OK for part in parts) else "degraded", *parts)

    async def _database(self) -> str:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._store.check()
        except TimeoutError:
            return f"no answer within {ANSWER_SECONDS:g} s"
        except Unavailable as error:
            return error.message
        return self._store.failure or OK

    async def _stored(self) -> str:
        if self._probe is None:  # one that hangs holds a thread, so there is one at most
            self._probe = asyncio.create_task(asyncio.to_thread(self._transcripts.check))
        if not (await asyncio.wait((self._probe,), timeout=ANSWER_SECONDS))[0]:
            return f"no answer within {ANSWER_SECONDS:g} s"
        probe, self._probe = self._probe, None
        try:
            probe.result()
        except Unavailable as error:
            return error.message
        return self._transcripts.failure or OK

    def _broker(self) -> str:
        if not self._publisher.connected.is_set():
            return "not connected for publishing"
        if not self._consumer.connected.is_set():
            return "not connected for consuming"
        if self._publisher.blocked:
            return f"blocked by the broker: {self._publisher.blocked}"
        return OK

    def _reports(self) -> str:
        behind = self._collector.behind
        return OK if behind < BEHIND_SECONDS else f"what agents tell is not recorded since {behind:.0f} s"

    def _schedules(self) -> str:
        return self._scheduler.failure or OK


def told_to_anybody(health: Health) -> Health:
    """Which parts failed, and not why: the words of a database name its host and its user."""
    parts = (health.database, health.broker, health.transcripts, health.reports, health.schedules)
    return Health(health.status, *(OK if part == OK else FAILED for part in parts))
