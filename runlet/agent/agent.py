"""The agent of one device: commands in, executions run in order of acceptance, reports and output out.

What survives a crash is the journal's; what is here can be rebuilt from it. All of it runs in one thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import shutil
import signal
import time
import uuid
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

from runlet import __version__
from runlet.agent.config import AgentConfig
from runlet.agent.journal import Entry, Journal
from runlet.agent.output import OutputSender
from runlet.agent.reporter import Reporter
from runlet.agent.session import Ending, Session, remove_script, write_script
from runlet.amqp.consumer import Consumer, Delivery, Subscription
from runlet.amqp.publisher import Publisher
from runlet.backoff import Backoff
from runlet.errors import BrokerUnavailable, ProtocolError
from runlet.model.execution import OUTCOMES, Event, State, advance
from runlet.protocol import names
from runlet.protocol.chunk import Chunk
from runlet.protocol.messages import (
    HEARTBEAT_SECONDS,
    Cancel,
    Execute,
    Goodbye,
    Heartbeat,
    Hello,
    InputRefused,
    Message,
    Report,
    Resize,
    Stored,
    Watch,
    Welcome,
    decode,
    encode,
)
from runlet.protocol.stream import OutputBuffer

# Commands the broker may hand over before the first is in the journal.
COMMAND_PREFETCH = 50
# An unanswered Hello is repeated: the controller may be down while the broker is up.
WELCOME_SECONDS = 10.0
# At the end, programs and connections get this long to leave in order.
GOODBYE_SECONDS = 2.0

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Held:
    """An execution the agent is responsible for, from acceptance until the controller has settled it."""

    command: Execute | None  # None: its Cancel came first
    report: Report
    state: State
    output: OutputSender
    session: Session | None = None
    ending: asyncio.Task[None] | None = None  # writes down the outcome when the session ends
    cancelled: bool = False


class Agent:
    """One device's agent."""

    def __init__(self, config: AgentConfig) -> None:
        self._config = config
        device, workspace = config.device, config.workspace
        config.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._scripts = config.state / "scripts"
        self._journal = Journal(config.state / "journal.db")
        self._held: dict[tuple[str, int], Held] = {}
        self._waiting: deque[Held] = deque()
        self._running = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._hello: str | None = None  # the id of the Hello that waits for its Welcome
        self._reconciled = False
        self._welcomed = asyncio.Event()
        self._greet = asyncio.Event()
        self._stopping = False
        self._stop = asyncio.Event()
        self._defect: Exception | None = None
        self._publisher = Publisher(config.broker, f"{device} publishes", names.exchange(workspace))
        self._consumer = Consumer(config.broker, f"{device} consumes")
        self._consumer.subscribe(
            Subscription(names.device_queue(workspace, device), self._on_command, COMMAND_PREFETCH)
        )
        self._consumer.subscribe(Subscription(names.control_queue(workspace, device), self._on_control, prefetch=0))
        self._publisher.on_connected = self._consumer.on_connected = self._greet.set
        self._reporter = Reporter(self._publish_event)

    async def run(self, stop: asyncio.Event, on_ready: Callable[[], None]) -> None:
        """Work until `stop` is set, then leave in order. `on_ready` is called whenever a Hello was confirmed.

        Any exception that nobody expected ends the agent, journal intact, and is raised here: going on with a state
        that is not understood could start something twice.
        """
        self._stop = stop
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._on_defect)
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        self._recover()
        for work in (
            self._publisher.run(),
            self._consumer.run(),
            self._reporter.run(),
            self._greeting(on_ready),
            self._heartbeats(),
        ):
            self._own(work)
        await stop.wait()
        await self._shut_down()
        if self._defect:
            raise self._defect

    async def _shut_down(self) -> None:
        """The order: no new programs; end the running ones while reports can still leave; goodbye; links; journal."""
        self._stopping = True
        running = [held for held in self._held.values() if held.session]
        await asyncio.gather(*(held.session.terminate() for held in running if held.session))
        await asyncio.gather(*(held.ending for held in running if held.ending))
        with contextlib.suppress(BrokerUnavailable, TimeoutError):
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._reporter.send_all([held.report for held in running])
                await self._publish_event(encode(Goodbye()))
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._journal.close()

    def _recover(self) -> None:
        """Take up what the journal holds. A program that was running when we ended is gone with its terminal."""
        shutil.rmtree(self._scripts, ignore_errors=True)
        for entry in self._journal.entries():
            held = self._hold_again(entry)
            if held.state in OUTCOMES:
                held.output.end()
            elif entry.started:
                self._end(held, Event.INTERRUPT, detail="the agent was restarted while the program ran")
            else:
                self._waiting.append(held)

    def _hold_again(self, entry: Entry) -> Held:
        report = entry.report
        assert report is not None, "every row is written with its report"
        buffer = OutputBuffer(start=entry.tail_offset, kept=entry.tail)
        state = advance(State.DELIVERED, report.event) if report.event is not Event.ACCEPT else State.DELIVERED
        return self._hold(entry.command, report, state, buffer)

    def _hold(self, command: Execute | None, report: Report, state: State, buffer: OutputBuffer) -> Held:
        output = OutputSender(report.execution, report.attempt, buffer, self._post_output)
        held = Held(command, report, state, output)
        self._held[report.execution, report.attempt] = held
        self._own(output.run())
        return held

    # --- what comes from the controller ---------------------------------------------------------------------------

    def _on_command(self, delivery: Delivery) -> None:
        """A command of the durable lane: into the journal first, then acknowledged, then acted upon."""
        try:
            message = decode(delivery.body)
        except ProtocolError as error:
            log.warning("dropped a command: %s", error)
            delivery.ack()
            return
        match message:
            case Execute():
                self._accept(message)
            case Cancel():
                self._cancel(message)
            case Welcome():
                self._welcome(message)
            case _:
                log.warning("dropped a %s in the command lane", message.TYPE)
        delivery.ack()

    def _on_control(self, delivery: Delivery) -> None:
        """Control and input: for a live terminal, or for nothing."""
        try:
            if names.parse_key(delivery.key)[1] == names.INPUT:
                self._type(Chunk.decode(delivery.body))
            else:
                self._control(decode(delivery.body))
        except ProtocolError as error:
            log.warning("dropped a control message: %s", error)

    def _control(self, message: Message) -> None:
        if isinstance(message, Cancel):
            self._cancel(message)
            return
        if not isinstance(message, Resize | Watch | Stored):
            raise ProtocolError(f"a {message.TYPE} in the control lane")
        held = self._held.get((message.execution, message.attempt))
        if held is None:
            return  # settled, or not ours: nothing to resize, watch or forget
        match message:
            case Resize() if held.session:
                held.session.resize(message.terminal)
            case Watch():
                held.output.watch(message.watched)
            case Stored():
                self._stored(held, message)

    def _accept(self, command: Execute) -> None:
        key = command.execution, command.attempt
        held = self._held.get(key)
        if held:
            self._reporter.report(held.report)  # delivered again: the first answer was lost
            return
        report = Report(*key, version=1, event=Event.ACCEPT, at=time.time())
        if self._journal.accept(command, report):
            self._waiting.append(self._hold(command, report, State.DELIVERED, OutputBuffer()))
            self._reporter.report(report)
            self._start_waiting()

    def _cancel(self, message: Cancel) -> None:
        key = message.execution, message.attempt
        held = self._held.get(key)
        if held is None:
            report = Report(*key, version=1, event=Event.CANCEL, at=time.time(), detail="cancelled before it started")
            if self._journal.bar(*key, report):
                self._hold(None, report, State.CANCELLED, OutputBuffer()).output.end()
                self._reporter.report(report)
        elif held.state in OUTCOMES:
            self._reporter.report(held.report)
        elif held.session is None:
            self._waiting.remove(held)
            self._end(held, Event.CANCEL, detail="cancelled before it started")
        elif not held.cancelled:
            held.cancelled = True
            self._own(held.session.cancel())

    def _welcome(self, message: Welcome) -> None:
        if message.hello == self._hello:
            self._reconciled = True
            self._welcomed.set()
            self._start_waiting()

    def _type(self, chunk: Chunk) -> None:
        held = self._held.get((chunk.execution, chunk.attempt))
        if held is None or held.state in OUTCOMES:
            reason: str | None = "the program has ended"
        elif held.session is None:
            reason = "the program has not started"
        else:
            reason = held.session.type(chunk.position, chunk.data)
        if reason:
            refused = InputRefused(chunk.execution, chunk.attempt, chunk.position, reason)
            self._tell(refused)

    def _stored(self, held: Held, message: Stored) -> None:
        if not (message.settled and held.state in OUTCOMES):
            held.output.acknowledge(message.offset, hole=message.hole)
            return
        # Not by its offset: after a crash the controller may have more of the output than this journal knows of.
        held.output.acknowledge(held.output.buffer.end, hole=False)
        del self._held[message.execution, message.attempt]
        self._journal.settle(message.execution, message.attempt)

    # --- running ----------------------------------------------------------------------------------------------------

    def _start_waiting(self) -> None:
        """Start in order of acceptance, as many as may run at once, and nothing before the controller's welcome."""
        while self._reconciled and not self._stopping and self._waiting and self._running < self._config.parallel:
            self._start(self._waiting.popleft())

    def _start(self, held: Held) -> None:
        command = held.command
        assert command is not None, "what was cancelled before it came never waits"
        try:
            session = Session(command, write_script(self._scripts, command), held.output, self._config.device)
        except OSError as error:
            self._end(held, Event.FAIL, detail=f"no terminal for it: {error.strerror}")
            return
        held.session = session
        self._running += 1
        self._advance(held, Event.START)
        self._journal.start(held.report)
        session.start()
        held.ending = self._own(self._await_end(held, session))
        self._reporter.report(held.report)

    async def _await_end(self, held: Held, session: Session) -> None:
        ending = await session.ended
        self._running -= 1
        held.session = None
        assert held.command is not None
        remove_script(self._scripts, held.command)
        event, detail = self._judge(held, ending)
        self._end(held, event, detail, ending)
        self._start_waiting()

    def _judge(self, held: Held, ending: Ending) -> tuple[Event, str]:
        if held.cancelled:
            return Event.CANCEL, ""
        if self._stopping:
            return Event.INTERRUPT, "the agent was stopped while the program ran"
        return (Event.SUCCEED if ending.exit_code == 0 else Event.FAIL), ending.failure

    def _end(self, held: Held, event: Event, detail: str, ending: Ending | None = None) -> None:
        """The outcome: into the journal with the output not yet stored, then reported until it is settled."""
        self._advance(held, event)
        held.report = replace(held.report, detail=detail, output_length=held.output.buffer.end)
        if ending:
            held.report = replace(
                held.report, exit_code=ending.exit_code, signal=ending.signal, seconds=round(ending.seconds, 3)
            )
        self._journal.end(held.report, held.output.buffer.acknowledged, held.output.buffer.kept())
        held.output.end()
        self._reporter.report(held.report)

    def _advance(self, held: Held, event: Event) -> None:
        held.state = advance(held.state, event)
        held.report = replace(held.report, version=held.report.version + 1, event=event, at=time.time())

    def _reap(self) -> None:
        for held in list(self._held.values()):
            if held.session:
                held.session.reap()

    # --- what goes to the controller ----------------------------------------------------------------------------------

    async def _greeting(self, on_ready: Callable[[], None]) -> None:
        """After each connect: tell everything held, say hello, and wait for the welcome."""
        backoff = Backoff(base=WELCOME_SECONDS)
        while True:
            await self._greet.wait()
            self._greet.clear()
            await self._publisher.connected.wait()
            await self._consumer.connected.wait()
            self._hello, self._reconciled = str(uuid.uuid4()), False
            self._welcomed.clear()
            try:
                await self._reporter.send_all([held.report for held in self._held.values()])
                await self._publish_event(encode(Hello(self._hello, __version__)))
            except BrokerUnavailable as error:
                log.warning("hello not sent: %s", error)
                self._own(self._greet_again(backoff.next()))
                continue
            on_ready()
            for held in self._held.values():
                held.output.resume()
            try:
                async with asyncio.timeout(WELCOME_SECONDS):
                    await self._welcomed.wait()
                backoff.reset()
            except TimeoutError:
                self._own(self._greet_again(backoff.next()))

    async def _greet_again(self, delay: float) -> None:
        await asyncio.sleep(delay)
        if not self._reconciled:
            self._greet.set()

    async def _heartbeats(self) -> None:
        """A sign of life at an interval, and with it every outcome that is not settled yet."""
        await asyncio.sleep(random.uniform(0, HEARTBEAT_SECONDS))  # noqa: S311 - a fleet must not speak at once
        while True:
            self._tell(Heartbeat(), names.HEARTBEAT)
            for held in self._held.values():
                if held.state in OUTCOMES:
                    self._reporter.report(held.report)
            await asyncio.sleep(HEARTBEAT_SECONDS)

    async def _publish_event(self, body: bytes) -> None:
        await self._publisher.publish(names.key(self._config.device, names.EVENT), body)

    async def _post_output(self, body: bytes) -> None:
        await self._publisher.post(names.key(self._config.device, names.OUTPUT), body)

    def _tell(self, message: Message, lane: str = names.EVENT) -> None:
        """Something that is not worth repeating."""
        self._publisher.offer(names.key(self._config.device, lane), encode(message))

    def _own(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Do `work` in a task that is kept until it ends; `_shut_down` cancels what is left."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_end)
        return task

    def _on_task_end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._on_defect(asyncio.get_running_loop(), {"exception": task.exception()})

    def _on_defect(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._defect = self._defect or context.get("exception") or RuntimeError(context.get("message"))
        self._stop.set()
