"""A program in a terminal of its own: a PTY with a session, a window size, and a child that waits to be released.

The child is forked first and blocks at a barrier, so that the holder can write down that it starts before it does.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import struct
import termios
from contextlib import ExitStack, suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

# Exit codes of a program that could not be started, as shells use them.
NOT_EXECUTABLE = 126
NOT_FOUND = 127
# A reason is one line for people, and must fit into a pipe that nobody reads before the child has ended.
SHOWN_NAME_BYTES = 200

_CTRL_C = b"\x03"
_INPUT_MODES, _LOCAL_MODES, _CHARACTERS = 0, 3, 6  # their places in what tcgetattr gives
# Linux's IUTF8, the same on every machine; Python has no name for it.
_IUTF8 = 0o40000
# The characters that end a line, or throw away what was typed of it.
_ENDS = (termios.VEOF, termios.VEOL, termios.VEOL2, termios.VKILL)
_SIGNALS = (termios.VINTR, termios.VQUIT, termios.VSUSP)


class Terminal:
    """The master side of a PTY and the program on its slave side. All calls are non-blocking."""

    def __init__(self, argv: Sequence[bytes], env: Mapping[bytes, bytes], cwd: bytes, columns: int, rows: int) -> None:
        """Fork the child; it does nothing before `release`. Raises OSError when no PTY or process can be had."""
        with ExitStack() as on_failure, ExitStack() as child_ends:
            self.master, slave = _opened(os.openpty(), on_failure, child_ends)
            self._barrier, barrier = _opened(os.pipe()[::-1], on_failure, child_ends)
            self._failure, failure_write = _opened(os.pipe(), on_failure, child_ends)
            _erase_characters(slave)
            self._own_size: tuple[int, int] | None = None  # while it has another for a moment
            self.resize(columns, rows)
            # A signal that came between fork and the child's first act would be told to us as our own.
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            try:
                self.pid = os.fork()
                if self.pid == 0:
                    _become(argv, env, cwd, slave, barrier, self._barrier, failure_write)
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            on_failure.pop_all()
        os.set_blocking(self.master, False)
        os.set_blocking(self._failure, False)

    def release(self) -> None:
        """Let the child become the program."""
        with suppress(BrokenPipeError):  # a signal ended it before; its end tells
            os.write(self._barrier, b"\n")
        os.close(self._barrier)

    def abandon(self) -> None:
        """Let go of a child that was not released: it ends without having done anything."""
        os.close(self._barrier)
        self.close()
        os.waitpid(self.pid, 0)

    def failure(self) -> bytes:
        """Why the program could not be started, once the child has ended; empty when it was started."""
        try:
            return os.read(self._failure, 4096)
        except BlockingIOError:
            return b""

    def resize(self, columns: int, rows: int) -> None:
        """Set the window size. The kernel tells the foreground programs (SIGWINCH) when it changes."""
        self._own_size = None
        self._set_size(columns, rows)

    def nudge(self) -> None:
        """Take another size for a moment, until `settle`: for programs that draw again only if the size has changed."""
        columns, rows = self._own_size = self.size()
        self._set_size(columns, rows - 1 if rows > 1 else rows + 1)

    def settle(self) -> None:
        """Take one's own size again."""
        if self._own_size is not None:
            self.resize(*self._own_size)

    def size(self) -> tuple[int, int]:
        """Columns and rows, which programs may set too; its own, whatever it has for a moment."""
        if self._own_size is not None:
            return self._own_size
        rows, columns, _, _ = struct.unpack("HHHH", fcntl.ioctl(self.master, termios.TIOCGWINSZ, bytes(8)))
        return columns, rows

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

    def line_ends(self) -> bytes | None:
        """The bytes that end a line where the terminal collects lines; None where programs read what is typed at once.

        Such a line has a bound, beyond which the kernel drops what is typed.
        """
        modes = termios.tcgetattr(self.master)
        if not modes[_LOCAL_MODES] & termios.ICANON:
            return None
        ends = [*_ENDS, *(_SIGNALS if modes[_LOCAL_MODES] & termios.ISIG else ())]
        characters = b"".join(modes[_CHARACTERS][end] for end in ends).replace(b"\0", b"")  # NUL: there is none
        return characters + (b"\n\r" if modes[_INPUT_MODES] & termios.ICRNL else b"\n")

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

    def _set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _signal_foreground(self, number: signal.Signals) -> None:
        try:
            group = os.tcgetpgrp(self.master)
        except OSError:
            return  # no foreground group: the leader ended a moment ago
        if group > 0:
            _signal_group(group, number)


def _erase_characters(terminal: int) -> None:
    """Have Backspace take a whole character from a line that the kernel collects, as it is in UTF-8."""
    modes = termios.tcgetattr(terminal)
    modes[_INPUT_MODES] |= _IUTF8
    termios.tcsetattr(terminal, termios.TCSANOW, modes)


def _opened(pair: tuple[int, int], on_failure: ExitStack, child_ends: ExitStack) -> tuple[int, int]:
    """(ours, the child's) of a pair of descriptors, each to be closed when its stack is unwound."""
    on_failure.callback(os.close, pair[0])
    child_ends.callback(os.close, pair[1])
    return pair


def _forget_handlers() -> None:
    """The child shares the pipe through which signals reach the holder's loop, and what is ignored would stay so."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with suppress(OSError):  # the C library keeps two or three for itself
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _signal_group(group: int, number: signal.Signals) -> None:
    # It may have ended a moment ago, or have changed its user; the next, harder step follows.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _become(
    argv: Sequence[bytes],
    env: Mapping[bytes, bytes],
    cwd: bytes,
    slave: int,
    barrier: int,
    release: int,
    failure: int,
) -> NoReturn:
    """The child's life between fork and exec. Nothing here may return or raise into the parent's code."""
    try:
        _forget_handlers()
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        os.close(release)  # else our own copy would keep the barrier from ending with the agent
        if os.read(barrier, 1) != b"\n":
            os._exit(0)  # the holder died before it wrote down the start, or could not
        for number in (0, 1, 2):
            os.dup2(slave, number)
        _enter(cwd, failure)
        os.execvpe(argv[0], list(argv), dict(env))  # noqa: S606 - an argument vector, no shell
    except FileNotFoundError as error:
        _fail(failure, argv[0], error, NOT_FOUND)
    except OSError as error:
        _fail(failure, argv[0], error, NOT_EXECUTABLE)
    finally:
        os._exit(NOT_EXECUTABLE)


def _enter(cwd: bytes, failure: int) -> None:
    try:
        os.chdir(cwd)
    except OSError as error:
        _fail(failure, b"cwd " + cwd, error, NOT_EXECUTABLE)


def _fail(failure: int, name: bytes, error: OSError, code: int) -> NoReturn:
    shown = name if len(name) <= SHOWN_NAME_BYTES else name[:SHOWN_NAME_BYTES] + b"..."
    os.write(failure, shown + b": " + str(error.strerror).encode())
    os._exit(code)
