"""The holders of this device: starting one, finding those that an earlier agent left, reading what they wrote down."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from runlet import program
from runlet.holder import spawner
from runlet.holder.records import ENDED, NEW, SOCKET, START, STARTED, Ended, Start, Started, UnreadableRecord

# The spawner ends when its socket does; it has nothing else to do.
SPAWNER_SECONDS = 2.0

_ROOT = Path(__file__).parent.parent.parent

log = logging.getLogger(__name__)


class Holders:
    """The folder of one agent's holders, and the spawner that forks them. `name` is of an execution and its attempt."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A socket's path may have 108 bytes, and a state folder may have any: reach it by way of this.
        self._directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._spawner: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket | None = None

    def start(self, name: str, start: Start) -> socket.socket:
        """Ask for a holder; the connection to it. Raises OSError when none can be had."""
        path = self._folder / (name + START)
        path.write_bytes(start.encode())
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._request(name, theirs)
            except OSError:
                ours.close()
                raise
        return ours

    def connect(self, name: str) -> socket.socket | None:
        """A connection to the holder that lives; None when none does."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(f"/proc/self/fd/{self._directory}/{name}{SOCKET}")
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
            return None
        return connection

    def ended(self, name: str) -> Ended | None:
        """How its program ended, where the holder wrote it down."""
        try:
            return Ended.decode((self._folder / (name + ENDED)).read_bytes())
        except (FileNotFoundError, UnreadableRecord):
            return None

    def started(self, name: str) -> Started | None:
        """That its program was started; None: it never ran."""
        try:
            return Started.decode((self._folder / (name + STARTED)).read_bytes())
        except (FileNotFoundError, UnreadableRecord):
            return None

    def forget(self, name: str) -> None:
        """Its outcome is in the journal."""
        for suffix in (START, SOCKET, STARTED, ENDED, f"{ENDED}{NEW}"):  # the order matters: see runlet.holder.records
            (self._folder / (name + suffix)).unlink(missing_ok=True)

    def names(self) -> Iterator[str]:
        """Everything that there are records of."""
        suffixes = {START, SOCKET, STARTED, ENDED}
        yield from {path.name.removesuffix(path.suffix) for path in self._folder.iterdir() if path.suffix in suffixes}

    def close(self) -> None:
        """End the spawner; the holders go on."""
        if self._requests is not None:
            self._requests.close()
        if self._spawner is not None:
            try:
                self._spawner.wait(SPAWNER_SECONDS)
            except subprocess.TimeoutExpired:
                self._spawner.kill()
                self._spawner.wait()
        os.close(self._directory)

    def _request(self, name: str, connection: socket.socket) -> None:
        if self._requests is not None:
            with suppress(OSError):  # the spawner was killed: another one
                socket.send_fds(self._requests, [name.encode()], [connection.fileno()])
                return
            self._requests.close()
        self._requests = self._launch()
        socket.send_fds(self._requests, [name.encode()], [connection.fileno()])

    def _launch(self) -> socket.socket:
        """A spawner, in a session of its own: what signals our group does not reach it."""
        if self._spawner is not None:
            self._spawner.wait()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        arguments = (sys.executable, "-I", "-S", "-c", spawner.PROGRAM, str(_ROOT), str(self._folder))
        with theirs, (self._folder / "spawner.log").open("ab") as said:
            self._spawner = subprocess.Popen(
                arguments,
                stdin=theirs.fileno(),
                stdout=said,
                stderr=said,
                start_new_session=True,
                umask=program.INHERITED_UMASK,
            )
        return ours
