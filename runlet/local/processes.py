"""Processes that may outlive the one that started them: written down when started, found again and ended later.

A process's number may have gone to somebody else's process since. Therefore each is written down with a mark, a part of
its command line that no other process has, and nothing is signalled whose command line lacks its mark.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from runlet.local.files import write_private

_LOOK_AGAIN_SECONDS = 0.05
_KILLED_SECONDS = 5.0  # the kernel is done with a killed process well before


@dataclass(frozen=True, slots=True)
class Process:
    """A process by number and mark."""

    pid: int
    mark: str

    def runs(self) -> bool:
        return self.mark in _command_line(self.pid)

    def signal(self, number: signal.Signals) -> None:
        if self.runs():
            with contextlib.suppress(ProcessLookupError):  # it ended since
                os.kill(self.pid, number)


def write_down(path: Path, processes: Iterable[Process]) -> None:
    write_private(path, json.dumps([asdict(process) for process in processes]))


def written_down(path: Path) -> list[Process]:
    """What an earlier program wrote; nothing when it wrote nothing, or was cut off while writing."""
    try:
        return [Process(entry["pid"], entry["mark"]) for entry in json.loads(path.read_text())]
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return []


async def end(processes: Iterable[Process], seconds: float) -> None:
    """Ask all to stop; after `seconds`, kill the rest. Returns when none runs."""
    remaining = [process for process in processes if process.runs()]
    for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, _KILLED_SECONDS)):
        for process in remaining:
            process.signal(number)
        deadline = time.monotonic() + patience
        while remaining and time.monotonic() < deadline:
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)  # they are not our children: there is nothing to wait on
            remaining = [process for process in remaining if process.runs()]


def _command_line(pid: int) -> str:
    """Its program and arguments; empty when there is no such process, or only its remains."""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listed.stdout
