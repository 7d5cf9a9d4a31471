"""Whether the programs on a terminal wait for something to be typed, as the kernel tells: looking, without judging.

A process that waits is in a system call, whose number and arguments Linux shows (/proc/PID/task/TID/syscall): a read of
the terminal, or a select, poll or epoll with the terminal among what it waits for. Of another user's process it shows
less, elsewhere nothing.

A program may give its own program another terminal and pass on what is typed (sudo, script, apt's dpkg). Then what
waits on that terminal waits for a person too.
"""

from __future__ import annotations

import os
import stat
import struct
import termios
from contextlib import suppress

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

# A program is not looked at beyond so many processes, nor the machine for strangers; a process beyond so many threads,
# a wait beyond so many files.
MOST_PROCESSES = 256
MOST_THREADS = 64
MOST_FILES = 1024

# The numbers of the calls in which a process may wait for a terminal, by machine.
_GENERIC = {"read": (63, 65), "poll": (73,), "select": (72,), "epoll": (22, 441), "sleep": (101, 115)}
_ARM = {
    "read": (3, 145),
    "poll": (168, 336, 414),
    "select": (142, 335, 413),
    "epoll": (252, 346, 441),
    "sleep": (162, 265, 407),
}
_CALLS = {
    "x86_64": {"read": (0, 19), "poll": (7, 271), "select": (23, 270), "epoll": (232, 281, 441), "sleep": (35, 230)},
    "aarch64": _GENERIC,
    "riscv64": _GENERIC,
    "armv6l": _ARM,
    "armv7l": _ARM,
    "armv8l": _ARM,
    "i686": {
        "read": (3, 145),
        "poll": (168, 309, 414),
        "select": (142, 308, 413),
        "epoll": (256, 319, 441),
        "sleep": (162, 267, 407),
    },
}
# A kernel of 64 bits below programs of 32, as on many a Raspberry Pi.
_NARROW = {"aarch64": "armv7l", "x86_64": "i686"}
# The calls whose limit is a number of milliseconds, not where a time is kept.
_ARM_MILLISECONDS = (168, 252, 346)
_MILLISECONDS = {
    "x86_64": (7, 232, 281),
    "aarch64": (22,),
    "riscv64": (22,),
    "armv6l": _ARM_MILLISECONDS,
    "armv7l": _ARM_MILLISECONDS,
    "armv8l": _ARM_MILLISECONDS,
    "i686": (168, 256, 319),
}

_POLLED = struct.Struct("=ihh")
_POLLIN = 1
_DEV_TTY = os.makedev(5, 0)
_NO_TERMINAL = 0
# Anonymous files by which a process wakes itself.
_OWN_FILES = ("eventfd", "signalfd", "timerfd", "eventpoll", "io_uring")


class Modes:
    """How a terminal treats what is typed: `lines` collects lines, `echo` shows them."""

    __slots__ = ("echo", "lines")

    def __init__(self, *, lines: bool, echo: bool) -> None:
        self.lines = lines
        self.echo = echo


class _Process:
    """What anybody may know of a process."""

    __slots__ = ("is_foreground", "pid", "terminal")

    def __init__(self, pid: int, terminal: int, *, is_foreground: bool) -> None:
        self.pid = pid
        self.terminal = terminal
        self.is_foreground = is_foreground


def modes(terminal: int) -> Modes:
    """Of an open terminal. Raises OSError, termios.error."""
    local = termios.tcgetattr(terminal)[3]
    return Modes(lines=bool(local & termios.ICANON), echo=bool(local & termios.ECHO))


def look(program: int, master: int) -> tuple[int, Modes]:
    """(what the programs on this terminal do, its modes), of `program` and all it started.

    Where a program waits on a terminal within this one, that terminal's modes. Raises OSError, termios.error when the
    terminal is gone.
    """
    found = modes(master)
    processes = list(_processes(program))
    if not processes:
        return HIDDEN, found
    own = processes[0].terminal
    by_terminal: dict[int, list[_Process]] = {}  # the outermost first
    for one in processes:
        if one.is_foreground:
            by_terminal.setdefault(one.terminal, []).append(one)
    outer = by_terminal.pop(own, [])
    activity, _, _ = _all_of(outer)
    if activity == SHARED:
        within, pid, file = _innermost([_all_of(some) for some in by_terminal.values()])
        if within != HIDDEN:
            return within, _modes_of(pid, file) or found
    if activity == BUSY and not found.lines:
        if any(map(_talks, outer)):
            activity, _, _ = _all_of([*outer, *_strangers(own, {one.pid for one in processes})])
        if activity == BUSY and any(map(_naps, outer)):
            activity = NAPPING
    return activity, found


