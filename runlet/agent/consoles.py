"""What consoles and operators do to programs: they look, type, answer, change the window, and hand over the typing."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from runlet import sealing
from runlet.agent.answers import Candidate
from runlet.agent.held import Held
from runlet.agent.inquiries import SETTINGS
from runlet.agent.journal import Journal
from runlet.agent.replies import CONSOLE_SECONDS, SCREEN
from runlet.errors import ProtocolError
from runlet.holder.keyboard import ANSWERS
from runlet.holder.wire import Look
from runlet.model.answer import Origin, Result
from runlet.model.prompt import Prompt
from runlet.protocol.chunk import PROGRAM_ENDED, Input
from runlet.protocol.messages import (
    CONTROL_TTL_SECONDS,
    Answer,
    Answered,
    Handover,
    InputTaken,
    Modes,
    Resize,
    Watch,
    Writer,
)

# Why what a terminal sends by itself is not typed.
ANSWERED_FOR = "the program was answered before this console came"


class Consoles:
    """The way from outside to the programs that are `held`. `tell` tells the controller what became of an answer, and
    who may type; `key` opens secrets.
    """

    def __init__(
        self,
        held: Mapping[tuple[str, int], Held],
        key: bytes,
        journal: Journal,
        tell: Callable[[Answered | InputTaken | Writer | Modes], bool],
    ) -> None:
        self._held = held
        self._key = key
        self._journal = journal
        self._tell = tell

    def type(self, piece: Input, age: float, answer: Callable[[str], None]) -> None:
        """Type for a program what was typed `age` seconds ago. `answer` is called when its terminal has it, or with the
        words why it is refused.
        """
        held = self._held.get((piece.execution, piece.attempt))
        if held is None or held.state.is_outcome:
            answer(PROGRAM_ENDED)
        elif age > CONTROL_TTL_SECONDS:
            answer(late(age))
        elif held.session is None:
            answer("the program has not started")
        else:
            before = held.lease.epoch
            refusal = held.lease.judge(piece, time.monotonic())
            self._tell_lease(held, before)  # noted before it is typed
            if refusal:
                answer(refusal)
            elif piece.is_reply and held.replies.has_just_answered(time.monotonic()):
                answer(ANSWERED_FOR)
            elif piece.is_reply:
                held.replies.leave(held.output.buffer.end)
                held.asking.typed(piece.data)
                held.session.type(piece, answer)
            else:
                prompt = held.answers.console_types()
                held.session.type(piece, partial(_console_typed, held, prompt, piece, answer))

    def took(self, held: Held, console: int, judged: int, taken: int) -> None:
        """What a console typed has come so far."""
        loop = asyncio.get_running_loop()
        before = held.receipts.due
        held.receipts.moved(console, judged, taken, loop.time())
        if held.receipts.due is not None and held.receipts.due != before:
            loop.call_at(held.receipts.due, self._tell_receipts, held)

    def looked(self, held: Held, look: Look) -> None:
        """What the program asks its terminal is answered by the console in front, and where there is none by us."""
        for place, data in held.inquiries.take(look) if held.session else ():
            held.asking.typed(data)
            self._type_for_terminal(held, SETTINGS, place, data)
        if held.is_replying or not held.replies.pending(look):
            return
        held.is_replying = True
        asyncio.get_running_loop().call_later(CONSOLE_SECONDS, self._reply, held)

    def _reply(self, held: Held) -> None:
        held.is_replying = False
        look = held.asking.look
        if held.session is None or look is None:
            return
        now, before = time.monotonic(), held.lease.epoch
        front = held.lease.in_front(now)
        self._tell_lease(held, before)
        if front and held.output.is_watched:
            held.replies.leave(look.offset)
        for number, data in held.replies.take(look, now):
            self._type_for_terminal(held, SCREEN, number, data)

    def _type_for_terminal(self, held: Held, source: int, number: int, data: bytes) -> None:
        assert held.session is not None
        held.session.type(Input(*held.key, source, number, data, is_reply=True), lambda _: None)

    def answer(self, message: Answer, age: float, done: Callable[[], None]) -> None:
        """An operator's answer of `age` seconds ago. `done` is called when it is decided what becomes of it."""
        held = self._held.get((message.execution, message.attempt))
        if held is None or held.state.is_outcome:
            self._tell(_not_typed(message, Result.STALE))
            done()
            return
        if age > CONTROL_TTL_SECONDS:
            self._tell(_not_typed(message, Result.REFUSED, late(age)))
            done()
            return
        try:
            data = sealing.open_(message.typed, self._key, message.context) if message.sealed else message.typed
        except ProtocolError as error:
            self._tell(_not_typed(message, Result.REFUSED, error.message))
            done()
            return
        candidate = Candidate(
            message.id, message.prompt, Origin.OPERATOR, message.by, data, hidden=message.sealed, done=done
        )
        held.answers.offer(candidate)

    def type_answer(self, held: Held, candidate: Candidate) -> None:
        """Type an answer where the terminal is as it was seen. Its number is made of its id: it is typed once, however
        often it comes.
        """
        number = ANSWERS | uuid.UUID(candidate.id).int >> 65
        look, prompt = held.asking.look, held.asking.open
        if held.session is None or look is None or prompt is None:
            held.answers.typed("the program has not started")
        else:
            piece = Input(*held.key, number, 1, held.display.typed(candidate.data, look, prompt))
            held.session.type_if(piece, look, held.answers.typed, held.answers.moved)

    def answered(self, held: Held, answered: Answered) -> None:
        """What was taken is in the journal before it is told: whoever is late learns of it from the next agent too."""
        if answered.result is Result.TAKEN and held.report.answered != answered and not held.state.is_outcome:
            held.report = replace(held.report, answered=answered)
            self._journal.note_answer(held.reserving())
        self._tell(answered)

    def control(self, message: Resize | Handover | Watch) -> None:
        """Somebody looks, or does something to the terminal; nothing when the execution is not held (any more)."""
        held = self._held.get((message.execution, message.attempt))
        if held is None:
            return
        match message:
            case Resize() if held.session:
                before = held.lease.epoch
                size = held.lease.resize(message, time.monotonic())
                self._tell_lease(held, before)
                if size is not None:
                    held.session.resize(size, nudge=message.alone)
            case Handover():
                before = held.lease.epoch
                held.lease.hand_over(message, time.monotonic())
                self._tell_lease(held, before)
            case Watch():
                held.output.watch(message.watched)
                held.lease.attached(message.identity, time.monotonic())
                if message.watched and (held.lease.epoch or message.modes):
                    self._tell(held.lease.told(message.execution, message.attempt))
                if message.modes:
                    self._tell(Modes(message.execution, message.attempt, *held.display.told()))

    def _tell_receipts(self, held: Held) -> None:
        loop = asyncio.get_running_loop()
        if held.receipts.due is None or held.receipts.due > loop.time():
            return  # it was told with what came since
        for console, judged, taken in held.receipts.take():
            if not self._tell(InputTaken(*held.key, console, judged, taken)):
                held.receipts.lost(console, judged, taken, loop.time())
        if held.receipts.due is not None:
            loop.call_at(held.receipts.due, self._tell_receipts, held)

    def _tell_lease(self, held: Held, before: int) -> None:
        """Note and tell a lease that has changed since it had the epoch `before`."""
        if held.lease.epoch == before:
            return
        if held.session:
            held.session.note(held.note())
        self._tell(held.lease.told(held.report.execution, held.report.attempt))


def _console_typed(held: Held, prompt: Prompt | None, piece: Input, answer: Callable[[str], None], words: str) -> None:
    held.answers.console_typed(prompt, piece.data, words, piece.who)
    answer(words)


def late(age: float) -> str:
    """Why what comes so late is not typed: it was meant for another moment."""
    return f"it reached the device {age:.0f} s late"


def _not_typed(message: Answer, result: Result, detail: str = "") -> Answered:
    """What to tell of an answer that does not even take part."""
    return Answered(
        message.id,
        message.execution,
        message.attempt,
        message.prompt,
        result,
        Origin.OPERATOR,
        message.by,
        at=time.time(),
        detail=detail,
    )
