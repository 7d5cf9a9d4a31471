"""Real processes for tests: a controller and agents against a real broker, and what tests ask of them."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self, TypeVar
from urllib.parse import urlsplit

from runlet.amqp.definitions import Replication
from runlet.client.api import Api
from runlet.client.attachment import Attachment, attach
from runlet.controller.migrations.migrate import migrate
from runlet.holder.records import Started
from runlet.model.declaration import Submission
from runlet.model.job import Job
from runlet.model.target import Target
from runlet.protocol.chunk import Chunk
from runlet.protocol.frames import Attach, ExecutionChanged, RunSnapshot
from runlet.protocol.views import ExecutionView, PlanView, RunView
from tests.ports import spare_ports

# Every wait in the tests is for a condition; this is when it is given up. Generous: CI machines are slow and shared.
# But below the minute after which what was lost is sent again: that must not hide that it was lost.
PATIENCE_SECONDS = 50.0
# Between two looks: short at first, since most comes at once, and longer with the wait, since each look costs the
# machine that all wait for.
_FIRST_STEP_SECONDS = 0.01
_MOST_STEP_SECONDS = 0.05
_STEP_GROWTH = 1.1
T = TypeVar("T")
TOKEN = "token-of-the-tests"
WELL = dict.fromkeys(("status", "database", "broker", "transcripts", "reports", "schedules"), "ok")
# Makes of a command the one that runs it elsewhere, in another root file system say.
Within = Callable[[list[str]], list[str]]


class Broker(Protocol):
    """What the tests need of a broker: addresses with the rights that production gives."""

    @property
    def controller_url(self) -> str | list[str]: ...

    def device_url(self, name: str) -> str | list[str]: ...


def wait_until(condition: Callable[[], T], what: str, patience: float = PATIENCE_SECONDS) -> T:
    """The first true value of `condition`."""
    give_up = time.monotonic() + patience
    steps = growing_steps(_FIRST_STEP_SECONDS, _MOST_STEP_SECONDS)
    while not (value := condition()):
        if time.monotonic() > give_up:
            raise AssertionError(f"waited {patience:g} s in vain for {what}")
        time.sleep(next(steps))
    return value


def growing_steps(first: float, most: float) -> Iterator[float]:
    """Seconds from one look to the next, without end."""
    while True:
        yield first
        first = min(most, first * _STEP_GROWTH)


@dataclass
class Process:
    """A child of the tests, its log, and its end."""

    popen: subprocess.Popen[str]
    log: Path

    def ready(self) -> dict[str, str]:
        """What it says once it is ready."""
        assert self.popen.stdout
        line = self.popen.stdout.readline()
        assert line, f"it did not start: {self.log.read_text()}"
        return json.loads(line)

    def ask_to_stop(self, number: int = signal.SIGTERM) -> None:
        if self.popen.poll() is None:
            self.popen.send_signal(number)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.ask_to_stop(number)
        code = self.popen.wait(PATIENCE_SECONDS)
        for pipe in (self.popen.stdin, self.popen.stdout):
            assert pipe
            pipe.close()
        return code

    def kill(self) -> None:
        self.stop(signal.SIGKILL)


@dataclass
class Fleet:
    """A controller and agents with a folder of their own."""

    home: Path
    broker: Broker
    devices: list[str]
    enrolled: list[str] = field(default_factory=list)  # beyond `devices`, their agents not started
    controller: Process | None = None
    agents: dict[str, Process] = field(default_factory=dict)
    url: str = ""
    database: str = ""  # SQLite in the home, if nothing else is said
    replication: Replication | None = None  # the controller's default, if nothing else is said
    management: str = ""  # of the broker's policies, which its definitions have else

    def __post_init__(self) -> None:
        self.database = self.database or f"sqlite:///{self.home}/controller.db"

    def start(self) -> Self:
        self.start_controller()
        for device in self.devices:
            self.start_agent(device)
        return self

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start_controller(self) -> None:
        migrate(self.database)
        self.launch_controller()
        assert self.controller
        self.url = self.controller.ready()["url"]

    def launch_controller(self, within: Within = list) -> None:
        """Start it without waiting until it is ready."""
        config = {
            "workspace": "default",
            "listen": {
                "host": "127.0.0.1",
                "port": int(self.url.rpartition(":")[2]) if self.url else spare_ports(1)[0],
            },
            "database": self.database,
            "transcripts": str(self.home / "transcripts"),
            "broker": self.broker.controller_url,
            "token": TOKEN,
            "devices": self.devices + self.enrolled,
            "notify_networks": ["127.0.0.0/8"],
        }
        if self.replication:
            config["replication"] = self.replication
        if self.management:
            config["management"] = self.management
        self.controller = self._launch("controller", "runlet.controller", config, within)

    def start_agent(self, device: str, within: Within = list, *, keep_programs: bool = False) -> None:
        self.launch_agent(device, within, keep_programs=keep_programs)
        self.agents[device].ready()

    def launch_agent(
        self, device: str, within: Within = list, *, keep_programs: bool = False, parallel: int | None = None
    ) -> None:
        """Start it without waiting until it is ready."""
        config = {
            "device": device,
            "workspace": "default",
            "broker": self.broker.device_url(device),
            "state": str(self.home / device),
            "keep_programs": keep_programs,
        }
        if parallel:
            config["parallel"] = parallel
        self.agents[device] = self._launch(device, "runlet.agent", config, within)

    def _launch(self, name: str, module: str, config: dict[str, object], within: Within = list) -> Process:
        path = self.home / f"{name}.json"
        path.write_text(json.dumps(config))
        log = self.home / f"{name}.log"
        with log.open("a") as stderr:
            popen = subprocess.Popen(
                within([sys.executable, "-m", module, "--config", str(path), "--lifeline"]),
                stdin=subprocess.PIPE,  # the lifeline: when the tests are killed, it ends
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                start_new_session=True,
                # Scripts run in a login shell. What this machine's user does at login is none of the tests' business:
                # pyenv, say, takes a lock, which a shell that is killed leaves behind for a minute.
                env=os.environ | {"HOME": str(self.home)},
            )
        return Process(popen, log)

    def stop(self) -> None:
        for agent in self.agents.values():  # together: a suite leaves a hundred of them
            agent.ask_to_stop()
        for process in [*self.agents.values(), self.controller]:
            if process:
                process.stop()
        for record in self.home.glob("*/holders/*.started"):  # of agents that a test killed and did not start again
            for pid in [Started.decode(record.read_bytes()).holder, *processes_marked(record.name.partition(".")[0])]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def holder(self, run: RunView, device: str) -> int:
        """The process that holds the terminal of a run's only execution, in its first attempt."""
        return Started.decode(
            (self.home / device / "holders" / f"{run.executions[0].id}.1.started").read_bytes()
        ).holder

    def api(self) -> Api:
        return Api(self.url, TOKEN)

    def exec(self, command: Iterable[str], on: str | None = None, **options: object) -> RunView:
        """Launch a command on a device (the first by default)."""
        with self.api() as api:
            return api.start_run(command=list(command), target=Target.parse(on or self.devices[0]), **options)  # type: ignore[arg-type]

    def sh(self, script: str, on: str | None = None) -> RunView:
        return self.exec(["bash", "-c", script], on)

    def settled(self, run: RunView) -> RunView:
        with self.api() as api:
            return wait_until(lambda: view if (view := api.run(run.id)).settled else None, f"run {run.id} to settle")

    def until(self, run: RunView, condition: Callable[[ExecutionView], object]) -> ExecutionView:
        """The run's only execution once it satisfies `condition`."""
        with self.api() as api:
            return wait_until(
                lambda: view if condition(view := api.run(run.id).executions[0]) else None, f"run {run.id} to get there"
            )

    def transcript(self, run: RunView, device: str | None = None) -> bytes:
        with self.api() as api:
            return b"".join(page.data for page in api.transcript(run.id, device or self.devices[0]))

    def until_printed(self, run: RunView, text: bytes, device: str | None = None) -> bytes:
        return wait_until(
            lambda: printed if text in (printed := self.transcript(run, device)) else b"", f"{text!r} in run {run.id}"
        )