def _innermost(found: list[tuple[int, int, int]]) -> tuple[int, int, int]:
    """What is done on the terminals within: who passes on to one further within does what is done there."""
    last = len(found) - 1
    ends = [one for at, one in enumerate(found) if one[0] != SHARED or at == last]
    return max(ends, default=(HIDDEN, -1, -1))


def _strangers(terminal: int, known: set[int]) -> Iterator[_Process]:
    """Those that a program has called to its terminal, and did not start: gpg's agent asks for a passphrase there.

    Among the newest processes of the machine: they were started when they were called.
    """
    path = f"/dev/pts/{os.minor(terminal)}"
    others = {int(name) for name in os.listdir("/proc") if name.isdigit()} - known
    for pid in sorted(others, reverse=True)[:MOST_PROCESSES]:
        if path in _links(pid).values():
            yield _Process(pid, terminal, is_foreground=True)


def _talks(process: _Process) -> bool:
    """Whether it may have called a stranger: nobody comes to a terminal unasked."""
    return any(link.startswith("socket:") for link in _links(process.pid).values())


def _links(pid: int) -> dict[str, str]:
    """What each descriptor of a process is of; none of one that ended, or may not be looked at."""
    folder = f"/proc/{pid}/fd/"
    found: dict[str, str] = {}
    with suppress(OSError):
        for file in os.listdir(folder):
            with suppress(OSError):  # it was closed meanwhile
                found[file] = os.readlink(folder + file)
    return found


def _all_of(processes: list[_Process]) -> tuple[int, int, int]:
    """(what they do, the one that does it, the descriptor of its terminal)."""
    activity, pid, file = HIDDEN if not processes else BUSY, -1, -1
    for one in processes:
        does, of = _waits(one)
        if does > activity:
            activity, pid, file = does, one.pid, of
    return activity, pid, file


def _processes(program: int) -> Iterator[_Process]:
    """The program and what descends from it."""
    found = [(program, _NO_TERMINAL)]
    count = 0
    while found and count < MOST_PROCESSES:
        pid, terminal = found.pop()
        count += 1
        try:
            fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
            # Behind the name: state, parent, group, session, terminal, the terminal's foreground.
            own = int(fields[4])
            # One that is put into a session of its own, as by `su -c`, has none, and reads the one it was given.
            is_foreground = own == _NO_TERMINAL or fields[2] == fields[5]
            process = _Process(pid, own or terminal, is_foreground=is_foreground)
            if fields[0] not in (b"Z", b"X"):
                yield process
            for thread in _threads(pid):
                children = _read(f"/proc/{pid}/task/{thread}/children").split()
                found += [(int(child), process.terminal) for child in children]
        except OSError:
            continue  # it ended while we looked


def _waits(process: _Process) -> tuple[int, int]:
    """(what the process does, the descriptor of the terminal that it waits for)."""
    found = BUSY, -1
    works = False
    try:
        for thread in _threads(process.pid)[:MOST_THREADS]:
            call = _read(f"/proc/{process.pid}/task/{thread}/syscall").split()
            works |= call == [b"running"]
            found = max(found, _call(process, call))
    except FileNotFoundError:
        return max(found, (BUSY if os.path.exists("/proc/self/syscall") else HIDDEN, -1))
    except OSError:
        return max(found, (HIDDEN, -1))
    return (LIMITED, found[1]) if works and found[0] == READING else found


