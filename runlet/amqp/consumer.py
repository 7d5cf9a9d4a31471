"""Consuming: declare what must exist, then hand each delivery to a handler; the prefetch bounds the unacknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import pika
from pika.channel import Channel
from pika.spec import Basic

from runlet.amqp.link import GONE, Link, Replies
from runlet.errors import BrokerUnavailable


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue with its bindings, durable. Limits and time-to-live are policies of the broker, never arguments here.

    `single` gives everything to one consumer as long as it is there; a second one waits until the first is gone. An
    `exclusive` one is this connection's own, not durable, and ends with it.
    """

    name: str
    keys: Sequence[str]
    quorum: bool = False
    single: bool = False
    exclusive: bool = False


@dataclass(slots=True)
class Delivery:
    """One message as it came. `ack` is for the channel that delivered it and does nothing once that is gone."""

    key: str
    body: bytes
    ack: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Subscription:
    """A queue to consume from and who takes its deliveries, one at a time, in order, from the loop.

    A handler must not block; what it raises reaches the loop's exception handler.
    `prefetch` is how many deliveries may be unacknowledged at once; 0 acknowledges on delivery.
    """

    queue: str
    handler: Callable[[Delivery], None]
    prefetch: int


@dataclass(slots=True)
class Topology:
    """What one side declares whenever it connects. A device declares nothing: it has no right to."""

    exchange: str
    queues: list[Queue] = field(default_factory=list)


class Consumer(Link):
    """A link that declares a topology and consumes."""

    def __init__(self, url: str, name: str, topology: Topology | None = None) -> None:
        super().__init__(url, name)
        self._subscriptions: list[Subscription] = []
        self._topology = topology
        self._channel: Channel | None = None
        self._replies: Replies | None = None

    def subscribe(self, subscription: Subscription) -> None:
        """Consume from one more queue, from the next connect on: called before `run`."""
        self._subscriptions.append(subscription)

    async def declare(self, topology: Topology) -> None:
        """Declare now, beside what is declared at each connect; raises BrokerUnavailable."""
        if self._channel is None or self._replies is None:
            raise BrokerUnavailable("not connected to the broker")
        await _declare(self._channel, self._replies, topology)

    async def _set_up(self, channel: Channel, lost: asyncio.Future[BrokerUnavailable]) -> None:
        def on_cancel(_frame: object) -> None:
            # A queue was deleted, or the node that holds it went down. The connection stays up, and would stay deaf.
            if not lost.done():
                lost.set_result(BrokerUnavailable("the broker ended the consuming: a queue is gone"))

        channel.add_on_cancel_callback(on_cancel)
        replies = Replies(lost)
        if self._topology:
            await _declare(channel, replies, self._topology)
        for subscription in self._subscriptions:
            # A prefetch counts for the consumers opened after it: each queue gets its own.
            await replies.to(channel.basic_qos, prefetch_count=subscription.prefetch)
            await replies.to(
                channel.basic_consume,
                subscription.queue,
                _on_message(subscription),
                auto_ack=subscription.prefetch == 0,
            )
        self._channel, self._replies = channel, replies

    def _lost(self) -> None:
        self._channel = self._replies = None


async def _declare(channel: Channel, replies: Replies, topology: Topology) -> None:
    await replies.to(channel.exchange_declare, topology.exchange, exchange_type="topic", durable=True)
    # Sent all at once: one round trip for a fleet's queues instead of two a device.
    await asyncio.gather(*(_declare_queue(channel, replies, topology.exchange, queue) for queue in topology.queues))


async def _declare_queue(channel: Channel, replies: Replies, exchange: str, queue: Queue) -> None:
    arguments: dict[str, object] = {"x-queue-type": "quorum"} if queue.quorum else {}
    if queue.single:
        arguments["x-single-active-consumer"] = True
    await asyncio.gather(
        replies.to(
            channel.queue_declare,
            queue.name,
            durable=not queue.exclusive,
            exclusive=queue.exclusive,
            arguments=arguments,
        ),
        *(replies.to(channel.queue_bind, queue.name, exchange, key) for key in queue.keys),
    )


def _on_message(
    subscription: Subscription,
) -> Callable[[Channel, Basic.Deliver, pika.BasicProperties, bytes], None]:
    loop = asyncio.get_running_loop()

    def on_message(channel: Channel, method: Basic.Deliver, _properties: object, body: bytes) -> None:
        def ack() -> None:
            if subscription.prefetch and channel.is_open:
                with suppress(*GONE):  # the broker delivers it again on the next connection, and the handler dedupes
                    channel.basic_ack(method.delivery_tag)

        # Not from inside pika's stack: it takes an exception of ours for a broken connection.
        loop.call_soon(subscription.handler, Delivery(method.routing_key, body, ack))

    return on_message
