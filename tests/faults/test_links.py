"""Links to the broker that break, or come up in an odd order: nobody stays deaf, what was cancelled never starts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pika
import pytest

from runlet.model.execution import State
from runlet.protocol import names
from runlet.protocol.messages import Cancel, encode
from tests.brokers import PrivateBroker
from tests.faults.test_faults import command, publish
from tests.harness import Broker, Fleet, wait_until
from tests.proxy import Wire


@pytest.fixture
def wire(broker: PrivateBroker) -> Iterator[Wire]:
    wire = Wire(broker)
    yield wire
    wire.close()


def test_an_agent_whose_queue_was_deleted_consumes_again(fleet: Fleet, device: str):
    fleet.start_agent(device)
    fleet.settled(fleet.exec(["true"], on=device))
    connection = pika.BlockingConnection(pika.URLParameters(fleet.broker.controller_url))
    connection.channel().queue_delete(names.device_queue("default", device))
    connection.close()
    assert fleet.settled(fleet.exec(["true"], on=device)).state is State.SUCCEEDED


def test_an_agent_whose_control_queue_was_deleted_hears_again(fleet: Fleet, device: str):
    """Commands still find their queue: only an answer that finds none tells the controller."""
    fleet.start_agent(device)
    connection = pika.BlockingConnection(pika.URLParameters(fleet.broker.controller_url))
    connection.channel().queue_delete(names.control_queue("default", device))
    connection.close()
    run = fleet.exec(["true"], on=device)
    with fleet.api() as api:  # a heartbeat tells the controller, and then the agent tries again: up to 15 s each
        wait_until(lambda: api.run(run.id).settled, "the run to settle", 60)
        assert api.run(run.id).executions[0].state is State.SUCCEEDED


def test_what_was_cancelled_while_the_link_was_cut_is_never_started(
    fleet: Fleet, device: str, wire: Wire, tmp_path: Path
):
    """Both commands wait in the queue, and the first must not be acted upon before the second is seen."""
    far = Fleet(tmp_path, wire, [device])
    far.start_agent(device)
    try:
        fleet.settled(fleet.exec(["true"], on=device))
        wire.cut()
        log = tmp_path / f"{device}.log"
        wait_until(lambda: log.read_text().count("next try in") >= 2, "both connections to be lost")
        execute = command(f"touch {tmp_path}/ran")
        publish(fleet, names.COMMAND, device, encode(execute), encode(Cancel(execute.execution, 1)))
        wire.mend()
        fleet.settled(fleet.exec(["true"], on=device))  # behind them in the same queue
        assert not (tmp_path / "ran").exists()
    finally:
        far.agents[device].stop()


def test_an_agent_that_greets_before_the_controllers_queues_exist_greets_again(tmp_path: Path):
    """Its own queues are there already: both of its links are up, and no reconnect will come to its help."""
    private = PrivateBroker(tmp_path)
    private.start()
    fleet = Fleet(tmp_path, private, [], enrolled=["pi-1"])
    try:
        connection = pika.BlockingConnection(pika.URLParameters(private.controller_url))
        channel = connection.channel()
        channel.exchange_declare(names.exchange("default"), "topic", durable=True)
        for queue in (names.device_queue("default", "pi-1"), names.control_queue("default", "pi-1")):
            channel.queue_declare(queue, durable=True)
        connection.close()
        log = tmp_path / "agent.log"
        agent = _start_agent(tmp_path, private, log)
        try:
            wait_until(lambda: "hello not sent" in log.read_text(), "the first greeting to fail")
            fleet.start_controller()
            assert fleet.settled(fleet.exec(["true"], on="pi-1")).state is State.SUCCEEDED
        finally:
            agent.terminate()
            agent.wait(30)
            fleet.stop()
    finally:
        private.stop()


def _start_agent(folder: Path, broker: Broker, log: Path) -> subprocess.Popen[bytes]:
    """Without waiting until it is ready: it cannot be yet."""
    config = {
        "device": "pi-1",
        "workspace": "default",
        "broker": broker.device_url("pi-1"),
        "state": str(folder / "state"),
    }
    path = folder / "agent.json"
    path.write_text(json.dumps(config))
    with log.open("w") as stderr:
        command = [sys.executable, "-m", "runlet.agent", "--config", str(path)]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr, start_new_session=True)
