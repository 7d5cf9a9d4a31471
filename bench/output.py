"""How fast a program's output reaches an attached console that is read as fast as it can be."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure, spread
from bench.fleet import RUNLET, LocalFleet
from bench.pty_console import PtyConsole
from bench.sshd import Sshd

ROUNDS = 3
FILE_BYTES = 200 * 1000 * 1000
LINE = b"The quick brown fox jumps over the lazy dog, 0123456789, and runs to column 80 .\n"
SSH, LOCAL = "ssh", "local terminal"

_READY, _END = b"print now?", b"THE-END\r\n"


def figures(fleet: LocalFleet, sshd: Sshd) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="runlet-bench-") as folder:
        file = Path(folder) / "text"
        file.write_bytes(LINE * (FILE_BYTES // len(LINE)))
        script = f"printf '{_READY.decode()}'; read answer; cat {file}; echo THE-END"
        ours, ssh, local = [], [], []
        for _ in range(ROUNDS):
            ours.append(_through_runlet(fleet, script))
            ssh.append(_rate([*sshd.command(script)], os.environ.copy()))
            local.append(_rate(["sh", "-c", script], os.environ.copy()))
    yield Figure(
        "output to an attached console",
        statistics.median(ours),
        "MB/s",
        samples=ROUNDS,
        spread=spread(ours),
        goal=33,
        more_is_better=True,
        peers={SSH: statistics.median(ssh), LOCAL: statistics.median(local)},
    )


def _through_runlet(fleet: LocalFleet, script: str) -> float:
    run = fleet.start(["sh", "-c", script])
    rate = _rate([RUNLET, "attach", str(run.id)], fleet.environment)
    fleet.ended(run)
    return rate


def _rate(argv: list[str], environment: dict[str, str]) -> float:
    """Megabytes a second from the answer to the last line."""
    with PtyConsole(argv, environment) as console:
        console.until(_READY)
        begin = time.perf_counter()
        console.type(b"\r")
        length = console.until(_END)
        rate = length / 1e6 / (time.perf_counter() - begin)
        console.drain()
    return rate
