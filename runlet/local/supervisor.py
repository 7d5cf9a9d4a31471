"""What `runlet up` does: starts broker, controller and devices in this order, keeps them running, stops them.

A child that crashes is started again, with growing pauses and for as long as it takes: a full disk or a damaged file of
one device is no reason to end the programs of the others. Nor is one stopped that is not ready for long: an agent whose
controller is away waits for it beside its programs. They stop in the opposite order: devices first, while there is a
broker to say goodbye through; then the controller, which records it; the broker last.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from runlet.amqp.definitions import CONTROLLER_USER
from runlet.backoff import Backoff
from runlet.errors import LocalFleetError
from runlet.holder.holder import TERMINATE_SECONDS
from runlet.holder.records import STARTED, Started, UnreadableRecord
from runlet.local import broker, processes, rabbitmq
from runlet.local.child import Child, Program
from runlet.local.home import Endpoint, Home, Up
from runlet.local.ports import LOOPBACK, check_free, free_ports
from runlet.local.processes import Process

WORKSPACE = "default"
_SECRET_BYTES = 24

# The longest pause before a child that goes on crashing is started again: what ends it may pass, a full disk say.
MOST_PAUSE_SECONDS = 30.0
# A child that ran so long before it ended is started again at once.
CALM_SECONDS = 60.0

# The broker's own deadlines come first: killed before them, it could not end its node.
_BROKER_STOP_SECONDS = broker.NODE_STOP_SECONDS + broker.EPMD_STOP_SECONDS + 4.0
_PROBE_SECONDS = 0.5  # somebody who only asks whether the lock is held holds it for an instant
_START_SECONDS = 30.0  # each takes about a second on an idle machine
_STOP_SECONDS = 10.0
_WRITE_AGAIN_SECONDS = 1.0  # a small file; whoever frees the disk need not wait
_UNTOLD_SECONDS = 6.0  # RabbitMQ boots in less on an idle machine
_BROKER = Program(
    "broker", "runlet.local.broker", broker.PREDECESSOR_SECONDS + broker.BOOT_SECONDS + 5.0, _BROKER_STOP_SECONDS
)
_CONTROLLER = Program("controller", "runlet.controller", _START_SECONDS, _STOP_SECONDS)
_MIGRATION = Program("controller", "runlet.controller", _START_SECONDS, _STOP_SECONDS, ("migrate",))

# What a holder needs to end its program, and to write down how it ended.
PROGRAMS_SECONDS = TERMINATE_SECONDS + 3.0

# A whole fleet, one after the other: devices together, what they left running, controller, broker.
STOP_SECONDS = _STOP_SECONDS + PROGRAMS_SECONDS + _STOP_SECONDS + _BROKER_STOP_SECONDS

# Tells a person what has happened: (which part, what).
Tell = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to start. Port 0 lets the system choose the controller's port."""

    devices: tuple[str, ...]
    port: int = 0


