"""A fleet that is given programs without a pause while its parts are killed at random, and what must hold all the same.

One round has a seed, from which all of its draws come: who is killed and when, what is launched and cancelled. Kills
come on, whether what was killed before is back or not. At the end of a round everything is awaited and judged by what
the devices and the programs themselves wrote down.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy
from sqlalchemy.exc import DBAPIError

from runlet.client.attachment import Attachment, attach
from runlet.errors import Conflict, RunletError, Unavailable
from runlet.local.rabbitmq import NodeFolder
from runlet.model.execution import OUTCOMES, State
from runlet.model.target import Target
from runlet.protocol.chunk import Chunk
from runlet.protocol.frames import Attach
from runlet.protocol.views import RunView
from tests.brokers import PrivateBroker
from tests.harness import TOKEN, Fleet, Process, wait_until

AGENT, HOLDER, SPAWNER, CONTROLLER, DATABASE, BROKER = "agent", "holder", "spawner", "controller", "database", "broker"
# How often each is drawn. A broker takes seconds to come back, so its kills are counted out instead.
WEIGHTS = {AGENT: 35, HOLDER: 30, SPAWNER: 5, CONTROLLER: 18, DATABASE: 15}
# From one kill to the next: from within a start to well beyond a whole execution.
LONGEST_PAUSE_SECONDS = 0.4
# A holder to be killed must be there first: the broker may boot meanwhile, and each of the others be in a long pause
# between two tries to reach it.
HOLDER_SECONDS = 180.0
# Executions under way at most, so that what waits does so for the faults and not for its turn.
MOST_OPEN = 30
LAUNCH_SECONDS = 0.15
CANCELLED_SHARE = 0.1
SAMPLE_SECONDS = 0.05
# After the last kill: agents come back within some jittered seconds of a broker's boot, an unanswered command is
# repeated after a minute at most.
SETTLED_SECONDS = 180.0
# What is typed reaches its program within this, or never.
TYPED_SECONDS = 12.0
ANSWERS = 3
# Programs print up to so many lines.
MOST_LINES = 4000

_RANKS = {State.QUEUED: 0, State.DELIVERED: 1, State.RUNNING: 2, State.AWAITING_INPUT: 2}
_ROWS = sqlalchemy.text(
    "SELECT id, run, device, attempt, version, state, settled, detail FROM execution WHERE run > :last ORDER BY id"
)
_NEVER_RAN = "it cannot be started: its holder ended before it"


@dataclass(frozen=True)
class Row:
    """An execution as the controller's database has it."""

    id: str
    run: int
    device: str
    attempt: int
    version: int
    state: State
    settled: bool
    detail: str

    def may_follow(self, before: Row) -> bool:
        """Nobody tries these again, so that they have one attempt."""
        if before.state in OUTCOMES and self.state is not before.state:
            return False
        moves = [(before.version, self.version), (before.rank, self.rank), (before.settled, self.settled)]
        return self.attempt == before.attempt and all(old <= new for old, new in moves)

    @property
    def rank(self) -> int:
        return _RANKS.get(self.state, 3)


class History:
    """What happened, in order, and what must not have."""

    def __init__(self) -> None:
        self._begin = time.monotonic()
        self._entries: list[dict[str, object]] = []
        self.wrong: list[str] = []

    def note(self, what: str, **more: object) -> None:
        self._entries.append({"at": round(time.monotonic() - self._begin, 3), "what": what, **more})

    def violated(self, words: str) -> None:
        self.note("violated", words=words)
        self.wrong.append(words)

    def write(self, path: Path) -> None:
        path.write_text("".join(f"{json.dumps(entry)}\n" for entry in self._entries))


class Watch:
    """Looks at the controller's database all the time: nothing there goes back."""

    def __init__(self, fleet: Fleet, history: History) -> None:
        self._engine = sqlalchemy.create_engine(fleet.database, isolation_level="AUTOCOMMIT", pool_pre_ping=True)
        self._history = history
        self.last = 0  # the newest run that was judged before
        self.rows: dict[str, Row] = {}

    @property
    def open(self) -> int:
        return sum(not row.settled for row in self.rows.values())

    def look(self) -> None:
        try:
            with self._engine.connect() as connection:
                found = connection.execute(_ROWS, {"last": self.last}).all()
        except DBAPIError:  # this connection was cut, or SQLite is being recovered
            return
        rows = {row.id: row for row in (Row(*one[:5], State(one[5]), bool(one[6]), one[7]) for one in found)}
        for before in self.rows.values():
            after = rows.get(before.id)
            if after is None:
                self._history.violated(f"{before} is gone")
            elif after != before:
                self._history.note("moved", execution=after.id, state=after.state, settled=after.settled)
                if not after.may_follow(before):
                    self._history.violated(f"{before} became {after}")
        self.rows = rows

    def forget(self) -> None:
        """These are judged."""
        self.last = max((row.run for row in self.rows.values()), default=self.last)
        self.rows = {}

    def close(self) -> None:
        self._engine.dispose()


