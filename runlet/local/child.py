"""One child process of `runlet up`: started, waited for until it is ready, stopped.

Each child has a session of its own, so that Ctrl-C reaches only `up`, which stops the children in order; and a pipe to
its standard input, its lifeline: when `up` dies in whatever way, the pipe ends and the child stops by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runlet.errors import LocalFleetError
from runlet.local.files import last_lines, write_private
from runlet.local.processes import Process

_SHOWN_LINES = 12


@dataclass(frozen=True, slots=True)
class Program:
    """What a child is: its name, its module, how long it may take to be ready and to stop, its first arguments."""

    name: str
    module: str
    start_seconds: float
    stop_seconds: float
    arguments: tuple[str, ...] = ()


class Child:
    """A program that can be started again after its end, with the same configuration."""

    def __init__(self, program: Program, config: Path, log: Path) -> None:
        self.program = program
        self.log = log
        self._config = config
        self._process: asyncio.subprocess.Process | None = None
        self._log_begin = 0  # of what this process says; before it is what earlier ones did

    @property
    def process(self) -> Process | None:
        """While it runs, to be written down: its configuration's path is what no other process is called with."""
        if self._process is None or self._process.returncode is not None:
            return None
        return Process(self._process.pid, str(self._config))

    def configure(self, content: dict[str, Any]) -> None:
        write_private(self._config, json.dumps(content))

    async def launch(self) -> None:
        """Start it, without the working directory's modules (-P).

        Raises LocalFleetError when the system has no room for it: on the disk, of processes, of files.
        """
        try:
            with self.log.open("ab") as log:
                self._log_begin = log.tell()
                self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-m", self.program.module, *self.program.arguments),
                    *("--config", self._config, "--lifeline"),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    start_new_session=True,
                )
        except OSError as error:
            raise LocalFleetError(f"{self.program.name} cannot be started: {error.strerror}") from None

    async def ready(self) -> dict[str, Any]:
        """What it says when it is ready. Raises LocalFleetError when it ends or is silent for too long instead."""
        assert self._process
        assert self._process.stdout
        try:
            async with asyncio.timeout(self.program.start_seconds):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise self._failure(f"was not ready within {self.program.start_seconds:g} s") from None
        if not line:
            raise await self.ended()
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def done(self) -> None:
        """Wait for the end of a child that only does one thing. Raises LocalFleetError when it could not."""
        assert self._process
        if await self._process.wait():
            raise await self.ended()

    async def ended(self) -> LocalFleetError:
        """Wait for its end; what is to be told about it."""
        assert self._process
        code = await self._process.wait()
        if code < 0:
            return self._failure(f"was ended by {signal.Signals(-code).name}")
        return self._failure(f"ended with exit code {code}")

    def _failure(self, what: str) -> LocalFleetError:
        """Its own error says why better than we could, and its hint what to do; else its log may."""
        lines = last_lines(self.log, _SHOWN_LINES, self._log_begin).splitlines()
        hint = lines.pop().removeprefix("hint: ") if lines and lines[-1].startswith("hint: ") else None
        said = next((line.removeprefix("error") for line in reversed(lines) if line.startswith("error: ")), "")
        if said and lines[-1].endswith(said):
            return LocalFleetError(f"{self.program.name} {what}{said}", hint)
        words = "\n".join(f"  {line}" for line in lines)
        return LocalFleetError(f"{self.program.name} {what}{said}; the end of {self.log}:\n{words}", hint)

    async def stop(self) -> None:
        """Ask it to stop; after its deadline, kill it and its group. Nothing to do when it has ended."""
        if self._process is None:
            return
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # it ended since
                self._process.terminate()
            try:
                async with asyncio.timeout(self.program.stop_seconds):
                    await self._process.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                await self._process.wait()
        assert self._process.stdin
        self._process.stdin.close()
