"""Whether the controller can do its work, found out by trying."""

from __future__ import annotations

import asyncio

from runlet.amqp.consumer import Consumer
from runlet.amqp.publisher import Publisher
from runlet.controller.store import Store
from runlet.errors import Unavailable
from runlet.protocol.views import Health

# A database that takes longer than this to answer is not one that runs can be launched on.
DATABASE_SECONDS = 2.0


class Vitals:
    """The parts the controller cannot do without."""

    def __init__(self, store: Store, publisher: Publisher, consumer: Consumer) -> None:
        self._store = store
        self._publisher = publisher
        self._consumer = consumer

    async def check(self) -> Health:
        database, broker = await self._database(), self._broker()
        return Health("ok" if database == broker == "ok" else "degraded", database, broker)

    async def _database(self) -> str:
        try:
            async with asyncio.timeout(DATABASE_SECONDS):
                await self._store.check()
        except TimeoutError:
            return f"no answer within {DATABASE_SECONDS:g} s"
        except Unavailable as error:
            return error.message
        return "ok"

    def _broker(self) -> str:
        if not self._publisher.connected.is_set():
            return "not connected for publishing"
        if not self._consumer.connected.is_set():
            return "not connected for consuming"
        return "ok"
