"""One program from its start to its end: what it prints goes to the output, what is typed goes in, cancel ends it."""

from __future__ import annotations

import asyncio
import os
import pwd
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from runlet.agent import processes
from runlet.agent.output import OutputSender
from runlet.agent.terminal import Terminal
from runlet.protocol.messages import Execute, TerminalSize

DEFAULT_ENTRYPOINT = ("/bin/bash", "--login")

# One turn of the loop reads at most this much of one terminal, so that other sessions and commands get their turn.
READ_BYTES = 64 * 1024
# After the program ended: what the kernel may still hold of its output, taken even beyond the buffer's bound, since an
# end must not wait for the controller. A background process that keeps printing is cut off here.
DRAIN_BYTES = 256 * 1024
# Typed bytes that the program does not read yet, beyond the kernel's own queue (4 KiB a line, about 20 KiB raw).
INPUT_LIMIT_BYTES = 64 * 1024
# A console that typed keeps the terminal to itself this long, so that two operators cannot interleave keys.
WRITER_SECONDS = 3.0
# Cancel: Ctrl-C, then after this SIGTERM, ...
INTERRUPT_SECONDS = 2.0
# ... then after this SIGKILL to everything the execution started.
TERMINATE_SECONDS = 5.0
# What a killed process needs to be gone.
KILL_SECONDS = 2.0

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
# They describe the terminal that the agent was started in, and programs trust them more than their own terminal.
_OTHER_TERMINAL = frozenset({"COLUMNS", "LINES", "TERMCAP"})


@dataclass(frozen=True, slots=True)
class Ending:
    """How a program ended: an exit code or a signal; `failure` says why it could not be started."""

    exit_code: int | None
    signal: int | None
    failure: str
    seconds: float


