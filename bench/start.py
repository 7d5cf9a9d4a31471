"""How long commands take from their start to their end, which a person waits for at each."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Iterator

from bench.figures import Figure, spread
from bench.fleet import RUNLET, LocalFleet
from bench.peers import ANSIBLE, PYINFRA

ROUNDS = 21

_PEERS = {"ansible --version": [ANSIBLE, "--version"], "pyinfra --version": [PYINFRA, "--version"]}
_OURS = {"--version": 0.10, "--help": None, "ps": 0.25}


def figures(fleet: LocalFleet) -> Iterator[Figure]:
    commands = {f"runlet {word}": [RUNLET, word] for word in _OURS} | _PEERS
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(1 + ROUNDS):  # in turn, so that all see the same moods of the machine
        for name, argv in commands.items():
            elapsed = _seconds(argv, fleet.environment)
            if number:  # the first also compiles and reads from the disk
                seconds[name].append(elapsed)
    for word, goal in _OURS.items():
        ours = seconds[f"runlet {word}"]
        yield Figure(
            f"`runlet {word}`",
            statistics.median(ours),
            "s",
            samples=ROUNDS,
            spread=spread(ours),
            goal=goal,
            peers={name: statistics.median(seconds[name]) for name in _PEERS} if word == "--version" else {},
        )


def _seconds(argv: list[str], environment: dict[str, str]) -> float:
    begin = time.perf_counter()
    subprocess.run(argv, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin
