"""A TCP proxy that ill-treats what passes: delays, pauses, cuts, swallows, slows and chops it.

It runs in a thread of its own, so that tests that wait may use it; its knobs may be turned at any time. In front of a
broker it is one itself, to whoever asks for addresses.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar

from tests.harness import PATIENCE_SECONDS, Broker

READ_BYTES = 64 * 1024
# Closes with a reset: lingering on, for no time.
_RESET = struct.pack("ii", 1, 0)
T = TypeVar("T")


class Way(Enum):
    UP = "to the target"
    DOWN = "from the target"


@dataclass(eq=False)
class _Pair:
    """One connection and its continuation. What was swallowed cannot be made good: a black pair stays so."""

    near: asyncio.StreamWriter
    far: asyncio.StreamWriter | None = None
    black: set[Way] = field(default_factory=set)


class Proxy:
    """A proxy in front of one port of this machine."""

    def __init__(self, target: int) -> None:
        self._target = target
        self.delay = 0.0  # seconds before each read is passed on
        self.rate: float | None = None  # bytes a second, each way of each connection
        self.piece: int | None = None  # bytes written at once
        self._black: set[Way] = set()
        self._whole = True
        self._pairs: set[_Pair] = set()
        self._loop = asyncio.new_event_loop()
        self._flows = asyncio.Event()
        self._flows.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._serve, sock=self._listener))

    @property
    def connections(self) -> int:
        """How many there are, dead ones that nobody has closed included."""
        return len(self._pairs)

    def cut(self) -> None:
        """Reset every connection, and each new one, until mended."""
        self._do(self._cut())

    def blackhole(self, *ways: Way) -> None:
        """Swallow what comes, both ways unless told otherwise; new connections get no answer at all, until mended."""
        self._do(self._blacken(set(ways or Way)))

    def pause(self) -> None:
        """Hold everything back, until mended."""
        self._loop.call_soon_threadsafe(self._flows.clear)

    def mend(self) -> None:
        """Let new connections through, and go on with those that were paused."""
        self._whole = True
        self._black = set()
        self._loop.call_soon_threadsafe(self._flows.set)

    def close(self) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_SECONDS)

    async def _cut(self) -> None:
        self._whole = False
        for pair in self._pairs:
            _reset(pair)

    async def _blacken(self, ways: set[Way]) -> None:
        self._black = ways
        for pair in self._pairs:
            pair.black |= ways

    async def _close(self) -> None:
        self._server.close()
        await self._cut()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pair = _Pair(writer, black=set(self._black))
        self._pairs.add(pair)
        try:
            if not self._whole:
                return
            if pair.black:
                while await reader.read(READ_BYTES):
                    pass
                return
            far, pair.far = await asyncio.open_connection("127.0.0.1", self._target)
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._pass(reader, pair.far, pair, Way.UP))
                ways.create_task(self._pass(far, writer, pair, Way.DOWN))
        except (OSError, ExceptionGroup, asyncio.CancelledError):
            pass  # one end is gone, or we are closed
        finally:
            _reset(pair)
            self._pairs.discard(pair)

    async def _pass(self, source: asyncio.StreamReader, to: asyncio.StreamWriter, pair: _Pair, way: Way) -> None:
        while data := await source.read(READ_BYTES):
            await self._flows.wait()
            if self.delay:
                await asyncio.sleep(self.delay)
            for begin in range(0, len(data), self.piece or len(data)):
                if way in pair.black:
                    break
                piece = data[begin : begin + (self.piece or len(data))]
                to.write(piece)
                await to.drain()
                if self.rate:
                    await asyncio.sleep(len(piece) / self.rate)
        if pair.black:
            await asyncio.Event().wait()  # the other end must not hear of this one's end
        with contextlib.suppress(OSError):
            to.write_eof()


def _reset(pair: _Pair) -> None:
    for writer in (pair.near, pair.far):
        if writer is not None:
            with contextlib.suppress(OSError):  # closed already
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()


class Wire(Proxy):
    """A proxy in front of a broker of one node."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        [url] = listed(broker.controller_url)
        super().__init__(port_of(url))

    @property
    def controller_url(self) -> str:
        return self._through(self._broker.controller_url)

    def device_url(self, name: str) -> str:
        return self._through(self._broker.device_url(name))

    def _through(self, url: str | list[str]) -> str:
        [url] = listed(url)
        return url.replace(f":{port_of(url)}/", f":{self.port}/")


def listed(urls: str | list[str]) -> list[str]:
    return [urls] if isinstance(urls, str) else urls


def port_of(url: str) -> int:
    return int(url.rpartition("@")[2].partition("/")[0].rpartition(":")[2])
