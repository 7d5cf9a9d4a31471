"""The agent of one device: its two connections to the broker, and who handles what comes over them.

All of it runs in one thread; the journal's commits, a few for each execution, are the only waits for the disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
import uuid
from collections.abc import Callable, Sequence
from functools import partial

from runlet import __version__
from runlet.agent import facts
from runlet.agent import key as device_key
from runlet.agent.config import AgentConfig
from runlet.agent.controller_clock import ControllerClock
from runlet.agent.executions import Executions
from runlet.agent.journal import Journal
from runlet.agent.observer import Observer
from runlet.agent.reporter import Reporter
from runlet.agent.tasks import Tasks
from runlet.amqp.consumer import Consumer, Delivery, Subscription
from runlet.amqp.publisher import Publisher
from runlet.backoff import Backoff
from runlet.errors import BrokerUnavailable, ProtocolError
from runlet.protocol import names
from runlet.protocol.age import Ages
from runlet.protocol.chunk import Input
from runlet.protocol.messages import (
    HEARTBEAT_SECONDS,
    MAX_MESSAGE_BYTES,
    STALE_SECONDS,
    UNANSWERED_HEARTBEATS,
    Alive,
    Answer,
    Ask,
    Cancel,
    Execute,
    Goodbye,
    Handover,
    Heartbeat,
    Hello,
    InputRefused,
    Message,
    Resize,
    Stored,
    Watch,
    Welcome,
    decode,
    encode,
)

# Commands the broker may hand over before the first is in the journal.
COMMAND_PREFETCH = 50
# Control and input the broker may hand over before the first is acknowledged: as much as the queue holds. All but input
# is acknowledged at once, and of input a session takes a part of this at most.
CONTROL_PREFETCH = 1000
# An unanswered Hello is repeated: the controller may be down while the broker is up.
WELCOME_SECONDS = 10.0
# Controllers that are remembered, by what they send: those of a workspace, and some that were before.
MOST_CLOCKS = 16
# At the end, the last reports and the goodbye get this long to leave.
GOODBYE_SECONDS = 2.0

log = logging.getLogger(__name__)


class Agent:
    """One device's agent."""

    def __init__(self, config: AgentConfig) -> None:
        device, workspace = config.device, config.workspace
        config.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._device = device
        self._journal = Journal(config.state / "journal.db")
        key = device_key.load(config.state / "key")
        self._public_key = key.public
        self._tasks = Tasks()
        self._publisher = Publisher(config.broker, f"{device} publishes", names.exchange(workspace))
        self._consumer = Consumer(config.broker, f"{device} consumes")
        self._subscribe(names.device_queue(workspace, device), (names.COMMAND,), self._on_command, COMMAND_PREFETCH)
        live = (names.CONTROL, names.INPUT)
        self._subscribe(names.control_queue(workspace, device), live, self._on_control, CONTROL_PREFETCH)
        self._greet = asyncio.Event()
        self._reporter = Reporter(self._publish_event, self._greet.set)
        self._observer = Observer(facts.look, facts.LOOK_SECONDS, self._publish_event)
        self._executions = Executions(
            config, key.private, self._journal, self._tasks, self._reporter.report, self._tell, self._post_output
        )
        self._publisher.on_connected = self._consumer.on_connected = self._greet.set
        self._consumer.on_connecting = self._executions.hold_back  # the first command may have its Cancel behind it
        self._hello = ""  # the id of the last Hello
        self._awake_at = _clock()  # when we last looked
        self._controller_clock = ControllerClock()
        self._ages: dict[int, Ages] = {}  # by the clock of a controller, the last to be heard of at the end
        self._welcomed = asyncio.Event()
        self._unanswered = 0  # heartbeats since the last answer
        self._controller = ""  # who welcomed us

    def _subscribe(self, queue: str, lanes: Sequence[str], handler: Callable[[Delivery], None], prefetch: int) -> None:
        keys = [names.key(self._device, lane) for lane in lanes]
        self._consumer.subscribe(Subscription(queue, keys, handler, prefetch, MAX_MESSAGE_BYTES))

    async def run(self, stop: asyncio.Event, on_ready: Callable[[], None]) -> None:
        """Work until `stop` is set, then leave in order. `on_ready` is called at the controller's first welcome.

        Raises what ended the agent if that was not `stop`.
        """
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._tasks.on_defect)
        self._executions.recover()
        for work in (self._publisher, self._consumer, self._reporter, self._observer):
            self._tasks.start(work.run())
        self._tasks.start(self._greeting(on_ready))
        self._tasks.start(self._heartbeats())
        ends = [asyncio.create_task(event.wait()) for event in (stop, self._tasks.failed)]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
        await self._shut_down()
        if self._tasks.defect:
            raise self._tasks.defect

    async def _shut_down(self) -> None:
        """The order: no new programs; end the running ones, if that is configured, while reports can still leave;
        goodbye; links; then nothing comes in any more, and the holders are let go; the journal last.
        """
        outcomes = await self._executions.stop()
        with contextlib.suppress(BrokerUnavailable, TimeoutError):
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._reporter.send_all(outcomes)
                await self._publish_event(encode(Goodbye()))
        await self._tasks.cancel()
        self._executions.close()
        self._journal.close()

    # --- what comes from the controller -------------------------------------------------------------------------------

    def _on_command(self, delivery: Delivery) -> None:
        """A command of the durable lane: into the journal first, then acknowledged."""
        try:
            message = decode(delivery.body)
        except ProtocolError as error:
            log.warning("dropped a command: %s", error)
            delivery.ack()
            return
        match message:
            case Execute():
                self._look_at_clock()
                self._look_at_deadline(message)
                self._executions.accept(message)
            case Cancel():
                self._executions.cancel(message)
            case Ask():
                self._executions.tell(message)
            case Welcome() if message.hello == self._hello:
                self._executions.go_on()
                self._welcomed.set()
                self._unanswered = 0
                self._controller = message.controller
                self._controller_clock.told(message.at, _clock())
                self._observer.wanted.set()
            case Welcome():
                pass  # answers a Hello of an earlier connection
            case _:
                log.warning("dropped a %s in the command lane", message.TYPE)
        delivery.ack()

    def _look_at_clock(self) -> None:
        """After a sleep, the device's or our own, ask anew: what lay in a socket meanwhile may be wanted no more."""
        before, self._awake_at = self._awake_at, _clock()
        if self._awake_at - before > STALE_SECONDS:
            log.info("slept for %.0f s: nothing is started before the controller's welcome", self._awake_at - before)
            self._ask_anew()

    def _look_at_deadline(self, command: Execute) -> None:
        """What a stalled connection kept for too long is in the controller's hands: it may have asked for it back."""
        if command.expires_at is None:
            return
        late = self._controller_clock.past(command.expires_at, _clock())
        if late > 0:
            log.info("%s came %.1f s or more after its deadline", command.execution, late)
            self._ask_anew()

    def _ask_anew(self) -> None:
        self._executions.hold_back()
        self._hello = ""  # its Welcome knew nothing of that
        self._greet.set()

    def _on_control(self, delivery: Delivery) -> None:
        """Control and input: for a live terminal, or for nothing.

        Input and answers are acknowledged once it is decided what becomes of them.
        """
        try:
            if names.parse_key(delivery.key)[1] == names.INPUT:
                piece = Input.decode(delivery.body)
                age = self._age(piece.clock, piece.at)
                self._executions.consoles.type(piece, age, partial(self._answer, piece, delivery))
                return
            message = decode(delivery.body)
            if isinstance(message, Answer):
                age = self._age(message.clock, message.sent_at)
                self._executions.consoles.answer(message, age, delivery.ack)
                return
            self._control(message)
        except ProtocolError as error:
            log.warning("dropped a control message: %s", error)
        delivery.ack()

    def _control(self, message: Message) -> None:
        match message:
            case Cancel():
                self._executions.cancel(message)
            case Alive():
                self._unanswered = 0
                self._controller_clock.told(message.at, _clock())
                if self._welcomed.is_set() and message.controller != self._controller:
                    self._greet.set()
            case Resize() | Handover() | Watch():
                if isinstance(message, Watch):
                    self._age(message.clock, message.sent_at)  # it comes before what is typed
                self._executions.consoles.control(message)
            case Stored():
                self._executions.stored(message)
            case _:
                raise ProtocolError(f"a {message.TYPE} in the control lane")

    def _age(self, clock: int, at: float) -> float:
        """How old at least what a controller sent then is, wherever it lay: in our own socket, while we slept."""
        ages = self._ages.pop(clock, None) or Ages()
        self._ages[clock] = ages
        if len(self._ages) > MOST_CLOCKS:
            del self._ages[next(iter(self._ages))]
        return ages.of(at, _clock())

    def _answer(self, piece: Input, delivery: Delivery, reason: str) -> None:
        if reason and not piece.is_reply:  # nobody typed it
            self._tell(InputRefused(piece.execution, piece.attempt, piece.console, reason, piece.number))
        # The echo comes with the answer, and somebody waits for it: it goes first.
        asyncio.get_running_loop().call_soon(delivery.ack)

    # --- what goes to the controller ----------------------------------------------------------------------------------

    async def _greeting(self, on_ready: Callable[[], None]) -> None:
        """After each connect: tell everything held, say hello, and wait for the welcome; again until it comes."""
        backoff = Backoff(base=WELCOME_SECONDS)
        told = False
        while True:
            await self._greet.wait()
            self._greet.clear()
            await self._publisher.connected.wait()
            await self._consumer.connected.wait()
            try:
                await self._say_hello()
            except BrokerUnavailable as error:
                # Not always for want of a connection: the controller's queues may not be there yet.
                log.warning("hello not sent: %s", error)
            else:
                self._executions.resend_output()
                if await self._is_welcomed():
                    backoff.reset()
                    if not told:
                        on_ready()
                        told = True
                    continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(backoff.next()):
                    await self._greet.wait()  # a new connection need not wait longer
            self._greet.set()

    async def _say_hello(self) -> None:
        self._executions.hold_back()
        self._welcomed.clear()
        self._hello = str(uuid.uuid4())
        await self._reporter.send_all(self._executions.reports())
        await self._publish_event(encode(Hello(self._hello, __version__, self._executions.names(), self._public_key)))

    async def _is_welcomed(self) -> bool:
        try:
            async with asyncio.timeout(WELCOME_SECONDS):
                await self._welcomed.wait()
        except TimeoutError:
            return False
        return True

    async def _heartbeats(self) -> None:
        """A sign of life at an interval, and with it every outcome that is not settled yet."""
        await asyncio.sleep(random.uniform(0, HEARTBEAT_SECONDS))  # noqa: S311 - a fleet must not speak at once
        while True:
            self._look_at_clock()
            self._check_answers()
            if self._tell(Heartbeat(), names.HEARTBEAT):
                self._unanswered += 1
            for report in self._executions.reports(outcomes_only=True):
                self._reporter.report(report)
            await asyncio.sleep(HEARTBEAT_SECONDS)

    def _check_answers(self) -> None:
        """Connections that look whole may lead nowhere: only an answer tells. Once for each welcome, for it may be the
        controller that is away; then Hello is repeated until it is back."""
        if self._welcomed.is_set() and self._unanswered >= UNANSWERED_HEARTBEATS:
            self._welcomed.clear()
            for link in (self._publisher, self._consumer):
                link.renew(f"{self._unanswered} heartbeats were not answered")

    async def _publish_event(self, body: bytes) -> None:
        await self._publisher.publish(names.key(self._device, names.EVENT), body)

    async def _post_output(self, body: bytes) -> None:
        await self._publisher.post(names.key(self._device, names.OUTPUT), body)

    def _tell(self, message: Message, lane: str = names.EVENT) -> bool:
        """Something that is not worth repeating; whether it is on its way."""
        return self._publisher.offer(names.key(self._device, lane), encode(message))


def _clock() -> float:
    """Seconds that nobody sets, a sleep of the device included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