class Campaign:
    """A fleet, its load, and whoever kills."""

    def __init__(self, fleet: Fleet, broker: PrivateBroker, folder: Path, disconnect: Callable[[], int] | None) -> None:
        """`disconnect` cuts the database's connections; None where the database is a file."""
        self._fleet = fleet
        self._broker = broker
        self._disconnect = disconnect
        self._starts, self._answers = folder / "starts", folder / "answers"
        self._starts.touch()
        self._answers.touch()
        self.history = History()
        self._watch = Watch(fleet, self.history)
        self._recorded: list[int] = []  # runs whose launch was answered
        self._asked: set[int] = set()  # runs whose program waits for an operator
        self._typed: set[str] = set()
        self._judged: set[str] = set()
        self._killed_holders: set[str] = set()  # by the name of their execution
        self._before_start = 0  # programs that kills may have kept from starting, of no execution that is known
        self.kills: Counter[str] = Counter()

    def round(self, seed: int, trials: int, brokers: int) -> None:
        """`trials` kills under load, so many of them of the broker; then the judgement."""
        draw = random.Random(seed)
        self.history.note("round", seed=seed, trials=trials)
        kinds = [kind for kind in WEIGHTS if kind != DATABASE or self._disconnect]
        victims = draw.choices(kinds, [WEIGHTS[kind] for kind in kinds], k=trials - brokers) + [BROKER] * brokers
        draw.shuffle(victims)
        with self._under_load(seed):
            for victim in victims:
                time.sleep(draw.uniform(0, LONGEST_PAUSE_SECONDS))  # the phase is what is drawn
                self._kill(victim, draw)
            if brokers:
                assert self._broker.ready(), self._broker.log.read_text()
        self._end_questions()
        wait_until(self._is_settled, "everything to be settled", SETTLED_SECONDS)
        self._judge()
        self._watch.forget()

    def close(self) -> None:
        self._watch.close()

    # --- the load -----------------------------------------------------------------------------------------------------

    @contextmanager
    def _under_load(self, seed: int) -> Iterator[None]:
        stop = threading.Event()
        work = (
            lambda: self._launch_on(random.Random(f"{seed} launches"), stop),
            lambda: asyncio.run(self._answer_on(random.Random(f"{seed} answers"), stop)),
            lambda: self._sample_on(stop),
        )
        threads = [threading.Thread(target=one) for one in work]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def _sample_on(self, stop: threading.Event) -> None:
        while not stop.wait(SAMPLE_SECONDS):
            self._watch.look()

    def _launch_on(self, draw: random.Random, stop: threading.Event) -> None:
        while not stop.wait(LAUNCH_SECONDS):
            if self._watch.open < MOST_OPEN:
                run = self._launch(self._printing(), ",".join(self._fleet.devices))
                if run and draw.random() < CANCELLED_SHARE:
                    stop.wait(draw.uniform(0, 1))
                    self._cancel(run.id)

    def _launch(self, script: str, on: str) -> RunView | None:
        try:
            with self._fleet.api() as api:
                run = api.start_run(command=["bash", "-c", script], target=Target.custom([on]))
        except RunletError as error:  # it may have been launched all the same: the database tells
            self.history.note("launch not answered", words=error.message)
            return None
        self._recorded.append(run.id)
        self.history.note("launched", run=run.id)
        return run

    def _cancel(self, run: int) -> bool:
        """Whether the controller took it."""
        try:
            with self._fleet.api() as api, suppress(Conflict):  # it has ended
                api.cancel(run)
        except Unavailable:
            return False
        self.history.note("cancelled", run=run)
        return True

    def _end_questions(self) -> None:
        """Those whose operator has left, or never knew that they were launched."""
        self._watch.look()
        answered = set(self._recorded) - self._asked
        for run in {row.run for row in self._watch.rows.values() if not row.settled} - answered:
            wait_until(lambda run=run: self._cancel(run), "the controller to answer")

    def _printing(self) -> str:
        lines = f"$((RUNLET_RUN * 7919 % {MOST_LINES} + 2))"
        return (
            f"echo $RUNLET_EXECUTION >> {self._starts}; echo prints $RUNLET_EXECUTION; n={lines}; "
            "seq 1 $((n / 2)); sleep 0.$((RUNLET_RUN % 5)); seq $((n / 2 + 1)) $n"
        )

    def _asking(self) -> str:
        return (
            f"stty -echo; echo $RUNLET_EXECUTION >> {self._starts}; echo asks $RUNLET_EXECUTION; "
            f"while read -r line; do echo $RUNLET_EXECUTION $line >> {self._answers}; echo got $line; "
            "[ $line = done ] && exit; done; exit 9"
        )

    def _printed(self, row: Row, answers: list[str]) -> bytes:
        """What the program of this execution prints, whichever it was."""
        if answers:
            return f"asks {row.id}\r\n".encode() + b"".join(f"got {line}\r\n".encode() for line in answers)
        lines = row.run * 7919 % MOST_LINES + 2
        return f"prints {row.id}\r\n".encode() + b"".join(b"%d\r\n" % number for number in range(1, lines + 1))

    async def _answer_on(self, draw: random.Random, stop: threading.Event) -> None:
        """An operator who answers one program after another; what did not arrive is not typed again."""
        while not stop.is_set():
            run = await asyncio.to_thread(self._launch, self._asking(), draw.choice(self._fleet.devices))
            if run is None:
                await asyncio.sleep(LAUNCH_SECONDS)
                continue
            self._asked.add(run.id)
            with suppress(RunletError):
                async with attach(self._fleet.url, TOKEN, run.id, Attach()) as attachment:
                    await self._answer(attachment, run, stop)

    async def _answer(self, attachment: Attachment, run: RunView, stop: threading.Event) -> None:
        [execution] = run.executions
        console = Console(attachment)
        reading = asyncio.create_task(console.read())
        try:
            if not await console.saw(b"asks", SETTLED_SECONDS if not stop.is_set() else TYPED_SECONDS):
                return
            for number in [*range(ANSWERS), None]:
                word = "done" if number is None else f"{execution.id[:8]}-{number}"
                self._typed.add(word)
                with suppress(RunletError):
                    await attachment.send_input(execution.id, execution.attempt, f"{word}\r".encode())
                    await console.saw(f"got {word}\r\n".encode(), TYPED_SECONDS)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    # --- killing ------------------------------------------------------------------------------------------------------

    def _kill(self, victim: str, draw: random.Random) -> None:
        self.kills[victim] += 1
        match victim:
            case "agent":
                device = draw.choice(self._fleet.devices)
                self.history.note("kill", part=victim, device=device)
                self._expect_alive(self._fleet.agents[device], device)
                self._fleet.agents[device].kill()
                self._fleet.launch_agent(device)
            case "controller":
                assert self._fleet.controller
                self.history.note("kill", part=victim)
                self._expect_alive(self._fleet.controller, victim)
                self._fleet.controller.kill()
                self._fleet.launch_controller()
            case "holder" | "spawner":
                self._kill_forked(victim, draw)
            case "database":
                assert self._disconnect
                self.history.note("kill", part=victim, connections=self._disconnect())
            case "broker":
                self.history.note("kill", part=victim)
                os.kill(int(NodeFolder(self._broker.folder).node_pid.read_text()), signal.SIGKILL)
                self._broker.join()
                self._broker.launch()

    def _expect_alive(self, process: Process, name: str) -> None:
        code = process.popen.poll()
        if code is not None:
            self.history.violated(f"{name} ended by itself with {code}; see {process.log}")

    def _kill_forked(self, kind: str, draw: random.Random) -> None:
        """A holder or a spawner, stopped first, so that what it was doing is what it did."""
        pid = wait_until(lambda: self._pick(kind, draw), f"a {kind}", HOLDER_SECONDS)
        try:
            os.kill(pid, signal.SIGSTOP)
            name = _held(pid)
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return  # it ended since
        self.history.note("kill", part=kind, pid=pid, execution=name)
        if name:
            self._killed_holders.add(name)
        else:
            self._before_start += 1 if kind == HOLDER else MOST_OPEN

    def _pick(self, kind: str, draw: random.Random) -> int | None:
        keeper = self._broker.keeper
        if keeper is not None and keeper.poll() is not None:
            self.history.violated(f"the broker did not come back: {self._broker.log.read_text()}")
        home = self._fleet.home
        found = forked_holders(home) if kind == HOLDER else [pid for pid in _forked(home) if _is_spawner(pid)]
        return draw.choice(sorted(found)) if found else None

    # --- the judgement ------------------------------------------------------------------------------------------------

    def _is_settled(self) -> bool:
        self._watch.look()
        return bool(self._watch.rows) and not self._watch.open and not forked_holders(self._fleet.home)

    def _judge(self) -> None:
        rows = self._watch.rows
        starts = Counter(self._starts.read_text().split())
        answers: dict[str, list[str]] = {}
        for line in self._answers.read_text().splitlines():
            execution, _, word = line.partition(" ")
            answers.setdefault(execution, []).append(word)
        runs = {row.run for row in rows.values()}
        for run in self._recorded:
            if run not in runs and run > self._watch.last:
                self.history.violated(f"run {run} was answered, and is not there")
        for row in rows.values():
            for words in self._mistakes(row, starts[row.id], answers.get(row.id, [])):
                self.history.violated(f"{words}: {row}")
        unstarted = sum(row.detail == _NEVER_RAN for row in rows.values() if row.id not in self._killed_holders)
        if unstarted > self._before_start:
            self.history.violated(f"{unstarted} never ran, and kills explain {self._before_start} of them")
        unknown = starts.keys() - {row.id for row in rows.values()} - self._judged
        if unknown:
            self.history.violated(f"started without being launched: {unknown}")
        self._before_start = 0
        self._judged |= rows.keys()
        self.history.note("judged", executions=len(rows), states=Counter(row.state for row in rows.values()))

    def _mistakes(self, row: Row, starts: int, answers: list[str]) -> Iterator[str]:
        killed = row.id in self._killed_holders
        if row.state not in OUTCOMES:
            yield "no outcome"
        if row.state is State.INTERRUPTED and not killed:
            yield "interrupted, and its holder was not killed"
        if row.state is State.FAILED and row.detail != _NEVER_RAN:
            yield "failed"
        if row.state not in (State.SUCCEEDED, State.CANCELLED, State.INTERRUPTED, State.FAILED):
            yield "an outcome that nobody asked for"
        least, most = {State.SUCCEEDED: (1, 1), State.FAILED: (0, 0)}.get(row.state, (0, 1))
        if not least <= starts <= most:
            yield f"started {starts} times"
        if len(answers) != len(set(answers)) or not self._typed.issuperset(answers):
            yield f"read {answers}"
        yield from self._wrong_output(row, answers)

    def _wrong_output(self, row: Row, answers: list[str]) -> Iterator[str]:
        with self._fleet.api() as api:
            transcript = b"".join(page.data for page in api.transcript(row.run, row.device))
        expected = self._printed(row, answers)
        if transcript.startswith(b"asks") and not answers:
            expected = f"asks {row.id}\r\n".encode()
        if row.state is State.SUCCEEDED:
            if transcript != expected:
                yield f"printed {_difference(expected, transcript)}"
        elif not expected.startswith(transcript):
            yield f"printed {_difference(expected, transcript)}, not a beginning"


