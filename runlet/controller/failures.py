"""How errors look over HTTP."""

from __future__ import annotations

from typing import Any

from fastapi.responses import JSONResponse

from runlet.errors import (
    Conflict,
    InvalidDeclarations,
    InvalidInput,
    NotAuthorized,
    RunletError,
    Unavailable,
    UnknownName,
)
from runlet.protocol.values import to_json

# The nearest class decides.
STATUS: dict[type[RunletError], int] = {
    UnknownName: 404,
    NotAuthorized: 401,
    InvalidInput: 422,
    Conflict: 409,
    Unavailable: 503,
    RunletError: 500,
}


def failed(error: RunletError) -> JSONResponse:
    """With the status of its class."""
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    more = {"mistakes": to_json(error.mistakes)} if isinstance(error, InvalidDeclarations) else {}
    return refusal(status, error.code, error.message, error.hint, **more)


def refusal(status: int, code: str, message: str, hint: str | None, **more: Any) -> JSONResponse:
    """The one shape that every error has."""
    return JSONResponse({"error": {"code": code, "message": message, "hint": hint, **more}}, status)
