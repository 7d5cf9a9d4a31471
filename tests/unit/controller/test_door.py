"""Who connects and says nothing keeps nobody out, and does not stay."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
import uvicorn

from runlet.controller.app import _Server
from runlet.controller.door import RESERVED_FILES, Door, Visit, most_connections

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
PATIENCE_SECONDS = 50.0


UPGRADE = (
    b"GET /console HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


async def application(scope, receive, send):
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            await send({"type": "websocket.send", "text": "echo"})
        return
    if scope["path"] == "/body":
        while (await receive()).get("more_body"):
            pass
    if scope["path"] == "/slow":
        await asyncio.sleep(1.0)
    body = b"ok" * (10_000_000 if scope["path"] == "/large" else 1)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def served(door: Door) -> AsyncIterator[int]:
    server = _Server(
        uvicorn.Config(
            application, port=0, log_config=None, lifespan="off", http=partial(Visit, door), ws="websockets-sansio"
        )
    )
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving


async def answered(port: int, request: bytes = REQUEST) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(PATIENCE_SECONDS):
        line = await reader.readline()
    writer.close()
    return line


async def test_idle_connections_keep_nobody_out() -> None:
    async with served(Door(5, head_seconds=60)) as port:
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
        for _ in range(3):
            assert await answered(port) == b"HTTP/1.1 200 OK\r\n"
        async with asyncio.timeout(PATIENCE_SECONDS):  # the oldest have made room, long before their time
            for reader, _ in idle[:15]:
                with suppress(ConnectionResetError):
                    assert await reader.read() == b""
        for _, writer in idle:
            writer.close()


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nX-Slow: ", REQUEST + b"GET / HT"])
async def test_a_head_that_does_not_come_ends_its_connection(begun: bytes) -> None:
    async with served(Door(5, head_seconds=0.2)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begun)
        async with asyncio.timeout(PATIENCE_SECONDS):
            with suppress(ConnectionResetError):
                while await reader.read(1000):
                    pass
        writer.close()
        assert await answered(port) == b"HTTP/1.1 200 OK\r\n"


def post(path: bytes) -> bytes:
    return b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"


async def drip(port: int, begun: bytes, byte: bytes) -> None:
    """Send something, then a byte at a time until the other side ends it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(begun)
    with suppress(ConnectionError):
        while not reader.at_eof():
            writer.write(byte)
            await writer.drain()
            with suppress(TimeoutError):
                async with asyncio.timeout(0.02):
                    await reader.read(1000)
    writer.close()


@pytest.mark.parametrize("begun", [post(b"/"), post(b"/body"), REQUEST + b"GET / HTTP/1.1\r\nX-Slow: "])
async def test_what_comes_too_slowly_ends_its_connection(begun: bytes) -> None:
    """Refused before its body was read, with a body that is read, and a second head."""
    async with served(Door(5, head_seconds=0.3, body_seconds=0.3)) as port, asyncio.timeout(PATIENCE_SECONDS):
        await drip(port, begun, b"a")


@pytest.mark.parametrize("begun", [post(b"/"), REQUEST])
async def test_answered_connections_keep_nobody_out(begun: bytes) -> None:
    async with served(Door(5, head_seconds=60)) as port:
        answered_ones = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
        for reader, writer in answered_ones:
            writer.write(begun)
            assert await reader.readuntil(b"ok")
            writer.write(b"a")
        for _ in range(3):
            assert await answered(port) == b"HTTP/1.1 200 OK\r\n"
        for _, writer in answered_ones:
            writer.close()


async def test_an_answer_that_is_not_read_ends_its_connection() -> None:
    async with served(Door(5, head_seconds=60, reading_seconds=0.3)) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(PATIENCE_SECONDS):
            with suppress(ConnectionError):
                while True:
                    writer.write(b"\n")
                    await writer.drain()
                    await asyncio.sleep(0.02)
        writer.close()
        assert await answered(port) == b"HTTP/1.1 200 OK\r\n"


async def test_consoles_make_no_room() -> None:
    async with served(Door(3, head_seconds=60)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(UPGRADE)
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(10)]
        assert await answered(port) == b"HTTP/1.1 200 OK\r\n"
        writer.write(b"\x81\x81\0\0\0\0x")  # a text of one character, masked with zeros
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await reader.readexactly(6) == b"\x81\x04echo"
        for _, other in [*idle, (reader, writer)]:
            other.close()


async def test_an_answer_may_take_its_time() -> None:
    async with served(Door(5, head_seconds=0.2)) as port:
        assert await answered(port, b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n") == b"HTTP/1.1 200 OK\r\n"


def test_descriptors_are_kept_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    for soft, most in ((1024, 1024 - RESERVED_FILES), (300, 150), (1_000_000, 2000)):
        monkeypatch.setattr("resource.getrlimit", lambda _kind, soft=soft: (soft, soft))
        assert most_connections() == most
