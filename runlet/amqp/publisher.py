"""Publishing: every message mandatory and confirmed, and a bound on what may be unconfirmed.

pika buffers outgoing bytes without limit, so the bound is kept here: whoever publishes past it waits. So does whoever
publishes while the broker blocks us (an alarm): it would read nothing, and deliver late what it finds afterwards.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass

import pika
from pika.channel import Channel
from pika.frame import Method

from runlet.amqp.link import GONE, Link, Replies
from runlet.errors import BrokerUnavailable, Unroutable

# Unconfirmed messages: enough to pipeline a fan-out over one round trip, few enough to resend after a loss.
MAX_OUTSTANDING = 512
# Unconfirmed bytes: a few full windows of output; beyond it memory would grow with a slow broker.
MAX_OUTSTANDING_BYTES = 4 * 1024 * 1024

log = logging.getLogger(__name__)

_PERSISTENT = 2
_TRANSIENT = 1


@dataclass(slots=True)
class _Outstanding:
    size: int
    confirmed: asyncio.Future[None] | None  # None: nobody waits for it
    returned: str | None = None


class Publisher(Link):
    """A link that publishes to one exchange."""

    def __init__(self, url: str, name: str, exchange: str) -> None:
        super().__init__(url, name)
        self._exchange = exchange
        self._channel: Channel | None = None
        self._next_tag = 1
        self._outstanding: OrderedDict[int, _Outstanding] = OrderedDict()
        self._outstanding_bytes = 0
        self._blocked = False
        self._room = asyncio.Event()

    async def publish(self, key: str, body: bytes, *, persistent: bool = True) -> None:
        """Publish and wait for the broker's confirm.

        Raises Unroutable when no queue takes the message, BrokerUnavailable when it may not have arrived: whoever
        must not lose it publishes it again, and whoever receives it dedupes.
        """
        await self._wait_for_room()
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._send(key, body, _PERSISTENT if persistent else _TRANSIENT, confirmed)
        await confirmed

    async def post(self, key: str, body: bytes) -> None:
        """Publish a transient message; wait only for room, not for the confirm: something else repairs a loss.

        Raises BrokerUnavailable when there is no connection.
        """
        await self._wait_for_room()
        self._send(key, body, _TRANSIENT, None)

    def offer(self, key: str, body: bytes) -> None:
        """Publish a transient message if that is possible at once; else drop it. For what is better lost than late."""
        if self._room.is_set():
            with suppress(BrokerUnavailable):
                self._send(key, body, _TRANSIENT, None)

    async def _wait_for_room(self) -> None:
        while not self._room.is_set():
            if self._channel is None:
                raise BrokerUnavailable("not connected to the broker")
            await self._room.wait()

    def _send(self, key: str, body: bytes, mode: int, confirmed: asyncio.Future[None] | None) -> None:
        channel = self._channel
        if channel is None:
            raise BrokerUnavailable("not connected to the broker")
        tag = self._next_tag
        properties = pika.BasicProperties(delivery_mode=mode, message_id=str(tag))
        try:
            channel.basic_publish(self._exchange, key, body, properties, mandatory=True)
        except GONE as error:
            raise BrokerUnavailable(f"the broker went away: {error!r}") from None
        self._next_tag += 1
        self._outstanding[tag] = _Outstanding(len(body), confirmed)
        self._outstanding_bytes += len(body)
        if len(self._outstanding) >= MAX_OUTSTANDING or self._outstanding_bytes >= MAX_OUTSTANDING_BYTES:
            self._room.clear()

    async def _set_up(self, channel: Channel, lost: asyncio.Future[BrokerUnavailable]) -> None:
        channel.add_on_return_callback(self._on_return)
        channel.connection.add_on_connection_blocked_callback(self._on_blocked)
        channel.connection.add_on_connection_unblocked_callback(self._on_unblocked)
        self._blocked = False
        await Replies(lost).to(channel.confirm_delivery, self._on_confirm)
        self._next_tag = 1
        self._channel = channel
        self._make_room()

    def _on_blocked(self, _connection: object, frame: Method) -> None:
        log.warning("%s: blocked by the broker: %s", self._name, frame.method.reason)
        self._blocked = True
        self._room.clear()

    def _on_unblocked(self, _connection: object, _frame: Method) -> None:
        log.info("%s: no longer blocked", self._name)
        self._blocked = False
        self._make_room()

    def _make_room(self) -> None:
        is_full = len(self._outstanding) >= MAX_OUTSTANDING or self._outstanding_bytes >= MAX_OUTSTANDING_BYTES
        if not (is_full or self._blocked):
            self._room.set()

    def _on_return(self, _channel: Channel, method: object, properties: pika.BasicProperties, _body: bytes) -> None:
        # The return carries no delivery tag; it comes before the confirm of the same message.
        outstanding = self._outstanding.get(int(properties.message_id or 0))
        if outstanding:
            outstanding.returned = str(getattr(method, "routing_key", ""))

    def _on_confirm(self, frame: Method) -> None:
        method = frame.method
        first = next(iter(self._outstanding), method.delivery_tag) if method.multiple else method.delivery_tag
        for tag in range(first, method.delivery_tag + 1):
            outstanding = self._outstanding.pop(tag, None)
            if outstanding is None:
                continue
            self._outstanding_bytes -= outstanding.size
            self._settle(outstanding, refused=method.NAME == "Basic.Nack")
        self._make_room()

    def _settle(self, outstanding: _Outstanding, *, refused: bool) -> None:
        confirmed = outstanding.confirmed
        if confirmed is None:
            if outstanding.returned is not None:
                log.debug("no queue takes %s", outstanding.returned)
        elif confirmed.done():
            return  # its publisher was cancelled
        elif refused:
            confirmed.set_exception(BrokerUnavailable("the broker refused the message: its queue is full"))
        elif outstanding.returned is not None:
            confirmed.set_exception(Unroutable(f"no queue takes {outstanding.returned}"))
        else:
            confirmed.set_result(None)

    def _lost(self) -> None:
        self._channel = None
        self._room.set()  # wakes the waiting, who then see that there is no channel
        self._room.clear()
        unconfirmed, self._outstanding = self._outstanding, OrderedDict()
        self._outstanding_bytes = 0
        for outstanding in unconfirmed.values():
            if outstanding.confirmed and not outstanding.confirmed.done():
                outstanding.confirmed.set_exception(BrokerUnavailable("the broker went away before it confirmed"))
