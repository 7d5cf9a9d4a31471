"""Sending one stream: small frames at once when somebody watches, large and rare ones when nobody does.

The buffer keeps every byte until the controller has stored it, as the holder's does, which bounds it. What is lost on
the way is noticed by the lack of progress and sent again from the last stored offset.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

from runlet.errors import BrokerUnavailable, ProtocolError
from runlet.holder.buffer import OutputBuffer
from runlet.holder.moments import Moments
from runlet.protocol.chunk import MAX_CHUNK_BYTES, Chunk
from runlet.protocol.messages import WATCH_SECONDS
from runlet.protocol.moment import Moment

# Nobody watches: bytes wait this long for company, so that a chatty job costs four messages a second.
HOLD_SECONDS = 0.25
# ... unless this many are there already.
HOLD_BYTES = 32 * 1024
# Bytes in flight without any progress for this long are taken for lost. Well above a slow broker's round trip. While
# there is none, twice as long each time: with the controller away, what is sent again only fills the broker.
RESEND_SECONDS, MOST_RESEND_SECONDS = 5.0, 60.0


class OutputSender:
    """The sending end of one execution's stream."""

    def __init__(
        self, execution: str, attempt: int, buffer: OutputBuffer, post: Callable[[bytes], Awaitable[None]]
    ) -> None:
        self._execution = execution
        self._attempt = attempt
        self.buffer = buffer
        self._moments = Moments()
        self._post = post
        self._watched_until = 0.0
        self._flushing = False
        self._ended = False
        self._hold: asyncio.TimerHandle | None = None
        self._wake = asyncio.Event()

    def take_over(self, buffer: OutputBuffer) -> None:
        """The stream as its holder has it: what is before the buffer's begin, the controller has stored."""
        self.buffer = buffer
        self._moments = Moments()
        self._wake.set()

    def note(self, moments: Iterable[tuple[int, int, int, int]]) -> None:
        """When bytes were printed that are appended next; or kept already."""
        self._moments.add(moments)

    def append(self, data: bytes) -> None:
        """Take what the terminal printed."""
        self.buffer.append(data)
        if self._is_due():
            self._wake.set()
        elif self._hold is None:
            self._hold = asyncio.get_running_loop().call_later(HOLD_SECONDS, self.flush)

    def flush(self) -> None:
        """Send what is there now."""
        self._hold = None
        self._flushing = True
        self._wake.set()

    def watch(self, watched: bool) -> None:
        """Somebody looks, or nobody any more."""
        now = asyncio.get_running_loop().time()
        self._watched_until = now + WATCH_SECONDS if watched else now
        self._wake.set()

    @property
    def is_watched(self) -> bool:
        return asyncio.get_running_loop().time() < self._watched_until

    def end(self) -> None:
        """Nothing will be appended any more."""
        self._ended = True
        self._wake.set()

    def acknowledge(self, offset: int, *, hole: bool) -> None:
        """The controller has everything before `offset`, and not what followed it if there is a hole.

        Raises ProtocolError for an offset that was never produced, or that the holder has not sent again yet.
        """
        try:
            self.buffer.acknowledge(offset)
        except ValueError as error:
            raise ProtocolError(str(error)) from None
        self._moments.forget(self.buffer.acknowledged)
        if hole:
            self.resume()
        self._wake.set()

    def resume(self) -> None:
        """What was in flight may be lost: send it again, however little it is."""
        self.buffer.rewind()
        self._flushing = self._flushing or self.buffer.unsent > 0
        self._wake.set()

    async def run(self) -> None:
        """Send until the stream has ended and all of it is acknowledged."""
        watchdog = asyncio.create_task(self._resend_lost())
        try:
            while not (self._ended and self.buffer.acknowledged == self.buffer.end):
                self._wake.clear()
                if self.buffer.unsent and self._is_due():
                    await self._send()
                else:
                    await self._wake.wait()
        finally:
            watchdog.cancel()
            if self._hold:
                self._hold.cancel()

    def _is_due(self) -> bool:
        return self._ended or self._flushing or self.buffer.unsent >= HOLD_BYTES or self.is_watched

    async def _send(self) -> None:
        offset, data = self.buffer.take(MAX_CHUNK_BYTES)
        moments = tuple(Moment.of(*found) for found in self._moments.within(offset, offset + len(data)))
        self._flushing = self._flushing and self.buffer.unsent > 0
        try:
            await self._post(Chunk(self._execution, self._attempt, offset, data, moments).encode())
        except BrokerUnavailable:
            self.buffer.rewind()
            self._flushing = True
            with suppress(TimeoutError):
                async with asyncio.timeout(RESEND_SECONDS):
                    await self._wake.wait()  # for resume()

    async def _resend_lost(self) -> None:
        pause = RESEND_SECONDS
        while True:
            before = self.buffer.acknowledged
            await asyncio.sleep(pause)
            if self.buffer.sent > self.buffer.acknowledged == before:
                self.resume()
                pause = min(2 * pause, MOST_RESEND_SECONDS)
            else:
                pause = RESEND_SECONDS
