"""Who may come in to the HTTP server, before anything of a request is known: a bounded number, each for a while.

Whoever connects and says nothing holds a descriptor, and the program needs those for its database, its transcripts and
its broker. So there is a bound; at it, who has been waited for longest makes room for who comes next. Whose request is
being taken or answered keeps its place: the gate has let it in, for it answers those without the token at once.
"""

from __future__ import annotations

import asyncio
import resource
from enum import Enum, auto
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

# Consoles of a large fleet's operators. Each costs some 20 KB.
MOST_CONNECTIONS = 2000
# Descriptors that connections may never have: database, broker, transcripts, notifications.
RESERVED_FILES = 256
# A head of a kilobyte needs a second on the worst line. After an answer it is the time for the next request, or for the
# rest of a body that nobody read: cut off sooner, a client that still sends would not see why it was refused.
HEAD_SECONDS = 10.0
# The largest body, 16 MiB, on a line of half a megabit.
BODY_SECONDS = 300.0
# For the 64 KiB of an answer that are buffered, on the worst line.
READING_SECONDS = 60.0


def most_connections() -> int:
    """By what this process may open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(MOST_CONNECTIONS, max(soft - RESERVED_FILES, soft // 2))


class Door:
    """The connections whose clients are waited for and that make room for others, the longest waited for first."""

    def __init__(
        self,
        most: int,
        head_seconds: float = HEAD_SECONDS,
        body_seconds: float = BODY_SECONDS,
        reading_seconds: float = READING_SECONDS,
    ) -> None:
        self.most = most
        self.head_seconds = head_seconds
        self.body_seconds = body_seconds
        self.reading_seconds = reading_seconds
        self.waiting: dict[Visit, None] = {}


class Awaited(Enum):
    """What the client has yet to do."""

    REQUEST = auto()
    BODY = auto()
    READING = auto()


class Visit(H11Protocol):
    """One connection. It is closed when its client takes too long for what is awaited of it."""

    def __init__(self, door: Door, **options: Any) -> None:
        super().__init__(**options)
        self._door = door
        self._timer: asyncio.TimerHandle | None = None
        self._awaited: tuple[Awaited | None, object] = (None, None)  # and since which request

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        full = len(self.connections) >= self._door.most
        super().connection_made(transport)
        if full and not self._door.waiting:
            transport.abort()
            return
        if full:
            next(iter(self._door.waiting)).leave()
        self._look()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._look()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        self._let_go()
        super().connection_lost(exc)

    def leave(self) -> None:
        self._let_go()
        self.transport.abort()

    def _let_go(self) -> None:
        self._door.waiting.pop(self, None)
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        """Begin to wait for something else, if that has changed: more of the same wins no time."""
        awaited = self._awaits()
        if (awaited, self.cycle) == self._awaited:
            return
        self._let_go()
        self._awaited = (awaited, self.cycle)
        if awaited is None:
            return
        seconds = {
            Awaited.REQUEST: self._door.head_seconds,
            Awaited.BODY: self._door.body_seconds,
            Awaited.READING: self._door.reading_seconds,
        }[awaited]
        self._timer = self.loop.call_later(seconds, self.leave)
        if awaited is not Awaited.BODY:  # the gate has let it in
            self._door.waiting[self] = None

    def _awaits(self) -> Awaited | None:
        if self not in self.connections:  # it has become a WebSocket
            return None
        if self.flow.write_paused:
            return Awaited.READING
        cycle: Any = self.cycle  # None before the first request, which uvicorn's types leave out
        if cycle and not cycle.response_complete:
            return Awaited.BODY if cycle.more_body else None
        return Awaited.REQUEST
