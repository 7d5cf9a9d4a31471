"""runlet/agent/observer.py: when facts are told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable

from runlet.agent.observer import Observer
from runlet.errors import BrokerUnavailable
from runlet.model.facts import FactValue
from runlet.protocol.messages import Facts, decode

OFTEN, NEVER = 0.001, 3600.0


class Broker:
    """Takes what is published, unless it is away for the first few times."""

    def __init__(self, refusals: int = 0) -> None:
        self._refusals = refusals
        self.taken: asyncio.Queue[dict[str, FactValue]] = asyncio.Queue()

    async def publish(self, body: bytes) -> None:
        if self._refusals:
            self._refusals -= 1
            raise BrokerUnavailable("away")
        message = decode(body)
        assert isinstance(message, Facts)
        self.taken.put_nowait(message.facts)


@contextlib.asynccontextmanager
async def observing(looks: Iterable[int], every: float, broker: Broker) -> AsyncIterator[Observer]:
    """An observer of a battery with these levels, the last for ever."""
    levels = iter(looks)
    last = 0

    def look() -> dict[str, FactValue]:
        nonlocal last
        last = next(levels, last)
        return {"battery.percent": last}

    observer = Observer(look, every, broker.publish)
    task = asyncio.create_task(observer.run())
    yield observer
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_changes_that_matter_are_told_and_no_others() -> None:
    broker = Broker()
    async with observing([90, 89, 88, 81, 80, 79, 60], OFTEN, broker):
        told = [(await broker.taken.get())["battery.percent"] for _ in range(3)]
    assert told == [90, 80, 60]
    assert broker.taken.empty()


async def test_all_is_told_whenever_it_is_wanted() -> None:
    broker = Broker()
    async with observing([50], NEVER, broker) as observer:
        for _ in range(3):
            observer.wanted.set()
            assert await broker.taken.get() == {"battery.percent": 50}


async def test_what_the_broker_did_not_take_is_told_at_the_next_look() -> None:
    broker = Broker(refusals=2)
    async with observing([50], OFTEN, broker):
        assert await broker.taken.get() == {"battery.percent": 50}
    assert broker.taken.empty()
