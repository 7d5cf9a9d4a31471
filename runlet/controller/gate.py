"""The gate in front of every route: who may enter, and how much they may bring. What is not open by name is closed."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN_PATHS = frozenset({"/healthz"})
# In the scope of a request to an open path: whether it carries the token.
TRUSTED = "runlet.trusted"
# The largest request is an `apply`: thousands of jobs, each far below its own limit.
MAX_BODY_BYTES = 16 * 1024 * 1024


class Gate:
    """ASGI middleware; `application` sees only requests that carry the token and stay within the limit."""

    def __init__(self, application: Application, token: str) -> None:
        self._application = application
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
            return
        headers = dict(scope["headers"])
        trusted = hmac.compare_digest(headers.get(b"authorization", b""), self._expected)
        if scope["path"] in OPEN_PATHS:
            await self._application({**scope, TRUSTED: trusted}, receive, send)
        elif not trusted:
            await _refuse(scope, send, 401, "unauthorized", "the token is missing or wrong")
        elif not headers.get(b"content-length", b"0").isdigit() or b"transfer-encoding" in headers:
            await _refuse(scope, send, 411, "invalid", "the request must tell the length of its body")
        elif int(headers.get(b"content-length", b"0")) > MAX_BODY_BYTES:
            await _refuse(scope, send, 413, "invalid", f"a request may hold {MAX_BODY_BYTES} bytes")
        elif "\0" in scope["path"] or b"%00" in scope["query_string"]:
            await _refuse(scope, send, 422, "invalid", "the address holds the character NUL")
        else:
            await self._application(scope, receive, send)


async def _refuse(scope: Scope, send: Send, status: int, code: str, message: str) -> None:
    body = json.dumps({"error": {"code": code, "message": message, "hint": None}}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    kind = "http" if scope["type"] == "http" else "websocket.http"
    await send({"type": f"{kind}.response.start", "status": status, "headers": headers})
    await send({"type": f"{kind}.response.body", "body": body})
