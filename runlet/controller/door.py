"""Who may come in to the HTTP server, before anything of a request is known: a bounded number, each for a while.

Whoever connects and says nothing holds a descriptor, and the program needs those for its database, its transcripts and
its broker. So there is a bound; at it, who has waited longest without a request makes room for who comes next.
"""

from __future__ import annotations

import asyncio
import resource
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

# Consoles of a large fleet's operators. Each costs some 20 KB.
MOST_CONNECTIONS = 2000
# Descriptors that connections may never have: database, broker, transcripts, notifications.
RESERVED_FILES = 256
# A head of a kilobyte needs a second on the worst line. Looked at twice as often.
HEAD_SECONDS = 10.0


def most_connections() -> int:
    """By what this process may open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(MOST_CONNECTIONS, max(soft - RESERVED_FILES, soft // 2))


class Door:
    """The connections that have not brought a request yet, the oldest first."""

    def __init__(self, most: int, head_seconds: float = HEAD_SECONDS) -> None:
        self.most = most
        self.head_seconds = head_seconds
        self.waiting: dict[Visit, None] = {}


class Visit(H11Protocol):
    """One connection. It is closed when a request's head takes too long."""

    def __init__(self, door: Door, **options: Any) -> None:
        super().__init__(**options)
        self._door = door
        self._timer: asyncio.TimerHandle | None = None
        self._silent_with: object = self  # the request before the silence, at the last look; at first none can be it

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        full = len(self.connections) >= self._door.most
        super().connection_made(transport)
        if full and not self._door.waiting:
            transport.abort()
            return
        if full:
            next(iter(self._door.waiting)).leave()
        self._door.waiting[self] = None
        self._look_later()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None:
            self._door.waiting.pop(self, None)

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

    def _look_later(self) -> None:
        self._timer = self.loop.call_later(self._door.head_seconds / 2, self._look)

    def _look(self) -> None:
        if self not in self.connections:  # it has become a WebSocket
            self._let_go()
            return
        silent = self.conn.their_state is h11.IDLE
        if silent and self._silent_with is self.cycle:
            self.leave()
            return
        self._silent_with = self.cycle if silent else self
        self._look_later()
