"""An answer reaches the question that it names, or none: programs whose questions pass, on real terminals."""

from __future__ import annotations

import asyncio
import os
import random
import re
import shlex
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from runlet.agent.answers import Answers, Candidate
from runlet.agent.holders import Holders
from runlet.agent.output import OutputSender
from runlet.agent.prompts import Asking
from runlet.agent.session import Session
from runlet.holder import processes
from runlet.holder.buffer import OutputBuffer
from runlet.holder.keyboard import ANSWERS
from runlet.holder.records import Start
from runlet.holder.wire import Look
from runlet.model.answer import Origin, Result
from runlet.model.prompt import Prompt
from runlet.protocol.chunk import Input
from runlet.protocol.messages import Answered
from tests.harness import PATIENCE_SECONDS

PROGRAMS, QUESTIONS, AT_ONCE = 16, 14, 8
# A question may pass while the kernel takes what is typed for it, which nobody can see; on a machine that others work
# on, the holder may be kept waiting just there.
UNSEEN_SECONDS = 0.05


@pytest.fixture
def holders(tmp_path: Path) -> Iterator[Holders]:
    holders = Holders(tmp_path / "holders")
    yield holders
    for name in holders.names():
        if started := holders.started(name):
            with suppress(ProcessLookupError):
                os.kill(started.holder, signal.SIGKILL)
            processes.kill(processes.of_execution(name.partition(".")[0].encode(), started.program))
    holders.close()


