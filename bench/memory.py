"""What an idle device costs: the memory of all its processes.

The figure is RSS. PSS divides each page by the number of processes that map it, and here the controller, the broker's
keeper and this benchmark map the interpreter's too, which on a device the agent alone does. RSS is what PSS comes to
when nothing is shared: no device measures more.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Figure, spread
from bench.fleet import LocalFleet
from bench.peers import PYTHON

# Beyond two AMQP heartbeats and several of the agent's own.
IDLE_SECONDS = 60.0
SAMPLES = 5
_APART_SECONDS = 2.0
_PEER_PROGRAM = "import asyncio, json, logging, ssl, pika, cryptography.x509, sys; print(flush=True); sys.stdin.read()"
PEER = "python + pika + cryptography"


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes (10^6 bytes)."""

    rss: float
    pss: float


def figures(fleet: LocalFleet) -> Iterator[Figure]:
    with subprocess.Popen([PYTHON, "-c", _PEER_PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as peer:
        assert peer.stdout
        peer.stdout.readline()
        time.sleep(IDLE_SECONDS)
        beside = memory([peer.pid])
        peer.communicate()
    agent = fleet.agent()
    taken = []
    for _ in range(SAMPLES):
        taken.append(memory([agent, *_descendants(agent)]))
        time.sleep(_APART_SECONDS)
    yield Figure(
        "idle device, memory (RSS)",
        statistics.median(one.rss for one in taken),
        "MB",
        samples=SAMPLES,
        spread=spread([one.rss for one in taken]),
        goal=34,
        peers={PEER: beside.rss},
        notes={"PSS here": statistics.median(one.pss for one in taken)},
    )


def memory(pids: Sequence[int]) -> Memory:
    """What these processes take together."""
    rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    return Memory(*(sum(_kib(name, text) for text in rollups) * 1024 / 1e6 for name in ("Rss", "Pss")))


def _kib(name: str, rollup: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", rollup, re.MULTILINE)
    assert found
    return int(found[1])


def _descendants(pid: int) -> list[int]:
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return children + [grandchild for child in children for grandchild in _descendants(child)]
