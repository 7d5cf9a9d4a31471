"""Collecting: what agents report becomes rows, many reports to a transaction, acknowledged after the commit.

While one batch is being committed the next one gathers, so the size of a batch follows the load by itself.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sqlmodel import Session

from runlet.amqp.consumer import Delivery
from runlet.backoff import Backoff
from runlet.controller import adoption, answers, deliveries, devices, executions, launches, outbox, releases
from runlet.controller.dispatcher import Dispatcher
from runlet.controller.executions import Attempt, Recorded
from runlet.controller.hub import Hub
from runlet.controller.outbox import Outgoing
from runlet.controller.releaser import Releaser
from runlet.controller.store import Store
from runlet.controller.streams import Streams
from runlet.controller.transcripts import Transcripts
from runlet.errors import ProtocolError, Unavailable
from runlet.model.execution import OUTCOMES, State
from runlet.protocol import names
from runlet.protocol.messages import (
    Answered,
    Ask,
    Facts,
    Goodbye,
    Heartbeat,
    Hello,
    InputRefused,
    InputTaken,
    Message,
    Modes,
    Report,
    Stored,
    Writer,
    decode,
)
from runlet.protocol.views import ExecutionView

# Far above any event an honest agent sends.
MAX_EVENT_BYTES = 32 * 1024
# After as many at once there are more in the queue: its prefetch is shared by the batch under way and the next one.
LARGE_BATCH = 400
# Executions looked up for one batch: a fleet that prints at once after a restart.
MAX_UNKNOWN = 10_000
# A disk that takes nothing is not tried more often than an agent sends its output again.
SYNC_AGAIN_SECONDS = 5.0

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Effects:
    """What a committed batch means for the world outside the database."""

    blocked: list[ExecutionView] = field(default_factory=list)  # they printed all that they may
    reported: list[ExecutionView] = field(default_factory=list)  # not settled yet; with news or without
    assigned: list[ExecutionView] = field(default_factory=list)  # waited for any device, and have one now
    printing: list[ExecutionView] = field(default_factory=list)  # sent output before anything else was heard of them
    kept_from: dict[Attempt, int] = field(default_factory=dict)  # from where on the agent has the output
    already_settled: list[tuple[str, Stored]] = field(default_factory=list)  # told again: (device, answer)
    welcomes: list[tuple[str, str, list[Outgoing]]] = field(default_factory=list)  # (device, hello, commands)
    released: deliveries.Effects = field(default_factory=deliveries.Effects)
    answered: list[str] = field(default_factory=list)  # answers whose devices said what became of them


class Collector:
    """Takes the deliveries of the event queue; `run` turns them into transactions."""

    def __init__(
        self,
        store: Store,
        transcripts: Transcripts,
        dispatcher: Dispatcher,
        streams: Streams,
        hub: Hub,
        releaser: Releaser,
    ) -> None:
        self._store = store
        self._transcripts = transcripts
        self._dispatcher = dispatcher
        self._hub = hub
        self._streams = streams
        self._releaser = releaser
        self._arrived: list[Delivery] = []
        self._completed: dict[Attempt, int] = {}  # the stored length of attempts whose last byte has come
        self._unknown: set[str] = set()  # executions whose output came, of which nothing was heard here
        self._full: set[str] = set()  # executions that have printed as much as is kept of them
        self._wake = asyncio.Event()
        self._waiting_since: float | None = None  # when the oldest came that is not recorded
        # Whom to tell that executions have ended, and of which answers is known what became of them.
        self.on_ended: Callable[[], None] = lambda: None
        self.on_answered: Callable[[list[str]], None] = lambda _: None

    @property
    def behind(self) -> float:
        """For how many seconds what has come waits to be recorded."""
        return time.monotonic() - self._waiting_since if self._waiting_since else 0.0

    def on_delivery(self, delivery: Delivery) -> None:
        self._arrived.append(delivery)  # bounded by the queue's prefetch
        self._waiting_since = self._waiting_since or time.monotonic()
        self._wake.set()

    def on_complete(self, execution: str, attempt: int, length: int) -> None:
        """The outcome of this attempt is recorded and the last byte of its output stored."""
        self._completed[execution, attempt] = length
        self._wake.set()

    def on_unknown(self, execution: str) -> None:
        """Output of it came. Its report is on its way, or another controller heard it."""
        if len(self._unknown) < MAX_UNKNOWN:  # beyond it the agent sends again
            self._unknown.add(execution)
            self._wake.set()

    def on_full(self, execution: str) -> None:
        """An execution has printed as much as is kept of it."""
        self._full.add(execution)
        self._wake.set()

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            arrived, self._arrived = self._arrived, []
            if len(arrived) >= LARGE_BATCH:
                self._dispatcher.postpone()
            completed = await self._synced()
            messages = [message for delivery in arrived if (message := _decoded(delivery))]
            try:
                await self._persist(messages, completed)
            except Exception:
                # The boundary of what a device can do: one message that the database refuses, for whatever reason,
                # must not keep those of the others from being recorded.
                log.exception("a batch of %d messages was refused; recording them one by one", len(messages))
                await self._persist_or_drop([], completed)
                for message in messages:
                    await self._persist_or_drop([message], {})
            for delivery in arrived:
                delivery.ack()
            self._waiting_since = time.monotonic() if self._arrived else None

    async def _persist(self, messages: list[tuple[str, Message]], completed: dict[Attempt, int]) -> None:
        """Commit, however long the database is away."""
        backoff = Backoff()
        while True:
            try:
                await self._commit(messages, completed)
                return
            except Unavailable as error:
                delay = backoff.next()
                log.error("reports not recorded, next try in %.1f s: %s", delay, error)  # noqa: TRY400
                await asyncio.sleep(delay)

    async def _persist_or_drop(self, messages: list[tuple[str, Message]], completed: dict[Attempt, int]) -> None:
        try:
            await self._persist(messages, completed)
        except Exception:  # as in run(); what is complete is told again with its outcome
            told = [f"a {message.TYPE} from {device}" for device, message in messages]
            log.exception("dropped %s", told or [f"the end of {execution}" for execution, _ in completed])

    async def _synced(self) -> dict[Attempt, int]:
        """What has come whole and would survive a power cut. What cannot be synced now is tried again."""
        completed, self._completed = self._completed, {}
        if not completed:
            return completed
        failed = await asyncio.to_thread(lambda: [one for one in completed if not self._sync(*one)])
        if failed:
            again = {one: completed.pop(one) for one in failed}
            asyncio.get_running_loop().call_later(SYNC_AGAIN_SECONDS, self._complete_again, again)
        return completed

    def _sync(self, execution: str, attempt: int) -> bool:
        try:
            self._transcripts.sync(execution, attempt)
        except Unavailable as error:
            log.error("the output of %s is not settled: %s", execution, error)  # noqa: TRY400
            return False
        return True

    def _complete_again(self, completed: dict[Attempt, int]) -> None:
        self._completed = completed | self._completed
        self._wake.set()

    async def _commit(self, messages: list[tuple[str, Message]], completed: dict[Attempt, int]) -> None:
        now = datetime.now(UTC)
        unknown, self._unknown = self._unknown, set()
        full = frozenset(self._full)
        effects = await self._store.transact(
            lambda session: self._record(session, messages, completed, unknown, full, now)
        )
        self._full -= full
        for view in effects.blocked:
            self._hub.on_change(view)
        for view in effects.printing:
            assert view.device is not None
            self._streams.open(view.id, view.attempt, view.device, view.output_limit)
            self._streams.ask(view.id)
        for view in effects.assigned + effects.reported:
            assert view.device is not None
            # Open already, unless an answer of ours was lost.
            self._streams.open(view.id, view.attempt, view.device, view.output_limit)
            self._hub.on_change(view)
            if view.state.is_outcome:
                self._streams.finish(view.id, view.output_length, effects.kept_from.get((view.id, view.attempt), 0))
        if any(view.state.is_outcome for view in effects.reported):
            self.on_ended()
        for execution, _ in completed:
            self._streams.settle(execution)
        self._releaser.carry_out(effects.released)  # after that: another attempt may follow what is settled
        for device, answer in effects.already_settled:
            self._dispatcher.tell(device, answer)
        for device, message in messages:
            match message:
                case InputRefused():
                    self._hub.on_refused(message)
                case InputTaken():
                    self._hub.on_taken(message)
                case Writer():
                    self._hub.on_writer(message)
                case Modes():
                    self._hub.on_modes(message)
                case Heartbeat():
                    self._dispatcher.answer(device)
        if effects.answered:
            self.on_answered(effects.answered)
        for welcome in effects.welcomes:
            self._dispatcher.welcome(*welcome)

    def _record(
        self,
        session: Session,
        messages: list[tuple[str, Message]],
        completed: dict[Attempt, int],
        unknown: set[str],
        full: frozenset[str],
        now: datetime,
    ) -> Effects:
        effects = Effects(blocked=executions.block(session, full))
        reports: list[tuple[str, Report]] = []
        hellos: list[tuple[str, Hello]] = []
        turning = _coming_or_leaving(messages)
        reachable = {device: devices.is_reachable(session, device, now) for device in turning}
        beating = {device for device, message in messages if isinstance(message, Heartbeat)} - turning
        returned = devices.beat(session, beating, now)
        for device, message in messages:
            match message:
                case Report():
                    reports.append((device, message))
                case Hello():
                    hellos.append((device, message))
                case Facts():
                    devices.observed(session, device, message.facts, now)
                case Heartbeat() if device in beating:
                    pass  # all of them at once, for most of what comes is theirs
                case Heartbeat() | Goodbye():
                    devices.seen(session, device, now, connected=isinstance(message, Heartbeat))
                case Answered():
                    pass  # behind the reports, which may tell of executions that are new here
                case InputRefused() | InputTaken() | Writer() | Modes():
                    pass  # concern consoles only
                case _:
                    log.warning("dropped a %s from %s", message.TYPE, device)
        self._record_reports(session, reports, now, effects)
        effects.answered = answers.record(session, _answered(messages), now)
        for device, hello in hellos:  # last: what is sent again must not hold what was answered just now
            self._record_hello(session, device, hello, now, effects)
        for device in _left(messages):
            devices.seen(session, device, now, connected=False)
        executions.settle(session, completed)
        concerned = releases.concerned(
            session,
            ended=[view.id for view in effects.reported if view.state.is_outcome]
            + [one.id for one in effects.assigned + effects.released.changed + effects.released.ended],
            settled=[execution for execution, _ in completed],
            moved=returned
            + [name for name, before in reachable.items() if devices.is_reachable(session, name, now) != before],
        )
        effects.released.add(releases.advance(session, concerned, now))
        effects.printing = executions.unsettled(session, unknown) if unknown else []
        return effects

    def _record_hello(self, session: Session, device: str, hello: Hello, now: datetime, effects: Effects) -> None:
        if not devices.seen(session, device, now, hello=hello):
            log.warning("dropped a hello from %s, which is not enrolled", device)
            return
        effects.assigned += launches.assign_waiting(session, device, now, effects.released)
        unnamed = [] if hello.held is None else executions.not_named(session, device, hello.held)
        questions = [Outgoing(device, Ask(view.id, view.attempt, view.version)) for view in unnamed]
        effects.welcomes.append((device, hello.id, [*questions, *outbox.for_device(session, device, now)]))

    def _record_reports(
        self, session: Session, reports: list[tuple[str, Report]], now: datetime, effects: Effects
    ) -> None:
        if not reports:
            return
        recorded = executions.record(session, reports, now)
        if recorded.strangers and (adopted := adoption.adopt(session, recorded.strangers, now)):
            also = executions.record(session, adopted, now)
            recorded = Recorded(recorded.open + also.open, recorded.settled + also.settled, also.strangers)
        effects.already_settled = recorded.settled
        effects.kept_from = {(report.execution, report.attempt): report.kept_from for _, report in reports}
        spared = deliveries.spare(session, recorded.open)  # first: an end takes all that was asked out of the outbox
        effects.reported = [
            replace(view, cancel_requested=False) if view.id in spared else view for view in recorded.open
        ]
        outbox.answered(
            session,
            taken=[view.id for view in effects.reported if view.state not in OUTCOMES | {State.QUEUED}],
            ended=[view.id for view in effects.reported if view.state.is_outcome],
        )


def _answered(messages: list[tuple[str, Message]]) -> list[tuple[str, Answered]]:
    """What is told of answers, by itself or with a report."""
    told = [(device, message.answered if isinstance(message, Report) else message) for device, message in messages]
    return [(device, one) for device, one in told if isinstance(one, Answered)]


def _left(messages: list[tuple[str, Message]]) -> list[str]:
    """The devices that have said hello and, after that, goodbye."""
    last = {device: message for device, message in messages if isinstance(message, Hello | Goodbye)}
    hellos = {device for device, message in messages if isinstance(message, Hello)}
    return [device for device, message in last.items() if isinstance(message, Goodbye) and device in hellos]


def _coming_or_leaving(messages: list[tuple[str, Message]]) -> set[str]:
    """The devices whose presence depends on the order of these messages."""
    return {device for device, message in messages if isinstance(message, Hello | Goodbye)}


def _decoded(delivery: Delivery) -> tuple[str, Message] | None:
    try:
        device, _ = names.parse_key(delivery.key)
        return device, decode(delivery.body)
    except ProtocolError as error:
        log.warning("dropped an event: %s", error)
        return None
