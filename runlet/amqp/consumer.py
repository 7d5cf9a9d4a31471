"""Consuming: declare what must exist, then hand each delivery to a handler; the prefetch bounds the unacknowledged."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel
from pika.spec import Basic

from runlet.amqp.link import BODY_HEADER, GONE, Link, Properties, Replies, open_channel
from runlet.errors import BrokerUnavailable, ChannelRefused, JournalFailed

# Declared at once, in one round trip. One that is refused closes their channel, and those behind it are declared again.
DECLARE_BATCH = 64
# A queue of several copies chooses a leader within seconds. One whose node was killed right after it was declared may
# never have one again, and keeps everybody waiting (rabbitmq-server issue 15725).
LEADER_SECONDS = 20.0
# AMQP's numbers for refusals.
_NOT_FOUND = 404
_INEQUIVALENT = 406

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue with its bindings, durable. Limits and time-to-live are policies of the broker, never arguments here.

    `single` gives everything to one consumer as long as it is there; a second one waits until the first is gone. With
    `auto_delete` it ends with its last consumer. It is not exclusive: a connection that is half open would lock it.
    """

    name: str
    keys: Sequence[str]
    quorum: bool = False
    single: bool = False
    auto_delete: bool = False


@dataclass(slots=True)
class Delivery:
    """One message as it came. `ack` is for the channel that delivered it and does nothing once that is gone."""

    key: str
    body: bytes
    ack: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Subscription:
    """A queue to consume from and who takes its deliveries, one at a time, in order, from the loop.

    A handler must not block; what it raises reaches the loop's exception handler, and the delivery that it raised at is
    acknowledged, for it would do so again. `keys` are those by which the queue is bound, `*` is one word. What came
    under another key, or is larger than `most_bytes`, is dropped: whoever may publish under any key may name others in
    the headers CC and BCC, and a broker before RabbitMQ 4.0.3 does not ask whether those are allowed too.
    `prefetch` is how many deliveries may be unacknowledged at once; 0 acknowledges on delivery. When the only node that
    has its queue is down, a `dispensable` one is done without until the next connect.
    """

    queue: str
    keys: Sequence[str]
    handler: Callable[[Delivery], None]
    prefetch: int
    most_bytes: int
    dispensable: bool = False


@dataclass(slots=True)
class Topology:
    """What one side declares whenever it connects. A device declares nothing: it has no right to.

    A queue whose only node is down cannot be declared, and the others are. One that was declared with other arguments,
    or that has no leader, is deleted and declared anew: what a queue holds is sent again by whoever must not lose it.
    """

    exchange: str
    queues: list[Queue] = field(default_factory=list)


class Consumer(Link):
    """A link that declares a topology and consumes."""

    def __init__(self, broker: Sequence[str], name: str, topology: Topology | None = None) -> None:
        super().__init__(broker, name)
        self._subscriptions: list[Subscription] = []
        self._topology = topology
        self._channel: Channel | None = None
        self._declaring = asyncio.Lock()  # a lost node can make a thousand messages unroutable at once

    def subscribe(self, subscription: Subscription) -> None:
        """Consume from one more queue, from the next connect on: called before `run`."""
        self._subscriptions.append(subscription)

    async def declare(self, topology: Topology) -> None:
        """Declare now, beside what is declared at each connect; raises BrokerUnavailable."""
        async with self._declaring:
            if self._channel is None or self._lost_with is None:
                raise BrokerUnavailable("not connected to the broker")
            await _declare(self._channel.connection, self._lost_with, topology)

    async def _set_up(self, channel: Channel, lost: asyncio.Future[BrokerUnavailable]) -> None:
        def on_cancel(_frame: object) -> None:
            # A queue was deleted, or the node that holds it went down. The connection stays up, and would stay deaf.
            if not lost.done():
                lost.set_result(BrokerUnavailable("the broker ended the consuming: a queue is gone"))

        channel.add_on_cancel_callback(on_cancel)
        replies = Replies(lost)
        missing = await _declare(channel.connection, lost, self._topology) if self._topology else set()
        for subscription in self._subscriptions:
            if subscription.dispensable and subscription.queue in missing:
                continue
            # A prefetch counts for the consumers opened after it: each queue gets its own.
            await replies.to(channel.basic_qos, prefetch_count=subscription.prefetch)
            try:
                async with asyncio.timeout(LEADER_SECONDS if self._may_delete(subscription.queue) else None):
                    await replies.to(
                        channel.basic_consume,
                        subscription.queue,
                        _on_message(subscription),
                        auto_ack=subscription.prefetch == 0,
                    )
            except TimeoutError:
                await _delete(channel.connection, lost, subscription.queue)
                raise BrokerUnavailable(
                    f"{subscription.queue} had no leader: it is deleted, to be declared anew"
                ) from None
        self._channel = channel

    def _lost(self) -> None:
        self._channel = None

    def _may_delete(self, queue: str) -> bool:
        """Whether it may lack a leader, and is declared again at the next connect."""
        return self._topology is not None and any(one.quorum and one.name == queue for one in self._topology.queues)


