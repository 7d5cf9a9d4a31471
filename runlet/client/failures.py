"""How the controller says no: an error's body or a dead connection, as the matching RunletError.

{"error": {"code": "unknown", "message": "no job is called 'upgrde'", "hint": null}}
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from runlet.errors import (
    ControllerUnavailable,
    InvalidDeclarations,
    InvalidFiles,
    InvalidInput,
    Mistake,
    NotAuthorized,
    ProtocolError,
    RunletError,
)
from runlet.protocol.values import from_json

# Longer error bodies than this are some proxy's web page, not an answer of a controller.
_MOST_SHOWN_CHARACTERS = 200


def unavailable(url: str, why: str) -> ControllerUnavailable:
    """No answer from `url`."""
    return ControllerUnavailable(f"the controller at {url} does not answer: {why}", "is it up? see: runlet status")


def lost(url: str, reason: str | None) -> ControllerUnavailable:
    """A connection to `url` that was open and is no more; `reason` is the controller's, if it gave one."""
    return ControllerUnavailable(f"the connection to the controller at {url} was lost: {reason or 'no reason given'}")


def from_body(status: int, body: bytes) -> RunletError:
    """The error that an HTTP answer of 400 and above stands for."""
    try:
        error = json.loads(body)["error"]
        code, message, hint = str(error["code"]), str(error["message"]), error.get("hint")
    except (ValueError, KeyError, TypeError, AttributeError):
        text = " ".join(body.decode(errors="replace").split())[:_MOST_SHOWN_CHARACTERS]
        return RunletError(f"the controller answered {status}: {text or 'nothing'}")
    kind = _BY_CODE.get(code, RunletError)
    if kind is InvalidDeclarations:
        return _invalid_declarations(error, message)
    if hint is None and kind is NotAuthorized:
        hint = "RUNLET_TOKEN must hold the token of this controller"
    return kind(message, None if hint is None else str(hint))


def _invalid_declarations(error: dict[str, Any], message: str) -> RunletError:
    try:
        return InvalidDeclarations([from_json(Mistake, one, "mistake") for one in error["mistakes"]])
    except (ProtocolError, KeyError, TypeError):
        return InvalidInput(message)


def _tree(kind: type[RunletError]) -> Iterator[type[RunletError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _tree(below)


_BY_CODE = {kind.code: kind for kind in _tree(RunletError)}
_BY_CODE[InvalidFiles.code] = InvalidInput  # the places in the files do not cross the wire, only their words
