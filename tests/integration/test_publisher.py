"""A publisher beside a broker that takes messages and does not do what it should with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pika
import pytest

from runlet.amqp import publisher as module
from runlet.amqp.publisher import Publisher
from runlet.errors import BrokerUnavailable
from tests.brokers import PrivateBroker
from tests.harness import PATIENCE_SECONDS

EXCHANGE = "runlet.publisher"
MESSAGES = 10
# The name under which RabbitMQ's Erlang knows the queue's process, which can be told to stand still.
PROCESS = "'%2F_runlet.publisher.quorum'"


@pytest.fixture
def queue(broker: PrivateBroker):
    connection = pika.BlockingConnection(pika.URLParameters(broker.controller_url))
    channel = connection.channel()
    channel.exchange_declare(EXCHANGE, "topic", durable=True)
    arguments = {"x-queue-type": "quorum", "x-max-length": MESSAGES, "x-overflow": "reject-publish"}
    channel.queue_declare("runlet.publisher.quorum", durable=True, arguments=arguments)
    channel.queue_bind("runlet.publisher.quorum", EXCHANGE, "quorum")
    yield
    channel.queue_delete("runlet.publisher.quorum")
    channel.exchange_delete(EXCHANGE)
    connection.close()


@asynccontextmanager
async def running(*addresses: str) -> AsyncIterator[Publisher]:
    publisher = Publisher(addresses, "test", EXCHANGE)
    task = asyncio.create_task(publisher.run())
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await publisher.connected.wait()
        yield publisher
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.usefixtures("queue")
async def test_a_broker_that_confirms_nothing_is_left(broker: PrivateBroker, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "CONFIRM_SECONDS", 0.5)
    async with running(broker.controller_url) as publisher:
        await publisher.publish("quorum", b"x")
        broker.ctl("eval", f"sys:suspend({PROCESS}).")
        try:
            with pytest.raises(BrokerUnavailable, match="before it confirmed"):
                await asyncio.wait_for(publisher.publish("quorum", b"x"), PATIENCE_SECONDS)
        finally:
            broker.ctl("eval", f"sys:resume({PROCESS}).")
        async with asyncio.timeout(PATIENCE_SECONDS):
            await publisher.connected.wait()
            await publisher.publish("quorum", b"x")


@pytest.mark.usefixtures("queue")
async def test_a_connection_on_which_messages_are_refused_is_not_kept(
    broker: PrivateBroker, monkeypatch: pytest.MonkeyPatch
):
    """The queue is full here. With a cluster it may be the channel that is at fault, and nothing tells."""
    monkeypatch.setattr(module, "REFUSED_SECONDS", 0.5)
    async with running(broker.controller_url) as publisher:
        anew = asyncio.Event()
        publisher.on_connected = anew.set
        with pytest.raises(BrokerUnavailable, match="refused the message"):  # noqa: PT012 - some fit in
            for _ in range(10 * MESSAGES):
                await publisher.publish("quorum", b"x")
        await asyncio.wait_for(anew.wait(), PATIENCE_SECONDS)


async def test_silent_and_deaf_addresses_are_passed_over(broker: PrivateBroker):
    nobody = "amqp://u:p@127.0.0.1:9/"
    async with running(nobody, broker.controller_url) as publisher:
        assert publisher.connected.is_set()
