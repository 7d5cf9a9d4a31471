"""A fleet that runs, seen from outside: stopping it, and asking how it is."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import signal
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from runlet.errors import LocalFleetError
from runlet.local import processes, supervisor
from runlet.local.home import Home, Up

# Devices, controller and broker stop one after the other, each within its deadline; then there is nothing to wait for.
STOP_SECONDS = supervisor.STOP_SECONDS + 5.0
_TOLD_SECONDS = 2.0  # between taking the lock and telling who took it
_HEALTH_SECONDS = 3.0
_LOOK_AGAIN_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Status:
    """How a home's fleet is. `health` is what the controller says of itself; None when it does not answer."""

    up: Up
    url: str | None  # None until it is ready
    health: dict[str, str] | None


def stop(home: Home) -> Up | None:
    """Stop the fleet and wait until it is gone; None when there was none.

    Also waits for what an `up` that was killed left to stop by itself, and ends programs that outlived their agents.
    """
    up = _running(home)
    if up is None:
        if processes.written_down(home.processes):
            asyncio.run(supervisor.end_leftovers(home))
            home.forget()
        asyncio.run(supervisor.end_programs(home))
        return None
    with contextlib.suppress(ProcessLookupError):  # it ended since
        os.kill(up.pid, signal.SIGTERM)
    lock = home.lock()
    if not lock.acquire(STOP_SECONDS):
        raise LocalFleetError(
            f"process {up.pid} has not stopped its fleet within {STOP_SECONDS:g} s",
            f"read {home.log('up')}; kill -9 {up.pid} makes the rest of it stop by itself",
        )
    lock.release()
    return up


def status(home: Home) -> Status | None:
    """None when no fleet runs in this home."""
    up = _running(home)
    if up is None:
        return None
    endpoint = home.endpoint()
    if endpoint is None or endpoint.pid != up.pid:
        return Status(up, None, None)
    return Status(up, endpoint.url, _health(endpoint.url, endpoint.token))


def _running(home: Home) -> Up | None:
    deadline = time.monotonic() + _TOLD_SECONDS
    while home.held() and time.monotonic() < deadline:
        if up := home.up():
            return up
        time.sleep(_LOOK_AGAIN_SECONDS)
    return None


def _health(url: str, token: str) -> dict[str, str] | None:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=_HEALTH_SECONDS)
    try:
        connection.request("GET", "/healthz", headers={"Authorization": f"Bearer {token}"})
        answer: Any = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return {str(part): str(said) for part, said in answer.items()}
