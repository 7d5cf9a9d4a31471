"""A program in a terminal of its own: a PTY with a session, a window size, and a child that waits to be released.

The child is forked first and blocks at a barrier, so that the agent can write down that it starts before it does.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import struct
import termios
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NoReturn

from runlet.protocol.messages import TerminalSize

# Exit codes of a program that could not be started, as shells use them.
NOT_EXECUTABLE = 126
NOT_FOUND = 127

_CTRL_C = b"\x03"
_LOCAL_MODES = 3  # their place in what tcgetattr gives


class Terminal:
    """The master side of a PTY and the program on its slave side. All calls are non-blocking."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], cwd: str | None, size: TerminalSize) -> None:
        """Fork the child; it does nothing before `release`. Raises OSError when no PTY or process can be had."""
        self.master, slave = os.openpty()
        barrier, self._barrier = os.pipe()
        self._failure, failure_write = os.pipe()
        try:
            self.resize(size)
            self.pid = os.fork()
            if self.pid == 0:
                _become(argv, env, cwd, slave, barrier, self._barrier, failure_write)
        except OSError:
            os.close(self.master)
            os.close(self._barrier)
            os.close(self._failure)
            raise
        finally:
            os.close(slave)
            os.close(barrier)
            os.close(failure_write)
        os.set_blocking(self.master, False)
        os.set_blocking(self._failure, False)

    def release(self) -> None:
        """Let the child become the program."""
        os.write(self._barrier, b"\n")
        os.close(self._barrier)

    def abandon(self) -> None:
        """Close without ever releasing: the child sees the end of the barrier and exits without running anything."""
        os.close(self._barrier)
        os.waitpid(self.pid, 0)
        self.close()

    def failure(self) -> str:
        """Why the program could not be started, once the child has ended; empty when it was started."""
        try:
            return os.read(self._failure, 4096).decode(errors="replace")
        except BlockingIOError:
            return ""

    def resize(self, size: TerminalSize) -> None:
        """Set the window size. The kernel tells the foreground programs (SIGWINCH) when it changes."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", size.rows, size.columns, 0, 0))

    def redraw(self) -> None:
        """Tell the foreground programs that the window changed even if it did not, so that they paint it again."""
        self._signal_foreground(signal.SIGWINCH)

    def read(self, most: int) -> bytes | None:
        """What the programs printed; b"" when nothing is there now, None when all have let go of the terminal."""
        try:
            return os.read(self.master, most) or None
        except BlockingIOError:
            return b""
        except OSError as error:
            if error.errno == errno.EIO:  # Linux tells the end of a PTY so; macOS reads b""
                return None
            raise

    def write(self, data: bytes) -> int:
        """Type; the count of bytes the kernel took, 0 when its queue is full."""
        try:
            return os.write(self.master, data)
        except BlockingIOError:
            return 0

    def interrupt(self) -> None:
        """What Ctrl-C does: SIGINT to the foreground programs, or the key itself where they read it raw.

        The key is not typed where the terminal would make a signal of it: behind input that nobody reads, the kernel
        would never come to it.
        """
        if termios.tcgetattr(self.master)[_LOCAL_MODES] & termios.ISIG:
            self._signal_foreground(signal.SIGINT)
        else:
            self.write(_CTRL_C)

    def terminate(self) -> None:
        """SIGTERM to the foreground programs and to the session's leader."""
        self._signal_foreground(signal.SIGTERM)
        _signal_group(self.pid, signal.SIGTERM)

    def close(self) -> None:
        """Let go of the terminal; programs still on it get SIGHUP or an error at their next use of it."""
        os.close(self.master)
        os.close(self._failure)

    def _signal_foreground(self, number: signal.Signals) -> None:
        try:
            group = os.tcgetpgrp(self.master)
        except OSError:
            return  # no foreground group: the leader ended a moment ago
        if group > 0:
            _signal_group(group, number)


def _signal_group(group: int, number: signal.Signals) -> None:
    # It may have ended a moment ago, or have changed its user; the next, harder step follows.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _become(
    argv: Sequence[str],
    env: Mapping[str, str],
    cwd: str | None,
    slave: int,
    barrier: int,
    release: int,
    failure: int,
) -> NoReturn:
    """The child's life between fork and exec. Nothing here may return or raise into the parent's code."""
    try:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores these, and exec would hand that on
            signal.signal(ignored, signal.SIG_DFL)
        os.close(release)  # else our own copy would keep the barrier from ending with the agent
        if os.read(barrier, 1) != b"\n":
            os._exit(0)  # the agent died before it wrote down the start
        for number in (0, 1, 2):
            os.dup2(slave, number)
        if cwd is not None:
            _enter(cwd, failure)
        os.execvpe(argv[0], list(argv), dict(env))  # noqa: S606 - an argument vector, no shell
    except FileNotFoundError as error:
        _fail(failure, f"{argv[0]}: {error.strerror}", NOT_FOUND)
    except OSError as error:
        _fail(failure, f"{argv[0]}: {error.strerror}", NOT_EXECUTABLE)
    finally:
        os._exit(NOT_EXECUTABLE)


def _enter(cwd: str, failure: int) -> None:
    try:
        os.chdir(os.path.expanduser(cwd))
    except OSError as error:
        _fail(failure, f"cwd {cwd}: {error.strerror}", NOT_EXECUTABLE)


def _fail(failure: int, reason: str, code: int) -> NoReturn:
    os.write(failure, reason.encode())
    os._exit(code)