class Console:
    """What an attached console has seen of the run's only program."""

    def __init__(self, attachment: Attachment) -> None:
        self._attachment = attachment
        self._seen = b""
        self._over = False
        self._news = asyncio.Event()

    async def read(self) -> None:
        try:
            async for event in self._attachment.events():
                if isinstance(event, Chunk):
                    self._seen += event.data
                self._news.set()
        finally:
            self._over = True
            self._news.set()

    async def saw(self, text: bytes, seconds: float) -> bool:
        """Whether it sees this within so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while text not in self._seen and not self._over:
                    self._news.clear()
                    await self._news.wait()
        return text in self._seen


def _forked(home: Path) -> list[int]:
    """The spawners and holders of a fleet."""
    mark = str(home).encode()
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            command = Path("/proc", name, "cmdline").read_bytes()
            if b"runlet.holder.spawner" in command and mark in command:
                found.append(int(name))
    return found


def forked_holders(home: Path) -> list[int]:
    """Without the children that have not become their program yet."""
    holders = [pid for pid in _forked(home) if not _is_spawner(pid)]
    return [pid for pid in holders if _parent(pid) not in holders]


def _parent(pid: int) -> int:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def _is_spawner(pid: int) -> bool:
    """A spawner leads its session as a holder does, but its standard input is the agent's socket."""
    try:
        return os.readlink(f"/proc/{pid}/fd/0").startswith("socket:")
    except OSError:
        return False


def _held(pid: int) -> str:
    """The execution whose record a holder has open; empty when it has none yet."""
    with suppress(OSError):
        for file in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                if found := re.search(r"/holders/([^/]+)\.\d+\.started", os.readlink(f"/proc/{pid}/fd/{file}")):
                    return found[1]
    return ""


def _difference(expected: bytes, found: bytes) -> str:
    at = next((index for index, pair in enumerate(zip(expected, found, strict=False)) if pair[0] != pair[1]), None)
    at = min(len(expected), len(found)) if at is None else at
    around = slice(max(0, at - 20), at + 40)
    return f"{len(found)} bytes for {len(expected)}, and from {at} on {found[around]!r} for {expected[around]!r}"