class Session:
    """The live terminal of one execution. Made waiting; `start` lets the program run; `ended` resolves once."""

    def __init__(self, command: Execute, script: Path | None, output: OutputSender, device: str) -> None:
        """Raises OSError when no terminal or process can be had."""
        self._command = command
        self._output = output
        scripts = () if script is None else (str(script),)
        argv = (*(command.entrypoint or DEFAULT_ENTRYPOINT), *scripts, *command.arguments)
        own = _own_environment()
        environment = _environment(own, command, device)
        self._terminal = Terminal(argv, environment, command.cwd or own["HOME"], command.terminal)
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[Ending] = self._loop.create_future()
        self._status: int | None = None
        self._reading = False
        self._typed = bytearray()
        self._writer = 0
        self._writer_until = 0.0
        self._began = time.monotonic()

    def start(self) -> None:
        """Let the program run. The caller has written down that it starts."""
        self._began = time.monotonic()
        self._terminal.release()
        self._output.on_room = self._resume_reading
        self._resume_reading()

    def type(self, console: int, data: bytes) -> str | None:
        """Type for the program; why not, when that is refused. Either all of `data` is taken or nothing."""
        now = self._loop.time()
        if self.ended.done() or self._status is not None:
            return "the program has ended"
        if console != self._writer and now < self._writer_until:
            return "another console is typing"
        if len(self._typed) + len(data) > INPUT_LIMIT_BYTES:
            return "the program does not read what was typed before"
        self._writer, self._writer_until = console, now + WRITER_SECONDS
        waiting = bool(self._typed)
        self._typed += data
        if not waiting:
            self._write()
        return None

    def resize(self, size: TerminalSize) -> None:
        if not self.ended.done():
            self._terminal.resize(size)
            self._terminal.redraw()

    def reap(self) -> None:
        """A child ended: look whether it was ours."""
        if self._status is None:
            pid, status = os.waitpid(self._terminal.pid, os.WNOHANG)
            if pid:
                self._status = status
                self._take(min(DRAIN_BYTES, self._output.buffer.rest))
                self._finish(status)

    async def cancel(self) -> None:
        """End the program: Ctrl-C, SIGTERM, SIGKILL to everything it started."""
        if not self.ended.done():
            self._typed.clear()
            self._terminal.interrupt()
            await asyncio.wait((self.ended,), timeout=INTERRUPT_SECONDS)
        await self.terminate()

    async def terminate(self) -> None:
        """End the program without asking it first: SIGTERM, then SIGKILL to everything it started."""
        if not self.ended.done():
            self._terminal.terminate()
            await asyncio.wait((self.ended,), timeout=TERMINATE_SECONDS)
        processes.kill(processes.of_execution(self._command.execution, self._terminal.pid))
        # Not without a bound: a process that waits for a dead disk cannot be killed.
        await asyncio.wait((self.ended,), timeout=KILL_SECONDS)

    def _resume_reading(self) -> None:
        if not self._reading and not self.ended.done() and self._output.buffer.room >= self._least_room:
            self._reading = True
            self._loop.add_reader(self._terminal.master, self._on_readable)
            self._on_readable()

    @property
    def _least_room(self) -> int:
        """Room for less is not worth a turn, unless nothing more may follow."""
        return min(READ_BYTES, max(1, self._output.buffer.rest))

    def _pause_reading(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._terminal.master)

    def _on_readable(self) -> None:
        is_open = self._take(min(READ_BYTES, self._output.buffer.room))
        if not self._output.buffer.room:
            self._pause_reading()  # the program blocks at the kernel's own buffer until the controller caught up
        if not is_open:
            self._pause_reading()  # the terminal has hung up; SIGCHLD tells the rest

    def _take(self, most: int) -> bool:
        """Pass on what the programs printed, `most` bytes of it; False when all have let go of the terminal."""
        collected: list[bytes] = []
        data: bytes | None = b""
        while most > 0 and (data := self._terminal.read(most)):
            collected.append(data)
            most -= len(data)
        if collected:
            self._output.append(b"".join(collected))
        return data is not None

    def _write(self) -> None:
        taken = self._terminal.write(bytes(self._typed))
        del self._typed[:taken]
        if self._typed:
            self._loop.add_writer(self._terminal.master, self._write)
        else:
            self._loop.remove_writer(self._terminal.master)

    def _finish(self, status: int) -> None:
        self._pause_reading()
        self._loop.remove_writer(self._terminal.master)
        self._output.on_room = lambda: None
        failure = self._terminal.failure()
        self._terminal.close()
        code = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - self._began
        self.ended.set_result(
            Ending(
                exit_code=code if code >= 0 else None,
                signal=-code if code < 0 else None,
                failure=failure,
                seconds=seconds,
            )
        )


def write_script(directory: Path, command: Execute) -> Path | None:
    """The execution's script in a file of its own that only this user reads; None when there is no script."""
    if command.script is None:
        return None
    home = directory / f"{command.execution}.{command.attempt}"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = home / _UNSAFE.sub("_", command.job)  # what the program sees as $0
    path.write_text(command.script, encoding="utf-8")
    path.chmod(0o600)
    return path


def remove_script(directory: Path, command: Execute) -> None:
    shutil.rmtree(directory / f"{command.execution}.{command.attempt}", ignore_errors=True)


def login(uid: int) -> tuple[str, str, str]:
    """(home, name, shell) of a user; containers like to run programs under a number that has no account."""
    try:
        user = pwd.getpwuid(uid)
    except KeyError:
        return "/", str(uid), "/bin/sh"
    return user.pw_dir, user.pw_name, user.pw_shell


def _own_environment() -> Mapping[str, str]:
    """The agent's environment without its settings, and a login user's basics."""
    home, login_name, shell = login(os.getuid())
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("RUNLET_") and name not in _OTHER_TERMINAL
    }
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "HOME": home,
        "USER": login_name,
        "LOGNAME": login_name,
        "SHELL": shell,
        **inherited,
    }


def _environment(own: Mapping[str, str], command: Execute, device: str) -> Mapping[str, str]:
    """The program's environment. Its job may set anything but what tells where it runs."""
    return {
        **own,
        "TERM": command.term,
        **command.environment,
        "RUNLET_DEVICE": device,
        "RUNLET_JOB": command.job,
        "RUNLET_RUN": str(command.run),
        "RUNLET_ATTEMPT": str(command.attempt),
        processes.MARK: command.execution,
    }
