"""The wall clock, and whether it may be believed: people and NTP set it, at times to a wrong time for some seconds.

What deadlines and fire times decide is for good, so that nothing is decided by a clock that has just jumped forward.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta

# A clock that is off by less is brought right little by little, or costs no more than a message that was late.
STEP_SECONDS = 30.0
# How long a clock that jumped is not believed. What fires after that is still on time: due.GRACE is more. As long as a
# device may be silent before it counts as offline: within it, all that are there have told so by the new time.
DOUBT_SECONDS = 45.0
# A controller that was away for longer cannot tell an outage from a clock that is wrong.
GAP = timedelta(minutes=5)

# Set in the `info` of a transaction's session when the clock has stepped a moment ago.
STEPPED = "the clock has stepped"

log = logging.getLogger(__name__)


class WallClock:
    """What `datetime.now` tells, compared with the clock that nobody sets and that goes on while the machine sleeps."""

    def __init__(self) -> None:
        self._ahead = _ahead()
        self._doubted_until = 0.0
        self._stepped_until = 0.0
        # Also at the start, for nobody knows what happened before.
        self._was_set_back = True

    def compare(self, known: datetime | None) -> None:
        """`known` is the last instant of which the database knows."""
        if known is not None and abs(datetime.now(UTC) - known) > GAP:
            self._doubt(is_ahead=datetime.now(UTC) > known)

    def is_doubtful(self) -> bool:
        """Whether it jumped forward a moment ago: what it says is due may be far away."""
        self._notice_step()
        return _since_boot() < self._doubted_until

    def has_stepped(self) -> bool:
        """Whether it jumped, forward or back, a moment ago: it cannot tell how long anybody has been silent."""
        self._notice_step()
        return _since_boot() < self._stepped_until

    def take_set_back(self) -> bool:
        """Whether it was set back since that was last taken; who fails to act on it calls `put_set_back`."""
        taken, self._was_set_back = self._was_set_back, False
        return taken

    def put_set_back(self) -> None:
        self._was_set_back = True

    def _notice_step(self) -> None:
        before, self._ahead = self._ahead, _ahead()
        step = self._ahead - before
        if step > STEP_SECONDS:
            log.warning("the clock was set forward by %.0f s: nothing expires or fires for %g s", step, DOUBT_SECONDS)
            self._doubt(is_ahead=True)
        elif step < -STEP_SECONDS:
            log.warning("the clock was set back by %.0f s", -step)
            self._doubt(is_ahead=False)
            self._was_set_back = True

    def _doubt(self, *, is_ahead: bool) -> None:
        self._stepped_until = _since_boot() + DOUBT_SECONDS
        self._doubted_until = self._stepped_until if is_ahead else 0.0


def _ahead() -> float:
    """Seconds by which the wall clock is ahead of the one that counts from the machine's start."""
    return time.time() - _since_boot()


def _since_boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
