"""Attached consoles: who follows which executions, and what woke them.

A console holds no queue here. It is woken, looks at what changed and at how far its transcript has grown, and reads
from its own offsets: late, slow and returning consoles are all the same case.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, field

from runlet.controller import clock
from runlet.controller.questions import Questions
from runlet.controller.telling import Telling
from runlet.controller.typing_window import LOST_SECONDS, TypingWindow
from runlet.protocol.age import Ages
from runlet.protocol.frames import Notice, Position, WriterChanged
from runlet.protocol.messages import (
    WATCH_REPEAT_SECONDS,
    Handover,
    InputRefused,
    InputTaken,
    Modes,
    Resize,
    Step,
    TerminalSize,
    Watch,
    Writer,
)
from runlet.protocol.views import ExecutionView, RolloutView

# How often somebody looks for typing that nothing is heard of.
LOOK_SECONDS = 1.0
# A controller that stood still hears what was told meanwhile within this, the broker's connection made again included.
HEAR_SECONDS = 5.0
# Refused input is told once per keystroke at worst; a console that does not read is not owed all of it.
NOTICE_LIMIT = 100


@dataclass(eq=False, slots=True)
class Attachment:
    """One console's hold on some executions of a run.

    `number` tells an agent which attachment types. `identity` and `who` are the console's own, the same when it
    attaches again.
    """

    number: int
    run: int
    executions: dict[str, ExecutionView]
    identity: int
    who: str
    size: TerminalSize | None = None  # its window's, where that is to count
    positions: dict[str, Position] = field(default_factory=dict)  # up to where the console has the output
    typed: defaultdict[str, TypingWindow] = field(default_factory=lambda: defaultdict(TypingWindow))  # by execution
    ages: Ages = field(default_factory=Ages)  # of what it sends
    rollout: RolloutView | None = None  # not told yet
    changed: set[str] = field(default_factory=set)
    writers: dict[str, Writer] = field(default_factory=dict)  # not told yet
    modes: dict[str, Modes] = field(default_factory=dict)  # likewise
    acted: set[str] = field(default_factory=set)  # executions whose lease may be this console's
    notices: list[Notice] = field(default_factory=list)
    drained: set[str] = field(default_factory=set)
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    def explain(self, view: ExecutionView) -> None:
        """Why a program that runs does not go on; what ended says so by itself."""
        if view.detail and not view.state.is_outcome:
            self.notify(view.id, view.detail)

    def notify(self, execution: str, words: str, *, refused: bool = False) -> None:
        if len(self.notices) < NOTICE_LIMIT:
            self.notices.append(Notice(execution, words, refused))
            self.wake.set()

    def changed_writer(self, writer: Writer) -> WriterChanged:
        """The state of a lease as this console is told it."""
        mine = self.identity
        return WriterChanged(
            writer.execution,
            writer.attempt,
            writer.who,
            writer.identity == mine,
            writer.asker_who,
            writer.asker == mine,
            writer.front in (0, mine),
            writer.cause,
            writer.terminal,
        )


class Hub:
    """Every attachment of this controller. `tell` sends a message to a device.

    What happens here comes by the `on_` methods and is told to other controllers; what they tell comes by the `show_`.
    """

    def __init__(
        self, tell: Callable[[str, Watch | Resize | Handover], None], telling: Telling, questions: Questions
    ) -> None:
        self._tell = tell
        self._telling = telling
        self._questions = questions
        self._following: dict[str, set[Attachment]] = {}
        self._attached: dict[int, set[Attachment]] = {}  # by run
        self._writers: dict[str, Writer] = {}  # of the executions that are followed
        # Consoles of several controllers, or of one before and after a restart, must not share a number.
        self._numbers = itertools.count(random.SystemRandom().getrandbits(62))

    def attach(
        self,
        run: int,
        executions: Iterable[ExecutionView],
        identity: int | None = None,
        who: str = "",
    ) -> Attachment:
        """Follow these executions. Subscribe first and read after: a change in between wakes the attachment."""
        number = next(self._numbers)
        views = {view.id: view for view in executions}
        attachment = Attachment(number, run, views, number if identity is None else identity, who)
        self._attached.setdefault(run, set()).add(attachment)
        for view in attachment.executions.values():
            self._following.setdefault(view.id, set()).add(attachment)
            if writer := self._writers.get(view.id):
                attachment.writers[view.id] = writer
            self._watch(view, watched=True, modes=len(views) == 1)
        return attachment

    def detach(self, attachment: Attachment, *, left: bool) -> None:
        """`left`: on purpose, and not to attach again by itself."""
        self._attached[attachment.run].discard(attachment)
        if not self._attached[attachment.run]:
            del self._attached[attachment.run]
        for view in attachment.executions.values():
            if left and view.id in attachment.acted:
                self.hand_over(attachment, view.id, Step.LEAVE)
            following = self._following.get(view.id, set())  # one that was adopted meanwhile was never followed
            following.discard(attachment)
            if not following:
                self._following.pop(view.id, None)
                self._writers.pop(view.id, None)
                self._watch(view, watched=False)

    def close(self) -> None:
        """Wake everyone: the controller stops."""
        self._questions.note()
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
        self._questions.took(view)
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
                attachment.typed[refused.execution].refused(refused.number)
                attachment.notify(refused.execution, f"not typed: {refused.reason}", refused=True)

    def on_taken(self, taken: InputTaken) -> None:
        self._telling.taken(taken)
        self.show_taken(taken)

    def show_taken(self, taken: InputTaken) -> None:
        """What a console typed has come further."""
        for attachment in self._following.get(taken.execution, ()):
            if attachment.number == taken.console:
                attachment.typed[taken.execution].moved(taken.held, taken.taken)
                attachment.wake.set()

    def on_writer(self, writer: Writer) -> None:
        """Who may type on a session."""
        self._telling.wrote(writer)
        self.show_writer(writer)

    def show_writer(self, writer: Writer) -> None:
        known = self._writers.get(writer.execution)
        following = self._following.get(writer.execution, ())
        if not following or (known and (known.attempt, known.epoch) >= (writer.attempt, writer.epoch)):
            return
        self._writers[writer.execution] = writer
        for attachment in following:
            attachment.writers[writer.execution] = writer
            attachment.wake.set()
            is_new = known is None or known.identity != writer.identity
            if is_new and writer.identity == attachment.identity and attachment.size:
                self.resize(attachment, writer.execution, redraw=False)

    def on_modes(self, modes: Modes) -> None:
        """The modes in which a program has its terminal."""
        self._telling.told_modes(modes)
        self.show_modes(modes)

    def show_modes(self, modes: Modes) -> None:
        for attachment in self._following.get(modes.execution, ()):
            if len(attachment.executions) == 1:
                attachment.modes[modes.execution] = modes
                attachment.wake.set()

    def epoch(self, execution: str, attempt: int) -> int:
        """The newest state of its lease that is known here; 0: none is."""
        writer = self._writers.get(execution)
        return writer.epoch if writer and writer.attempt == attempt else 0

    def hand_over(self, attachment: Attachment, execution: str, step: Step) -> None:
        """Tell the agent what a console wants of the writer's lease."""
        view = attachment.executions[execution]
        if view.device is not None and not view.state.is_outcome:
            attachment.acted.add(execution)
            at = view.id, view.attempt
            self._tell(view.device, Handover(*at, step, attachment.identity, attachment.who, self.epoch(*at)))

    def resize(self, attachment: Attachment, execution: str, *, redraw: bool = True) -> None:
        """Tell the agent the size of a console's window, which counts while no other console is the writer."""
        view = attachment.executions[execution]
        if attachment.size and view.device is not None and not view.state.is_outcome:
            attachment.acted.add(execution)
            alone = self._following.get(execution) == {attachment}
            self._tell(view.device, Resize(view.id, view.attempt, attachment.size, attachment.identity, redraw, alone))

    async def run(self) -> None:
        """Repeat what would lapse: a Watch that was lost, or gets old; tell of typing that nothing is heard of."""
        not_before = looked = clock.now()
        while True:
            for _ in range(round(WATCH_REPEAT_SECONDS / LOOK_SECONDS)):
                await asyncio.sleep(LOOK_SECONDS)
                before, looked = looked, clock.now()
                if looked > before + HEAR_SECONDS:  # it may have been told while we stood still
                    not_before = looked + HEAR_SECONDS
                if looked >= not_before:
                    self._look_for_lost()
            for execution, following in self._following.items():
                self._watch(next(iter(following)).executions[execution], watched=True)

    def _look_for_lost(self) -> None:
        for attachment in set().union(*self._attached.values()):
            for execution, window in attachment.typed.items():
                if lost := window.lost(clock.now()):
                    words = f"not typed: the device has not confirmed {lost} bytes within {LOST_SECONDS:g} s"
                    attachment.notify(execution, words, refused=True)

    def _watch(self, view: ExecutionView, *, watched: bool, modes: bool = False) -> None:
        if view.device is not None and not view.state.is_outcome:
            writer = self._writers.get(view.id)
            present = writer and any(one.identity == writer.front for one in self._following.get(view.id, ()))
            identity = writer.front if writer and present else 0
            at = clock.NUMBER, clock.now()
            self._tell(view.device, Watch(view.id, view.attempt, watched, identity, modes, *at))
