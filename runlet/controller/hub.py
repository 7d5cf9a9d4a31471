"""Attached consoles: who follows which executions, and what woke them.

A console holds no queue here. It is woken, looks at what changed and at how far its transcript has grown, and reads
from its own offsets: late, slow and returning consoles are all the same case.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, field

from runlet.controller.telling import Telling
from runlet.protocol.frames import Position
from runlet.protocol.messages import WATCH_REPEAT_SECONDS, InputRefused, Watch
from runlet.protocol.views import ExecutionView, RolloutView

# Refused input is told once per keystroke at worst; a console that does not read is not owed all of it.
NOTICE_LIMIT = 100


@dataclass(eq=False, slots=True)
class Attachment:
    """One console's hold on some executions of a run.

    `number` tells an agent which console types, and `typed` the pieces of its input apart.
    """

    number: int
    run: int
    executions: dict[str, ExecutionView]
    positions: dict[str, Position] = field(default_factory=dict)  # up to where the console has the output
    typed: int = 0
    rollout: RolloutView | None = None  # not told yet
    changed: set[str] = field(default_factory=set)
    notices: list[tuple[str, str]] = field(default_factory=list)  # (execution, words)
    drained: set[str] = field(default_factory=set)
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    def explain(self, view: ExecutionView) -> None:
        """Why a program that runs does not go on; what ended says so by itself."""
        if view.detail and not view.state.is_outcome:
            self.notify(view.id, view.detail)

    def notify(self, execution: str, words: str) -> None:
        if len(self.notices) < NOTICE_LIMIT:
            self.notices.append((execution, words))
            self.wake.set()


class Hub:
    """Every attachment of this controller. `tell` sends a message to a device.

    What happens here comes by the `on_` methods and is told to other controllers; what they tell comes by the `show_`.
    """

    def __init__(self, tell: Callable[[str, Watch], None], telling: Telling) -> None:
        self._tell = tell
        self._telling = telling
        self._following: dict[str, set[Attachment]] = {}
        self._attached: dict[int, set[Attachment]] = {}  # by run
        # Consoles of several controllers, or of one before and after a restart, must not share a number.
        self._numbers = itertools.count(random.SystemRandom().getrandbits(62))

    def attach(self, run: int, executions: Iterable[ExecutionView]) -> Attachment:
        """Follow these executions. Subscribe first and read after: a change in between wakes the attachment."""
        attachment = Attachment(next(self._numbers), run, {view.id: view for view in executions})
        self._attached.setdefault(run, set()).add(attachment)
        for view in attachment.executions.values():
            self._following.setdefault(view.id, set()).add(attachment)
            self._watch(view, watched=True)
        return attachment

    def detach(self, attachment: Attachment) -> None:
        self._attached[attachment.run].discard(attachment)
        if not self._attached[attachment.run]:
            del self._attached[attachment.run]
        for view in attachment.executions.values():
            following = self._following[view.id]
            following.discard(attachment)
            if not following:
                del self._following[view.id]
                self._watch(view, watched=False)

    def close(self) -> None:
        """Wake everyone: the controller stops."""
        for attachment in set().union(*self._following.values()):
            attachment.wake.set()

    @property
    def followed(self) -> Set[str]:
        """The executions that a console follows."""
        return self._following.keys()

    @property
    def attached(self) -> Set[int]:
        """The runs that a console is attached to."""
        return self._attached.keys()

    def on_output(self, execution: str) -> None:
        self._telling.printed(execution)
        self.show_output(execution)

    def show_output(self, execution: str) -> None:
        for attachment in self._following.get(execution, ()):
            attachment.wake.set()

    def on_change(self, view: ExecutionView) -> None:
        """An execution has a newer version or now has a device."""
        self._telling.changed(view.id)
        self.show_change(view)

    def show_change(self, view: ExecutionView) -> None:
        following = self._following.get(view.id, ())
        for attachment in following:
            before = attachment.executions[view.id]
            if before == view:
                continue
            if before.detail != view.detail:
                attachment.explain(view)
            attachment.executions[view.id] = view
            attachment.changed.add(view.id)
            attachment.wake.set()
        if following:
            self._watch(view, watched=True)

    def on_rollout(self, run: int, rollout: RolloutView) -> None:
        """A run has come further in its rollout."""
        self._telling.came_further(run)
        self.show_rollout(run, rollout)

    def show_rollout(self, run: int, rollout: RolloutView) -> None:
        for attachment in self._attached.get(run, ()):
            attachment.rollout = rollout
            attachment.wake.set()

    def on_refused(self, refused: InputRefused) -> None:
        self._telling.refused(refused)
        self.show_refused(refused)

    def show_refused(self, refused: InputRefused) -> None:
        """Tell the console that typed, and no other."""
        for attachment in self._following.get(refused.execution, ()):
            if attachment.number == refused.console:
                attachment.notify(refused.execution, f"not typed: {refused.reason}")

    async def run(self) -> None:
        """Repeat what would lapse: a Watch that was lost, or is getting old."""
        while True:
            await asyncio.sleep(WATCH_REPEAT_SECONDS)
            for execution, following in self._following.items():
                self._watch(next(iter(following)).executions[execution], watched=True)

    def _watch(self, view: ExecutionView, *, watched: bool) -> None:
        if view.device is not None and not view.state.is_outcome:
            self._tell(view.device, Watch(view.id, view.attempt, watched))
