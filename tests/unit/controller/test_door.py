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
PATIENCE_SECONDS = 10.0


async def application(scope, receive, send):
    if scope["path"] == "/slow":
        await asyncio.sleep(1.0)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def served(door: Door) -> AsyncIterator[int]:
    server = _Server(uvicorn.Config(application, port=0, log_config=None, lifespan="off", http=partial(Visit, door)))
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


async def test_an_answer_may_take_its_time() -> None:
    async with served(Door(5, head_seconds=0.2)) as port:
        assert await answered(port, b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n") == b"HTTP/1.1 200 OK\r\n"


def test_descriptors_are_kept_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    for soft, most in ((1024, 1024 - RESERVED_FILES), (300, 150), (1_000_000, 2000)):
        monkeypatch.setattr("resource.getrlimit", lambda _kind, soft=soft: (soft, soft))
        assert most_connections() == most
