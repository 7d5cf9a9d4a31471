"""Whether the programs on a terminal wait for something to be typed, as the kernel tells: looking, without judging.

A process that waits is in a system call, whose number and arguments Linux shows (/proc/PID/task/TID/syscall): a read of
the terminal, or a select, poll or epoll with the terminal among what it waits for. Of another user's process it shows
less, elsewhere nothing.

A program may give its own program another terminal and pass on what is typed (sudo, script, apt's dpkg). Then what
waits on that terminal waits for a person too.
"""

from __future__ import annotations

import fcntl
import os
import stat
import struct
import termios
from contextlib import suppress

from runlet.holder import calls
from runlet.holder.descriptors import is_own, links

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# What the programs in the foreground do. The largest that one of them does is what all do.
BUSY = 0  # none waits for the terminal
HIDDEN = 1  # one may not be looked at
SHARED = 2  # one waits for the terminal, or for something else: whichever comes first
LIMITED = 3  # one waits for the terminal, and goes on by itself after a while
READING = 4  # one waits for the terminal alone
# What is only told of those that nobody else on the terminal says more of, and that take keys one by one.
NAPPING = 5  # one lets time pass, and may look for keys between: as a program does that draws what goes on

# A program is not looked at beyond so many processes, nor the machine for strangers; all of them together not beyond so
# many threads, the first of each not counted. Looks that take long are taken less often.
MOST_PROCESSES = 256
MOST_THREADS = 1024

# Who lets so little time pass has something to do; runtimes tidy up less often while they wait.
NAP_SECONDS = 2.0
# Between two looks of a program that reads without waiting: what it says it says within this.
BETWEEN_SECONDS = 1.0

_DEV_TTY = os.makedev(5, 0)
_STARTED = 19  # behind a process's name in its `stat`: when it was started
_NO_TERMINAL = 0
_PTS_MAJOR = 136
_GET_PTS_NUMBER = 0x8004_5430  # TIOCGPTN
_TENTHS = 10  # VTIME is in tenths of a second
# They run programs elsewhere: where the terminal here collects lines, those have none, and ask nobody.
_CARRIERS = (b"ssh", b"docker", b"podman", b"kubectl", b"lxc")
# What tells a program to hide what is typed, where its screen need not say so.
_HIDING = frozenset((b"--passwordbox", b"--passwordform", b"--mixedform", b"--password"))


class Modes:
    """How a terminal treats what is typed: `lines` collects lines, `echo` shows them.

    A read of keys ends by itself after `read_limit` seconds; None: never.
    """

    __slots__ = ("echo", "lines", "read_limit")

    def __init__(self, *, lines: bool, echo: bool, read_limit: float | None = None) -> None:
        self.lines = lines
        self.echo = echo
        self.read_limit = read_limit


class Found:
    """What is seen of the programs on a terminal.

    `activity` is what they do, `limit` the seconds after which a *limited* wait ends by itself, as far as they are
    known; `call` is the same as long as one and the same system call waits; `hides`: the program was told to hide what
    is typed.
    """

    __slots__ = ("activity", "call", "hides", "limit", "modes")

    def __init__(
        self,
        activity: int,
        modes: Modes,
        *,
        limit: float = 0.0,
        call: tuple[int, ...] = (),
        hides: bool = False,
    ) -> None:
        self.activity = activity
        self.modes = modes
        self.limit = limit
        self.call = call
        self.hides = hides


class _Process:
    """What anybody may know of a process, and those of its threads that are looked at."""

    __slots__ = ("is_at_work", "is_foreground", "name", "pid", "started", "terminal", "threads")

    def __init__(
        self,
        pid: int,
        terminal: int,
        threads: list[str],
        *,
        is_foreground: bool,
        is_at_work: bool = False,
        name: bytes = b"",
        started: int = 0,
    ) -> None:
        self.pid = pid
        self.terminal = terminal
        self.threads = threads
        self.is_foreground = is_foreground
        self.is_at_work = is_at_work
        self.name = name
        self.started = started


