"""Telling the controller what this device is: all facts when they are wanted, and again after a change that matters."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from runlet.agent.facts import matter
from runlet.errors import BrokerUnavailable
from runlet.model.facts import FactValue
from runlet.protocol.messages import Facts, encode


class Observer:
    """Looks `every` so many seconds. Set `wanted` when the controller may know nothing, or an older state."""

    def __init__(
        self, look: Callable[[], dict[str, FactValue]], every: float, publish: Callable[[bytes], Awaitable[None]]
    ) -> None:
        self._look = look
        self._every = every
        self._publish = publish
        self.wanted = asyncio.Event()

    async def run(self) -> None:
        told: dict[str, FactValue] | None = None
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._every):
                    await self.wanted.wait()
            if self.wanted.is_set():
                self.wanted.clear()
                told = None
            found = self._look()
            if told is None or matter(told, found):
                try:
                    await self._publish(encode(Facts(found)))
                except BrokerUnavailable:
                    told = None  # the next look tells them
                else:
                    told = found
