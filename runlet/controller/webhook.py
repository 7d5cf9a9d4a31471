"""Telling a URL something: one POST, whose answer is its status.

By hand, for a bound on everything: no time, header or redirect of the other side keeps us. A redirect is followed
nowhere, neither to another scheme nor to another host: it would lead what a run says to where its job did not name.
A name is resolved once, and what was judged is what is connected to: a name may mean another address a moment later.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from runlet import __version__
from runlet.controller.reach import ALLOWED_BY, Network, is_barred
from runlet.errors import InvalidInput, Unavailable

# From the name's resolution to the status. A receiver that works longer takes the message first, then works.
TIMEOUT_SECONDS = 10.0
# The line with the status; nothing more is read.
MAX_STATUS_BYTES = 1024


async def post(url: str, body: bytes, key: str, allowed: Sequence[Network]) -> None:
    """`url` is checked against the schema; `key` names what is told: a receiver that has it has seen it before.

    Of the addresses that are barred, those in `allowed` are not. Raises InvalidInput when there is no other, and
    Unavailable, with the reason, when it is not known to have arrived.
    """
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            status = await _post(url, body, key, allowed)
    except TimeoutError:
        raise Unavailable(f"no answer within {TIMEOUT_SECONDS:.0f} s") from None
    except (OSError, ValueError) as error:
        raise Unavailable(str(error)) from None
    if not 200 <= status < 300:
        followed = "; redirects are not followed" if 300 <= status < 400 else ""
        raise Unavailable(f"it answered {status}{followed}")


async def _post(url: str, body: bytes, key: str, allowed: Sequence[Network]) -> int:
    parts = urlsplit(url)
    context = ssl.create_default_context() if parts.scheme == "https" else None
    port = parts.port or (443 if context else 80)
    host = parts.hostname or ""
    reader, writer = await _connect(host, await _resolve(host, port, allowed), port, context)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        head = (
            f"POST {target} HTTP/1.1",
            f"Host: {parts.netloc}",
            f"User-Agent: runlet/{__version__}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            f"Idempotency-Key: {key}",
            "Connection: close",
            "",
            "",
        )
        writer.write("\r\n".join(head).encode("ascii") + body)
        await writer.drain()
        line = await reader.readline()
    finally:
        writer.close()
    version, _, rest = line.partition(b" ")
    if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
        raise ValueError("it does not speak HTTP")
    return int(rest[:3])


async def _resolve(host: str, port: int, allowed: Sequence[Network]) -> list[str]:
    """The addresses of the host that are not barred, at least one. Raises OSError and InvalidInput."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(one[4][0]) for one in found]
    free = [one for one in addresses if not is_barred(ip_address(one), allowed)]
    if not free:
        raise InvalidInput(
            f"webhooks may not go to {addresses[0]}" + (f", the address of {host}" if host != addresses[0] else ""),
            ALLOWED_BY,
        )
    return free


async def _connect(
    host: str, addresses: Sequence[str], port: int, context: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """To the first that takes it. Raises OSError of the last when none does."""
    name = host if context else None  # whom the certificate must name
    failure: OSError | None = None
    for address in addresses:
        try:
            return await asyncio.open_connection(
                address, port, ssl=context, server_hostname=name, limit=MAX_STATUS_BYTES
            )
        except OSError as error:
            failure = error
    raise failure or OSError(f"{host} has no address")
