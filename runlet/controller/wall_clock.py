"""The wall clock, and whether it may be believed: people and NTP set it, at times to a wrong time for some seconds.

What deadlines and fire times decide is for good, so that nothing is decided by a clock that has just jumped forward.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta

# A clock that is off by less is brought right little by little, or costs no more than a message that was late.
STEP_SECONDS = 30.0
# How long a clock that jumped forward is not believed. What fires after that is still on time: due.GRACE is more.
DOUBT_SECONDS = 45.0
# A controller that was away for longer cannot tell an outage from a clock that is wrong.
GAP = timedelta(minutes=5)

log = logging.getLogger(__name__)


class WallClock:
    """What `datetime.now` tells, compared with the clock that nobody sets and that goes on while the machine sleeps."""

    def __init__(self, known: datetime | None) -> None:
        """`known` is the last instant of which the database knows."""
        self._ahead = _ahead()
        self._doubted_until = 0.0
        # Also at the start, for nobody knows what happened before.
        self.was_set_back = True
        if known is not None and datetime.now(UTC) - known > GAP:
            self._doubt()

    def is_doubtful(self) -> bool:
        """Whether it jumped forward a moment ago. A step back sets `was_set_back`, which whoever acts on it clears."""
        before, self._ahead = self._ahead, _ahead()
        step = self._ahead - before
        if step > STEP_SECONDS:
            log.warning("the clock was set forward by %.0f s: nothing expires or fires for %g s", step, DOUBT_SECONDS)
            self._doubt()
        elif step < -STEP_SECONDS:
            log.warning("the clock was set back by %.0f s", -step)
            self._doubted_until = 0.0
            self.was_set_back = True
        return time.clock_gettime(time.CLOCK_BOOTTIME) < self._doubted_until

    def _doubt(self) -> None:
        self._doubted_until = time.clock_gettime(time.CLOCK_BOOTTIME) + DOUBT_SECONDS


def _ahead() -> float:
    """Seconds by which the wall clock is ahead of the one that counts from the machine's start."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
