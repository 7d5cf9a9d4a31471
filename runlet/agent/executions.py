"""The executions of one device: taken into the journal, run in order of acceptance, told to the controller, forgotten.

What survives a crash is the journal's; what is here is rebuilt from it.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from runlet.agent import processes
from runlet.agent.config import AgentConfig
from runlet.agent.journal import Entry, Journal
from runlet.agent.output import OutputSender
from runlet.agent.session import Ending, Session, remove_script, write_script
from runlet.agent.tasks import Tasks
from runlet.model import duration, size
from runlet.model.execution import Event, State, advance
from runlet.model.logs import Overflow
from runlet.protocol.chunk import Chunk
from runlet.protocol.messages import Cancel, Execute, Report, Resize, Stored, Watch
from runlet.protocol.stream import OutputBuffer

# What it takes to write outcomes down; a program that cannot be killed has none, and its start is in the journal.
RECORD_SECONDS = 1.0
# Process ids that fit into a line.
TOLD_PROCESSES = 10


@dataclass(slots=True)
class Held:
    """An execution the agent is responsible for, from acceptance until the controller has settled it."""

    command: Execute | None  # None: its Cancel came first
    report: Report  # the newest
    state: State
    output: OutputSender
    session: Session | None = None
    ending: asyncio.Task[None] | None = None  # writes down the outcome when the session ends
    verdict: tuple[Event, str] | None = None  # its outcome and why, once we end its program


class Executions:
    """All that this device holds. `report` tells the controller something new; `post` sends a chunk of output."""

    def __init__(
        self,
        config: AgentConfig,
        journal: Journal,
        tasks: Tasks,
        report: Callable[[Report], None],
        post: Callable[[bytes], Awaitable[None]],
    ) -> None:
        self._config = config
        self._scripts = config.state / "scripts"
        self._journal = journal
        self._tasks = tasks
        self._report = report
        self._post = post
        self._held: dict[tuple[str, int], Held] = {}
        self._waiting: deque[Held] = deque()
        self._running = 0
        self._held_back = True  # until the controller has welcomed us
        self._stopping = False

    def recover(self) -> None:
        """Take up what the journal holds. A program that was running when we ended is gone with its terminal."""
        shutil.rmtree(self._scripts, ignore_errors=True)
        for entry in self._journal.entries():
            held = self._recovered(entry)
            if held.state.is_outcome:
                held.output.end()
            elif entry.started:
                self._end(held, Event.INTERRUPT, detail=_left_running(entry.id))
            else:
                self._waiting.append(held)

    def reports(self, *, outcomes_only: bool = False) -> list[Report]:
        """The newest report of everything held."""
        return [held.report for held in self._held.values() if held.state.is_outcome or not outcomes_only]

    def hold_back(self) -> None:
        """Start nothing until `go_on`: the controller may know of a cancel that we do not."""
        self._held_back = True

    def go_on(self) -> None:
        """We know all that the controller knew."""
        self._held_back = False
        self._start_waiting()

    def resend_output(self) -> None:
        """The connection is new: what was in flight may be lost."""
        for held in self._held.values():
            held.output.resume()

    # --- commands -----------------------------------------------------------------------------------------------------

    def accept(self, command: Execute) -> None:
        """Take an execution; when this returns it is in the journal. A second time changes nothing."""
        key = command.execution, command.attempt
        held = self._held.get(key)
        if held:
            self._report(held.report)  # delivered again: the first answer may be lost
            return
        report = Report(*key, version=1, event=Event.ACCEPT, at=time.time())
        if self._journal.accept(command, report):
            logs = command.logs
            buffer = OutputBuffer(most=logs.limit) if logs.overflow is Overflow.BLOCK else OutputBuffer()
            self._waiting.append(self._hold(command, report, State.DELIVERED, buffer))
            self._report(report)
            self._start_waiting()

    def cancel(self, message: Cancel) -> None:
        """End an execution, or keep one that has not come yet from ever starting."""
        key = message.execution, message.attempt
        held = self._held.get(key)
        if held is None:
            report = Report(*key, version=1, event=Event.CANCEL, at=time.time(), detail="cancelled before it started")
            if self._journal.bar(*key, report):
                self._hold(None, report, State.CANCELLED, OutputBuffer()).output.end()
                self._report(report)
        elif held.state.is_outcome:
            self._report(held.report)
        elif held.session is None:
            self._waiting.remove(held)
            self._end(held, Event.CANCEL, detail="cancelled before it started")
        elif message.unless_started:
            self._report(held.report)  # it has started: that is the answer
        else:
            self._end_program(held, held.session, Event.CANCEL, "")

    def type(self, chunk: Chunk) -> str | None:
        """Type for a program; why not, when that is refused."""
        held = self._held.get((chunk.execution, chunk.attempt))
        if held is None or held.state.is_outcome:
            return "the program has ended"
        if held.session is None:
            return "the program has not started"
        return held.session.type(chunk.position, chunk.data)

    def control(self, message: Resize | Watch | Stored) -> None:
        """Something about a live terminal or its stream; nothing when the execution is not held (any more)."""
        held = self._held.get((message.execution, message.attempt))
        if held is None:
            return
        match message:
            case Resize() if held.session:
                held.session.resize(message.terminal)
            case Watch():
                held.output.watch(message.watched)
            case Stored():
                self._stored(held, message)

    def _stored(self, held: Held, message: Stored) -> None:
        if not (message.settled and held.state.is_outcome):
            held.output.acknowledge(message.offset, hole=message.hole)
            return
        # Not by its offset: after a crash the controller may have more of the output than this journal knows of.
        held.output.acknowledge(held.output.buffer.end, hole=False)
        del self._held[message.execution, message.attempt]
        self._journal.settle(message.execution, message.attempt)

    # --- running ------------------------------------------------------------------------------------------------------

    def reap(self) -> None:
        """A child ended."""
        for held in list(self._held.values()):
            if held.session:
                held.session.reap()

    async def stop(self) -> list[Report]:
        """Start nothing more and end what runs; the newest reports of what ran, outcomes unless it cannot be killed."""
        self._stopping = True
        running = [held for held in self._held.values() if held.session]
        await asyncio.gather(*(held.session.terminate() for held in running if held.session))
        endings = [held.ending for held in running if held.ending]
        if endings:
            await asyncio.wait(endings, timeout=RECORD_SECONDS)
        return [held.report for held in running]

    def _start_waiting(self) -> None:
        """Start in order of acceptance, as many as may run at once."""
        while self._waiting and self._running < self._config.parallel and not (self._held_back or self._stopping):
            self._start(self._waiting.popleft())

    def _start(self, held: Held) -> None:
        command = held.command
        assert command is not None, "what was cancelled before it came never waits"
        try:
            session = Session(command, write_script(self._scripts, command), held.output, self._config.device)
        except OSError as error:
            remove_script(self._scripts, command)
            self._end(held, Event.FAIL, detail=f"it cannot be started: {error.strerror}")
            return
        held.session = session
        if command.logs.overflow is Overflow.STOP:
            held.output.on_length = partial(self._stop_beyond, command.logs.limit, held, session)
        self._running += 1
        self._advance(held, Event.START)
        self._journal.start(held.report)
        session.start()
        held.ending = self._tasks.start(self._await_end(held, command, session))
        self._report(held.report)

    def _end_program(self, held: Held, session: Session, event: Event, detail: str) -> None:
        """Ctrl-C, then harder; who asks first gives the outcome its name."""
        if held.verdict is None:
            held.verdict = event, detail
            self._tasks.start(session.cancel())

    def _stop_beyond(self, limit: int, held: Held, session: Session, length: int) -> None:
        if length > limit:
            self._end_program(held, session, Event.FAIL, f"printed more than {size.text(limit)}")

    async def _await_end(self, held: Held, command: Execute, session: Session) -> None:
        await asyncio.wait((session.ended,), timeout=command.timeout)
        if command.timeout is not None and not session.ended.done():
            limit = duration.text(timedelta(seconds=command.timeout))
            self._end_program(held, session, Event.TIME_OUT, f"ended after its time limit of {limit}")
        ending = await session.ended
        self._running -= 1
        held.session = None
        remove_script(self._scripts, command)
        event, detail = self._judge(held, ending)
        self._end(held, event, detail, ending)
        self._start_waiting()

    def _judge(self, held: Held, ending: Ending) -> tuple[Event, str]:
        if held.verdict:
            return held.verdict
        if self._stopping:
            return Event.INTERRUPT, "the agent was stopped while the program ran"
        return (Event.SUCCEED if ending.exit_code == 0 else Event.FAIL), ending.failure

    def _end(self, held: Held, event: Event, detail: str, ending: Ending | None = None) -> None:
        """The outcome: into the journal with the output not yet stored, then reported until it is settled."""
        self._advance(held, event)
        length = held.output.buffer.end
        held.report = replace(held.report, detail=detail or _full_words(held.command, length), output_length=length)
        if ending:
            held.report = replace(
                held.report, exit_code=ending.exit_code, signal=ending.signal, seconds=round(ending.seconds, 3)
            )
        self._journal.end(held.report, held.output.buffer.acknowledged, held.output.buffer.kept())
        held.output.end()
        self._report(held.report)

    def _advance(self, held: Held, event: Event) -> None:
        held.state = advance(held.state, event)
        held.report = replace(held.report, version=held.report.version + 1, event=event, at=time.time())

    def _recovered(self, entry: Entry) -> Held:
        assert entry.report is not None, "every row is written with its report"
        state = advance(State.QUEUED, entry.report.event)
        return self._hold(entry.command, entry.report, state, OutputBuffer(start=entry.tail_offset, kept=entry.tail))

    def _hold(self, command: Execute | None, report: Report, state: State, buffer: OutputBuffer) -> Held:
        output = OutputSender(report.execution, report.attempt, buffer, self._post)
        held = Held(command, report, state, output)
        self._held[report.execution, report.attempt] = held
        self._tasks.start(output.run())
        return held


def _full_words(command: Execute | None, length: int) -> str:
    """What to tell of a program that was blocked: what it printed last was not read."""
    if command is None or command.logs.overflow is not Overflow.BLOCK or length < command.logs.limit:
        return ""
    return f"printed {size.text(command.logs.limit)}, all that its job keeps"


def _left_running(execution: str) -> str:
    """What to tell of a program whose agent was lost: its terminal is gone, but it may have survived that."""
    words = "the agent was restarted while the program ran"
    pids = processes.of_execution(execution)
    if not pids:
        return words
    shown = ", ".join(str(pid) for pid in pids[:TOLD_PROCESSES]) + (", ..." if len(pids) > TOLD_PROCESSES else "")
    return f"{words}; still running without a terminal: {shown}"
