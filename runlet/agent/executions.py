"""The executions of one device: taken into the journal, run in order of acceptance, told to the controller, forgotten.

What survives a crash is the journal's; what is here is rebuilt from it.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from runlet.agent import scripts
from runlet.agent.answers import Answers
from runlet.agent.config import AgentConfig
from runlet.agent.consoles import Consoles
from runlet.agent.display import Display
from runlet.agent.held import Held
from runlet.agent.holders import Holders
from runlet.agent.inquiries import Inquiries
from runlet.agent.journal import Entry, Journal
from runlet.agent.lease import Lease
from runlet.agent.output import OutputSender
from runlet.agent.prompts import Asking
from runlet.agent.questions import Questions
from runlet.agent.replies import Replies
from runlet.agent.session import Elsewhere, Ending, Lost, NotStarted, Session, start_of
from runlet.agent.tasks import Tasks
from runlet.agent.verdicts import (
    REBOOTED,
    STOPPED,
    full_words,
    judged,
    left_running,
    not_started,
    unknown,
    verdict,
    verdicts,
)
from runlet.holder import records, wire
from runlet.holder.buffer import OutputBuffer
from runlet.holder.holder import TERMINATE_SECONDS
from runlet.holder.moments import unpack
from runlet.holder.records import Ended
from runlet.holder.wire import Look
from runlet.model.execution import Event, State, advance, turn_words
from runlet.protocol.messages import (
    MAX_DETAIL,
    MAX_HELD,
    MAX_NAME,
    Answered,
    Ask,
    Cancel,
    Execute,
    InputTaken,
    Modes,
    Report,
    Stored,
    TerminalSize,
    Writer,
)

# What it takes to write outcomes down; a program that cannot be killed has none, and its holder stays with it.
RECORD_SECONDS = 1.0
# After a holder was lost: what the end of its terminal ends (SIGHUP) needs a moment to be gone.
HANGUP_SECONDS = 1.0
# A holder that an earlier agent asked for may still be on its way to its terminal: look again so often, so many times.
ELSEWHERE_SECONDS, ELSEWHERE_TIMES = 0.1, 50
# A program may ask any number of times. The journal learns that so many versions of its report may be used, and not of
# each: what comes after a crash must be newer than all that was told before.
RESERVED_VERSIONS = 100
# The version of a report that follows `accept` and `start`, which need no reservation: they are known by what happened.
_FIRST_ASK = 3

log = logging.getLogger(__name__)


class Executions:
    """All that this device holds. `report` tells the controller something new, until it knows it; `tell`, once; `post`
    sends a chunk of output. What `consoles` do reaches the programs.
    """

    def __init__(
        self,
        config: AgentConfig,
        key: bytes,
        journal: Journal,
        tasks: Tasks,
        report: Callable[[Report], None],
        tell: Callable[[Answered | InputTaken | Writer | Modes], bool],
        post: Callable[[bytes], Awaitable[None]],
    ) -> None:
        self._config = config
        self._key = key
        host = socket.gethostname()
        self._names = {config.device, host, host.partition(".")[0]} - {""}  # a machine may be named nothing
        self._scripts = config.state / "scripts"
        self._holders = Holders(config.state / "holders")
        self._journal = journal
        self._tasks = tasks
        self._report = report
        self._post = post
        self._held: dict[tuple[str, int], Held] = {}
        self.consoles = Consoles(self._held, key, journal, tell)
        self._waiting: deque[Held] = deque()
        self._slots = 0  # taken
        self._held_back = True  # until the controller has welcomed us
        self._stopping = False

    def recover(self) -> None:
        """Take up what the journal holds, and the programs that went on without us."""
        known = set()
        for entry in self._journal.entries():
            held = self._recovered(entry)
            if held.state.is_outcome:
                held.output.end()
            else:
                known.add(held.name)
                if not self._resume(held):
                    self._waiting.append(held)
        for name in self._holders.names():
            if name not in known:
                self._clear(name)
        for path in self._scripts.iterdir() if self._scripts.is_dir() else ():
            if path.name not in known:
                shutil.rmtree(path, ignore_errors=True)

    def reports(self, *, outcomes_only: bool = False) -> list[Report]:
        """The newest report of everything held, with what the agent still has of its output."""
        return [
            replace(held.report, kept_from=held.output.buffer.acknowledged) if held.state.is_outcome else held.report
            for held in self._held.values()
            if held.state.is_outcome or not outcomes_only
        ]

    def names(self) -> tuple[str, ...] | None:
        """The executions that are held; None when they are too many to be named."""
        held = {execution for execution, _ in self._held}
        return tuple(held) if len(held) <= MAX_HELD else None

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
        detail = turn_words(self._config.parallel) if self._waiting or self._slots >= self._config.parallel else ""
        report = Report(
            *key,
            version=1,
            event=Event.ACCEPT,
            at=time.time(),
            detail=detail,
            run=command.run,
            job=command.job[:MAX_NAME],
        )
        if self._journal.accept(command, report):
            self._waiting.append(self._hold(command, report, State.DELIVERED, OutputBuffer()))
            self._report(report)
            self._start_waiting()
        elif remembered := self._journal.remembered(*key):
            self._report(remembered)  # settled: the controller's database is older than that

    def tell(self, question: Ask) -> None:
        """Report what became of an execution that the controller takes for ours."""
        key = question.execution, question.attempt
        if held := self._held.get(key):
            self._report(held.report)
        else:
            remembered = self._journal.remembered(*key)
            self._report(remembered or unknown(question))

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
        elif held.ending is None:
            self._waiting.remove(held)
            self._end(held, Event.CANCEL, detail="cancelled before it started")
        elif message.unless_started or held.session is None:
            self._report(held.report)  # it has started: that is the answer
        else:
            held.session.end(verdict(Event.CANCEL), politely=True)

    def stored(self, message: Stored) -> None:
        """What the controller has; nothing when the execution is not held (any more)."""
        held = self._held.get((message.execution, message.attempt))
        if held is None:
            return
        if not (message.settled and held.state.is_outcome):
            held.output.acknowledge(message.offset, hole=message.hole)
            if held.session:
                if not held.display.is_noted:
                    held.session.note(held.note())  # first: the holder lets go of the bytes that made it so
                held.session.release(held.output.buffer.acknowledged)
            return
        # Not by its offset: after a crash the controller may have more of the output than this journal knows of.
        held.output.acknowledge(held.output.buffer.end, hole=False)
        del self._held[message.execution, message.attempt]
        self._journal.settle(message.execution, message.attempt)

    # --- running ------------------------------------------------------------------------------------------------------

    async def stop(self) -> list[Report]:
        """Start nothing more, and let programs go on or end them, as configured; the newest reports of what was ended.

        Those are outcomes, unless a program cannot be killed.
        """
        self._stopping = True
        running = [held for held in self._held.values() if held.session]
        endings = [held.ending for held in running if held.ending]
        if endings and not self._config.keep_programs:
            for held in running:
                assert held.session
                held.session.end(verdict(Event.INTERRUPT, STOPPED), politely=False)
            await asyncio.wait(endings, timeout=TERMINATE_SECONDS + RECORD_SECONDS)
        return [] if self._config.keep_programs else [held.report for held in running]

    def close(self) -> None:
        """Let go of the holders: after this, nothing more comes from them."""
        for held in self._held.values():
            if held.session:
                held.session.close(taken=False)
        self._holders.close()

    def _start_waiting(self) -> None:
        """Start in order of acceptance, as many as may run at once."""
        while self._waiting and self._slots < self._config.parallel and not (self._held_back or self._stopping):
            self._start(self._waiting.popleft())

    def _start(self, held: Held) -> None:
        command = held.command
        assert command is not None, "what was cancelled before it came never waits"
        if self._resume(held):  # an earlier agent asked for it, and did not live to see it start
            return
        try:
            argv = scripts.command_line(self._scripts, command)
            start = start_of(command, argv, self._config.device, verdicts(command))
            self._follow(held, self._holders.start(held.name, start))
        except OSError as error:
            self._end(held, Event.FAIL, not_started(error.strerror or str(error)))

    def _resume(self, held: Held) -> bool:
        """Go on with what has a holder, or had one; False: it never ran."""
        started = self._holders.started(held.name)  # first: a holder can be reached before it writes this
        if connection := self._holders.connect(held.name):
            self._follow(held, connection)
        elif started:
            self._take_slot(held)
            held.ending = self._tasks.start(self._await_end(held, Lost()))
        else:
            return False
        return True

    def _follow(self, held: Held, connection: socket.socket) -> None:
        held.session = Session(
            connection,
            held.output,
            partial(self._looked, held),
            partial(self._printed, held),
            lambda note: held.recall(note, time.monotonic()),
            partial(self.consoles.took, held),
        )
        self._take_slot(held)
        held.ending = self._tasks.start(self._attend(held, held.session))

    def _take_slot(self, held: Held) -> None:
        """The program runs. It may be one more than may run at once: what waited for a person has gone on, and nothing
        holds a program back that goes on. Nothing is started then until enough have ended.
        """
        self._slots += not held.has_slot
        held.has_slot = True

    def _give_slot(self, held: Held) -> None:
        """The program has ended, or waits for a person, which may take days: another may run."""
        self._slots -= held.has_slot
        held.has_slot = False
        self._start_waiting()

    async def _attend(self, held: Held, session: Session) -> None:
        """Until the program has ended and its outcome is in the journal."""
        await asyncio.wait((session.started, session.ended), return_when=asyncio.FIRST_COMPLETED)
        if session.started.done():
            self._is_started(held)
        ending = await session.ended
        if isinstance(ending, Elsewhere):
            await self._look_elsewhere(held)
        else:
            await self._await_end(held, ending)
        session.close(taken=True)

    async def _look_elsewhere(self, held: Held) -> None:
        for _ in range(ELSEWHERE_TIMES):
            if self._resume(held):
                return
            await asyncio.sleep(ELSEWHERE_SECONDS)
        await self._await_end(held, Lost())

    def _is_started(self, held: Held) -> None:
        if held.state is State.DELIVERED:
            held.advance(Event.START)
            held.report = replace(held.report, detail="")
            self._report(held.report)

    def _printed(self, held: Held, data: bytes) -> None:
        end = held.output.buffer.end
        held.display.printed(end, data)
        held.replies.printed(end, data)
        held.inquiries.printed(end, data)
        held.asking.printed(data)

    def _looked(self, held: Held, look: Look) -> None:
        """The holder saw something new of whether the program waits for a person."""
        if held.state.is_outcome:
            return
        is_another = held.asking.take(look)
        self.consoles.looked(held, look)
        held.answers.go_on()
        if not is_another:
            return
        self._is_started(held)
        if held.session:
            held.session.waits(for_person=held.asking.prompt is not None)
        held.questions.changed(look.silence)

    def _ask(self, held: Held, why: str) -> None:
        """Its question is a person's, and `why`, where a declared answer was to be expected."""
        held.advance(Event.ASK)
        held.report = replace(held.report, prompt=held.asking.prompt, detail=why)
        self._tell_of(held)
        self._give_slot(held)

    def _go_on(self, held: Held) -> None:
        """It needs no person, or no longer."""
        if held.state is State.AWAITING_INPUT:
            held.advance(Event.RESUME)
            held.report = replace(held.report, detail="")
            self._tell_of(held)
            self._take_slot(held)

    def _refuse(self, held: Held, why: str) -> None:
        """Nobody may be asked, or nobody answered."""
        if held.session:
            held.session.end(verdict(Event.FAIL, why, unanswered=True), politely=True)

    def _tell_of(self, held: Held) -> None:
        if held.report.version >= held.reserved:
            held.reserved = held.report.version + RESERVED_VERSIONS
            self._journal.note(held.reserving())
        self._report(held.report)

    async def _await_end(self, held: Held, ending: Ending) -> None:
        """The outcome of what has ended: told, or written down, or to be concluded."""
        if isinstance(ending, Lost) and (ended := self._holders.ended(held.name)):
            held.output.take_over(OutputBuffer(start=ended.offset, kept=ended.tail))
            held.output.note(unpack(ended.moments))
            ending = ended
        match ending:
            case Ended():
                self._is_started(held)
                event, unanswered, detail = judged(ending)
                self._end(held, event, detail, ending, unanswered=unanswered)
            case NotStarted(words):
                self._end(held, Event.FAIL, not_started(words))
            case _ if started := self._holders.started(held.name):
                self._is_started(held)
                same_boot = started.boot == records.boot_id()
                await asyncio.sleep(HANGUP_SECONDS if same_boot else 0)
                self._end(held, Event.INTERRUPT, left_running(held.report.execution) if same_boot else REBOOTED)
            case _:
                self._end(held, Event.FAIL, not_started("its holder ended before it"))
        held.session = None
        self._give_slot(held)

    def _end(
        self, held: Held, event: Event, detail: str, ended: Ended | None = None, *, unanswered: bool = False
    ) -> None:
        """The outcome: into the journal with the output not yet stored, then reported until it is settled."""
        held.questions.rest()
        held.advance(event)
        length = held.output.buffer.end
        detail = (detail or full_words(held.command, length))[:MAX_DETAIL]
        held.report = replace(held.report, detail=detail, output_length=length, unanswered=unanswered)
        if ended:
            held.report = replace(
                held.report,
                exit_code=ended.code if ended.code >= 0 else None,
                signal=-ended.code if ended.code < 0 else None,
                seconds=round(ended.seconds, 3),
            )
        self._journal.end(held.report, held.output.buffer.acknowledged, held.output.buffer.kept())
        self._holders.forget(held.name)
        scripts.remove(self._scripts, held.name)
        held.output.end()
        held.asking.end()
        held.answers.go_on()
        self._report(held.report)

    def _clear(self, name: str) -> None:
        """Remove what is left of an execution that is over; a holder that still waits for that is told so."""
        execution, _, attempt = name.partition(".")
        connection = self._holders.connect(name)
        if connection is None:
            self._holders.forget(name)
        elif self._journal.is_over(execution, int(attempt)):
            with connection:
                connection.sendall(wire.frame(wire.TAKEN))
            self._holders.forget(name)
        else:
            log.warning("a holder runs %s, which the journal does not know; it is left alone", name)
            connection.close()

    def _recovered(self, entry: Entry) -> Held:
        assert entry.report is not None, "every row is written with its report"
        state = advance(State.QUEUED, entry.report.event)
        return self._hold(entry.command, entry.report, state, OutputBuffer(start=entry.tail_offset, kept=entry.tail))

    def _hold(self, command: Execute | None, report: Report, state: State, buffer: OutputBuffer) -> Held:
        output = OutputSender(report.execution, report.attempt, buffer, self._post)
        key = report.execution, report.attempt
        last = report.answered
        typed = (last.text or "").encode() if last else b""
        asking = Asking(self._config.workspace, last.asked if last else None, typed, self._names)
        answers = Answers(
            key,
            asking,
            lambda candidate: self.consoles.type_answer(held, candidate),
            lambda answered: self.consoles.answered(held, answered),
            report.answered,
        )
        questions = Questions(
            command,
            self._config.device,
            self._key,
            asking,
            offer=answers.offer,
            ask=lambda why: self._ask(held, why),
            go_on=lambda: self._go_on(held),
            refuse=lambda why: self._refuse(held, why),
        )
        size = command.terminal if command else TerminalSize()
        lease = Lease(size.columns, size.rows)
        reserved = max(report.version, _FIRST_ASK)
        replies = Replies(begun=state is not State.DELIVERED)
        held = Held(
            command,
            report,
            state,
            output,
            asking,
            answers,
            questions,
            lease,
            Display(),
            Inquiries(),
            replies,
            reserved,
        )
        self._held[key] = held
        self._tasks.start(output.run())
        return held