@dataclass
class Console:
    """A program, and what its agent has of it."""

    log: Path
    given: dict[str, tuple[int, float]] = field(default_factory=dict)  # answers: for which question, and when told
    told: list[Answered] = field(default_factory=list)
    output: bytes = b""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def start(self, holders: Holders, script: str) -> None:
        execution = str(uuid.uuid4())
        environment = {
            b"PATH": os.environ["PATH"].encode(),
            b"LOG": str(self.log).encode(),
            processes.MARK: execution.encode(),
        }
        start = Start(
            execution=execution.encode(),
            argv=[b"bash", b"-c", script.encode()],
            environment=environment,
            cwd=b"/",
            size=(80, 24),
            timeout=None,
            on_timeout=b"",
            limit=None,
            on_limit=b"",
            on_stop=b"",
        )
        self.asking = Asking("key")
        self.answers = Answers((execution, 1), self.asking, self._type, self._tell)
        output = OutputSender(execution, 1, OutputBuffer(), _drop)
        connection = holders.start(f"{execution}.1", start)
        self.session = Session(connection, output, self._looked, self._printed, lambda _: None, lambda *_: None)

    def answer(self, text: str, prompt: Prompt | None = None, question: int = 0) -> None:
        """Answer what is asked now, or `prompt`."""
        prompt = prompt or self.asking.prompt
        assert prompt
        data = text.encode() + b"\r"
        candidate = Candidate(str(uuid.uuid4()), prompt.id, Origin.OPERATOR, "ann", data, hidden=prompt.secret)
        self.given[candidate.id] = question, time.time()
        self.answers.offer(candidate)

    def results(self) -> list[Result]:
        return [one.result for one in self.told]

    def asks(self, text: str) -> bool:
        return self.asking.prompt is not None and text in self.asking.prompt.text

    def read(self) -> list[tuple[int, str, float]]:
        """(the question, what it was given, when it was over) of each."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [(int(number), text, float(at)) for number, text, at in (line.split("|") for line in lines)]

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():
                self.news.clear()
                await self.news.wait()

    async def until_asked(self, text: str) -> None:
        await self.until(lambda: self.asks(text))

    async def ended(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.session.ended
        self.session.close(taken=True)

    async def kill(self) -> None:
        self.session.end("", politely=False)
        await self.ended()

    def _looked(self, look: Look) -> None:
        self.asking.take(look)
        self.answers.go_on()
        self.news.set()

    def _printed(self, data: bytes) -> None:
        self.output += data
        self.asking.printed(data)
        self.news.set()

    def _type(self, candidate: Candidate) -> None:
        number = ANSWERS | uuid.UUID(candidate.id).int >> 65
        assert self.asking.look
        piece = Input("", 1, number, 1, candidate.data)
        self.session.type_if(piece, self.asking.look, self.answers.typed, self.answers.moved)

    def _tell(self, answered: Answered) -> None:
        self.told.append(answered)
        number, _ = self.given[answered.id]
        self.given[answered.id] = number, time.time()
        self.news.set()


async def _drop(_body: bytes) -> None:
    """Nobody keeps what is printed."""


def random_program(draw: random.Random) -> str:
    """Questions with limits, one after another, in lines of their own or in one, with or without a word between."""
    lines = ['log() { printf \'%s|%s|%s\\n\' "$1" "$2" "$EPOCHREALTIME" >> "$LOG"; }']
    for number in range(1, QUESTIONS + 1):
        before = draw.choice(["", "", "\\n", "\\r\\033[K", "work\\n", "a word ", "\\033[2J\\033[H", "\\a"])
        text = draw.choice(["Q{n} go on? [y/N] ", "Q{n}: ", "Name of Q{n}? ", "Q{n} (Y/n) ", "Q{n}> "]).format(n=number)
        option = draw.choice(["", "", "-s ", "-e "])
        limit = draw.uniform(0.15, 0.7)
        lines += [
            f"printf {shlex.quote(before)}",
            f'x=; read -t {limit:.2f} {option}-p {shlex.quote(text)} x; log {number} "$x"',
            f"sleep {draw.choice([0, 0, draw.uniform(0, 0.3)]):.2f}",
        ]
    return "\n".join(lines)


async def answered_at_random(holders: Holders, folder: Path, seed: int) -> Console:
    """A person answers what they see, a while after they saw it."""
    draw = random.Random(seed)
    console = Console(folder / f"log-{seed}")
    console.start(holders, random_program(draw))
    console.session.ended.add_done_callback(lambda _: console.news.set())
    seen = ""
    while not console.session.ended.done():
        prompt = console.asking.prompt
        if prompt is not None and prompt.id != seen and (numbers := re.findall(r"Q(\d+)", prompt.text)):
            seen = prompt.id
            await asyncio.sleep(draw.choice([0, draw.uniform(0, 0.5)]))
            console.answer(f"for {numbers[-1]}", prompt, int(numbers[-1]))
        else:
            console.news.clear()
            await console.news.wait()
    await console.ended()
    return console


async def test_no_answer_reaches_a_question_that_it_does_not_name(holders: Holders, tmp_path: Path) -> None:
    seeds = [random.SystemRandom().randrange(2**32) for _ in range(PROGRAMS)]
    right = 0
    for begin in range(0, PROGRAMS, AT_ONCE):
        some = seeds[begin : begin + AT_ONCE]
        consoles = await asyncio.gather(*(answered_at_random(holders, tmp_path, seed) for seed in some))
        for seed, console in zip(some, consoles, strict=True):
            over = {number: at for number, _, at in console.read()}
            typed_at = dict(console.given.values())
            for number, text, _ in console.read():
                right += text == f"for {number}"
                if text not in ("", f"for {number}"):
                    whole = re.search(r"for (\d+)", text)  # else its time was over between two keys
                    meant = [int(whole[1])] if whole else list(typed_at)
                    unseen = any(abs(typed_at[one] - over[one]) < UNSEEN_SECONDS for one in meant)
                    assert unseen, f"seed {seed}: question {number} was answered {text!r}"
    assert right > PROGRAMS, "answers reach what they name"


async def test_an_answer_to_a_question_that_has_passed_is_stale(holders: Holders, tmp_path: Path) -> None:
    console = Console(tmp_path / "log")
    script = "read -t 0.5 -p 'Keep the cache? [Y/n] ' x; read -p 'Erase the disk? [y/N] ' y; echo \"0|$y|0\" > \"$LOG\""
    console.start(holders, script)
    await console.until_asked("Keep the cache?")
    kept = console.asking.prompt
    await console.until_asked("Erase the disk?")
    assert console.asking.prompt
    assert console.asking.prompt.text == "Erase the disk? [y/N]", "a rule for the first must not match"
    console.answer("y", kept)
    assert console.results() == [Result.STALE]
    console.answer("n")
    await console.ended()
    assert console.results() == [Result.STALE, Result.TAKEN]
    assert console.read()[0][1] == "n"


async def test_an_answer_in_the_moment_that_a_question_passes_is_stale(holders: Holders, tmp_path: Path) -> None:
    """The agent has not seen the second question yet: only who owns the terminal can know."""
    console = Console(tmp_path / "log")
    script = "printf 'Keep? [Y/n] '; until [ -e \"$LOG.go\" ]; do read -t 0.1 x; done; read -p 'Erase? [y/N] ' y"
    console.start(holders, script + '; echo "0|$y|0" > "$LOG"')
    await console.until_asked("Keep?")
    kept = console.asking.prompt
    (tmp_path / "log.go").touch()
    await console.until(lambda: b"Erase?" in console.output)
    assert console.asking.prompt is kept, "the agent has not been told of it yet"
    console.answer("y", kept)
    await console.until_asked("Erase?")
    await console.until(lambda: console.told)
    assert console.results() == [Result.STALE]
    console.answer("n")
    await console.ended()
    assert console.read()[0][1] == "n"


async def test_a_busy_program_is_not_given_a_secret_again(holders: Holders, tmp_path: Path) -> None:
    console = Console(tmp_path / "log")
    script = "stty -echo; printf 'Password: '; read -r p; touch \"$LOG.read\"; sleep 2; stty echo; read -p 'More: '"
    console.start(holders, script)
    await console.until_asked("Password:")
    console.answer("s3cret")
    asked: set[str] = set()

    def asks_more() -> bool:
        if (tmp_path / "log.read").exists() and console.asking.open:
            asked.add(console.asking.open.text)
        return console.asks("More")

    await console.until(asks_more)
    assert asked == {"More:"}
    console.answer("")
    await console.ended()


async def test_a_terminal_that_shows_what_is_typed_is_typed_no_secret(holders: Holders, tmp_path: Path) -> None:
    """It began to after it was looked at."""
    console = Console(tmp_path / "log")
    console.start(holders, 'stty -echo; tty > "$LOG.tty"; printf "Password: "; read -r p; echo "got <$p>"')
    await console.until_asked("Password:")
    terminal = (tmp_path / "log.tty").read_text().strip()
    shown = await asyncio.create_subprocess_exec("stty", "-F", terminal, "echo")
    await shown.wait()
    console.answer("s3cret")
    await console.until(lambda: console.told)
    assert Result.TAKEN not in console.results()
    assert b"s3cret" not in console.output
    await console.kill()


@pytest.mark.parametrize("printed", ["echo tick $i", "printf ' [log %s]' $i", "printf '\\r|%s' $i"])
async def test_what_is_printed_in_the_background_leaves_the_question(
    holders: Holders, tmp_path: Path, printed: str
) -> None:
    console = Console(tmp_path / "log")
    loop = f'until [ -e "$LOG.go" ]; do sleep 0.05; done; for i in {{1..60}}; do {printed}; sleep 0.1; done'
    console.start(holders, f'({loop}) & read -p \'Abort? \' x; kill $!; echo "0|$x|0" > "$LOG"')
    await console.until_asked("Abort?")
    first = console.asking.prompt
    (tmp_path / "log.go").touch()
    await console.until(lambda: b"7" in console.output)
    assert console.asking.prompt is first
    console.answer("y", first)
    await console.ended()
    assert console.results() == [Result.TAKEN]
    assert console.read()[0][1] == "y"


async def test_a_question_with_a_countdown_and_a_spinner_is_answered(holders: Holders, tmp_path: Path) -> None:
    console = Console(tmp_path / "log")
    frames = "for i in {9..1}; do for f in / - '|'; do printf '\\r%s Go on? (%s s) ' $f $i; sleep 0.1; done; done"
    console.start(holders, f'({frames}) & read x; kill $!; echo "0|$x|0" > "$LOG"')
    await console.until_asked("Go on?")
    first = console.asking.prompt
    await console.until(lambda: b"(7 s)" in console.output)
    console.answer("y", first)
    await console.ended()
    assert console.results() == [Result.TAKEN]
    assert console.read()[0][1] == "y"
