"""A broker of several nodes that die, lose their majority or each other, under load: nothing is lost,
nothing starts twice.

But for one test the devices' queues have copies (`replication: all`), so the fleet goes on without one node of three.
The dissertation's fourth and fifth experiment are among them. Its fourth had queues that go on with the last of four
nodes, and may lose what only the others had; here the broker waits for its majority, and nobody loses by it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runlet.amqp.definitions import Replication
from runlet.protocol import names
from tests.clusters import Cluster
from tests.faults.load import Load
from tests.harness import Fleet, wait_until

pytestmark = [pytest.mark.timeout(600), pytest.mark.alone]
# A link waits up to a minute between two rounds, when the broker was away for long.
RECOVERY_SECONDS = 100.0
DEVICES = ["pi-1", "pi-2", "pi-3"]
# The dissertation's last node was away for about five minutes.
AWAY_SECONDS = 300.0
SHORTENED = 15
HALVES = {"waiting": DEVICES[:1], "going-on": DEVICES[1:]}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), 3)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="module")
def spread(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path_factory.mktemp("spread"), cluster, DEVICES, replication=Replication.ALL).start()
    yield fleet
    fleet.stop()


@pytest.fixture
def load(spread: Fleet, tmp_path: Path) -> Load:
    return Load(spread, tmp_path)


def test_a_killed_node_stops_nothing(cluster: Cluster, spread: Fleet, load: Load):
    before = load.launch(2, gated=True)
    load.until_printing(before)
    cluster.nodes[0].kill()
    during = load.launch(6)
    load.open_gate()
    load.verify(RECOVERY_SECONDS)  # the node is still away
    assert len(during) == 6
    cluster.launch([cluster.nodes[0]])
    cluster.until_whole()


def test_a_lost_majority_delays_and_loses_nothing(cluster: Cluster, spread: Fleet, load: Load):
    load.until_printing(load.launch(2, gated=True))
    for node in cluster.nodes[1:]:
        node.kill()
    wait_until(lambda: not cluster.nodes[0].answers, "the last node to pause", 30)
    load.launch(4)
    load.open_gate()
    cluster.launch(cluster.nodes[1:])
    load.verify(RECOVERY_SECONDS)
    cluster.until_whole()


def test_a_parted_node_delays_and_loses_nothing(cluster: Cluster, spread: Fleet, load: Load):
    load.until_printing(load.launch(2, gated=True))
    parted = cluster.nodes[2]
    cluster.part(parted)
    wait_until(lambda: not parted.answers, "the parted node to pause", 60)
    load.launch(4)
    load.open_gate()
    load.verify(RECOVERY_SECONDS)  # it is still parted
    cluster.join(parted)
    cluster.until_whole()


@pytest.mark.long
def test_everything_waits_for_a_broker_whose_nodes_are_all_away(cluster: Cluster, spread: Fleet, load: Load):
    """The dissertation's fifth experiment, shortened fifteenfold."""
    away(cluster, load, AWAY_SECONDS / SHORTENED)


def away(cluster: Cluster, load: Load, seconds: float) -> None:
    load.until_printing(load.launch(2, gated=True))
    for node in cluster.nodes:
        node.kill()
    returns = time.monotonic() + seconds
    load.launch(2)
    load.open_gate()
    load.launch(2)
    wait_until(lambda: time.monotonic() > returns, "the nodes to return", seconds + 1)
    cluster.launch(cluster.nodes)
    load.verify(RECOVERY_SECONDS)
    cluster.until_whole()


@pytest.mark.long
def test_a_device_whose_queues_are_on_a_lost_node_waits_for_it_and_the_others_go_on(
    cluster: Cluster, spread: Fleet, tmp_path: Path
):
    """With `replication: up`. Queues that were declared with other arguments before are replaced."""
    assert spread.controller
    spread.controller.stop()
    for device, node in zip(DEVICES, cluster.nodes, strict=True):
        cluster.place(names.device_queue("default", device), node)
        cluster.place(names.control_queue("default", device), node)
    at = cluster.nodes[0].ctl("list_queues", "name", "pid", "--no-table-headers")
    first = f"<{cluster.nodes[0].name}."
    assert sum(".device." in line and first in line for line in at.splitlines()) == 2, at
    spread.replication = Replication.UP
    spread.start_controller()
    waiting, going_on = (Load(spread, folder(tmp_path / name), on) for name, on in HALVES.items())
    for load in (waiting, going_on):
        load.until_printing(load.launch(1, gated=True))
    cluster.nodes[0].kill()
    waiting.launch(3)
    going_on.launch(3)
    going_on.open_gate()
    going_on.verify(RECOVERY_SECONDS)
    with spread.api() as api:
        assert not any(api.run(run.id).settled for run in waiting.runs)
    cluster.launch([cluster.nodes[0]])
    waiting.open_gate()
    waiting.verify(RECOVERY_SECONDS)
    cluster.until_whole()
    spread.controller.stop()
    spread.replication = Replication.ALL
    spread.start_controller()
    listed = [
        line.split() for line in cluster.nodes[0].ctl("list_queues", "name", "type", "--no-table-headers").splitlines()
    ]
    assert {kind for name, kind in listed if ".controller." not in name} == {"quorum"}, listed


def folder(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.mark.long
@pytest.mark.timeout(900)
def test_four_nodes_go_one_after_the_other_and_come_back(tmp_path: Path):
    """The dissertation's fourth and fifth experiment, at full length."""
    four = Cluster(folder(tmp_path / "four"), 4)
    fleet = Fleet(folder(tmp_path / "fleet"), four, DEVICES, replication=Replication.ALL)
    try:
        four.start()
        fleet.start()
        load = Load(fleet, tmp_path)
        load.until_printing(load.launch(2, gated=True))
        for node in four.nodes[1:]:
            node.kill()
            load.launch(3)
        load.open_gate()
        wait_until(lambda: not four.nodes[0].answers, "the last node to pause", 60)
        load.launch(3)
        four.launch(four.nodes[1:])
        load.verify(RECOVERY_SECONDS)
        four.until_whole()
        away(four, Load(fleet, folder(tmp_path / "away")), AWAY_SECONDS)
    finally:
        fleet.stop()
        four.stop()