def _naps(process: _Process) -> bool:
    """Whether it writes to its terminal, and lets time pass just now. A pipe's writer does not: it feeds a gauge."""
    calls = _CALLS.get(_machine, {})
    try:
        if not _is_terminal(process, 1):
            return False
        for thread in _threads(process.pid)[:MOST_THREADS]:
            words = _read(f"/proc/{process.pid}/task/{thread}/syscall").split()
            if len(words) == 9 and int(words[0]) in calls.get("sleep", ()):
                return True
    except OSError:
        pass
    return False


def _call(process: _Process, words: list[bytes]) -> tuple[int, int]:
    """What a thread in this system call does."""
    if len(words) < 9:
        return BUSY, -1  # it runs, or waits for no call: a page of a slow disk
    number, arguments = int(words[0]), [int(word, 16) for word in words[1:7]]
    calls = _CALLS.get(_machine)
    if calls is None:
        return HIDDEN, -1
    if number in calls["read"]:
        file = arguments[0]
        return (READING, file) if _is_terminal(process, file) else (BUSY, -1)
    limited = False
    files: list[int] = []
    if number in calls["poll"]:
        limited = _is_limited(number, arguments[2])
        polled = _memory(process.pid, arguments[0], _POLLED.size * min(arguments[1], MOST_FILES))
        files += [file for file, events, _ in _POLLED.iter_unpack(polled) if file >= 0 and events & _POLLIN]
    elif number in calls["select"]:
        limited = arguments[4] != 0
        bits = _memory(process.pid, arguments[1], (min(arguments[0], MOST_FILES) + 7) // 8) if arguments[1] else b""
        files += [at for at in range(len(bits) * 8) if bits[at // 8] >> at % 8 & 1]
    elif number in calls["epoll"]:
        limited = _is_limited(number, arguments[3])
        lines = _read(f"/proc/{process.pid}/fdinfo/{arguments[0]}").splitlines()
        waited = [line.split()[1:4:2] for line in lines if line.startswith(b"tfd:")]
        files += [int(file) for file, events in waited if int(events, 16) & _POLLIN]
    else:
        return BUSY, -1
    terminals = [file for file in files if _is_terminal(process, file)]
    if not terminals:
        return BUSY, -1
    if not all(file in terminals or _is_own(process.pid, file) for file in files):
        return SHARED, terminals[0]
    return (LIMITED if limited else READING), terminals[0]


def _is_limited(number: int, argument: int) -> bool:
    if number in _MILLISECONDS[_machine]:
        return argument & 0x8000_0000 == 0  # a negative number: for ever
    return argument != 0


def _is_terminal(process: _Process, file: int) -> bool:
    """Whether it is the process's own terminal."""
    try:
        found = os.stat(f"/proc/{process.pid}/fd/{file}")
    except FileNotFoundError:
        return False
    return stat.S_ISCHR(found.st_mode) and found.st_rdev in (process.terminal, _DEV_TTY)


def _is_own(pid: int, file: int) -> bool:
    """Whether only the process itself can wake itself by this file: what event loops have for their timers."""
    others = _links(pid)
    name = others.pop(str(file), "")
    kind, _, rest = name.partition(":")
    if kind == "anon_inode":
        return rest.strip("[]") in _OWN_FILES
    if kind not in ("pipe", "socket"):
        return False
    if kind == "pipe":
        return name in others.values()  # both its ends
    number = int(rest.strip("[]"))  # the two of a pair are numbered one after the other
    return not {f"socket:[{number - 1}]", f"socket:[{number + 1}]"}.isdisjoint(others.values())


def _modes_of(pid: int, file: int) -> Modes | None:
    """The modes of a terminal that a process has open."""
    try:
        terminal = os.open(f"/proc/{pid}/fd/{file}", os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return modes(terminal)
    except (OSError, termios.error):
        return None
    finally:
        os.close(terminal)


def _memory(pid: int, address: int, size: int) -> bytes:
    file = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(file, size, address)
    finally:
        os.close(file)


def _threads(pid: int) -> list[str]:
    return os.listdir(f"/proc/{pid}/task")


def _read(path: str) -> bytes:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(file, 64 * 1024)
    finally:
        os.close(file)


def _machine_of_programs() -> str:
    machine = os.uname().machine
    return _NARROW.get(machine, machine) if struct.calcsize("P") == 4 else machine


_machine = _machine_of_programs()
