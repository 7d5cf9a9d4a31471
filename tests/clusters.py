"""A broker of several nodes for tests, on this machine's loopback: nodes that can be killed, and parted from others."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from runlet.amqp.definitions import CONTROLLER_USER, Replication, definitions, policies
from runlet.local import rabbitmq
from runlet.local.files import make_private, write_private
from runlet.local.ports import LOOPBACK, broker_answers
from tests.brokers import DEVICES, password, rabbitmqctl
from tests.harness import wait_until
from tests.ports import spare_ports

BOOT_SECONDS = 180.0
COOKIE = "COOKIEOFTHETESTS"
# RabbitMQ takes a node that is silent for dead after a minute; a test has no minute for each.
NET_TICK_SECONDS = 5


@dataclass
class Node:
    """One node, running or not. Its data stay where they are."""

    name: str  # RabbitMQ's, with the host
    port: int
    folder: rabbitmq.NodeFolder
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None

    def launch(self, installation: rabbitmq.Installation) -> None:
        with self.folder.log.open("a") as log:
            self.process = subprocess.Popen(
                [installation.server],
                env=self.environment,
                cwd=self.folder.path,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """At once, with the machine under its script."""
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    @property
    def answers(self) -> bool:
        return broker_answers(self.port)

    def ctl(self, *arguments: str) -> str:
        return rabbitmqctl(self.environment, *arguments)


class Cluster:
    """A cluster of `size` nodes; those without a majority pause, as they should in production."""

    def __init__(self, folder: Path, size: int, replication: Replication = Replication.ALL) -> None:
        self._installation = rabbitmq.find()
        self.replication = replication
        ports = spare_ports(2 * size + 1)
        self._epmd_port = ports.pop()
        self._epmd: subprocess.Popen[bytes] | None = None
        names = [f"tests-{number}-{self._epmd_port}" for number in range(1, size + 1)]
        self.nodes = [self._node(folder / name, names, name, ports.pop(), ports.pop()) for name in names]

    def _node(self, path: Path, names: list[str], name: str, port: int, distribution_port: int) -> Node:
        folder = rabbitmq.NodeFolder(make_private(path))
        write_private(path / "name", name)
        write_private(path / ".erlang.cookie", COOKIE, 0o400)
        content = definitions("default", password(CONTROLLER_USER), {name: password(name) for name in DEVICES})
        content["policies"] = policies("default", self.replication)
        folder.prepare(self._installation, port, content)
        settings = {
            "cluster_partition_handling": "pause_minority",
            "cluster_formation.peer_discovery_backend": "classic_config",
            "queue_master_locator": "random",
            **{f"cluster_formation.classic_config.nodes.{n}": f"{peer}@localhost" for n, peer in enumerate(names, 1)},
        }
        application = self._installation.application
        if application and application.name.startswith("rabbit-3."):  # 4.x has no such delay, and refuses to boot
            delay = "cluster_formation.randomized_startup_delay_range"
            settings |= {f"{delay}.min": 0, f"{delay}.max": 1}
        write_private(
            path / "conf.d" / "cluster.conf", "".join(f"{key} = {value}\n" for key, value in settings.items())
        )
        environment = folder.environment(self._installation, port, distribution_port, self._epmd_port)
        arguments = "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"
        environment[arguments] += f" -kernel net_ticktime {NET_TICK_SECONDS}"
        return Node(f"{name}@localhost", port, folder, environment)

    @property
    def controller_url(self) -> list[str]:
        return self._urls(CONTROLLER_USER)

    def device_url(self, name: str) -> list[str]:
        return self._urls(name)

    def _urls(self, user: str) -> list[str]:
        return [f"amqp://{user}:{password(user)}@127.0.0.1:{node.port}/%2F" for node in self.nodes]

    def start(self) -> None:
        """All nodes at once; returns when they are one cluster."""
        environment = {**os.environ, "ERL_EPMD_PORT": str(self._epmd_port)}
        arguments = [self._installation.epmd, "-port", str(self._epmd_port), "-address", LOOPBACK]
        self._epmd = subprocess.Popen(arguments, env=environment, start_new_session=True)
        self.launch(self.nodes)
        self.until_whole()

    def launch(self, nodes: list[Node]) -> None:
        for node in nodes:
            node.launch(self._installation)

    def until_whole(self) -> None:
        """Wait until every node runs and knows all others."""

        def whole() -> bool:
            return all(node.answers for node in self.nodes) and all(
                self.running(node) == len(self.nodes) for node in self.nodes
            )

        wait_until(whole, "the nodes to be one cluster", BOOT_SECONDS)

    def running(self, node: Node) -> int:
        """How many nodes run, as one of them sees it."""
        return int(node.ctl("eval", "length(rabbit_nodes:all_running()).").strip())

    def place(self, queue: str, node: Node) -> None:
        """A classic queue on this node, instead of what is called so."""
        name = f'rabbit_misc:r(<<"/">>, queue, <<"{queue}">>)'
        node.ctl(
            "eval",
            f"case rabbit_amqqueue:lookup({name}) of {{ok, Q}} -> rabbit_amqqueue:delete(Q, false, false, <<>>);"
            ' _ -> ok end, application:set_env(rabbit, queue_master_locator, <<"client-local">>),'
            f" element(1, rabbit_amqqueue:declare({name}, true, false, [], none, <<>>, '{node.name}')).",
        )
        node.ctl("eval", 'application:set_env(rabbit, queue_master_locator, <<"random">>).')

    def part(self, node: Node) -> None:
        """Let nobody through between one node and the others: their connections end, and new ones are refused."""
        others = ", ".join(f"'{other.name}'" for other in self.nodes if other is not node)
        node.ctl("eval", f"[begin erlang:set_cookie(N, wrong), erlang:disconnect_node(N) end || N <- [{others}]].")

    def join(self, node: Node) -> None:
        """Undo `part`."""
        others = ", ".join(f"'{other.name}'" for other in self.nodes if other is not node)
        node.ctl("eval", f"[erlang:set_cookie(N, '{COOKIE}') || N <- [{others}]].")

    def stop(self) -> None:
        for node in self.nodes:
            node.kill()
        if self._epmd:
            self._epmd.kill()
            self._epmd.wait()
