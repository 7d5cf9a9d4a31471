"""The fleet that is measured: what `runlet up` starts, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runlet.client.api import Api
from runlet.local.home import Home
from runlet.model.target import Target
from runlet.protocol.views import ExecutionView, Presence, RunView

# The installed command, beside the interpreter that runs the benchmarks.
RUNLET = str(Path(sys.executable).parent / "runlet")
_PATIENCE_SECONDS = 60.0
_STEP_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class LocalFleet:
    """A fleet that runs. `environment` is for commands that shall find it."""

    home: Home
    environment: dict[str, str]

    @property
    def devices(self) -> list[str]:
        up = self.home.up()
        assert up
        return up.devices

    @property
    def database(self) -> Path:
        """The controller's records."""
        return self.home.controller() / "runlet.db"

    def api(self) -> Api:
        endpoint = self.home.endpoint()
        assert endpoint
        return Api(endpoint.url, endpoint.token)

    def start(self, command: Sequence[str]) -> RunView:
        """Start a command on the first device, and wait until it runs."""
        with self.api() as api:
            run = api.start_run(command=command, target=Target.parse(self.devices[0]))
            _until(lambda: api.run(run.id).executions[0].started_at)
        return run

    def ended(self, run: RunView) -> ExecutionView:
        """Wait for the end of such a run."""
        with self.api() as api:
            _until(lambda: api.run(run.id).settled)
            return api.run(run.id).executions[0]

    def agent(self) -> int:
        """The process of the first device."""
        config = os.fsencode(self.home.config(f"device-{self.devices[0]}"))
        [pid] = [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if config in _content(path)]
        return pid


@contextmanager
def local_fleet(devices: int) -> Iterator[LocalFleet]:
    """A fleet of so many devices, gone at the end. Its `up` is our child, and stops the rest in order."""
    with tempfile.TemporaryDirectory(prefix="runlet-bench-") as folder:
        home, environment = Home(Path(folder)), {**os.environ, "RUNLET_HOME": folder}
        up = subprocess.Popen(
            [RUNLET, "up", "--devices", str(devices)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        try:
            _until(lambda: home.endpoint() or up.poll() is not None)
            if up.returncode is not None:
                raise RuntimeError(f"runlet up ended with {up.returncode}")
            fleet = LocalFleet(home, environment)
            with fleet.api() as api:  # a device that is connected may still have to be recorded as such
                _until(lambda: all(device.presence is Presence.ONLINE for device in api.devices()))
            yield fleet
        finally:
            up.terminate()
            up.wait()


def _until(condition: Callable[[], object]) -> None:
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > give_up:
            raise TimeoutError("the fleet does not get there")
        time.sleep(_STEP_SECONDS)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # that process has ended
