"""An operator for end-to-end tests: the installed `runlet` and an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.harness import TOKEN, Fleet

RUNLET = Path(sys.executable).with_name("runlet")
# A command that ends by itself has ended by then; more would be a hang.
COMMAND_SECONDS = 180.0


class Operator:
    """Somebody whose shell has a home of its own, and names the controller of `fleet` when there is one."""

    def __init__(self, home: Path, fleet: Fleet | None) -> None:
        self.home = home
        self.environment = {
            "PATH": f"{RUNLET.parent}:{os.environ['PATH']}",
            "HOME": str(home),
            "RUNLET_HOME": str(home / "state"),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
        }
        if fleet:
            self.environment |= {"RUNLET_CONTROLLER": fleet.url, "RUNLET_TOKEN": TOKEN}

    def runlet(self, *arguments: str, stdin: bytes = b"", **changed: str) -> subprocess.CompletedProcess[str]:
        """Run `runlet` with pipes for its stdin, stdout and stderr; `changed` are variables of its environment."""
        done = self.runlet_bytes(*arguments, stdin=stdin, **changed)
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    def runlet_bytes(self, *arguments: str, stdin: bytes = b"", **changed: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [RUNLET, *arguments],
            input=stdin,
            env=self.environment | changed,
            cwd=self.home,
            capture_output=True,
            timeout=COMMAND_SECONDS,
        )

    def succeed(self, *arguments: str, stdin: bytes = b"", **changed: str) -> str:
        """Run `runlet`, which must succeed; what it prints."""
        done = self.runlet(*arguments, stdin=stdin, **changed)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def json(self, command: str, *arguments: str) -> Any:
        """What a command prints with --output json."""
        return json.loads(self.succeed(command, "--output", "json", *arguments))

    def detached(self, command: str, *arguments: str) -> str:
        """Start a run and leave it; its number."""
        return str(self.json(command, "--detach", *arguments)["id"])
