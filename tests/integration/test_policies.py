"""A controller that is told where RabbitMQ's management API is keeps the policies as they should be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runlet.amqp.definitions import CONTROLLER_USER, Replication, policies
from runlet.local.files import write_private
from tests.clusters import Cluster, Node
from tests.harness import Fleet, wait_until
from tests.ports import spare_ports

WANTED = sorted(policy["name"] for policy in policies("default", Replication.NONE))


class Managed(Cluster):
    """One node with the management plugin."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, 1, Replication.NONE)
        [self.node] = self.nodes
        [port] = spare_ports(1)
        self.management = f"http://127.0.0.1:{port}"
        path = self.node.folder.path
        write_private(path / "enabled_plugins", "[rabbitmq_management].\n")
        write_private(
            path / "conf.d" / "management.conf", f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {port}\n"
        )
        self.node.environment.pop("RABBITMQ_PLUGINS_DIR", None)  # where it would find no plugin


def names(node: Node) -> list[str]:
    return sorted(line.split("\t")[1] for line in node.ctl("list_policies", "--no-table-headers").splitlines())


@pytest.fixture
def managed(tmp_path: Path) -> Iterator[Managed]:
    managed = Managed(tmp_path)
    try:
        managed.start()
        yield managed
    finally:
        managed.stop()


def test_policies_are_declared_and_put_right(managed: Managed, tmp_path_factory: pytest.TempPathFactory):
    node = managed.node
    for name in WANTED:
        node.ctl("clear_policy", name)
    node.ctl("set_policy", "--apply-to", "queues", "runlet.default.control", "^some$", '{"max-length": 7}')
    node.ctl("set_policy", "somebody-elses", "^theirs$", '{"max-length": 7}')
    fleet = Fleet(tmp_path_factory.mktemp("managed"), managed, ["pi-1"], management=managed.management)
    log = fleet.home / "controller.log"
    fleet.start_controller()
    try:
        wait_until(lambda: "tagged policymaker" in log.read_text(), "a refusal that says what is missing")
        node.ctl("set_user_tags", CONTROLLER_USER, "policymaker")
        wait_until(lambda: names(node) == sorted([*WANTED, "somebody-elses"]), "the policies to be there")
        assert '"message-ttl":10000' in node.ctl("list_policies").replace(" ", "")
        node.ctl("clear_policy", "runlet.default.control")
        node.ctl("close_all_connections", "the tests")  # as after another node has taken over
        wait_until(lambda: "runlet.default.control" in names(node), "a policy that was taken away to be back")
    finally:
        fleet.stop()
