"""Messages that come often and out of order, readers that are slow, and acknowledgements that are late."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pika
import pika.exceptions
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from runlet.amqp.definitions import DELIVERIES
from runlet.model.execution import State
from runlet.protocol import names
from tests.brokers import PrivateBroker
from tests.faults.load import Load
from tests.harness import Fleet, wait_until
from tests.proxy import Wire

pytestmark = pytest.mark.timeout(600)
EXCHANGE = names.exchange("default")
TIMES = 5
# How long the repeater gathers before it says everything again in another order.
GATHER_SECONDS = 0.3
SETTLE_SECONDS = 90.0
CANCEL_SECONDS = 10.0
# RabbitMQ's is half an hour; it looks once a minute.
ACK_TIMEOUT_SECONDS = 2


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBroker]:
    """Consumers on this broker must acknowledge soon."""
    broker = PrivateBroker(tmp_path_factory.mktemp("lanes"))
    broker.start()
    settings = (
        f"consumer_timeout, {ACK_TIMEOUT_SECONDS * 1000}), application:set_env(rabbit, channel_tick_interval, 500"
    )
    broker.ctl("eval", f"application:set_env(rabbit, {settings}).")
    yield broker
    broker.stop()


@pytest.fixture(scope="module")
def wire(own: PrivateBroker) -> Iterator[Wire]:
    wire = Wire(own)
    yield wire
    wire.close()


@pytest.fixture(scope="module")
def lanes(own: PrivateBroker, wire: Wire, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """The controller's connections go through the wire, those of its devices do not."""
    fleet = Fleet(tmp_path_factory.mktemp("lanes-fleet"), wire, ["pi-1", "pi-2"])
    fleet.start_controller()
    fleet.broker = own
    for device in fleet.devices:
        fleet.start_agent(device)
    yield fleet
    fleet.stop()


def channel_of(broker: PrivateBroker) -> BlockingChannel:
    return pika.BlockingConnection(pika.URLParameters(broker.controller_url)).channel()


class Repeater:
    """Hears what agents and the controller tell each other and says it again, four times, in any order.

    But for typed bytes: they are published once, unconfirmed, to a reader that acknowledges nothing, so nothing and
    nobody repeats them.
    """

    _AGAIN = pika.BasicProperties(headers={"again": 1})

    def __init__(self, broker: PrivateBroker) -> None:
        self._channel = channel_of(broker)
        self._channel.queue_declare("runlet.repeater", exclusive=True)
        self._channel.queue_bind("runlet.repeater", EXCHANGE, "device.#")
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._repeat)
        self.lanes: set[str] = set()
        self.said = 0

    def __enter__(self) -> Repeater:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ending.set()
        self._thread.join()
        self._channel.connection.close()

    def _repeat(self) -> None:
        while not self._ending.is_set():
            heard = []
            until = time.monotonic() + GATHER_SECONDS
            while time.monotonic() < until:
                method, properties, body = self._channel.basic_get("runlet.repeater", auto_ack=True)
                if method is None:
                    self._channel.connection.sleep(0.01)
                elif not properties.headers and names.parse_key(method.routing_key)[1] != names.INPUT:
                    heard.append((method.routing_key, body))
                    self.lanes.add(names.parse_key(method.routing_key)[1])
            again = heard * (TIMES - 1)
            random.shuffle(again)
            for key, body in again:
                self._channel.basic_publish(EXCHANGE, key, body, self._AGAIN)
            self.said += len(again)


def test_what_is_said_five_times_in_any_order_happens_once(lanes: Fleet, own: PrivateBroker, tmp_path: Path):
    load = Load(lanes, tmp_path)
    with Repeater(own) as repeater:
        load.until_printing(load.launch(2, gated=True))
        load.launch(5)
        ended = lanes.sh("echo begun; read -r answer")
        lanes.until_printed(ended, b"begun")
        with lanes.api() as api:
            api.cancel(ended.id)
        assert lanes.settled(ended).state is State.CANCELLED
        agent = lanes.agents["pi-2"]
        load.open_gate()
        load.verify(SETTLE_SECONDS)
        agent.stop()  # its goodbye, and its next hello
        lanes.start_agent("pi-2")
        load.launch(2)
        load.verify(SETTLE_SECONDS)
        wait_until(lambda: repeater.lanes >= {names.COMMAND, names.CONTROL, names.EVENT, names.OUTPUT}, "each lane")
    assert repeater.said > 100