class Supervisor:
    """The fleet of one home, from its start to its end."""

    def __init__(self, home: Home, plan: Plan, tell: Tell) -> None:
        self._home = home
        self._plan = plan
        self._tell = tell
        self._token = secrets.token_urlsafe(_SECRET_BYTES)
        self._passwords = {name: secrets.token_hex(_SECRET_BYTES) for name in (CONTROLLER_USER, *plan.devices)}
        self._broker_port = 0
        self._changed = asyncio.Event()  # which children run, since it was written down
        self._broker = self._child(_BROKER)
        self._migration = self._child(_MIGRATION)
        self._controller = self._child(_CONTROLLER)
        self._devices = {
            name: self._child(Program(f"device-{name}", "runlet.agent", _START_SECONDS, _STOP_SECONDS))
            for name in plan.devices
        }

    def _child(self, program: Program) -> Child:
        return Child(program, self._home.config(program.name), self._home.log(program.name))

    async def run(self, stop: asyncio.Event, ready: Callable[[Endpoint], None]) -> None:
        """Run the fleet until `stop`; `ready` is called once.

        Raises LocalFleetError when another `up` holds the home, or when the fleet cannot be started or kept running.
        """
        # What is missing or in the way is told before anything is begun.
        rabbitmq.find()
        lock = self._home.lock()
        if not lock.acquire(_PROBE_SECONDS):
            raise _held(self._home)
        try:
            self._home.tell_up(Up(os.getpid(), datetime.now(UTC).isoformat(timespec="seconds"), list(self._devices)))
            await end_leftovers(self._home)
            await end_programs(self._home, keep=self._plan.devices)  # theirs go on: each agent finds its own again
            if self._plan.port:
                check_free(self._plan.port, "the controller")
            await self._work_until(stop, ready)
        finally:
            await self._stop()
            self._home.forget()
            lock.release()

    async def _work_until(self, stop: asyncio.Event, ready: Callable[[Endpoint], None]) -> None:
        working = asyncio.create_task(self._work(ready))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not working.done():
            working.cancel()
            await asyncio.wait([working])
            self._tell("stopping", f"{len(self._devices)} devices, controller, broker")
        if not working.cancelled():
            await working

    async def _work(self, ready: Callable[[Endpoint], None]) -> None:
        try:
            async with asyncio.TaskGroup() as keepers:
                await self._start(keepers, ready)
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None  # the first failure ended the others

    async def _start(self, keepers: asyncio.TaskGroup, ready: Callable[[Endpoint], None]) -> None:
        begin = time.monotonic()
        [self._broker_port] = free_ports(1)
        self._broker.configure(self._broker_config())
        self._controller.configure(self._controller_config(self._plan.port))
        await self._migration.launch()  # while the broker boots, which takes longer
        slow = asyncio.get_running_loop().call_later(
            _UNTOLD_SECONDS, self._tell, "broker", "is starting, which takes a while on a busy machine"
        )
        try:
            await self._begin([self._broker])
        finally:
            slow.cancel()
        keepers.create_task(self._keep_written_down())
        keepers.create_task(self._keep(self._broker))
        self._tell("broker", f"ready in {time.monotonic() - begin:.1f} s")

        await self._migration.done()
        [answer] = await self._begin([self._controller])
        url: str = answer["url"]
        # Started again, it must be found where it was.
        self._controller.configure(self._controller_config(int(url.rpartition(":")[2])))
        keepers.create_task(self._keep(self._controller))
        self._tell("controller", url)

        for name, child in self._devices.items():
            child.configure(self._device_config(name))
        failures = await self._begin_devices()
        for child in self._devices.values():
            keepers.create_task(self._keep(child, failures.get(child)))
        self._tell("devices", " ".join(self._devices))

        endpoint = Endpoint(url, self._token, self._plan.devices[0], os.getpid())
        self._home.tell_ready(endpoint)
        self._tell("ready", f"in {time.monotonic() - begin:.1f} s")
        ready(endpoint)

    async def _begin(self, children: list[Child]) -> list[dict[str, Any]]:
        """Launch them all, then wait until all are ready; what each says then."""
        for child in children:
            await child.launch()
        self._write_down()
        return await asyncio.gather(*(child.ready() for child in children))

    async def _begin_devices(self) -> dict[Child, LocalFleetError]:
        """Those that do not come to run, and why. Raises LocalFleetError when none does."""
        children = list(self._devices.values())
        for child in children:
            await child.launch()
        self._write_down()
        ends = await asyncio.gather(*(child.ready() for child in children), return_exceptions=True)
        failures = {}
        for child, end in zip(children, ends, strict=True):
            if isinstance(end, LocalFleetError) and len(children) > 1:
                failures[child] = end
            elif isinstance(end, BaseException):
                raise end
        if len(failures) == len(children):
            raise failures[children[0]]
        return failures

    async def _keep(self, child: Child, failure: LocalFleetError | None = None) -> None:
        """Start a child again whenever it ends; `failure` is why it did not come to run, when it did not."""
        backoff = Backoff(base=0.2, cap=MOST_PAUSE_SECONDS)
        told = ""
        if failure and child.process:  # it is only slow: another one beside it would be nobody's
            self._tell(child.program.name, f"{_reason(failure, child.program.name)}; waiting for it")
            failure = await self._until_ready(child)
        while True:
            launched = time.monotonic()
            failure = failure or await child.ended()
            if time.monotonic() - launched > CALM_SECONDS:
                backoff.reset()
            if (words := _reason(failure, child.program.name)) != told:  # not every half minute while nothing changes
                told = words
                self._tell(child.program.name, f"{words}; starting it again until it runs")
            await asyncio.sleep(backoff.next())
            try:
                await child.launch()
            except LocalFleetError as refused:
                failure = refused
                continue
            self._changed.set()
            failure = await self._until_ready(child)
            if failure is None:
                told = ""
                self._tell(child.program.name, "runs again")

    async def _until_ready(self, child: Child) -> LocalFleetError | None:
        """Wait for as long as it takes; why it ended before, if it did."""
        while True:
            try:
                await child.ready()
            except LocalFleetError as failure:
                if child.process is None:
                    return failure
                self._tell(child.program.name, f"{_reason(failure, child.program.name)}; waiting for it")
            else:
                return None

    async def _keep_written_down(self) -> None:
        """A full disk ends nothing for it: the children of an `up` that is killed meanwhile stop by themselves too."""
        told = ""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                self._write_down()
            except OSError as error:
                if (words := error.strerror or str(error)) != told:
                    told = words
                    self._tell("up", f"{self._home.processes} cannot be written: {words}; trying again until it can")
                await asyncio.sleep(_WRITE_AGAIN_SECONDS)
                self._changed.set()
            else:
                told = ""

    def _write_down(self) -> None:
        children = [self._broker, self._migration, self._controller, *self._devices.values()]
        processes.write_down(self._home.processes, [child.process for child in children if child.process])

    async def _stop(self) -> None:
        await asyncio.gather(*(child.stop() for child in self._devices.values()))
        await end_programs(self._home)  # of agents that had to be killed
        await self._controller.stop()
        await self._migration.stop()
        await self._broker.stop()

    def _broker_config(self) -> dict[str, Any]:
        return {
            "folder": str(self._home.broker),
            "port": self._broker_port,
            "workspace": WORKSPACE,
            "controller_password": self._passwords[CONTROLLER_USER],
            "devices": {name: self._passwords[name] for name in self._devices},
        }

    def _controller_config(self, port: int) -> dict[str, Any]:
        folder = self._home.controller()
        return {
            "workspace": WORKSPACE,
            "listen": {"host": LOOPBACK, "port": port},
            "database": f"sqlite:///{folder / 'runlet.db'}",
            "transcripts": str(folder / "transcripts"),
            "broker": self._broker_url(CONTROLLER_USER),
            "token": self._token,
            "devices": list(self._devices),
            "notify_networks": ["127.0.0.0/8", "::1"],  # its jobs run programs on this machine anyway
        }

    def _device_config(self, name: str) -> dict[str, Any]:
        return {
            "device": name,
            "workspace": WORKSPACE,
            "broker": self._broker_url(name),
            "state": str(self._home.device(name)),
            "keep_programs": False,
        }

    def _broker_url(self, user: str) -> str:
        return f"amqp://{user}:{self._passwords[user]}@{LOOPBACK}:{self._broker_port}/%2F"


