"""The calls in which a process waits, as Linux shows them (/proc/PID/task/TID/syscall): for which files, how long."""

from __future__ import annotations

import os
import struct

# A wait is not looked at beyond so many files.
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
# The calls whose time is in microseconds.
_SELECTS = {"x86_64": (23,), "armv6l": (142,), "armv7l": (142,), "armv8l": (142,), "i686": (142,)}

_CALL_WORDS = 9  # its number, six arguments, the stack, where it is
_POLLED = struct.Struct("=ihh")
_TIME = struct.Struct("ll")  # seconds, and nano- or microseconds
_MICROSECONDS, _NANOSECONDS = 1_000_000, 1_000_000_000
_POLLIN = 1


class Call:
    """A wait for any of these files to be readable; it ends by itself after `limit` seconds, None: it does not."""

    __slots__ = ("files", "is_read", "limit")

    def __init__(self, files: list[int], limit: float | None = None, *, is_read: bool = False) -> None:
        self.files = files
        self.limit = limit
        self.is_read = is_read


def is_known() -> bool:
    """Whether the calls of this machine are known."""
    return _machine in _CALLS


def now(pid: int, thread: str) -> list[bytes]:
    """The call that a thread is in: its number and arguments, or that it runs. Raises OSError."""
    return read(f"/proc/{pid}/task/{thread}/syscall").split()


def is_nap(words: list[bytes]) -> bool:
    """Whether this lets time pass, and nothing else."""
    return len(words) == _CALL_WORDS and int(words[0]) in _CALLS.get(_machine, {}).get("sleep", ())


def wait_of(pid: int, words: list[bytes]) -> Call | None:
    """What a process waits for in this call; None when it runs, or waits for no file. Raises OSError."""
    calls = _CALLS.get(_machine)
    if len(words) < _CALL_WORDS or calls is None:
        return None  # it runs, or waits for no call: a page of a slow disk
    number, arguments = int(words[0]), [int(word, 16) for word in words[1:7]]
    if number in calls["read"]:
        return Call([arguments[0]], is_read=True)
    if number in calls["poll"]:
        polled = memory(pid, arguments[0], _POLLED.size * min(arguments[1], MOST_FILES))
        files = [file for file, events, _ in _POLLED.iter_unpack(polled) if file >= 0 and events & _POLLIN]
        return Call(files, _limit(pid, number, arguments[2]))
    if number in calls["select"]:
        bits = memory(pid, arguments[1], (min(arguments[0], MOST_FILES) + 7) // 8) if arguments[1] else b""
        files = [at for at in range(len(bits) * 8) if bits[at // 8] >> at % 8 & 1]
        return Call(files, _limit(pid, number, arguments[4]))
    if number in calls["epoll"]:
        lines = read(f"/proc/{pid}/fdinfo/{arguments[0]}").splitlines()
        waited = [line.split()[1:4:2] for line in lines if line.startswith(b"tfd:")]
        files = [int(file) for file, events in waited if int(events, 16) & _POLLIN]
        return Call(files, _limit(pid, number, arguments[3]))
    return None


def _limit(pid: int, number: int, argument: int) -> float | None:
    """The seconds after which a wait ends by itself; None: it does not."""
    if number in _MILLISECONDS[_machine]:
        return None if argument & 0x8000_0000 else argument / 1000  # a negative number: for ever
    if argument == 0:
        return None
    seconds, fraction = _TIME.unpack(memory(pid, argument, _TIME.size))
    return float(seconds + fraction / (_MICROSECONDS if number in _SELECTS.get(_machine, ()) else _NANOSECONDS))


def memory(pid: int, address: int, size: int) -> bytes:
    """Of a process. Raises OSError."""
    file = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.pread(file, size, address)
        if len(data) < size:
            raise OSError(f"{len(data)} of {size} bytes are there")  # another thread has just unmapped the rest
        return data
    finally:
        os.close(file)


def read(path: str) -> bytes:
    """Of a file in /proc. Raises OSError."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(file, 64 * 1024)
    finally:
        os.close(file)


def _machine_of_programs() -> str:
    machine = os.uname().machine
    return _NARROW.get(machine, machine) if struct.calcsize("P") == 4 else machine


_machine = _machine_of_programs()
