"""The scheduler: looks at the schedules when one is due, and does what firings.py says.

The wall clock tells what is due, the monotonic one how long to wait, and no wait is long: a clock that was set and what
other controllers applied are noticed at the next look. Several controllers may look at once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from datetime import UTC, datetime

from sqlmodel import Session

from runlet.backoff import Backoff
from runlet.controller import firings, schedules
from runlet.controller.firings import Fired
from runlet.controller.releaser import Releaser
from runlet.controller.store import Store
from runlet.controller.wall_clock import WallClock
from runlet.errors import Unavailable

# The longest wait for the next look: how late a fire time may be that another controller's `apply` has brought, or a
# clock that was set. Far within the grace that makes it "on time".
LOOK_SECONDS = 5.0
# The pause before more of what an outage left behind is started: firings.LATE_STARTS are for one second.
HELD_BACK_SECONDS = 1.0
# The pause before a clock that is not believed is looked at again.
DOUBTED_SECONDS = 1.0
# How often the devices' time zones are looked at: it reads a fact of the whole fleet, for what changes on a journey.
ZONES_SECONDS = 60.0
# The longest pause after a failure; what is due meanwhile must stay within the same grace.
MOST_PAUSE_SECONDS = 10.0

log = logging.getLogger(__name__)


class Scheduler:
    """Fires what is due, for as long as it runs."""

    def __init__(self, store: Store, releaser: Releaser, clock: WallClock) -> None:
        self._store = store
        self._clock = clock
        self._releaser = releaser
        self._wake = asyncio.Event()
        self._queued = False
        self._zones_at = float("-inf")
        self.failure = ""  # why the last look at the schedules failed

    def poke(self) -> None:
        """Schedules were declared anew."""
        self._wake.set()

    def on_ended(self) -> None:
        """An execution has ended: a fire time may have waited for it."""
        if self._queued:
            self._wake.set()

    async def run(self) -> None:
        backoff = Backoff(cap=MOST_PAUSE_SECONDS)
        while True:
            self._wake.clear()
            if self._clock.is_doubtful():
                await asyncio.sleep(DOUBTED_SECONDS)
                continue
            try:
                fired = await self._look()
            except Unavailable as error:
                self.failure = f"not looked at: {error.message}"
                delay = backoff.next()
                log.error("schedules not looked at, next try in %.1f s: %s", delay, error)  # noqa: TRY400
                await asyncio.sleep(delay)
                continue
            except Exception:
                self.failure = "not looked at: the controller's log says why"
                # The boundary of the task: whatever is wrong with one schedule, runs asked for by people go on.
                log.exception("schedules not looked at")
                await asyncio.sleep(backoff.next())
                continue
            self.failure = ""
            backoff.reset()
            with suppress(TimeoutError):
                async with asyncio.timeout(_pause(fired, datetime.now(UTC))):
                    await self._wake.wait()

    async def _look(self) -> Fired:
        with_zones = time.monotonic() - self._zones_at >= ZONES_SECONDS
        fired = await self._store.transact(lambda session: _fire(session, datetime.now(UTC), with_zones=with_zones))
        if with_zones:
            self._zones_at = time.monotonic()
        for cancelled in fired.cancelled:
            self._releaser.carry_out(cancelled.effects)
        for launched in fired.launched:
            self._releaser.carry_out(launched.effects)
        self._queued = fired.queued
        return fired


def _fire(session: Session, now: datetime, *, with_zones: bool) -> Fired:
    if with_zones:
        schedules.sync_zones(session, now)
    return firings.fire_due(session, now)


def _pause(fired: Fired, now: datetime) -> float:
    if fired.held_back:
        return HELD_BACK_SECONDS
    if fired.next_at is None:
        return LOOK_SECONDS
    return min(LOOK_SECONDS, max(0.0, (fired.next_at - now).total_seconds()))
