"""Sending: durable commands until they are answered, control messages at once or never."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from sqlmodel import Session

from runlet.amqp.consumer import Consumer
from runlet.amqp.definitions import Replication
from runlet.amqp.publisher import Publisher
from runlet.controller import clock, outbox
from runlet.controller.outbox import Outgoing
from runlet.controller.store import Store
from runlet.controller.topology import for_devices
from runlet.errors import BrokerUnavailable, ProtocolError, Unavailable, Unroutable
from runlet.protocol import names
from runlet.protocol.chunk import Input
from runlet.protocol.messages import Alive, Answer, Cancel, Message, Welcome, encode

# How often the outbox is searched for commands that were not answered in time.
SWEEP_SECONDS = 1.0

# Commands that are encoded and not confirmed: with scripts of the largest size, 32 MiB.
MOST_UNDER_WAY = 128
# A queue without a leader never confirms; the command stays in the outbox, and makes place for those of other devices.
CONFIRM_SECONDS = 30.0

# A pasted text may have to wait for room; what waits longer was typed for another moment.
INPUT_SECONDS = 2.0

log = logging.getLogger(__name__)


class Dispatcher:
    """The controller's voice."""

    def __init__(
        self,
        store: Store,
        publisher: Publisher,
        consumer: Consumer,
        workspace: str,
        controller: str,
        replication: Replication = Replication.NONE,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._consumer = consumer
        self._workspace = workspace
        self._controller = controller
        self._replication = replication
        self._outgoing: asyncio.Queue[Outgoing] = asyncio.Queue()  # each is in the outbox too
        self._under_way = asyncio.Semaphore(MOST_UNDER_WAY)
        self._tasks = asyncio.TaskGroup()
        # When the broker took the newest command of an execution; infinity while it waits for that. What was sent is
        # repeated when its device has had RESEND_SECONDS to answer, not when it has waited so long here.
        self._sent: dict[str, float] = {}
        self._behind_since: float | None = None  # what agents answered waits to be recorded
        self._behind_until = 0.0

    def postpone(self) -> None:
        """More answers wait than can be recorded at once: what is repeated now was mostly answered already."""
        now = time.monotonic()
        if self._behind_since is None or now >= self._behind_until:
            self._behind_since = now
        self._behind_until = now + outbox.RESEND_SECONDS[0]

    def send(self, outgoing: Iterable[Outgoing]) -> None:
        """Publish commands as soon as the broker takes them. What fails stays in the outbox and is due again."""
        for one in outgoing:
            self._hurry(one)
            self._sent[one.message.execution] = math.inf
            self._outgoing.put_nowait(one)

    def welcome(self, device: str, hello: str, outgoing: Iterable[Outgoing]) -> None:
        """Everything a device must know, and then its welcome."""
        self._tasks.create_task(self._welcome(device, hello, list(outgoing)))

    def answer(self, device: str) -> None:
        """Answer a heartbeat: the device hears us. Confirmed, so that a device without queues is given them again."""
        if self._publisher.has_room:  # those that a broker takes slowly must not pile up here
            self._tasks.create_task(
                self._publish(device, Alive(self._controller, time.time()), names.CONTROL, persistent=False)
            )

    def tell(self, device: str, message: Message) -> None:
        """Control: sent now or dropped. The receiver copes without, or the sender repeats it."""
        self._publisher.offer(names.key(device, names.CONTROL), encode(message))

    async def type(self, device: str, typed: Input) -> None:
        """Typed bytes; raises BrokerUnavailable when they cannot be on their way soon: input is never typed late."""
        await self._post(names.key(device, names.INPUT), typed.encode())

    async def give(self, device: str, answer: Answer) -> None:
        """An answer to a prompt; raises as `type` does."""
        sent = replace(answer, clock=clock.NUMBER, sent_at=clock.now())
        await self._post(names.key(device, names.CONTROL), encode(sent))

    async def _post(self, key: str, body: bytes) -> None:
        try:
            async with asyncio.timeout(INPUT_SECONDS):
                await self._publisher.post(key, body)
        except TimeoutError:
            raise BrokerUnavailable("the broker takes no messages now") from None

    async def run(self) -> None:
        """Send what is put here, and send again what was not answered."""
        async with self._tasks:
            self._tasks.create_task(self._send_queued())
            await self._sweep()

    async def _send_queued(self) -> None:
        while True:
            one = await self._outgoing.get()
            await self._under_way.acquire()  # before it is encoded: each may carry a large script
            self._tasks.create_task(self._send_one(one)).add_done_callback(lambda _: self._under_way.release())

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            # Not while some are still to be sent: a broker that takes nothing would make this queue grow for ever.
            if not self._publisher.connected.is_set() or not self._outgoing.empty():
                continue
            now = time.monotonic()
            self._sent = {one: at for one, at in self._sent.items() if now - at < outbox.RESEND_SECONDS[0]}
            if self._is_behind(now):
                continue
            due = partial(_due, fresh=frozenset(self._sent))
            try:
                self.send(await self._store.transact(due))
            except Unavailable as error:
                log.warning("outbox not swept: %s", error)

    def _is_behind(self, now: float) -> bool:
        """Not for ever: where answers always wait, what was lost must be repeated all the same."""
        return self._behind_since is not None and now < min(
            self._behind_until, self._behind_since + outbox.RESEND_SECONDS[-1]
        )

    async def _welcome(self, device: str, hello: str, outgoing: list[Outgoing]) -> None:
        # The welcome says that nothing is missing. When something is, the agent asks again.
        for one in outgoing:
            self._hurry(one)
        for one in outgoing:  # one at a time: no device keeps the others waiting
            async with self._under_way:
                if not await self._send_one(one):
                    return
        await self._publish(device, Welcome(hello, self._controller, time.time()))

    async def _send_one(self, one: Outgoing) -> bool:
        taken = await self._publish(one.device, one.message, until=one.until)
        self._sent[one.message.execution] = time.monotonic() if taken else -math.inf
        return taken

    def _hurry(self, one: Outgoing) -> None:
        """A cancel goes over the control lane too: the durable one may be long, or blocked by an alarm."""
        if isinstance(one.message, Cancel) and self._publisher.connected.is_set():
            self._tasks.create_task(self._publish_urgently(one.device, one.message))

    async def _publish_urgently(self, device: str, message: Cancel) -> None:
        try:
            await self._publisher.publish_urgently(names.key(device, names.CONTROL), encode(message))
        except BrokerUnavailable as error:
            log.info("%s for %s not sent urgently: %s", message.TYPE, device, error)

    async def _publish(
        self,
        device: str,
        message: Message,
        lane: str = names.COMMAND,
        *,
        persistent: bool = True,
        until: datetime | None = None,
    ) -> bool:
        """Whether the broker has it; it keeps it until then."""
        key = names.key(device, lane)
        try:
            body = encode(message)
            async with asyncio.timeout(CONFIRM_SECONDS):
                try:
                    await self._publisher.publish(key, body, persistent=persistent, until=until)
                except Unroutable:
                    # The broker lost its queues, or the device is new since we connected.
                    await self._consumer.declare(for_devices(self._workspace, [device], self._replication))
                    await self._publisher.publish(key, body, persistent=persistent, until=until)
        except TimeoutError:
            log.warning("%s for %s was not confirmed within %g s", message.TYPE, device, CONFIRM_SECONDS)
            return False
        except BrokerUnavailable as error:
            log.warning("%s for %s not sent: %s", message.TYPE, device, error)
            return False
        except ProtocolError:
            log.exception("%s for %s cannot be sent", message.TYPE, device)
            return False
        return True


def _due(session: Session, fresh: Collection[str]) -> list[Outgoing]:
    return outbox.due(session, datetime.now(UTC), fresh)
