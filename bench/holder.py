"""What a holder costs: the processor's time of a start, and the memory of one that is idle."""

from __future__ import annotations

import os
import resource
import select
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from bench.figures import Figure, spread
from bench.memory import memory
from runlet.agent.holders import Holders
from runlet.holder import wire
from runlet.holder.records import Start

STARTS = 50
PEER = "python -I -S -c pass"
_PATIENCE_SECONDS = 10.0
_QUIET_SECONDS = 0.2  # a holder that was started has nothing left to do


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="runlet-bench-") as folder, closing(Holders(Path(folder))) as holders:
        held = [_start(holders, "first")]  # with it comes the spawner
        spawner = _parent(_holder(holders, "first"))
        starts, interpreters = [], []
        for number in range(STARTS):
            name, before = f"start-{number}", _used_ms(spawner)
            held.append(_start(holders, name))
            time.sleep(_QUIET_SECONDS)
            starts.append(_used_ms(_holder(holders, name)) + _used_ms(spawner) - before)
            interpreters.append(_interpreter_ms())
        pids = [_holder(holders, name) for name in ("first", *(f"start-{number}" for number in range(STARTS)))]
        among = [memory([pid]).pss for pid in pids]
        for pid in pids[1:]:
            os.kill(pid, signal.SIGKILL)
        os.kill(spawner, signal.SIGKILL)  # as when the agent is gone: nobody shares its pages
        time.sleep(_QUIET_SECONDS)
        alone = memory([pids[0]])
        os.kill(pids[0], signal.SIGKILL)
        for connection in held:
            connection.close()
    yield Figure(
        "start of a holder, processor's time",
        statistics.median(starts),
        "ms",
        samples=STARTS,
        spread=spread(starts),
        goal=5,
        peers={PEER: statistics.median(interpreters)},
    )
    yield Figure(
        "idle holder, memory (PSS), its spawner gone",
        alone.pss,
        "MB",
        samples=1,
        spread=(alone.pss, alone.pss),
        goal=5,
        notes={"RSS": alone.rss, f"PSS among {len(among)}": statistics.median(among)},
    )


def _start(holders: Holders, name: str) -> socket.socket:
    """A connection to the holder of a program that runs."""
    environment = {b"PATH": os.environb[b"PATH"]}
    start = Start(name.encode(), [b"sleep", b"1000"], environment, b"/", (80, 24), None, b"", None, b"", b"")
    connection, frames = holders.start(name, start), wire.Frames()
    while True:
        if not select.select([connection], [], [], _PATIENCE_SECONDS)[0]:
            raise TimeoutError("no holder came")
        for kind, _ in frames.feed(connection.recv(4096)):
            assert kind == wire.GREETING
            return connection


def _holder(holders: Holders, name: str) -> int:
    started = holders.started(name)
    assert started
    return started.holder


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _used_ms(pid: int) -> float:
    """The processor's time that a process has used: the kernel counts it in nanoseconds here."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6


def _interpreter_ms() -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-I", "-S", "-c", "pass"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3
