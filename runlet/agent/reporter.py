"""Telling the controller what happened: the newest report of each execution, until it arrives.

A report that is overtaken by a newer one of the same execution need not be sent: the transition table knows the jump.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from runlet.errors import BrokerUnavailable
from runlet.protocol.messages import Report, encode


class Reporter:
    """An outbox in memory; the journal holds everything in it, so a restart loses nothing."""

    def __init__(self, publish: Callable[[bytes], Awaitable[None]], on_failure: Callable[[], None]) -> None:
        """`on_failure` sees to it that everything is told again."""
        self._publish = publish
        self._on_failure = on_failure
        self._pending: dict[tuple[str, int], Report] = {}
        self._wake = asyncio.Event()

    def report(self, report: Report) -> None:
        self._pending[report.execution, report.attempt] = report
        self._wake.set()

    async def send_all(self, reports: Iterable[Report]) -> None:
        """Publish these now and wait for the broker's confirms; raises BrokerUnavailable."""
        await asyncio.gather(*(self._publish(encode(report)) for report in reports))

    async def run(self) -> None:
        """Publish as reports come. What fails is told again by the next greeting."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            pending, self._pending = self._pending, {}
            try:
                await self.send_all(pending.values())
            except BrokerUnavailable:  # or nobody has the queue: the connection is whole then, and no other will come
                self._on_failure()
