"""strace around a part of Runlet: what it asks of the kernel, and a fault at the n-th of such calls."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.harness import Within, wait_until

KILLED, INPUT_OUTPUT, NO_SPACE = "signal=SIGKILL", "error=EIO", "error=ENOSPC"
# Calls that do not need room on a disk.
_NEED_NO_ROOM = {"unlink", "rename", "rmdir"}


@dataclass(frozen=True)
class Point:
    """A fault at the `number`-th `call` of a process, in place of it."""

    fault: str
    call: str
    number: int

    def __str__(self) -> str:
        return f"{self.fault.partition('=')[2]} at {self.call} {self.number}"

    def options(self) -> list[str]:
        return ["-e", f"inject={self.call}:{self.fault}:when={self.number}"]


def points(calls: Counter[str], faults: Sequence[str] = (KILLED, INPUT_OUTPUT, NO_SPACE)) -> list[Point]:
    """Every fault at every one of these calls."""
    return [
        Point(fault, call, number)
        for fault in faults
        for call, most in sorted(calls.items())
        if fault != NO_SPACE or call not in _NEED_NO_ROOM
        for number in range(1, most + 1)
    ]


def around(log: Path, calls: Sequence[str], point: Point | None = None, *, threads: bool = False) -> Within:
    """Start a program under strace; its process is what a parent sees. `threads`: all of its threads, and children."""
    options = point.options() if point else []
    options += ["-f"] if threads else []
    return lambda argv: ["strace", "-D", "-qq", "-y", "-o", str(log), "-e", f"trace={','.join(calls)}", *options, *argv]


@contextmanager
def attached(
    pid: int,
    log: Path,
    calls: Sequence[str],
    point: Point | None = None,
    *,
    bytes_shown: int = 64,
    forks: bool = True,
) -> Iterator[None]:
    """Trace a process that runs already, its threads, and what it forks if that is wanted."""
    options = [*(point.options() if point else []), *(["-f"] if forks else [])]
    shown = ["-y", "-xx", "-s", str(bytes_shown), "-o", str(log), "-e", f"trace={','.join(calls)}"]
    with subprocess.Popen(["strace", *shown, *options, "-p", str(pid)], stderr=subprocess.PIPE, text=True) as popen:
        try:
            assert popen.stderr
            assert "attached" in popen.stderr.readline()
            yield
        finally:
            popen.terminate()


def counted(log: Path) -> list[Counter[str]]:
    """How often each process made each call, in order of their first."""
    found: dict[str, Counter[str]] = {}
    for line in log.read_text().splitlines():
        if match := re.match(r"(?:(\d+) +)?(\w+)\(", line):
            found.setdefault(match[1] or "", Counter())[match[2]] += 1
    return list(found.values())


def was_injected(log: Path) -> bool:
    """Whether the process came to its point."""
    text = log.read_text()
    return "INJECTED" in text or "SIGKILL" in text


def child(pid: int) -> int:
    """The only child of a process."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return int(wait_until(path.read_text, f"a child of {pid}").split()[0])
