"""Telling a URL something: one POST, whose answer is its status.

By hand, for a bound on everything: no time, header or redirect of the other side keeps us. A redirect is followed
nowhere, neither to another scheme nor to another host: it would lead what a run says to where its job did not name.
"""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urlsplit

from runlet import __version__
from runlet.errors import Unavailable

# From the name's resolution to the status. A receiver that works longer takes the message first, then works.
TIMEOUT_SECONDS = 10.0
# The line with the status; nothing more is read.
MAX_STATUS_BYTES = 1024


async def post(url: str, body: bytes, key: str) -> None:
    """`url` is checked against the schema; `key` names what is told: a receiver that has it has seen it before.

    Raises Unavailable, with the reason, when it is not known to have arrived.
    """
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            status = await _post(url, body, key)
    except TimeoutError:
        raise Unavailable(f"no answer within {TIMEOUT_SECONDS:.0f} s") from None
    except (OSError, ValueError) as error:
        raise Unavailable(str(error)) from None
    if not 200 <= status < 300:
        followed = "; redirects are not followed" if 300 <= status < 400 else ""
        raise Unavailable(f"it answered {status}{followed}")


async def _post(url: str, body: bytes, key: str) -> int:
    parts = urlsplit(url)
    context = ssl.create_default_context() if parts.scheme == "https" else None
    port = parts.port or (443 if context else 80)
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=context, limit=MAX_STATUS_BYTES)
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