class Typist:
    """An attached console that remembers what it has seen."""

    def __init__(self, attachment: Attachment) -> None:
        self._attachment = attachment
        self._events = attachment.events()
        self.seen: dict[str, bytes] = {}
        self.run: RunView | None = None
        self.states: dict[str, ExecutionView] = {}
        self.events: list[object] = []

    async def until(self, condition: Callable[[Typist], object]) -> None:
        """Take events until `condition` holds."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition(self):
                event = await anext(self._events)
                self.events.append(event)
                match event:
                    case Chunk():
                        self.seen[event.execution] = self.seen.get(event.execution, b"") + event.data
                    case RunSnapshot():
                        self.run = event.run
                        self.states = {view.id: view for view in event.run.executions}
                    case ExecutionChanged():
                        self.states[event.execution.id] = event.execution

    async def until_seen(self, text: bytes, execution: str | None = None) -> None:
        await self.until(lambda self: self.run and text in self.seen.get(execution or self.run.executions[0].id, b""))

    async def type(self, data: bytes, execution: ExecutionView) -> None:
        await self._attachment.send_input(execution.id, execution.attempt, data)

    async def rest(self) -> None:
        """Everything until the controller closes."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for event in self._events:
                self.events.append(event)
                if isinstance(event, Chunk):
                    self.seen[event.execution] = self.seen.get(event.execution, b"") + event.data


