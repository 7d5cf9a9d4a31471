"""When what the fleet asks may have changed, for those who watch it: they ask once and are answered when it has.

Nothing is kept for them: who is answered looks into the database. What is missed, as by a controller that was started
anew or did not hear the news of another, is found when the wait is over.
"""

from __future__ import annotations

import asyncio
import uuid
from contextlib import suppress

from runlet.model.execution import State
from runlet.protocol.views import ExecutionView

# A watcher waits so long at most: less than what a client takes for silence.
WAIT_SECONDS = 1.5
# What changes together is looked at together: a fleet that comes to the same question.
GATHER_SECONDS = 0.02


class Questions:
    """The changes of the inbox, counted. A mark is of one controller's life."""

    def __init__(self) -> None:
        self._origin = uuid.uuid4().hex
        self._count = 0
        self._asking: set[str] = set()  # executions that were seen to ask
        self._next = asyncio.Event()

    @property
    def mark(self) -> str:
        """What a watcher has seen who looks now."""
        return f"{self._origin}-{self._count}"

    def took(self, view: ExecutionView) -> None:
        """An execution has changed."""
        if view.state is State.AWAITING_INPUT:
            self._asking.add(view.id)
        elif view.id in self._asking:
            self._asking.discard(view.id)
        else:
            return
        self.note()

    def note(self) -> None:
        """Something may have."""
        self._count += 1
        self._next.set()
        self._next = asyncio.Event()

    async def wait(self, mark: str) -> None:
        """Until what was seen at `mark` may be old, or for WAIT_SECONDS."""
        if mark != self.mark:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(WAIT_SECONDS):
                await self._next.wait()
                await asyncio.sleep(GATHER_SECONDS)