class _Threads:
    """How many threads one look may still look at."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = MOST_THREADS

    def of(self, pid: int) -> list[str]:
        """Of a process: the first, and others as long as there are some left. Raises OSError."""
        found = os.listdir(f"/proc/{pid}/task")[: 1 + self._left]
        self._left -= max(0, len(found) - 1)
        return found


class _Wait:
    """What a thread does: one of the activities, for `limit` seconds at most."""

    __slots__ = ("activity", "limit", "process", "thread")

    def __init__(self, activity: int, process: _Process | None = None, thread: str = "", limit: float = 0.0) -> None:
        self.activity = activity
        self.process = process
        self.thread = thread
        self.limit = limit


def modes(terminal: int) -> Modes:
    """Of an open terminal. Raises OSError, termios.error."""
    found = termios.tcgetattr(terminal)
    lines = bool(found[3] & termios.ICANON)
    characters = found[6]
    limited = not lines and characters[termios.VMIN] == 0
    return Modes(
        lines=lines,
        echo=bool(found[3] & termios.ECHO),
        read_limit=characters[termios.VTIME] / _TENTHS if limited else None,
    )


def look(program: int, master: int) -> Found:
    """What the programs on this terminal do, of `program` and all it started, and how the terminal treats them.

    Where a program waits on a terminal within this one, that terminal's modes. Raises OSError, termios.error when the
    terminal is gone.
    """
    outer = modes(master)
    own = os.makedev(_PTS_MAJOR, struct.unpack("I", fcntl.ioctl(master, _GET_PTS_NUMBER, bytes(4)))[0])
    threads = _Threads()
    processes = list(_processes(program, own, threads))
    if not processes:
        return Found(HIDDEN, outer)
    by_terminal: dict[int, list[_Process]] = {own: []}  # the outermost first
    for one in processes:
        if one.is_foreground:
            by_terminal.setdefault(one.terminal, []).append(one)
    on_own = by_terminal.pop(own)
    wait = _all_of(on_own, outer)
    if wait.activity == SHARED:
        if outer.lines and wait.process is not None and wait.process.name in _CARRIERS:
            return Found(BUSY, outer)
        found = [(some[0].terminal, _modes_within(some)) for some in by_terminal.values()]
        within = _innermost(
            [_all_of(some, inner) for some, (_, inner) in zip(by_terminal.values(), found, strict=True)]
        )
        if within.activity != HIDDEN:
            inner = dict(found)[within.process.terminal] if within.process is not None else None
            return _found(within, _seen_through(outer, inner or outer))
    if wait.activity == HIDDEN and any(one.is_at_work for one in processes):
        return Found(BUSY, outer)  # on a terminal within, for instance
    if wait.activity == BUSY and not (outer.lines and outer.echo):
        if any(map(_talks, on_own)):
            wait = _all_of([*on_own, *_strangers(own, processes, threads)], outer)
        napping = [one for one in on_own if _naps(one)] if wait.activity == BUSY and not outer.lines else []
        if napping:
            between = next(filter(_looks_between, napping), None)
            wait = _Wait(NAPPING) if between is None else _Wait(LIMITED, between, str(between.pid), BETWEEN_SECONDS)
    return _found(wait, outer)


def _found(wait: _Wait, seen: Modes) -> Found:
    if wait.process is None:
        return Found(wait.activity, seen)
    return Found(
        wait.activity,
        seen,
        limit=wait.limit,
        call=_call_of(wait.process.pid, wait.thread),
        hides=not seen.echo and not _HIDING.isdisjoint(_arguments(wait.process.pid)),
    )


def _seen_through(outer: Modes, inner: Modes) -> Modes:
    """How a terminal within treats what is typed on the outer one, which may show it by itself."""
    return Modes(lines=inner.lines, echo=inner.echo or (outer.lines and outer.echo))


def _innermost(found: list[_Wait]) -> _Wait:
    """What is done on the terminals within: who passes on to one further within does what is done there."""
    last = len(found) - 1
    ends = [one for at, one in enumerate(found) if one.activity != SHARED or at == last]
    return max(ends, key=_rank, default=_Wait(HIDDEN))


def _rank(wait: _Wait) -> int:
    return wait.activity


def _strangers(terminal: int, known: list[_Process], threads: _Threads) -> Iterator[_Process]:
    """Those that a program has called to its terminal, and did not start: gpg's agent asks for a passphrase there.

    Among the newest processes of the machine: they were started when they were called, so none is older than `known`.
    """
    path = f"/dev/pts/{os.minor(terminal)}"
    others = {int(name) for name in os.listdir("/proc") if name.isdigit()} - {one.pid for one in known}
    for pid in sorted(others, reverse=True)[:MOST_PROCESSES]:
        with suppress(OSError):  # it ended while we looked
            if _started(pid) >= known[0].started and path in links(pid).values():
                yield _Process(pid, terminal, threads.of(pid), is_foreground=True)


def _started(pid: int) -> int:
    """When a process was started, in the kernel's ticks. Raises OSError."""
    return int(calls.read(f"/proc/{pid}/stat").rpartition(b")")[2].split()[_STARTED])


def _talks(process: _Process) -> bool:
    """Whether it may have called a stranger: nobody comes to a terminal unasked."""
    return any(link.startswith("socket:") for link in links(process.pid).values())


def _all_of(processes: list[_Process], seen: Modes | None) -> _Wait:
    """The largest of what they do, on a terminal of these modes."""
    waits = (_waits(one, seen) for one in processes)
    return max(waits, key=_rank, default=_Wait(HIDDEN))


