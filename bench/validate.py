"""How long `runlet validate` takes for a thousand job files, from its start to its end, and loading the worst file."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure, spread
from bench.fleet import RUNLET
from tests.costs import WORST

FILES = 1_000
ROUNDS = 11
GOAL_SECONDS = 2.0
WORST_ROUNDS = 5
# "No input takes over a second", of the processor's time: what starting the command takes is not the file's.
WORST_GOAL_SECONDS = 1.0

_LOAD = """
import sys, time
from pathlib import Path
import jinja2, jsonschema
from runlet.errors import InvalidFiles
from runlet.spec import tree
begin = time.process_time()
try:
    tree.load([Path(sys.argv[1])])
except InvalidFiles as error:
    str(error)
print(time.process_time() - begin)
"""

# What a person writes for one service; every third places an argument.
_JOB = """\
# yaml-language-server: $schema=../schemas/playbook.schema.json
settings:
  entrypoint: /bin/bash --login
  daemons:
    mac: {{enabled: false}}

back-up-{number}:
  description: Copies the data of service {number} away, and tells how much it was
  showDuration: true
  cwd: /srv/service-{number}
  where: custom
  whereCustom: ["pi-1,pi-2", pi-{device}]
  every: every weekday at 08:{minute:02}
  script: |
    set -eu
    target=/var/backups/{place}
    mkdir -p "$target"
    tar -czf "$target/data.tar.gz" .
    du -sh "$target"
    echo done
"""


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="runlet-bench-") as folder:
        for number in range(FILES):
            place = "{{ args[1] | default('daily') | q }}" if number % 3 == 0 else f"service-{number}"
            text = _JOB.format(number=number, device=number % 9, minute=number % 60, place=place)
            Path(folder, f"back-up-{number:04}.yaml").write_text(text)
        seconds = [_seconds(folder) for _ in range(1 + ROUNDS)][1:]  # the first also compiles and reads from the disk
    yield Figure(
        f"`runlet validate` of {FILES:,} files",
        statistics.median(seconds),
        "s",
        samples=ROUNDS,
        spread=spread(seconds),
        goal=GOAL_SECONDS,
    )
    with tempfile.TemporaryDirectory(prefix="runlet-bench-") as folder:
        timed = [_load_seconds(Path(folder, "worst.yaml"), content) for content, _ in WORST.values()]
    worst = max(timed, key=statistics.median)
    yield Figure(
        f"loading the costliest of {len(WORST)} files of at most 1 MiB",
        statistics.median(worst),
        "s",
        samples=WORST_ROUNDS,
        spread=spread(worst),
        goal=WORST_GOAL_SECONDS,
    )


def _load_seconds(file: Path, content: bytes) -> list[float]:
    """The processor's, of a process of its own for each round."""
    file.write_bytes(content)
    command = [sys.executable, "-c", _LOAD, file]
    rounds = range(WORST_ROUNDS)
    return [float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in rounds]


def _seconds(folder: str) -> float:
    begin = time.perf_counter()
    subprocess.run([RUNLET, "validate", folder], env=dict(os.environ), stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin
