"""The private RabbitMQ node: its life under its keeper, and the rights of a device on it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pika
import pika.exceptions
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from runlet.amqp.definitions import CONTROL_QUEUE_MESSAGES, DEVICE_CONNECTIONS, Replication
from runlet.protocol import names
from tests.brokers import PrivateBroker
from tests.harness import Fleet, processes_marked, wait_until


@pytest.fixture
def private(tmp_path: Path) -> Iterator[PrivateBroker]:
    """A node that one test may ill-treat."""
    private = PrivateBroker(tmp_path)
    yield private
    if private.keeper and private.keeper.poll() is None:
        private.stop()
    assert_nothing_left(private)


def assert_nothing_left(private: PrivateBroker) -> None:
    wait_until(lambda: not processes_marked(str(private.folder)), "the node and epmd to be gone")


def answers(private: PrivateBroker) -> bool:
    try:
        pika.BlockingConnection(pika.URLParameters(private.controller_url)).close()
    except pika.exceptions.AMQPError:
        return False
    return True


# --- life --------------------------------------------------------------------------------------------------------


def test_is_ready_when_it_says_so_and_leaves_nothing(private: PrivateBroker) -> None:
    private.launch()
    ready = private.ready()
    assert ready
    assert ready["port"] == private.port
    assert answers(private)
    assert private.stop() == 0
    assert_nothing_left(private)


def test_end_of_its_lifeline_stops_it(private: PrivateBroker) -> None:
    private.start()
    assert private.keeper
    assert private.keeper.stdin
    private.keeper.stdin.close()
    assert private.join() == 0
    assert_nothing_left(private)


def test_stops_while_the_node_still_boots(private: PrivateBroker) -> None:
    private.launch()
    wait_until((private.folder / "processes.json").exists, "epmd to be started")
    assert private.stop() == 0
    assert_nothing_left(private)


def test_a_killed_keeper_does_not_stand_in_the_way_of_the_next(private: PrivateBroker) -> None:
    private.start()
    private.stop(signal.SIGKILL)
    assert processes_marked(str(private.folder)), "the node was to outlive its keeper in this test"
    private.start()
    assert answers(private)


def test_a_killed_node_ends_its_keeper_with_a_reason(private: PrivateBroker) -> None:
    private.start()
    os.kill(int((private.folder / "node.pid").read_text()), signal.SIGKILL)
    assert private.join() == 1
    assert "error: RabbitMQ ended" in private.log.read_text()


def test_a_node_that_cannot_boot_says_why(private: PrivateBroker) -> None:
    private.start()
    private.stop()
    [tables] = (private.folder / "mnesia").glob("*/schema.DAT")
    tables.write_bytes(b"not a table")
    private.launch()
    assert private.ready() is None
    assert private.join() == 1
    complaint = private.log.read_text()
    assert "while booting" in complaint
    assert str(private.folder / "log" / "node.log") in complaint


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        private = PrivateBroker(tmp_path, port)
        private.launch()
        assert private.ready() is None
        assert private.join() == 1
    assert f"error: port {port} for the broker is taken" in private.log.read_text()


def test_a_missing_rabbitmq_comes_with_the_command_that_installs_it(tmp_path: Path) -> None:
    private = PrivateBroker(tmp_path)
    private.launch({**os.environ, "RUNLET_RABBITMQ_HOME": str(tmp_path)})
    assert private.ready() is None
    assert private.join() == 1
    complaint = private.log.read_text()
    assert "error: RabbitMQ is not installed" in complaint
    assert "hint: install it with: sudo apt-get install rabbitmq-server" in complaint


# --- rights ------------------------------------------------------------------------------------------------------

COLUMNS = ("name", "type", "policy")
MINE, OTHER = "dev-199", "dev-200"


@pytest.fixture
def topology(broker: PrivateBroker) -> Iterator[BlockingChannel]:
    """The controller's channel, with what it declares for two devices."""
    with closing(pika.BlockingConnection(pika.URLParameters(broker.controller_url))) as connection:
        channel = connection.channel()
        exchange = names.exchange("default")
        channel.exchange_declare(exchange, "topic", durable=True)
        for device in (MINE, OTHER):
            for queue in (names.device_queue("default", device), names.control_queue("default", device)):
                channel.queue_declare(queue, durable=True)
                channel.queue_purge(queue)
            channel.queue_bind(names.control_queue("default", device), exchange, names.key(device, names.CONTROL))
        yield channel


@pytest.fixture
def device(broker: PrivateBroker, topology: BlockingChannel) -> Iterator[BlockingChannel]:
    """A channel with the rights of the device MINE."""
    connection = pika.BlockingConnection(pika.URLParameters(broker.device_url(MINE)))
    channel = connection.channel()
    channel.confirm_delivery()
    yield channel
    connection.close()


def refused() -> pytest.RaisesExc[pika.exceptions.ChannelClosedByBroker]:
    return pytest.raises(pika.exceptions.ChannelClosedByBroker, match="ACCESS_REFUSED")


@pytest.mark.parametrize("lane", [names.EVENT, names.HEARTBEAT, names.OUTPUT])
def test_a_device_publishes_under_its_own_keys(device: BlockingChannel, lane: str) -> None:
    device.basic_publish(names.exchange("default"), names.key(MINE, lane), b"x")


@pytest.mark.parametrize("lane", [names.EVENT, names.HEARTBEAT, names.OUTPUT])
def test_a_device_cannot_speak_for_another(device: BlockingChannel, lane: str) -> None:
    with refused():
        device.basic_publish(names.exchange("default"), names.key(OTHER, lane), b"x")


@pytest.mark.parametrize("lane", [names.COMMAND, names.CONTROL, names.INPUT])
def test_a_device_commands_nobody(device: BlockingChannel, lane: str) -> None:
    with refused():
        device.basic_publish(names.exchange("default"), names.key(MINE, lane), b"x")


def test_a_device_cannot_go_around_the_exchange(device: BlockingChannel) -> None:
    with refused():
        device.basic_publish("", names.event_queue("default"), b"x")


@pytest.mark.parametrize("queue", [names.device_queue("default", MINE), names.control_queue("default", MINE)])
def test_a_device_reads_its_own_queues(device: BlockingChannel, queue: str) -> None:
    assert device.basic_get(queue) == (None, None, None)


@pytest.mark.parametrize(
    "queue",
    [
        names.device_queue("default", OTHER),
        names.control_queue("default", OTHER),
        names.event_queue("default"),
        names.output_queue("default"),
    ],
)
def test_a_device_reads_no_other_queue(device: BlockingChannel, queue: str) -> None:
    with refused():
        device.basic_get(queue)


def test_a_device_declares_nothing(device: BlockingChannel) -> None:
    with refused():
        device.queue_declare("runlet.default.mine")


def test_a_device_cannot_bind(device: BlockingChannel) -> None:
    with refused():
        device.queue_bind(names.device_queue("default", MINE), names.exchange("default"), "#")


def test_a_device_has_few_connections(broker: PrivateBroker) -> None:
    parameters = pika.URLParameters(broker.device_url(MINE))
    with ExitStack() as stack:
        for _ in range(DEVICE_CONNECTIONS):
            stack.enter_context(closing(pika.BlockingConnection(parameters)))
        with pytest.raises(pika.exceptions.ProbableAccessDeniedError, match="connection limit"):
            pika.BlockingConnection(parameters)


# --- bounds ------------------------------------------------------------------------------------------------------


def test_a_full_control_queue_drops_its_oldest(topology: BlockingChannel) -> None:
    queue = names.control_queue("default", MINE)
    topology.confirm_delivery()
    for number in range(CONTROL_QUEUE_MESSAGES + 1):
        topology.basic_publish(names.exchange("default"), names.key(MINE, names.CONTROL), str(number).encode())
    _, _, oldest = topology.basic_get(queue, auto_ack=True)
    assert oldest == b"1"
    topology.queue_purge(queue)


def test_changed_replication_replaces_queues_and_each_keeps_a_policy(private: PrivateBroker, tmp_path: Path) -> None:
    private.start()
    fleet = Fleet(tmp_path, private, [], enrolled=["pi-1"])

    def queues() -> dict[str, list[str]]:
        rows = [row.split("\t") for row in private.ctl("list_queues", "--no-table-headers", *COLUMNS).splitlines()]
        return {name.removeprefix("runlet.default."): [kind, policy] for name, kind, policy in rows}

    for wanted in (Replication.NONE, Replication.ALL):
        fleet.replication = wanted
        fleet.start_controller()
        fleet.stop()
        config = str(tmp_path / "controller.json")
        command = [sys.executable, "-m", "runlet.controller", "policies", "--config", config]
        policies = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        definitions = tmp_path / "policies.json"
        definitions.write_text(policies)
        private.ctl("import_definitions", str(definitions))  # with 4.0.5 it did not return from a pipe
        device = "quorum" if wanted is Replication.ALL else "classic"
        output = "classic" if wanted is Replication.NONE else "quorum"
        expected = {
            "dead": ["quorum", "runlet.default.dead"],
            "device.pi-1": [device, "runlet.default.device"],
            "device.pi-1.control": [device, "runlet.default.control"],
            "events": ["quorum", "runlet.default.events"],
            "output": [output, "runlet.default.output"],
        }
        wait_until(lambda expected=expected: queues() == expected, f"the queues of replication {wanted}")
