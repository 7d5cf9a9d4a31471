"""Which processes an execution started, wherever they went: found by a mark in their environment.

A daemon leaves its session and its parent, but not the environment it was started with; the same mark is how Jenkins
finds what a build left behind. A program that cleans its environment on purpose is found only through its session.
Linux only: elsewhere nothing is found, and the session's own process group is all that can be signalled.
"""

from __future__ import annotations

import os
import signal

MARK = b"RUNLET_EXECUTION"

_PROC = "/proc"


def of_execution(execution: bytes, session: int | None = None) -> list[int]:
    """Process ids that carry the execution's mark or belong to its terminal's session, zombies left out."""
    mark = MARK + b"=" + execution
    found = []
    for entry in os.scandir(_PROC) if os.path.isdir(_PROC) else ():
        if not entry.name.isdigit():
            continue
        try:
            with open(f"{entry.path}/stat", "rb") as stat:
                # The fields after the program's name, which itself may hold spaces and parentheses.
                state, _parent, _group, in_session = stat.read().rpartition(b")")[2].split()[:4]
            if state in (b"Z", b"X"):
                continue
            if int(in_session) == session or mark in _environment(entry.path):
                found.append(int(entry.name))
        except OSError:
            continue  # it ended while we looked
    return found


def kill(pids: list[int]) -> None:
    """SIGKILL to each."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def _environment(process: str) -> list[bytes]:
    try:
        with open(f"{process}/environ", "rb") as environ:
            return environ.read().split(b"\0")
    except PermissionError:
        return []  # another user's: not started by an agent that could not become that user
