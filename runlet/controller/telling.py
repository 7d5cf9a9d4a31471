"""Telling the other controllers of a workspace what happens here: one records what devices report, all show it.

News is sent at once and may be lost: whoever hears it looks again at an interval. A controller that is alone tells
nothing but that it is there.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress

from runlet.amqp.publisher import Publisher
from runlet.protocol import names, news
from runlet.protocol.messages import InputRefused, InputTaken, Modes, Writer
from runlet.protocol.news import MAX_NAMES, News

# Each controller says that it is there this often.
PRESENCE_SECONDS = 5.0
# One that was not heard for this long is gone.
GONE_SECONDS = 3 * PRESENCE_SECONDS
# What happens within this time is one message: a console elsewhere is behind by a frame of a film.
TELL_SECONDS = 0.02


class Telling:
    """Says what the hub is told here."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self.origin = str(uuid.uuid4())
        self._others: dict[str, float] = {}  # when each was heard last
        self._told = float("-inf")  # when this one last said that it is there
        self._changed: set[str] = set()
        self._printed: set[str] = set()
        self._rollouts: set[int] = set()
        self._refused: list[InputRefused] = []
        self._decided: set[str] = set()
        self._writers: dict[str, Writer] = {}
        self._modes: dict[str, Modes] = {}
        self._taken: dict[tuple[str, int], InputTaken] = {}  # by execution and console
        self._wake = asyncio.Event()

    def changed(self, execution: str) -> None:
        """It has a newer version, or a device."""
        if self._is_heard:
            self._changed.add(execution)
            self._wake.set()

    def printed(self, execution: str) -> None:
        """More of its output is stored."""
        if self._is_heard:
            self._printed.add(execution)
            self._wake.set()

    def came_further(self, run: int) -> None:
        """Its rollout did."""
        if self._is_heard:
            self._rollouts.add(run)
            self._wake.set()

    def refused(self, refused: InputRefused) -> None:
        """The console that typed may be attached elsewhere."""
        if self._is_heard:
            self._refused.append(refused)
            self._wake.set()

    def taken(self, taken: InputTaken) -> None:
        """The console that typed may be attached elsewhere."""
        if self._is_heard:
            self._taken[taken.execution, taken.console] = taken
            self._wake.set()

    def decided(self, answer: str) -> None:
        """Its device said what became of it; the operator who gave it may wait elsewhere."""
        if self._is_heard:
            self._decided.add(answer)
            self._wake.set()

    def wrote(self, writer: Writer) -> None:
        """A session has another writer, or none."""
        if self._is_heard:
            self._writers[writer.execution] = writer
            self._wake.set()

    def told_modes(self, modes: Modes) -> None:
        """A console that is late may be attached elsewhere."""
        if self._is_heard:
            self._modes[modes.execution] = modes
            self._wake.set()

    def heard(self, origin: str) -> bool:
        """Note that a controller is there; whether it is another one."""
        if origin == self.origin:
            return False
        if origin not in self._others:
            self._told = float("-inf")  # it may not know of us
            self._wake.set()
        self._others[origin] = time.monotonic()
        return True

    @property
    def is_alone(self) -> bool:
        return not self._others

    @property
    def _is_heard(self) -> bool:
        """Whether it is worth noting anything: without a connection it would only pile up."""
        return bool(self._others) and self._publisher.connected.is_set()

    async def run(self) -> None:
        """Tell what happened, and at an interval that this controller is there."""
        while True:
            await self._publisher.connected.wait()
            if (now := time.monotonic()) >= self._told + PRESENCE_SECONDS:
                self._told = now
                self._forget_the_gone(now)
                self._tell(News(self.origin))
            for one in self._gathered():
                self._tell(one)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._told + PRESENCE_SECONDS - now):
                    await self._wake.wait()
                    self._wake.clear()
                    await asyncio.sleep(TELL_SECONDS)

    def _tell(self, one: News) -> None:
        self._publisher.offer(names.NEWS_KEY, news.encode(one))

    def _gathered(self) -> Iterator[News]:
        named = self._changed, self._printed, self._rollouts, self._refused, self._decided
        whole = self._writers.values(), self._modes.values(), self._taken.values()
        parts = [tuple(part) for part in (*named, *whole)]
        self._changed, self._printed, self._rollouts, self._refused, self._decided = set(), set(), set(), [], set()
        self._writers, self._modes, self._taken = {}, {}, {}
        for start in range(0, max(map(len, parts)), MAX_NAMES):
            yield News(self.origin, *(part[start : start + MAX_NAMES] for part in parts))  # type: ignore[arg-type]

    def _forget_the_gone(self, now: float) -> None:
        self._others = {origin: heard for origin, heard in self._others.items() if heard > now - GONE_SECONDS}