def test_a_controller_behind_a_thin_wire_gets_everything_and_a_cancel_is_not_late(
    lanes: Fleet, wire: Wire, tmp_path: Path
):
    """In pieces that no message begins or ends at."""
    wire.rate, wire.piece, wire.delay = 400_000, 1001, 0.01
    try:
        runs = [lanes.sh("seq 1 80000", on=device) for device in lanes.devices]  # 0.6 MB each
        script = f"trap 'touch {tmp_path}/ended; exit' INT; touch {tmp_path}/begun; while :; do seq 1 1000; done"
        chatty = lanes.sh(script, on="pi-1")
        wait_until((tmp_path / "begun").exists, "the chatty one to begin")
        with lanes.api() as api:
            api.cancel(chatty.id)
        wait_until((tmp_path / "ended").exists, "the chatty one to end", CANCEL_SECONDS)
        expected = b"".join(b"%d\r\n" % number for number in range(1, 80_001))
        for run, device in zip(runs, lanes.devices, strict=True):
            with lanes.api() as api:
                wait_until(lambda run=run: api.run(run.id).settled, "a transcript", SETTLE_SECONDS)
            wait_until(
                lambda run=run, device=device: len(lanes.transcript(run, device)) >= len(expected), "the last byte"
            )
            assert lanes.transcript(run, device) == expected
        with lanes.api() as api:
            wait_until(lambda: api.run(chatty.id).settled, "the cancelled one", SETTLE_SECONDS)
    finally:
        wire.rate, wire.piece, wire.delay = None, None, 0.0


def test_a_program_outlasts_the_time_to_acknowledge(lanes: Fleet, own: PrivateBroker):
    """Commands are acknowledged when they are in the journal, not when their programs end."""
    run = lanes.sh(f"sleep {4 * ACK_TIMEOUT_SECONDS}; echo done")
    channel = channel_of(own)
    with closing(channel.connection):
        channel.queue_declare("runlet.late", exclusive=True)
        channel.queue_bind("runlet.late", EXCHANGE, "late")
        channel.basic_publish(EXCHANGE, "late", b"x")
        channel.basic_consume("runlet.late", lambda *_: None)
        with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="PRECONDITION_FAILED"):
            channel.start_consuming()
    assert lanes.settled(run).state is State.SUCCEEDED
    assert "PRECONDITION_FAILED" not in (lanes.home / "pi-1.log").read_text()


def test_what_is_delivered_too_often_goes_to_the_dead_queue(lanes: Fleet, own: PrivateBroker, wire: Wire):
    channel = channel_of(own)
    with closing(channel.connection):
        assert lanes.controller
        lanes.controller.stop()
        try:
            channel.queue_purge(names.event_queue("default"))
            channel.basic_publish(EXCHANGE, names.key("pi-9", names.EVENT), b"poison")
            deliveries = 0
            for method, _, body in channel.consume(names.event_queue("default"), inactivity_timeout=2):
                if method is None:
                    break  # it comes no more
                if body == b"poison":
                    deliveries += 1
                    channel.basic_nack(method.delivery_tag, requeue=True)
                else:
                    channel.basic_ack(method.delivery_tag)
            assert deliveries == DELIVERIES + 1
            assert channel.basic_get(names.dead_queue("default"), auto_ack=True)[2] == b"poison"
        finally:
            lanes.broker = wire
            lanes.start_controller()
            lanes.broker = own
    assert lanes.settled(lanes.exec(["true"])).state is State.SUCCEEDED
