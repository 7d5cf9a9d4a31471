"""`python -m runlet.local.broker`: keeps a private RabbitMQ node running until it is told to stop.

    {"folder": "/dir", "port": 5673, "workspace": "default", "controller_password": "...", "devices": {"pi-1": "..."}}

Erlang's port mapper, epmd, runs in front on a port of its own: a node that finds none would start one that outlives it.
The node is asked to stop before epmd, because it takes its name back there. All of that within the sum of the deadlines
below; nothing is left behind but the folder. Should this program itself be killed, its next start ends what it left.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from runlet import program
from runlet.amqp.definitions import definitions
from runlet.errors import InvalidInput, LocalFleetError
from runlet.local import processes, rabbitmq
from runlet.local.files import FolderLock, last_lines, make_private
from runlet.local.ports import LOOPBACK, broker_answers, check_free, free_ports
from runlet.local.processes import Process

BOOT_SECONDS = 60.0  # 4 s on an idle machine with two cores; a Raspberry Pi that is busy may need ten times that
NODE_STOP_SECONDS = 12.0  # 1 s without load; it writes its queues' contents to disk first
EPMD_STOP_SECONDS = 2.0
PREDECESSOR_SECONDS = NODE_STOP_SECONDS + EPMD_STOP_SECONDS + 2.0
_LOOK_AGAIN_SECONDS = 0.05
_SHOWN_LINES = 12


@dataclass(frozen=True, slots=True)
class BrokerConfig:
    """`devices` maps names to passwords."""

    folder: Path
    port: int
    workspace: str
    controller_password: str
    devices: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> BrokerConfig:
        try:
            content = json.loads(path.read_text())
            return cls(
                folder=Path(content["folder"]).absolute(),
                port=int(content["port"]),
                workspace=content["workspace"],
                controller_password=content["controller_password"],
                devices=dict(content["devices"]),
            )
        except OSError as error:
            raise InvalidInput(f"{path}: {error.strerror}") from None
        except (ValueError, TypeError, KeyError) as error:
            raise InvalidInput(f"{path}: not a broker's configuration: {error!r}") from None


class Broker:
    """A node and its epmd."""

    def __init__(self, config: BrokerConfig, installation: rabbitmq.Installation) -> None:
        self._config = config
        self._installation = installation
        self._folder = rabbitmq.NodeFolder(config.folder)
        self._epmd: asyncio.subprocess.Process | None = None
        self._node: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Returns when the node accepts connections. Raises LocalFleetError when it does not come up."""
        await self._end_leftovers()
        config, folder = self._config, self._folder
        check_free(config.port, "the broker")
        content = definitions(config.workspace, config.controller_password, config.devices)
        folder.prepare(self._installation, config.port, content)
        epmd_port, distribution_port = free_ports(2)
        environment = folder.environment(self._installation, config.port, distribution_port, epmd_port)
        epmd_arguments = ("-port", str(epmd_port), "-address", LOOPBACK)
        self._epmd = await self._launch(self._installation.epmd, *epmd_arguments, environment=environment)
        started = [Process(self._epmd.pid, f"-port {epmd_port} ")]
        processes.write_down(folder.processes, started)
        # Erlang ignores options it does not know; this one tells our node from others in a list of processes.
        self._node = await self._launch(self._installation.server, "-runlet", folder.name(), environment=environment)
        processes.write_down(folder.processes, [*started, Process(self._node.pid, folder.name())])
        await self._until_ready(self._node)

    async def _launch(self, program: Path, *arguments: str, environment: dict[str, str]) -> asyncio.subprocess.Process:
        """In a session of its own: Ctrl-C in our terminal is ours to handle, and its group can be killed whole."""
        with self._folder.log.open("a") as log:
            return await asyncio.create_subprocess_exec(
                program,
                *arguments,
                env=environment,
                cwd=self._folder.path,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def _end_leftovers(self) -> None:
        """End what a keeper that was killed left running in this folder: the node's script, its machine, epmd."""
        leftovers = processes.written_down(self._folder.processes)
        with contextlib.suppress(FileNotFoundError, ValueError):
            leftovers.append(Process(int(self._folder.node_pid.read_text()), self._folder.name()))
        epmd = [process for process in leftovers if process.mark != self._folder.name()]
        await processes.end([process for process in leftovers if process not in epmd], NODE_STOP_SECONDS)
        await processes.end(epmd, EPMD_STOP_SECONDS)

    async def _until_ready(self, node: asyncio.subprocess.Process) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        while not await asyncio.to_thread(broker_answers, self._config.port):
            if node.returncode is not None:
                raise LocalFleetError(f"RabbitMQ ended with {node.returncode} while booting{self._last_words()}")
            if time.monotonic() > deadline:
                raise LocalFleetError(f"RabbitMQ was not ready within {BOOT_SECONDS:g} s{self._last_words()}")
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    async def until_ended(self) -> LocalFleetError:
        """Wait for the node to end on its own; what then is to be told."""
        assert self._node
        code = await self._node.wait()
        return LocalFleetError(f"RabbitMQ ended with {code}{self._last_words()}")

    def _last_words(self) -> str:
        path = self._folder.log
        return f"; the end of {path}:\n{last_lines(path, _SHOWN_LINES)}"

    async def stop(self) -> None:
        """The node first, then epmd, where it takes its name back; each killed with its group after its deadline."""
        for process, seconds in ((self._node, NODE_STOP_SECONDS), (self._epmd, EPMD_STOP_SECONDS)):
            if process is None:
                continue
            with contextlib.suppress(ProcessLookupError):  # it ended since
                process.terminate()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await process.wait()
            # Also when it ended: the node is a script, which may have been killed before the machine under it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        self._folder.processes.unlink(missing_ok=True)


async def keep(path: Path, stop: asyncio.Event) -> None:
    """Run a broker until `stop`. Raises LocalFleetError if it ends before."""
    config, installation = BrokerConfig.read(path), rabbitmq.find()
    lock = FolderLock(make_private(config.folder))
    if not await asyncio.to_thread(lock.acquire, PREDECESSOR_SECONDS):
        raise LocalFleetError(f"another broker runs in {config.folder}", "stop it, or use another folder")
    broker = Broker(config, installation)
    try:
        await _run(broker, config.port, stop)
    finally:
        await broker.stop()
        lock.release()


async def _run(broker: Broker, port: int, stop: asyncio.Event) -> None:
    begin = time.monotonic()
    stopping = asyncio.create_task(stop.wait())
    try:
        starting = asyncio.create_task(broker.start())
        await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.wait([starting])
            return
        await starting
        program.tell_ready(port=port, seconds=round(time.monotonic() - begin, 1))
        ending = asyncio.create_task(broker.until_ended())
        await asyncio.wait([ending, stopping], return_when=asyncio.FIRST_COMPLETED)
        if ending.done():
            raise ending.result()
        ending.cancel()
    finally:
        stopping.cancel()


def main() -> int:
    return program.main("runlet-broker", "Keep a private RabbitMQ node running.", keep)


if __name__ == "__main__":
    sys.exit(main())
