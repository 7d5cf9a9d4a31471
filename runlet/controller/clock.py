"""This controller's clock, which nobody sets: what it sends carries the time by it, so that a device knows how late it
comes.
"""

from __future__ import annotations

import random
import time

# The number of this process's clock: another's begins elsewhere.
NUMBER = random.SystemRandom().getrandbits(63)


def now() -> float:
    """In seconds, those in which the machine slept included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