async def end_leftovers(home: Home) -> None:
    """End the children of an `up` that was killed. They stop by themselves; this waits for it, and for so long only."""
    await processes.end(processes.written_down(home.processes), _BROKER_STOP_SECONDS)


async def end_programs(home: Home, keep: Collection[str] = ()) -> None:
    """End the programs that outlived their agents, in order, but those of the devices to keep."""
    await processes.end(programs_left(home, keep), PROGRAMS_SECONDS)


def programs_left(home: Home, keep: Collection[str] = ()) -> list[Process]:
    """The holders of programs that go on, whether or not their agents do. Told to end, they end their programs."""
    found = []
    for record in home.path.glob(f"devices/*/holders/*{STARTED}"):
        if record.parent.parent.name not in keep:
            with contextlib.suppress(FileNotFoundError, UnreadableRecord):
                found.append(Process(Started.decode(record.read_bytes()).holder, str(record.parent)))
    return [holder for holder in found if holder.runs()]


def _reason(failure: LocalFleetError, name: str) -> str:
    """Without the child's name, and without the lines of its log."""
    return failure.message.splitlines()[0].partition("; the end of ")[0].removeprefix(f"{name} ")


def _held(home: Home) -> LocalFleetError:
    up = home.up()
    holder = f" by process {up.pid}, since {up.since}" if up else ""
    return LocalFleetError(
        f"a fleet runs already in {home.path}{holder}",
        "stop it with: runlet down; or start another one beside it with another folder in RUNLET_HOME",
    )
