"""What a holder reads and writes on the disk: how a program is to be started, that it was, and how it ended.

    <name>.start      written by the agent, before it asks for a holder
    <name>.started    written by the holder, synced, before the program runs; locked for as long as the holder lives
    <name>.ended      written by the holder, synced, when no agent takes the outcome from it
    <name>.socket     where an agent reaches the holder

`name` is the execution and the attempt. The agent removes all of them once the outcome is in its journal, `.start`
first: a holder that comes late finds nothing to start.
A record is a list of byte strings, each after its length; the first is the version. Numbers are written in decimal.
"""

from __future__ import annotations

import os
import struct
import time

START, STARTED, ENDED, SOCKET = ".start", ".started", ".ended", ".socket"
NEW = ".new"  # behind the name of a file that is being written

_VERSION = b"1"
_LENGTH = struct.Struct(">I")


class UnreadableRecord(ValueError):
    """It is cut off, or of another version."""


class Start:
    """A program to be started: exactly this, in exactly this environment.

    `size` is columns and rows; `timeout` is in seconds, None for no limit; `limit` is how many bytes the program may
    print, None for any number. `on_timeout`, `on_limit` and `on_stop` are what the agent wants to be told with the end
    of a program that was ended for its time, its output, or by a SIGTERM to its holder. Without `on_limit` it is not
    ended, and waits at its limit.
    """

    __slots__ = (
        "argv",
        "cwd",
        "environment",
        "execution",
        "limit",
        "on_limit",
        "on_stop",
        "on_timeout",
        "size",
        "timeout",
    )

    def __init__(
        self,
        execution: bytes,
        argv: list[bytes],
        environment: dict[bytes, bytes],
        cwd: bytes,
        size: tuple[int, int],
        timeout: float | None,
        on_timeout: bytes,
        limit: int | None,
        on_limit: bytes,
        on_stop: bytes,
    ) -> None:
        self.execution = execution
        self.argv = argv
        self.environment = environment
        self.cwd = cwd
        self.size = size
        self.timeout = timeout
        self.on_timeout = on_timeout
        self.limit = limit
        self.on_limit = on_limit
        self.on_stop = on_stop

    def encode(self) -> bytes:
        columns, rows = self.size
        timeout = b"" if self.timeout is None else repr(self.timeout).encode()
        limit = b"" if self.limit is None else b"%d" % self.limit
        single = (self.execution, self.cwd, b"%d" % columns, b"%d" % rows, timeout, limit)
        verdicts = (self.on_timeout, self.on_limit, self.on_stop)
        pairs = [part for pair in self.environment.items() for part in pair]
        return _pack([*single, *verdicts, b"%d" % len(self.argv), *self.argv, *pairs])

    @classmethod
    def decode(cls, body: bytes) -> Start:
        """Raises UnreadableRecord."""
        fields = _unpack(body, least=10)
        execution, cwd, columns, rows, timeout, limit, on_timeout, on_limit, on_stop, count = fields[:10]
        argv, pairs = fields[10 : 10 + int(count)], fields[10 + int(count) :]
        return cls(
            execution,
            argv,
            dict(zip(pairs[::2], pairs[1::2], strict=True)),
            cwd,
            (int(columns), int(rows)),
            float(timeout) if timeout else None,
            on_timeout,
            int(limit) if limit else None,
            on_limit,
            on_stop,
        )


class Started:
    """A program was started, as process `program` of the boot `boot`, in clock ticks `since` that; by `holder`."""

    __slots__ = ("boot", "holder", "program", "since")

    def __init__(self, holder: int, program: int, since: int, boot: bytes) -> None:
        self.holder = holder
        self.program = program
        self.since = since
        self.boot = boot

    def encode(self) -> bytes:
        return _pack([b"%d" % self.holder, b"%d" % self.program, b"%d" % self.since, self.boot])

    @classmethod
    def decode(cls, body: bytes) -> Started:
        """Raises UnreadableRecord: then its writing was not completed, and the program never ran."""
        holder, program, since, boot = _unpack(body, least=4)[:4]
        return cls(int(holder), int(program), int(since), boot)


class Ended:
    """How a program ended.

    `code` is the exit code, or the negative number of a signal; `failure` says why it could not be started; `seconds`
    is how long it ran, without the time that it waited for a person. `verdict` is what was given with the order to end
    it, empty when it ended by itself. `tail` is the end of its output from `offset` on, what the controller had not
    stored, and `moments` when that was printed, as moments.py packs them.
    """

    __slots__ = ("code", "failure", "moments", "offset", "seconds", "tail", "verdict")

    def __init__(
        self,
        code: int,
        seconds: float,
        failure: bytes,
        verdict: bytes,
        offset: int = 0,
        tail: bytes = b"",
        moments: bytes = b"",
    ) -> None:
        self.code = code
        self.seconds = seconds
        self.failure = failure
        self.verdict = verdict
        self.offset = offset
        self.tail = tail
        self.moments = moments

    def encode(self) -> bytes:
        numbers = b"%d" % self.code, repr(self.seconds).encode(), b"%d" % self.offset
        return _pack([*numbers, self.failure, self.verdict, self.tail, self.moments])

    @classmethod
    def decode(cls, body: bytes) -> Ended:
        """Raises UnreadableRecord."""
        code, seconds, offset, failure, verdict, tail, *more = _unpack(body, least=6)
        moments = more[0] if more else b""  # an older holder writes none
        return cls(int(code), float(seconds), failure, verdict, int(offset), tail, moments)


def read(name: str) -> bytes:
    with open(name, "rb") as file:
        return file.read()


def write_durably(name: str, body: bytes) -> None:
    """Replace the file in the working directory, so that it survives a power cut. Raises OSError; then it may not."""
    new = name + NEW
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        write_all(file, body)
        os.fsync(file)
    finally:
        os.close(file)
    os.rename(new, name)
    sync_directory()


def write_all(file: int, body: bytes) -> None:
    left = memoryview(body)
    while left:
        left = left[os.write(file, left) :]


def sync_directory() -> None:
    """Make the names in the working directory survive a power cut."""
    directory = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def boot_id() -> bytes:
    """What tells this boot of the machine from every other."""
    try:
        return read("/proc/sys/kernel/random/boot_id").strip()
    except OSError:
        return b"%d" % (time.time() - time.monotonic())  # not Linux: when it was booted, to the second


def start_ticks(pid: int) -> int:
    """When a process was started, in the kernel's ticks since the boot; with its number it names it for good."""
    try:
        stat = read(f"/proc/{pid}/stat")
    except OSError:
        return 0
    return int(stat.rpartition(b")")[2].split()[19])  # the 22nd field; the name before may hold spaces


def _pack(fields: list[bytes]) -> bytes:
    return b"".join(_LENGTH.pack(len(field)) + field for field in [_VERSION, *fields])


def _unpack(body: bytes, least: int) -> list[bytes]:
    fields = []
    at = 0
    while at < len(body):
        if at + _LENGTH.size > len(body):
            raise UnreadableRecord("a record is cut off")
        (length,) = _LENGTH.unpack_from(body, at)
        at += _LENGTH.size
        if at + length > len(body):
            raise UnreadableRecord("a record is cut off")
        fields.append(body[at : at + length])
        at += length
    if not fields or fields[0] != _VERSION or len(fields) <= least:
        raise UnreadableRecord("a record of another version")
    return fields[1:]
