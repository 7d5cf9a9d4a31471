"""How long a typed key takes to its echo on the screen: through `runlet attach` and through ssh."""

from __future__ import annotations

import random
import string
import time
from collections.abc import Iterator
from itertools import chain

from bench.figures import Figure, quantile, spread
from bench.fleet import RUNLET, LocalFleet
from bench.pty_console import PtyConsole
from bench.sshd import Sshd

ROUNDS = 6
KEYS = 200  # a round and a pace
WARM_UP_KEYS = 20
# How long a person thinks between two keys, by chance, in seconds. With none, all parties stay awake and in the
# processor's caches: what the programs need. With some, also what the machine needs to wake each of them.
PACES = {"": (0.0, 0.0), ", after pauses": (0.005, 0.025)}
GOALS = {50: 0.8, 99: 4.0}  # of the first pace, in ms

_ENTER, _END_OF_FILE = b"\r", b"\x04"
PEER = "ssh"


def figures(fleet: LocalFleet, sshd: Sshd) -> Iterator[Figure]:
    for pace, think_seconds in PACES.items():
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(_through_runlet(fleet, think_seconds))
            theirs.append(_through_ssh(sshd, think_seconds))
        for percent, goal in GOALS.items():
            yield Figure(
                f"key echo{pace}, p{percent}",
                quantile(list(chain(*ours)), percent) * 1e3,
                "ms",
                samples=ROUNDS * KEYS,
                spread=spread([quantile(keys, percent) * 1e3 for keys in ours]),
                goal=None if pace else goal,
                peers={PEER: quantile(list(chain(*theirs)), percent) * 1e3},
            )


def _through_runlet(fleet: LocalFleet, think_seconds: tuple[float, float]) -> list[float]:
    run = fleet.start(["cat"])
    with PtyConsole([RUNLET, "attach", str(run.id)], fleet.environment) as console:
        console.until(b"shows keys\r\n")
        keys = _type(console, think_seconds)
    fleet.ended(run)
    return keys


def _through_ssh(sshd: Sshd, think_seconds: tuple[float, float]) -> list[float]:
    with PtyConsole(sshd.command("echo here; exec cat")) as console:
        console.until(b"here\r\n")
        return _type(console, think_seconds)


def _type(console: PtyConsole, think_seconds: tuple[float, float]) -> list[float]:
    """Type into `cat`, whose terminal echoes each key, and end it."""
    seconds = []
    for number in range(WARM_UP_KEYS + KEYS):
        if any(think_seconds):
            time.sleep(random.uniform(*think_seconds))
        elapsed = console.echo_seconds(random.choice(string.ascii_lowercase).encode())
        if number >= WARM_UP_KEYS:
            seconds.append(elapsed)
    console.type(_ENTER)
    console.until(b"\n")
    console.type(_END_OF_FILE)
    console.drain()
    return seconds
