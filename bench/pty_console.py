"""A program in a terminal of ours: what a person would type and see, timed at the terminal's master side."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

_COLUMNS, _ROWS = 80, 24
_READ_BYTES = 64 * 1024
_PATIENCE_SECONDS = 60.0


class PtyConsole:
    """Runs `argv` in a new terminal, from entering the context to leaving it."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str] = os.environ) -> None:
        self._argv = list(argv)
        self._environment = dict(environment) | {"TERM": "xterm-256color"}

    def __enter__(self) -> Self:
        self._pid, self._master = pty.fork()
        if self._pid == 0:
            try:
                size = struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0)
                fcntl.ioctl(0, termios.TIOCSWINSZ, size)
                os.execvpe(self._argv[0], self._argv, self._environment)
            finally:
                os._exit(127)
        self._readable = select.poll()
        self._readable.register(self._master, select.POLLIN)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._master)  # hangs up
        os.waitpid(self._pid, 0)

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def read(self) -> bytes:
        """What was written to the terminal, as soon as there is something; nothing once the program has ended."""
        if not self._readable.poll(_PATIENCE_SECONDS * 1000):
            raise TimeoutError(f"{self._argv[0]} writes nothing")
        try:
            return os.read(self._master, _READ_BYTES)
        except OSError:
            return b""

    def until(self, text: bytes) -> int:
        """Read until `text` was written; how many bytes came, with it."""
        length, end = 0, b""
        while text not in end:
            data = self.read()
            if not data:
                raise EOFError(f"{self._argv[0]} ended without writing {text!r}; its last words: {end!r}")
            length += len(data)
            end = end[-len(text) :] + data
        return length

    def drain(self) -> None:
        """Read until the program has ended."""
        while self.read():
            pass

    def echo_seconds(self, key: bytes) -> float:
        """Type a key; how long until it is on the screen."""
        begin = time.perf_counter()
        os.write(self._master, key)
        self.until(key)
        return time.perf_counter() - begin
