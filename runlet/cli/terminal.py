"""The operator's terminal in raw mode, from asyncio: bytes in, bytes out, its size, and everything put back at the end.

It is opened anew, non-blocking, beside the inherited descriptors: the shell shares those, and would find itself reading
from a non-blocking terminal when we are killed. When the screen cannot keep up, `write` waits and typing still works.
"""

from __future__ import annotations

import asyncio
import os
import sys
import termios
import time
import tty
from types import TracebackType
from typing import Self

from runlet.cli.readiness import until_ready
from runlet.errors import InvalidInput
from runlet.modes import ModeTracker
from runlet.protocol.messages import TerminalSize

_READ_BYTES = 64 * 1024  # a paste arrives in a few reads
# A slow terminal has taken all there is at the end of each chunk, for a moment: it has caught up after so long.
CAUGHT_UP_SECONDS = 0.1


class TerminalGone(Exception):
    """The terminal was closed under us."""


def is_interactive() -> bool:
    """Whether a person types and reads here: stdin and stdout are terminals."""
    return os.isatty(0) and os.isatty(1)


def terminal_size() -> TerminalSize:
    """The size of the terminal on stdout; 80x24 when it has none or does not know."""
    try:
        columns, rows = os.get_terminal_size(1)
    except OSError:
        return TerminalSize()
    return TerminalSize(columns, rows) if columns and rows else TerminalSize()


class Terminal:
    """The terminal that stdin is, raw inside its context; made and used within a running loop."""

    def __init__(self) -> None:
        self._fd = _open_terminal()
        self._modes = ModeTracker()
        self._behind_until = 0.0
        self.written = 0  # bytes that it has taken
        self._showing = asyncio.Lock()
        self._rest = memoryview(b"")  # of what is being shown

    def __enter__(self) -> Self:
        self._saved = termios.tcgetattr(self._fd)
        tty.setraw(self._fd)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self.reset()
            # Flushing drops what was typed too late, and the terminal's own answers to a program that is gone.
            termios.tcsetattr(self._fd, termios.TCSAFLUSH, self._saved)
        except (TerminalGone, termios.error):
            pass  # the terminal is gone: there is nothing to put back
        finally:
            os.close(self._fd)

    @property
    def full_screen(self) -> bool:
        return self._modes.full_screen

    def reset(self) -> None:
        """Undo the modes that programs have set: the screen is ours again. Raises TerminalGone."""
        os.set_blocking(self._fd, True)
        try:
            os.write(self._fd, self._modes.restore())
        except OSError:
            raise TerminalGone from None
        finally:
            os.set_blocking(self._fd, False)

    async def read(self) -> bytes:
        """What was typed, at least one byte. Raises TerminalGone."""
        while True:
            try:
                data = os.read(self._fd, _READ_BYTES)
            except BlockingIOError:
                await until_ready(self._fd, reading=True)
            except OSError:
                raise TerminalGone from None
            else:
                if not data:
                    raise TerminalGone
                return data

    @property
    def is_behind(self) -> bool:
        """Whether it takes less than there is to show."""
        return bool(self._rest) or time.monotonic() < self._behind_until

    async def write(self, data: bytes) -> None:
        """Show `data`, all of it, behind what others show. Raises TerminalGone."""
        async with self._showing:
            self._modes.feed(data)
            self._rest = memoryview(data)
            self._write_rest()
            if self._rest:
                await self._until_written()

    async def _until_written(self) -> None:
        loop = asyncio.get_running_loop()
        written: asyncio.Future[None] = loop.create_future()

        def go_on() -> None:
            try:
                self._write_rest()
            except TerminalGone as error:
                written.set_exception(error)
            if not self._rest and not written.done():
                written.set_result(None)

        # Once for all of it: a terminal takes a few KiB at a time.
        loop.add_writer(self._fd, go_on)
        try:
            await written
        finally:
            loop.remove_writer(self._fd)

    def _write_rest(self) -> None:
        """As much as the terminal takes now."""
        try:
            while self._rest:
                written = os.write(self._fd, self._rest)
                self.written += written
                self._rest = self._rest[written:]
        except BlockingIOError:
            pass
        except OSError:
            raise TerminalGone from None
        if self._rest:
            self._behind_until = time.monotonic() + CAUGHT_UP_SECONDS


def _open_terminal() -> int:
    flags = os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        return os.open(os.ttyname(sys.stdin.fileno()), flags)
    except OSError:
        pass  # in a container the terminal may have no name
    try:
        return os.open("/dev/tty", flags)
    except OSError as error:
        raise InvalidInput(f"the terminal cannot be opened: {error.strerror}", "use --detach and runlet logs") from None
