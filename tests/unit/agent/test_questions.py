"""runlet/agent/questions.py: what is done about questions as they come, without a terminal."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest

from runlet import sealing
from runlet.agent.answers import Candidate
from runlet.agent.prompts import Asking
from runlet.agent.questions import Questions
from runlet.holder.waiting import BUSY, READING
from runlet.holder.wire import Look
from runlet.model.answer import Origin
from runlet.model.declared_answers import Rule, Rules, Unanswered
from runlet.protocol.messages import Execute, TerminalSize, secret_context
from tests.harness import PATIENCE_SECONDS

KEY = sealing.make_key()


class Program:
    """A program that asks, and what is done about it. `takes` says whether what is offered is typed."""

    def __init__(self, rules: Rules, secrets: dict[str, str] | None = None, *, takes: bool = True) -> None:
        self.takes = takes
        self.asking = Asking("key")
        self.offered: list[Candidate] = []
        self.told: list[str] = []
        self._news = asyncio.Event()
        id_, size = str(uuid.uuid4()), TerminalSize()
        command = Execute(
            id_, 1, 1, "job", "true", None, (), None, size, "xterm", input=rules, secrets=secrets or {}
        )  # fmt: skip
        self.questions = Questions(
            command,
            "pi-1",
            KEY,
            self.asking,
            offer=self._offer,
            ask=lambda why: self._tell(f"ask {why}".strip()),
            go_on=lambda: self._tell("go on"),
            refuse=lambda why: self._tell(f"refuse {why}"),
        )
        self._printed = b""

    async def until(self, condition: Callable[[Program], object]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition(self):
                await self._news.wait()
                self._news.clear()

    async def until_refused(self, words: str = "") -> None:
        await self.until(lambda program: program.told and program.told[-1].startswith(f"refuse {words}"))

    def asks(self, text: str, *, echo: bool = True, silence: float = 0.1) -> None:
        self._printed += text.encode()
        self._look(READING, echo=echo, silence=silence)

    def works(self) -> None:
        self._printed += b"\r\n"
        self._look(BUSY, echo=True, silence=0.1)

    def _look(self, activity: int, *, echo: bool, silence: float) -> None:
        seen = Look(
            len(self._printed), activity, lines=True, echo=echo, own_screen=False, long=False, columns=80, rows=24,
            silence=silence, recent=self._printed,
        )  # fmt: skip
        if self.asking.take(seen):
            self.questions.changed(silence)

    def _tell(self, words: str) -> None:
        self.told.append(words)
        self._news.set()

    def _offer(self, candidate: Candidate) -> None:
        self.offered.append(candidate)
        self._news.set()
        if self.takes and self.asking.prompt is not None:
            self.asking.answered(self.asking.prompt, candidate.data)
        candidate.done()


async def a_moment() -> None:
    """A question whose time is over a little later than that of those in the tests."""
    other = Program(Rules(timeout=timedelta(seconds=1)))
    other.asks("Go on? ", silence=0.7)
    await other.until_refused()


async def test_a_declared_answer_is_typed_with_enter_and_told_as_none_that_waits() -> None:
    program = Program(Rules(answers=(Rule("Go on", send="y"),)))
    program.asks("Go on? ")
    program.works()
    (one,) = program.offered
    assert (one.data, one.origin, one.hidden) == (b"y\r", Origin.DECLARED, False)
    assert program.told == ["go on", "go on"]


async def test_what_is_not_declared_is_a_persons() -> None:
    program = Program(Rules(answers=(Rule("Go on", send="y"),)))
    program.asks("Name? ")
    assert program.told == ["ask"]
    assert program.offered == []


async def test_a_declared_answer_that_cannot_be_typed_leaves_the_question_to_a_person() -> None:
    program = Program(Rules(answers=(Rule("Go on", send="y"),)), takes=False)
    program.asks("Go on? ")
    assert program.told[-1] == "ask its declared answer could not be typed"


async def test_a_secret_is_opened_when_it_is_needed() -> None:
    box = sealing.seal(b"hush", sealing.public_key(KEY), secret_context("pi-1", "VAULT"))
    program = Program(Rules(answers=(Rule("Password", secret="VAULT"),)), {"VAULT": base64.b64encode(box).decode()})
    program.asks("Password: ", echo=False)
    (one,) = program.offered
    assert (one.data, one.hidden) == (b"hush\r", True)


async def test_a_secret_that_was_sealed_for_another_device_is_asked_for() -> None:
    box = sealing.seal(b"hush", sealing.public_key(KEY), secret_context("pi-2", "VAULT"))
    program = Program(Rules(answers=(Rule("Password", secret="VAULT"),)), {"VAULT": base64.b64encode(box).decode()})
    program.asks("Password: ", echo=False)
    assert program.offered == []
    assert program.told[-1].startswith("ask the secret VAULT cannot be opened: ")


async def test_the_time_of_a_question_counts_from_when_its_terminal_fell_silent() -> None:
    program = Program(Rules(timeout=timedelta(hours=1)))
    program.asks("Go on? ", silence=3599.99)
    assert program.told == ["ask"]
    await program.until_refused("nobody answered within 1h: Go on?")


async def test_a_question_that_lines_push_up_keeps_its_time() -> None:
    program = Program(Rules(timeout=timedelta(hours=1)))
    program.asks("Go on? ", silence=3599.9)
    program.asks("\r\na line of another\r\nGo on? ", silence=0.0)
    assert program.told == ["ask", "ask"]
    await program.until_refused()


async def test_a_question_after_an_answer_has_a_time_of_its_own() -> None:
    program = Program(Rules(timeout=timedelta(seconds=1)))
    program.asks("Go on? ", silence=0.9)
    program.works()
    program.asks("Go on? ", silence=0.0)
    await a_moment()
    assert program.told == ["ask", "go on", "ask"]
    await program.until_refused()


async def test_an_answer_in_time_ends_the_waiting() -> None:
    program = Program(Rules(timeout=timedelta(seconds=1)))
    program.asks("Go on? ", silence=0.9)
    program.works()
    await a_moment()
    assert program.told == ["ask", "go on"]


@pytest.mark.parametrize(("unanswered", "typed"), [(Unanswered.DEFAULT, b"\r"), (Unanswered.SKIP, b"\x04")])
async def test_what_is_typed_when_nobody_answered(unanswered: Unanswered, typed: bytes) -> None:
    program = Program(Rules(timeout=timedelta(seconds=1), unanswered=unanswered))
    program.asks("Go on? ", silence=1.0)
    await program.until(lambda program: program.offered)
    (one,) = program.offered
    assert (one.data, one.origin) == (typed, Origin.DEFAULT)