def apply(api: Api, *jobs: Job) -> PlanView:
    """Declare jobs on behalf of the tests."""
    return api.apply(Submission("tests", "tests", tuple(job.declaration() for job in jobs)))


def attached(fleet: Fleet, run: RunView, request: Attach | None = None):
    """An attachment to `run`, as an async context."""
    return attach(fleet.url, TOKEN, run.id, request or Attach())


def stored_bytes(fleet: Fleet, run: RunView) -> int:
    """What the controller's disk holds of the output of the run's first execution."""
    (path,) = fleet.home.glob(f"transcripts/*/{run.executions[0].id}.1")
    paths = [path, *path.parent.glob(f"{path.name}.tail")]
    files = [file for path in paths for file in ([path] if path.is_file() else path.iterdir())]
    return sum(file.stat().st_size for file in files)


def processes_marked(mark: str) -> list[int]:
    """Processes whose environment holds `mark`."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                environ = Path(entry.path, "environ").read_bytes()
            except OSError:
                continue
            if mark.encode() in environ:
                found.append(int(entry.name))
    return found


# What no database keeps, or PostgreSQL does not, by every way in which a request brings text.
UNSPEAKABLE: list[tuple[str, str, bytes | None]] = [
    ("GET", "/v1/jobs/x%00y", None),
    ("GET", "/v1/schedules/a%00", None),
    ("GET", "/v1/devices?name=a%00", None),
    ("GET", "/v1/runs/latest/executions?after=a%00", None),
    ("GET", "/v1/targets?where=a%00", None),
    ("POST", "/v1/runs", rb'{"job":"a\u0000"}'),
    ("POST", "/v1/runs", rb'{"job":"\ud800"}'),
    ("POST", "/v1/runs", rb'{"command":["a\u0000"],"target":{"where":"all"}}'),
    ("POST", "/v1/runs", rb'{"command":["true"],"origin":"a\u0000","target":{"where":"local"}}'),
    ("POST", "/v1/runs", rb'{"command":["true"],"origin":"\ud800","target":{"where":"local"}}'),
    ("POST", "/v1/runs", rb'{"command":["true"],"target":{"where":"custom","whereCustom":["a\u0000"]}}'),
    ("POST", "/v1/runs", rb'{"command":["true"],"target":{"where":"all"},"variables":{"a":"\u0000"}}'),
    ("POST", "/v1/render", rb'{"job":"a\u0000","device":"pi-1"}'),
    ("POST", "/v1/runs/1/cancel", rb'{"devices":["a\u0000"]}'),
    ("POST", "/v1/applies/1/rollback", rb'{"by":"\ud800"}'),
    ("POST", "/v1/apply", rb'{"source":"s","by":"b","declarations":[],"delete":["a\u0000"]}'),
]


def refused(fleet: Fleet, method: str, path: str, body: bytes | None) -> tuple[int, str]:
    """The status and the message of an answer that is an error."""
    connection = http.client.HTTPConnection(urlsplit(fleet.url).netloc)
    try:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, str(json.loads(answer.read())["error"]["message"])
    finally:
        connection.close()
