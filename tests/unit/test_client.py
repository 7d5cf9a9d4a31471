"""runlet/client/api.py: whom a client trusts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from runlet.client.api import Api
from runlet.errors import ControllerUnavailable
from tests.certificates import serving, write_certificate


async def test_a_certificate_that_nobody_signed_is_refused_on_this_machine_too(tmp_path: Path) -> None:
    """Beside an address without TLS, for which no authorities are read."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1))
        writer.close()

    context = serving(write_certificate(tmp_path, "localhost"))
    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        for urls in (
            f"https://localhost:{port}",
            f"HTTPS://127.0.0.1:{port}",
            f"https://localhost:{port},http://[::1]:9",
        ):
            with Api(urls, "token") as api, pytest.raises(ControllerUnavailable):
                await asyncio.to_thread(api.jobs)
    assert heard == []