def _processes(program: int, terminal: int, threads: _Threads) -> Iterator[_Process]:
    """The program, which was given this terminal, and what descends from it."""
    found = [(program, terminal)]
    count = 0
    while found and count < MOST_PROCESSES:
        pid, terminal = found.pop()
        count += 1
        try:
            head, _, tail = calls.read(f"/proc/{pid}/stat").rpartition(b")")
            fields = tail.split()
            # Behind the name: state, parent, group, session, terminal, the terminal's foreground.
            own = int(fields[4])
            # One that is put into a session of its own, as by `su -c`, has none, and reads the one it was given.
            process = _Process(
                pid,
                own or terminal,
                threads.of(pid),
                is_foreground=own == _NO_TERMINAL or fields[2] == fields[5],
                is_at_work=fields[0] in (b"R", b"D"),
                name=head.partition(b"(")[2],
                started=int(fields[_STARTED]),
            )
            if fields[0] not in (b"Z", b"X"):
                yield process
            for thread in process.threads:
                children = calls.read(f"/proc/{pid}/task/{thread}/children").split()
                found += [(int(child), process.terminal) for child in children]
        except OSError:
            continue  # it ended while we looked


def _waits(process: _Process, seen: Modes | None) -> _Wait:
    """What the process does, on a terminal of these modes. Of one that may not be looked at, anybody may know whether
    it is at work.
    """
    found = _Wait(BUSY)
    works = False
    lines, read_limit = (True, None) if seen is None else (seen.lines, seen.read_limit)
    unseen = BUSY if process.is_at_work else HIDDEN
    try:
        for thread in process.threads:
            words = calls.now(process.pid, thread)
            call = calls.wait_of(process.pid, words)
            works |= words == [b"running"] or calls.is_nap(words) or (lines and _naps_in(process, call))
            found = max(found, _call(process, thread, call, read_limit), key=_rank)
    except FileNotFoundError:
        return max(found, _Wait(BUSY if os.path.exists("/proc/self/syscall") else unseen), key=_rank)
    except OSError:
        return max(found, _Wait(unseen), key=_rank)
    if works and found.activity == READING:
        found.activity = LIMITED
    return found


def _naps(process: _Process) -> bool:
    """Whether it writes to its terminal, and lets time pass just now. A pipe's writer does not: it feeds a gauge."""
    try:
        threads = process.threads if _is_terminal(process, 1) else []
        return any(calls.is_nap(calls.now(process.pid, thread)) for thread in threads)
    except OSError:
        return False


def _looks_between(process: _Process) -> bool:
    """Whether it reads its terminal without waiting: what it does between its naps."""
    try:
        flags = calls.read(f"/proc/{process.pid}/fdinfo/0").partition(b"flags:")[2].split()[0]
    except OSError:
        return False
    return _is_terminal(process, 0) and bool(int(flags, 8) & os.O_NONBLOCK)


def _naps_in(process: _Process, call: calls.Call | None) -> bool:
    """Whether this lets a short time pass, as Go programs and event loops sleep: nothing else may end it. Who takes
    keys one by one may only have its cursor blink.
    """
    if call is None or call.limit is None or not 0 < call.limit <= NAP_SECONDS:
        return False
    return all(is_own(process.pid, file) for file in call.files)


def _call(process: _Process, thread: str, call: calls.Call | None, read_limit: float | None) -> _Wait:
    """What a thread in this system call does."""
    if not calls.is_known():
        return _Wait(HIDDEN)
    terminals = [] if call is None else [file for file in call.files if _is_terminal(process, file)]
    if call is None or not terminals:
        return _Wait(BUSY)
    if not all(file in terminals or is_own(process.pid, file) for file in call.files):
        return _Wait(SHARED, process, thread)
    limit = read_limit if call.is_read else call.limit
    return _Wait(READING if limit is None else LIMITED, process, thread, limit or 0.0)


def _is_terminal(process: _Process, file: int) -> bool:
    """Whether it is the process's own terminal."""
    try:
        found = os.stat(f"/proc/{process.pid}/fd/{file}")
    except FileNotFoundError:
        return False
    return stat.S_ISCHR(found.st_mode) and found.st_rdev in (process.terminal, _DEV_TTY)


def _call_of(pid: int, thread: str) -> tuple[int, ...]:
    """The same as long as this thread waits in one and the same call: it has not run since."""
    try:
        switched = calls.read(f"/proc/{pid}/task/{thread}/status").partition(b"\nvoluntary_ctxt_switches:")[2].split()
        return pid, int(thread), int(switched[0])
    except (OSError, IndexError):
        return ()


def _arguments(pid: int) -> list[bytes]:
    try:
        return calls.read(f"/proc/{pid}/cmdline").split(b"\0")
    except OSError:
        return []


def _modes_within(processes: list[_Process]) -> Modes | None:
    """The modes of the terminal that these have; None when none of them may be asked."""
    for one in processes:
        for file in links(one.pid):
            path = f"/proc/{one.pid}/fd/{file}"
            with suppress(OSError, termios.error):
                # /dev/tty is of who opens it, which would be ours.
                if os.stat(path).st_rdev == one.terminal:
                    return _modes_at(path)
    # One that has nothing but /dev/tty.
    path = f"/dev/pts/{os.minor(processes[0].terminal)}"
    with suppress(OSError, termios.error):
        if os.stat(path).st_rdev == processes[0].terminal:
            return _modes_at(path)
    return None


def _modes_at(path: str) -> Modes:
    terminal = os.open(path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return modes(terminal)
    finally:
        os.close(terminal)
