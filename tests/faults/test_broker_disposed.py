"""The broker is killed under load and loses what it has: everything, or the place of a queue that was just declared."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from runlet.amqp.definitions import Replication
from runlet.model.execution import State
from runlet.protocol import names
from runlet.protocol.views import Presence
from tests.brokers import PrivateBroker
from tests.faults.load import Load
from tests.harness import Fleet, wait_until

pytestmark = [pytest.mark.timeout(600), pytest.mark.alone]
# Within which, after the broker's return, both sides must agree again about all that is under way, on any machine.
CONSISTENT_SECONDS = 150.0
RUNS = 70
DEVICES = ["pi-1", "pi-2", "pi-3"]
SETTLE_SECONDS = 120.0


@pytest.fixture
def disposable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PrivateBroker, Fleet]]:
    folder = tmp_path_factory.mktemp
    with PrivateBroker(folder("disposable")) as broker, Fleet(folder("fleet"), broker, DEVICES) as fleet:
        yield broker, fleet


def test_a_deleted_broker_takes_nothing_with_it(disposable: tuple[PrivateBroker, Fleet], tmp_path: Path):
    broker, fleet = disposable
    load = Load(fleet, tmp_path)
    load.until_printing(load.launch(3, gated=True))  # of the four that each device runs at once
    load.launch(RUNS)
    os.kill(int((broker.folder / "node.pid").read_text()), signal.SIGKILL)
    broker.join()
    shutil.rmtree(broker.folder)
    during = load.launch(5)
    broker.start()

    def consistent() -> bool:
        """Everyone is there, and what was launched meanwhile is with its devices."""
        with fleet.api() as api:
            online = all(device.presence is Presence.ONLINE for device in api.devices())
            last = [execution.state for run in during for execution in api.run(run.id).executions]
        return online and State.QUEUED not in last

    wait_until(consistent, "both sides to agree", CONSISTENT_SECONDS)
    load.open_gate()
    load.verify(SETTLE_SECONDS)


@pytest.mark.long
def test_a_queue_that_never_has_a_leader_again_is_declared_anew(
    disposable: tuple[PrivateBroker, Fleet], tmp_path: Path
):
    """As after a kill right behind its declaration: RabbitMQ had not written down yet which folder is the queue's."""
    broker, fleet = disposable
    load = Load(fleet, tmp_path)
    load.until_printing(load.launch(3, gated=True))
    os.kill(int((broker.folder / "node.pid").read_text()), signal.SIGKILL)
    broker.join()
    [registered] = broker.folder.glob("mnesia/*/quorum/*/names.dets")
    registered.unlink()
    load.launch(3)
    load.open_gate()
    broker.start()
    load.verify(SETTLE_SECONDS)


@pytest.fixture
def replicated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PrivateBroker, Fleet]]:
    """The queues of the devices are quorum queues."""
    folder, everywhere = tmp_path_factory.mktemp, Replication.ALL
    with (
        PrivateBroker(folder("replicated")) as broker,
        Fleet(folder("fleet"), broker, DEVICES, replication=everywhere) as fleet,
    ):
        yield broker, fleet


def test_a_device_whose_queue_has_no_leader_keeps_no_other_waiting(replicated: tuple[PrivateBroker, Fleet]):
    broker, fleet = replicated
    queue = names.device_queue("default", "pi-1")
    server = f"{{'%2F_{queue}', node()}}"
    broker.ctl("eval", f"ra:stop_server(quorum_queues, {server}).")
    waiting = fleet.exec(["true"], on="pi-1")
    for _ in range(3):
        assert fleet.settled(fleet.exec(["true"], on="pi-2")).state is State.SUCCEEDED
    with fleet.api() as api:
        assert not api.run(waiting.id).settled
    broker.ctl("eval", f"ra:restart_server(quorum_queues, {server}).")
    with fleet.api() as api:
        wait_until(lambda: api.run(waiting.id).settled, "the queue's leader, and the run", SETTLE_SECONDS)
