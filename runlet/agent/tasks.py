"""The agent's tasks: each is owned, and one that fails ends the agent."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Tasks:
    """Everything that runs beside the main coroutine.

    Any exception that nobody expected, in a task or in a callback of the loop, is a defect: it sets `failed`, and the
    agent ends with its journal intact. Going on with a state that is not understood could start something twice.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self.failed = asyncio.Event()
        self.defect: BaseException | None = None

    def start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Do `work` in a task that is kept until it ends."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_end)
        return task

    def on_defect(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """For loop.set_exception_handler."""
        self.defect = self.defect or context.get("exception") or RuntimeError(context.get("message"))
        self.failed.set()

    async def cancel(self) -> None:
        """Cancel what is left and wait until all have ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _on_end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.on_defect(task.get_loop(), {"exception": task.exception()})
