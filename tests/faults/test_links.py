"""Links to the broker that break, or come up in an odd order: nobody stays deaf, what was cancelled never starts."""

from __future__ import annotations

import json
import select
import socket
import sqlite3
import subprocess
import sys
import threading
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


class Wire:
    """A TCP relay in front of a broker that can be cut and mended."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        host, port = broker.controller_url.rpartition("@")[2].partition("/")[0].split(":")
        self._to = host, int(port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._whole = True
        self._closed = False
        self._thread = threading.Thread(target=self._relay)
        self._thread.start()

    @property
    def controller_url(self) -> str:
        return self._through(self._broker.controller_url)

    def device_url(self, name: str) -> str:
        return self._through(self._broker.device_url(name))

    def cut(self) -> None:
        self._whole = False

    def mend(self) -> None:
        self._whole = True

    def close(self) -> None:
        self._closed = True
        self._thread.join()

    def _through(self, url: str) -> str:
        return url.replace(f":{self._to[1]}/", f":{self._listener.getsockname()[1]}/")

    def _relay(self) -> None:
        while not self._closed:
            if not self._whole:
                self._hang_up()
            sockets = {end: other for pair in self._pairs for end, other in (pair, pair[::-1])}
            for readable in select.select([self._listener, *sockets], [], [], 0.02)[0]:
                if readable is self._listener:
                    self._accept()
                elif readable in sockets:
                    self._pass_on(readable, sockets[readable])
        self._hang_up()
        self._listener.close()

    def _accept(self) -> None:
        near = self._listener.accept()[0]
        if self._whole:
            self._pairs.append((near, socket.create_connection(self._to)))
        else:
            near.close()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        try:
            data = source.recv(65536)
            target.sendall(data)
        except OSError:
            data = b""
        if not data:
            self._pairs = [pair for pair in self._pairs if source not in pair]
            source.close()
            target.close()

    def _hang_up(self) -> None:
        for end in [end for pair in self._pairs for end in pair]:
            end.close()
        self._pairs = []


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
        execute = command("exit 0")
        publish(fleet, names.COMMAND, device, encode(execute), encode(Cancel(execute.execution, 1)))
        wire.mend()
        fleet.settled(fleet.exec(["true"], on=device))  # behind them in the same queue
        journal = sqlite3.connect(f"file:{tmp_path}/{device}/journal.db?mode=ro", uri=True)
        rows = journal.execute("SELECT started FROM execution WHERE id = ?", (execute.execution,)).fetchall()
        journal.close()
        assert rows == [(0,)]
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
