"""What decisions on runs mean outside the database, and looking for what time has brought."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

from runlet.controller import releases
from runlet.controller.deliveries import Effects
from runlet.controller.dispatcher import Dispatcher
from runlet.controller.hub import Hub
from runlet.controller.store import Store
from runlet.controller.wall_clock import WallClock
from runlet.errors import Unavailable

# How late a pause or a retry may end, and an execution be found expired.
SWEEP_SECONDS = 1.0

log = logging.getLogger(__name__)


class Releaser:
    """Carries out what was decided, and looks for what has expired and for runs that are due."""

    def __init__(self, store: Store, dispatcher: Dispatcher, hub: Hub, clock: WallClock) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._hub = hub
        self._clock = clock

    def carry_out(self, effects: Effects) -> None:
        """Tell devices and consoles, once the transaction has committed."""
        for view in effects.changed:
            self._hub.on_change(view)
        for view in effects.ended:
            self._hub.on_change(view)
        self._dispatcher.send(effects.outgoing)
        for run, rollout in effects.rollouts:
            self._hub.on_rollout(run, rollout)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            if self._clock.is_doubtful():
                continue
            now, anew = datetime.now(UTC), self._clock.take_set_back()
            try:
                self.carry_out(
                    await self._store.transact(
                        lambda session, now=now, anew=anew: releases.look(session, now, anew=anew)  # type: ignore[misc]
                    )
                )
            except Unavailable as error:
                log.warning("what is due was not looked at: %s", error)
                if anew:
                    self._clock.put_set_back()