async def _declare(
    connection: AsyncioConnection, lost: asyncio.Future[BrokerUnavailable], topology: Topology
) -> set[str]:
    """The queues that cannot be had now. On channels of their own: a refusal closes the channel, and must not end the
    consuming.
    """
    waiting, missing = list(topology.queues), set()
    while True:
        ended: asyncio.Future[BrokerUnavailable] = asyncio.get_running_loop().create_future()
        channel = await open_channel(connection, lost, ended)
        replies = Replies(ended)
        await replies.to(channel.exchange_declare, topology.exchange, exchange_type="topic", durable=True)
        try:
            while waiting:
                await _declare_batch(channel, replies, topology.exchange, waiting)
        except ChannelRefused as refusal:
            queue = waiting[0]
            if refusal.reply == _INEQUIVALENT:
                log.warning("%s has other arguments than are wanted: it is deleted and declared anew", queue.name)
                await _delete(connection, lost, queue.name)
            elif refusal.reply == _NOT_FOUND:
                log.warning("%s is not there now: %s", queue.name, refusal)
                missing.add(waiting.pop(0).name)
            else:
                raise
        else:
            with suppress(*GONE):
                channel.close()
            return missing


async def _declare_batch(channel: Channel, replies: Replies, exchange: str, waiting: list[Queue]) -> None:
    """Declare the first of those that wait; what is declared waits no more, so a refusal was for the first then."""
    declared = await asyncio.gather(
        *(_declare_queue(channel, replies, exchange, queue) for queue in waiting[:DECLARE_BATCH]),
        return_exceptions=True,
    )
    refusals = [result for result in declared if result is not None]
    del waiting[: next((number for number, result in enumerate(declared) if result is not None), len(declared))]
    if refusals:
        raise refusals[0]


async def _delete(connection: AsyncioConnection, lost: asyncio.Future[BrokerUnavailable], queue: str) -> None:
    ended: asyncio.Future[BrokerUnavailable] = asyncio.get_running_loop().create_future()
    channel = await open_channel(connection, lost, ended)
    await Replies(ended).to(channel.queue_delete, queue)
    with suppress(*GONE):
        channel.close()


async def _declare_queue(channel: Channel, replies: Replies, exchange: str, queue: Queue) -> None:
    arguments: dict[str, object] = {"x-queue-type": "quorum"} if queue.quorum else {}
    if queue.single:
        arguments["x-single-active-consumer"] = True
    await asyncio.gather(
        replies.to(
            channel.queue_declare,
            queue.name,
            durable=True,
            auto_delete=queue.auto_delete,
            arguments=arguments,
        ),
        *(replies.to(channel.queue_bind, queue.name, exchange, key) for key in queue.keys),
    )


def _on_message(
    subscription: Subscription,
) -> Callable[[Channel, Basic.Deliver, Properties, bytes], None]:
    loop = asyncio.get_running_loop()
    bound = re.compile("|".join(re.escape(key).replace(r"\*", r"[^.]+") for key in subscription.keys))

    def take(delivery: Delivery) -> None:
        try:
            subscription.handler(delivery)
        except JournalFailed:
            raise  # our disk's fault, not the message's: it is delivered again to who is started in our place
        except Exception:
            delivery.ack()
            raise

    def on_message(channel: Channel, method: Basic.Deliver, properties: Properties, body: bytes) -> None:
        def ack() -> None:
            if subscription.prefetch and channel.is_open:
                with suppress(*GONE):  # the broker delivers it again on the next connection, and the handler dedupes
                    channel.basic_ack(method.delivery_tag)

        key = method.routing_key
        if not isinstance(key, str) or not bound.fullmatch(key):  # pika leaves what is no UTF-8 as bytes
            log.warning("%s: dropped a message that came under the key %.200r", subscription.queue, key)
            ack()
            return
        if len(body) > subscription.most_bytes:
            log.warning("%s: dropped %d bytes that came under the key %s", subscription.queue, len(body), key)
            ack()
            return
        if not body and isinstance(carried := (properties.decoded().headers or {}).get(BODY_HEADER), str | bytes):
            body = carried.encode() if isinstance(carried, str) else carried
        # Not from inside pika's stack: it takes an exception of ours for a broken connection.
        loop.call_soon(take, Delivery(key, body, ack))

    return on_message
