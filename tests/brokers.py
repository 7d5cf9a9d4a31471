"""A real broker for tests: a private RabbitMQ node, started as `runlet up` starts its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from runlet.amqp.definitions import CONTROLLER_USER
from runlet.local import rabbitmq
from tests.ports import spare_ports

# Users are made at boot, so every device that a test may want is there from the beginning.
DEVICES = [f"pi-{number}" for number in range(1, 10)] + [f"dev-{number:02}" for number in range(1, 201)]
STOP_SECONDS = 60.0


class PrivateBroker:
    """A keeper and its node in a folder of their own. The tests hold the lifeline: it ends with them in any case."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder / "node"
        self.port = port or spare_ports(1)[0]
        self.log = folder / "keeper.log"
        self.keeper: subprocess.Popen[str] | None = None
        self._config = folder / "broker.json"
        config = {
            "folder": str(self.folder),
            "port": self.port,
            "workspace": "default",
            "controller_password": password(CONTROLLER_USER),
            "devices": {name: password(name) for name in DEVICES},
        }
        self._config.write_text(json.dumps(config))

    @property
    def controller_url(self) -> str:
        return self._url(CONTROLLER_USER)

    def device_url(self, name: str) -> str:
        assert name in DEVICES, f"the tests' broker knows pi-1..pi-9 and dev-01..dev-200, not {name}"
        return self._url(name)

    def _url(self, user: str) -> str:
        return f"amqp://{user}:{password(user)}@127.0.0.1:{self.port}/%2F"

    def ctl(self, *arguments: str, stdin: str | None = None) -> str:
        """What rabbitmqctl prints."""
        [port] = re.findall(r"-port (\d+) ", (self.folder / "processes.json").read_text())
        environment = rabbitmq.NodeFolder(self.folder).environment(rabbitmq.find(), self.port, 0, int(port))
        return rabbitmqctl(environment, *arguments, stdin=stdin)

    def start(self) -> None:
        self.launch()
        assert self.ready(), self.log.read_text()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def launch(self, environment: Mapping[str, str] = os.environ) -> None:
        """Start the keeper without waiting for it."""
        with self.log.open("a") as log:
            self.keeper = subprocess.Popen(
                [sys.executable, "-m", "runlet.local.broker", "--config", str(self._config), "--lifeline"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment,
                start_new_session=True,
            )

    def ready(self) -> dict[str, object] | None:
        """What the keeper says when it is ready; None when it ends before."""
        assert self.keeper
        assert self.keeper.stdout
        line = self.keeper.stdout.readline()
        return json.loads(line) if line else None

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal the keeper and wait for its end; its exit status."""
        assert self.keeper
        if self.keeper.poll() is None:
            self.keeper.send_signal(number)
        return self.join()

    def join(self) -> int:
        """Wait for the keeper's end; its exit status."""
        assert self.keeper
        code = self.keeper.wait(STOP_SECONDS)
        for pipe in (self.keeper.stdin, self.keeper.stdout):
            assert pipe
            pipe.close()
        return code


def rabbitmqctl(environment: Mapping[str, str], *arguments: str, stdin: str | None = None) -> str:
    """What it prints, of the node that `environment` is for."""
    script = rabbitmq.find().server.with_name("rabbitmqctl")
    done = subprocess.run(
        [script, "--quiet", *arguments],
        input=stdin,
        env=environment,
        cwd=environment["HOME"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def password(user: str) -> str:
    return f"password-of-{user}"
