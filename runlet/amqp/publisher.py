"""Publishing, on two channels of one connection, with a bound on what is under way on each.

What must arrive is mandatory and confirmed. What something else repairs (output is acknowledged by its reader) or what
is worth nothing late (control) is neither: every confirm wakes both ends once more, between a key and its echo. Of a
broker of several nodes refusals are heard all the same.

pika buffers outgoing bytes without limit, so the bounds are kept here: whoever publishes past them waits. So does
whoever publishes while the broker blocks us (an alarm): it would read nothing, and deliver late what it finds then.

An alarm blocks a connection at its first publish, once the broker has read that message's properties and before it
reads its body. So one message without a body passes on each new connection: `publish_urgently` puts what must arrive
during an alarm, to end what may have caused it, into a header.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import pika
from pika.channel import Channel
from pika.frame import Method
from pika.spec import Basic

from runlet.amqp.link import BODY_HEADER, GONE, Link, Properties, Replies, open_channel, open_connection
from runlet.backoff import Backoff
from runlet.errors import BrokerUnavailable, Unroutable

# Unconfirmed messages: enough to pipeline a fan-out over one round trip, few enough to resend after a loss.
MAX_OUTSTANDING = 512
# Unconfirmed bytes: a few full windows of output; beyond it memory would grow with a slow broker.
MAX_OUTSTANDING_BYTES = 4 * 1024 * 1024

# Unconfirmed bytes that the kernel has not taken yet: a full window of one stream.
MAX_BUFFERED_BYTES = 1024 * 1024
# A megabyte leaves in this time at 200 MB/s.
BUFFER_SECONDS = 0.005

# A broker that has confirmed nothing of what waits for so long, and does not say that it blocks us, has lost it or the
# majority of its nodes. Another node may do better; an election takes seconds.
CONFIRM_SECONDS = 30.0
# A refusal is of a full queue, which a new connection does not help; or of a quorum queue whose leader's node went away
# as this channel first published to it: RabbitMQ 3.10 then refuses on this channel until that node is back. This is the
# first of the pauses, drawn at random, before a new connection; they grow while all is refused.
REFUSED_SECONDS = 20.0
REFUSED_CAP_SECONDS = 600.0
# What is published urgently fits into one frame with its properties.
MAX_URGENT_BYTES = 4 * 1024
# At an alarm, each urgent message takes a connection, which the broker keeps until the alarm ends.
URGENT_AT_ONCE = 8
# Well within which a broker on the same network confirms.
URGENT_SECONDS = 5.0
# RabbitMQ refuses a message that is to be kept longer than 2^32 - 1 ms; it is sent again long before.
LONGEST_EXPIRATION = 2**32 - 1

log = logging.getLogger(__name__)

_PERSISTENT = 2
_TRANSIENT = 1
_QUICK = pika.BasicProperties(delivery_mode=_TRANSIENT)


@dataclass(slots=True)
class _Outstanding:
    size: int
    confirmed: asyncio.Future[None]
    returned: str | None = None


def _expiration(until: datetime | None) -> str | None:
    """How many milliseconds the broker may keep a message, by its own clock; raises BrokerUnavailable when none."""
    if until is None:
        return None
    left = int((until - datetime.now(UTC)).total_seconds() * 1000)
    if left <= 0:  # with 0, the broker would still deliver it at once
        raise BrokerUnavailable("its deadline passed before the broker could take it")
    return str(min(left, LONGEST_EXPIRATION))


class Publisher(Link):
    """A link that publishes to one exchange."""

    def __init__(self, broker: Sequence[str], name: str, exchange: str) -> None:
        super().__init__(broker, name)
        self._exchange = exchange
        self._channel: Channel | None = None  # confirmed
        self._quick: Channel | None = None  # not confirmed
        self._next_tag = 1
        self._outstanding: OrderedDict[int, _Outstanding] = OrderedDict()
        self._outstanding_bytes = 0
        self._confirms = 0
        self._patience: asyncio.TimerHandle | None = None  # until somebody looks whether the broker confirms anything
        self._refused = Backoff(REFUSED_SECONDS, REFUSED_CAP_SECONDS)
        self._giving_up: asyncio.TimerHandle | None = None  # the connection, after a refusal
        self._blocked = asyncio.Event()
        self.blocked = ""  # the broker's reason, as long as it blocks us
        self._room = asyncio.Event()
        self._urgent = asyncio.Semaphore(URGENT_AT_ONCE)

    async def publish(self, key: str, body: bytes, *, persistent: bool = True, until: datetime | None = None) -> None:
        """Publish and wait for the broker's confirm. The broker delivers it to nobody later than `until`.

        Raises Unroutable when no queue takes the message, BrokerUnavailable when it may not have arrived: whoever
        must not lose it publishes it again, and whoever receives it dedupes.
        """
        await self._wait_for_room()
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        tag = self._next_tag
        mode = _PERSISTENT if persistent else _TRANSIENT
        properties = pika.BasicProperties(delivery_mode=mode, message_id=str(tag), expiration=_expiration(until))
        self._send(self._channel, key, body, properties, mandatory=True)
        self._next_tag += 1
        self._outstanding[tag] = _Outstanding(len(body), confirmed)
        self._outstanding_bytes += len(body)
        if self._is_full():
            self._room.clear()
        self._expect_confirms()
        await confirmed

    async def publish_urgently(self, key: str, body: bytes) -> None:
        """Publish a small transient message, past a broker that blocks us if need be: then it may come twice.

        Raises as `publish` does.
        """
        assert len(body) <= MAX_URGENT_BYTES, "it must fit into one frame with its properties"
        publishing = asyncio.create_task(self.publish(key, body, persistent=False))
        blocked = asyncio.create_task(self._blocked.wait())
        try:
            await asyncio.wait((publishing, blocked), return_when=asyncio.FIRST_COMPLETED)
            if publishing.done():
                publishing.result()
                return
        finally:
            publishing.cancel()
            blocked.cancel()
        async with self._urgent:
            await self._pass_by(key, body)

    async def _pass_by(self, key: str, body: bytes) -> None:
        """The one message that a new connection may publish during an alarm."""
        if self._node is None:
            raise BrokerUnavailable("not connected to the broker")
        connection, lost = await open_connection(self._node)
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def on_confirm(_frame: Method) -> None:
            if not confirmed.done():
                confirmed.set_result(None)

        try:
            channel = await open_channel(connection, lost)
            await Replies(lost).to(channel.confirm_delivery, on_confirm)
            properties = pika.BasicProperties(delivery_mode=_TRANSIENT, headers={BODY_HEADER: body.decode()})
            self._send(channel, key, b"", properties)
            await asyncio.wait((confirmed, lost), timeout=URGENT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not confirmed.done():
                raise BrokerUnavailable("the broker does not confirm what is urgent")
        finally:
            connection.abort()

    async def post(self, key: str, body: bytes) -> None:
        """Publish a transient message and wait only for room: something else repairs a loss.

        Raises BrokerUnavailable when there is no connection.
        """
        await self._wait_for_room()
        while self._quick is not None and self._quick.connection.buffered > MAX_BUFFERED_BYTES:  # noqa: ASYNC110
            await asyncio.sleep(BUFFER_SECONDS)  # pika does not tell when the kernel takes bytes again
        self._send(self._quick, key, body, _QUICK)

    def offer(self, key: str, body: bytes) -> bool:
        """Publish a transient message if that is possible at once; else drop it. For what is better lost than late.

        Whether it is on its way.
        """
        if self._room.is_set() and self._quick and self._quick.connection.buffered <= MAX_BUFFERED_BYTES:
            with suppress(BrokerUnavailable):
                self._send(self._quick, key, body, _QUICK)
                return True
        return False

    @property
    def has_room(self) -> bool:
        """Whether something published now would be sent at once."""
        return self._room.is_set()

    async def _wait_for_room(self) -> None:
        while not self._room.is_set():
            if self._channel is None:
                raise BrokerUnavailable("not connected to the broker")
            await self._room.wait()

    def _send(
        self,
        channel: Channel | None,
        key: str,
        body: bytes,
        properties: pika.BasicProperties,
        *,
        mandatory: bool = False,
    ) -> None:
        if channel is None:
            raise BrokerUnavailable("not connected to the broker")
        try:
            channel.basic_publish(self._exchange, key, body, properties, mandatory)
        except GONE as error:
            raise BrokerUnavailable(f"the broker went away: {error!r}") from None

    async def _set_up(self, channel: Channel, lost: asyncio.Future[BrokerUnavailable]) -> None:
        channel.add_on_return_callback(self._on_return)
        channel.connection.add_on_connection_blocked_callback(self._on_blocked)
        channel.connection.add_on_connection_unblocked_callback(self._on_unblocked)
        self._unblock()
        await Replies(lost).to(channel.confirm_delivery, self._on_confirm)
        self._next_tag = 1
        quick = await open_channel(channel.connection, lost)
        if len(self._nodes) > 1:
            await Replies(lost).to(quick.confirm_delivery, self._on_quick_confirm)
        self._quick = quick
        self._channel = channel
        self._make_room()

    def _on_blocked(self, _connection: object, frame: Method) -> None:
        self.blocked = str(frame.method.reason)
        log.warning("%s: blocked by the broker: %s", self._name, self.blocked)
        self._blocked.set()
        self._room.clear()

    def _on_unblocked(self, _connection: object, _frame: Method) -> None:
        log.info("%s: no longer blocked", self._name)
        self._unblock()
        self._make_room()

    def _unblock(self) -> None:
        self.blocked = ""
        self._blocked.clear()

    def _make_room(self) -> None:
        if not (self._is_full() or self._blocked.is_set()):
            self._room.set()

    def _is_full(self) -> bool:
        return len(self._outstanding) >= MAX_OUTSTANDING or self._outstanding_bytes >= MAX_OUTSTANDING_BYTES

    def _expect_confirms(self) -> None:
        if self._patience is None:
            loop = asyncio.get_running_loop()
            self._patience = loop.call_later(CONFIRM_SECONDS, self._check_confirms, self._confirms)

    def _check_confirms(self, before: int) -> None:
        self._patience = None
        if not self._outstanding:
            return
        if self._confirms == before and not self._blocked.is_set():
            self.renew(f"the broker has confirmed nothing for {CONFIRM_SECONDS:g} s")
        else:
            self._expect_confirms()

    def _on_return(self, _channel: Channel, method: object, properties: Properties, _body: bytes) -> None:
        # The return carries no delivery tag; it comes before the confirm of the same message.
        outstanding = self._outstanding.get(int(properties.decoded().message_id or 0))
        if outstanding:
            outstanding.returned = str(getattr(method, "routing_key", ""))

    def _on_confirm(self, frame: Method) -> None:
        method = frame.method
        self._confirms += 1
        self._hear(method)
        first = next(iter(self._outstanding), method.delivery_tag) if method.multiple else method.delivery_tag
        for tag in range(first, method.delivery_tag + 1):
            outstanding = self._outstanding.pop(tag, None)
            if outstanding is None:
                continue
            self._outstanding_bytes -= outstanding.size
            self._settle(outstanding, refused=method.NAME == "Basic.Nack")
        self._make_room()

    def _on_quick_confirm(self, frame: Method) -> None:
        self._hear(frame.method)

    def _hear(self, method: Basic.Ack | Basic.Nack) -> None:
        if method.NAME == "Basic.Ack":
            self._refused.reset()
        elif self._giving_up is None:
            delay = self._refused.next()
            self._giving_up = asyncio.get_running_loop().call_later(delay, self.renew, "the broker refuses messages")

    def _settle(self, outstanding: _Outstanding, *, refused: bool) -> None:
        confirmed = outstanding.confirmed
        if confirmed.done():
            return  # its publisher was cancelled
        if refused:
            confirmed.set_exception(
                BrokerUnavailable("the broker refused the message: its queue is full, or has no leader")
            )
        elif outstanding.returned is not None:
            confirmed.set_exception(Unroutable(f"no queue takes {outstanding.returned}"))
        else:
            confirmed.set_result(None)

    def _lost(self) -> None:
        self._channel = self._quick = None
        for timer in (self._patience, self._giving_up):
            if timer:
                timer.cancel()
        self._patience = self._giving_up = None
        self._room.set()  # wakes the waiting, who then see that there is no channel
        self._room.clear()
        unconfirmed, self._outstanding = self._outstanding, OrderedDict()
        self._outstanding_bytes = 0
        for outstanding in unconfirmed.values():
            if not outstanding.confirmed.done():
                outstanding.confirmed.set_exception(BrokerUnavailable("the broker went away before it confirmed"))
