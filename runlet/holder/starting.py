"""Starting an execution's program: once at most, whoever asks for it and whoever dies meanwhile.

The order: lock the execution's record, fork a child that waits at a barrier, write down that the program is started,
sync, open the barrier. docs/explanation/delivery.md tells what that promises.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
from contextlib import suppress

from runlet.holder import records, wire
from runlet.holder.holder import Holder
from runlet.holder.records import SOCKET, START, STARTED, Start, Started, UnreadableRecord
from runlet.holder.terminal import Terminal


def hold(name: str, agent: socket.socket) -> None:
    """Start what `name` says, in the working directory, and stay until its outcome is in safe hands.

    `agent` is connected to the agent that asks; it learns there also why nothing was started.
    """
    signals = _signals_to_pipe()  # first of all: no end of a child may be missed
    try:
        holder = _start(name, agent, signals)
    except BlockingIOError:
        _last_words(agent, wire.frame(wire.ELSEWHERE))
    except OSError as error:
        _last_words(agent, wire.frame(wire.REFUSED, str(error.strerror or error).encode()))
    except ValueError as error:
        _last_words(agent, wire.frame(wire.REFUSED, str(error).encode()))
    else:
        if holder is not None:
            holder.run()


def _start(name: str, agent: socket.socket, signals: int) -> Holder | None:
    """A holder whose program runs; None when there is nothing to start.

    Raises BlockingIOError when another holder has or had it, OSError or UnreadableRecord when it cannot be started.
    """
    start = Start.decode(records.read(name + START))
    # Not flock: the child between fork and exec would share it, and hold it when we are killed.
    lock = os.open(name + STARTED, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if _was_started(lock):
        raise BlockingIOError
    if _is_gone(agent) or not os.path.exists(name + START):
        os.unlink(name + STARTED)  # whoever asked died, or all of it is over since: we came late
        return None
    try:
        listener = _listen(name + SOCKET)
        terminal = Terminal(start.argv, start.environment, start.cwd, *start.size)
        try:
            _write_started(lock, terminal.pid)
        except OSError:
            terminal.abandon()
            raise
    except OSError:
        with suppress(OSError):
            os.unlink(name + STARTED)
        raise
    terminal.release()
    return Holder(name, start, terminal, listener, agent, signals)


def _was_started(lock: int) -> bool:
    try:
        Started.decode(os.pread(lock, 4096, 0))
    except UnreadableRecord:
        return False
    return True


def _write_started(lock: int, program: int) -> None:
    """Durable when this returns: from here on, the program is never started again."""
    record = Started(os.getpid(), program, records.start_ticks(program), records.boot_id())
    os.ftruncate(lock, 0)
    records.write_all(lock, record.encode())
    os.fsync(lock)
    records.sync_directory()


def _listen(path: str) -> socket.socket:
    with suppress(FileNotFoundError):
        os.unlink(path)  # of a holder that died before it started anything
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(128)  # agents that came and died while we were stopped (SIGSTOP) still stand in line
    listener.setblocking(False)
    return listener


def _is_gone(agent: socket.socket) -> bool:
    try:
        return not agent.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True


def _last_words(agent: socket.socket, frame: bytes) -> None:
    with suppress(OSError):
        agent.sendall(frame)


def _signals_to_pipe() -> int:
    """The reading end of a pipe that gets the number of each signal that concerns us."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: None)
    return reading
