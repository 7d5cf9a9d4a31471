"""Ports for what tests start: no other test gets them between their choice and the first listening, nor between two."""

from __future__ import annotations

import itertools
import os
import random

from runlet.errors import LocalFleetError
from runlet.local.ports import check_free

# Below those that Linux gives to whoever asks for any port.
_FIRST = 20_000
# Each worker of pytest-xdist has ports of its own; there are six times as many below 32768.
_OF_A_WORKER = 2_000
_WORKERS = 6


def spare_ports(count: int) -> list[int]:
    """Different ports that nobody listens on now."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
    ours = range(_FIRST + worker * _OF_A_WORKER, _FIRST + (worker + 1) * _OF_A_WORKER)
    # Not the test's own random numbers, which are the same for every test of a run.
    drawn = random.SystemRandom().sample(ours, len(ours))
    return list(itertools.islice(filter(_is_free, drawn), count))


def _is_free(port: int) -> bool:
    try:
        check_free(port, "a test")
    except LocalFleetError:
        return False
    return True
