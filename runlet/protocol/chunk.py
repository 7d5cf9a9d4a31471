"""Bytes of one terminal: output by its offset, input by its number.

A chunk, the same layout on AMQP and on a console's WebSocket:

    1 byte    layout version, 1
    16 bytes  execution (UUID)
    2 bytes   attempt, unsigned, big-endian
    8 bytes   position, unsigned, big-endian: the stream's offset of output
    the rest  the bytes themselves

What is typed, from a console to the controller:

    1 byte    layout version, 5
    16 bytes  execution (UUID)
    2 bytes   attempt, unsigned, big-endian
    1 byte    TYPED or REPLIED
    8 bytes   when, in seconds by the console's own clock, which nobody sets: a double, big-endian
    the rest  the bytes themselves

Output from an agent, with when it was printed:

    1 byte    layout version, 4
    26 bytes  as above
    2 bytes   how many moments follow, unsigned, big-endian
    20 bytes  each of them (see moment.py), in order, within the bytes
    the rest  the bytes themselves

What is typed, from the controller to an agent:

    1 byte    layout version, 6
    16 bytes  execution (UUID)
    2 bytes   attempt, unsigned, big-endian
    8 bytes   console, unsigned, big-endian
    8 bytes   number, unsigned, big-endian: how many bytes this console has typed for this execution, with these
    1 byte    TYPED or REPLIED
    8 bytes   identity, unsigned, big-endian: the console's own number, the same when it attaches again
    8 bytes   epoch, unsigned, big-endian: the newest state of the lease that was known where it was typed; 0: none was
    8 bytes   clock, unsigned, big-endian: whose the next is, a number drawn by each controller at its start
    8 bytes   when it was typed, in seconds by that clock, which nobody sets: a double, big-endian
    1 byte    length of the name that follows: whose console it is, in UTF-8
    the rest  the bytes themselves

Output is idempotent: a reader takes the part beyond what it has, and asks again when there is a hole before it. Input
is idempotent too: a number that is not above the console's last one came before, and is not typed again.
"""

from __future__ import annotations

import math
import struct
import uuid
from dataclasses import dataclass
from typing import Any

from runlet.errors import ProtocolError
from runlet.protocol.moment import MOMENT_BYTES, Moment, in_order, pack, unpack

_LAYOUT = 1
_HEADER = struct.Struct(">B16sHQ")
_INPUT_LAYOUT = 6
_TYPED_LAYOUT = 5
_TIMED_LAYOUT = 4
_COUNT = struct.Struct(">H")
_INPUT_HEADER = struct.Struct(">B16sHQQBQQQdB")
_TYPED_HEADER = struct.Struct(">B16sHBd")

# What comes from a console: typed by its operator, or answered by its terminal, unasked by them, to what the program
# wanted to know of it.
TYPED, REPLIED = 0, 1

# Whose console it is, "user@host" as it says itself.
MAX_WHO_CHARACTERS = 64
_MAX_WHO_BYTES = 255

# One read of a PTY returns at most 64 KiB on Linux with a raised buffer; larger chunks only add latency for others.
MAX_CHUNK_BYTES = 64 * 1024
# What a console may have under way of what it types for one execution: a terminal's queue many times over, and enough
# for some megabytes a second over a round trip of 20 ms. It is sent in pieces of which several fit.
INPUT_WINDOW_BYTES = 64 * 1024
INPUT_PIECE_BYTES = 16 * 1024
# Why nothing is typed any more; what is left of a console's input had nobody to reach.
PROGRAM_ENDED = "the program has ended"
# As many as an agent keeps of one execution.
MAX_MOMENTS = 4096
# The largest chunk of output as it is encoded.
MAX_OUTPUT_BYTES = _HEADER.size + _COUNT.size + MAX_MOMENTS * MOMENT_BYTES + MAX_CHUNK_BYTES


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some bytes of one execution's terminal; `position` counts bytes of output, `moments` tell when it was printed."""

    execution: str
    attempt: int
    position: int
    data: bytes
    moments: tuple[Moment, ...] = ()

    def encode(self) -> bytes:
        layout = _TIMED_LAYOUT if self.moments else _LAYOUT
        header = _HEADER.pack(layout, uuid.UUID(self.execution).bytes, self.attempt, self.position)
        if not self.moments:
            return header + self.data
        return header + _COUNT.pack(len(self.moments)) + pack(self.moments) + self.data

    @classmethod
    def decode(cls, body: bytes) -> Chunk:
        """Raises ProtocolError for another layout, a cut header, more than MAX_CHUNK_BYTES or moments in disorder."""
        timed = body[:1] == _TIMED_LAYOUT.to_bytes()
        moments = _moments(body) if timed else b""
        data_at = _HEADER.size + (_COUNT.size + len(moments) if timed else 0)
        execution, attempt, position = _header(
            body, _HEADER, _TIMED_LAYOUT if timed else _LAYOUT, MAX_CHUNK_BYTES + data_at - _HEADER.size
        )
        chunk = cls(str(uuid.UUID(bytes=execution)), attempt, position, body[data_at:], tuple(unpack(moments)))
        chunk._check_moments()
        return chunk

    def _check_moments(self) -> None:
        ends = self.position, self.position + len(self.data)
        if list(self.moments) != in_order(self.moments) or any(not ends[0] <= m.offset < ends[1] for m in self.moments):
            raise ProtocolError("a chunk's moments are not in order, or not within its bytes")


@dataclass(frozen=True, slots=True)
class Typed:
    """What an operator typed at a console for one execution, or their terminal answered, and when by its clock."""

    execution: str
    attempt: int
    data: bytes
    at: float
    is_reply: bool = False

    def encode(self) -> bytes:
        execution, kind = uuid.UUID(self.execution).bytes, REPLIED if self.is_reply else TYPED
        return _TYPED_HEADER.pack(_TYPED_LAYOUT, execution, self.attempt, kind, self.at) + self.data

    @classmethod
    def decode(cls, body: bytes) -> Typed:
        """Raises ProtocolError as Chunk.decode does."""
        execution, attempt, kind, at = _header(body, _TYPED_HEADER, _TYPED_LAYOUT)
        data = body[_TYPED_HEADER.size :]
        return cls(str(uuid.UUID(bytes=execution)), attempt, data, _instant(at), kind == REPLIED)


@dataclass(frozen=True, slots=True)
class Input:
    """What a console typed for one execution at once.

    `console` numbers one attachment of it, `identity` the console itself, which may hold the writer's lease. `epoch` is
    the newest state of that lease that was known where it was typed; 0: none was. It was typed at `at` by the `clock`
    of a controller.
    """

    execution: str
    attempt: int
    console: int
    number: int
    data: bytes
    is_reply: bool = False
    identity: int = 0
    epoch: int = 0
    who: str = ""
    clock: int = 0
    at: float = 0.0

    def encode(self) -> bytes:
        execution, who = uuid.UUID(self.execution).bytes, self.who.encode()[:_MAX_WHO_BYTES]
        kind = REPLIED if self.is_reply else TYPED
        typed = self.attempt, self.console, self.number, kind, self.identity, self.epoch, self.clock, self.at
        return _INPUT_HEADER.pack(_INPUT_LAYOUT, execution, *typed, len(who)) + who + self.data

    @classmethod
    def decode(cls, body: bytes) -> Input:
        """Raises ProtocolError as Chunk.decode does."""
        fields = _header(body, _INPUT_HEADER, _INPUT_LAYOUT, MAX_CHUNK_BYTES + _MAX_WHO_BYTES)
        execution, attempt, console, number, kind, identity, epoch, clock, at, length = fields
        begin = _INPUT_HEADER.size + length
        who = one_line(body[_INPUT_HEADER.size : begin].decode(errors="replace"))
        is_reply = kind == REPLIED
        typed = body[begin:], is_reply, identity, epoch, who, clock, _instant(at)
        return cls(str(uuid.UUID(bytes=execution)), attempt, console, number, *typed)


def one_line(who: str) -> str:
    """Whose console it is, fit to be shown: consoles say so themselves, and may say anything."""
    return "".join(char if char.isprintable() else " " for char in who[:MAX_WHO_CHARACTERS])


def _instant(at: float) -> float:
    if not math.isfinite(at):
        raise ProtocolError("something was typed at no time")
    return at


def _moments(body: bytes) -> bytes:
    """The packed moments of a chunk that has some."""
    counted = body[_HEADER.size : _HEADER.size + _COUNT.size]
    count = _COUNT.unpack(counted)[0] if len(counted) == _COUNT.size else 0
    if not 0 < count <= MAX_MOMENTS:
        raise ProtocolError(f"a chunk of {len(body)} bytes with {count} moments")
    return body[_HEADER.size + _COUNT.size :][: count * MOMENT_BYTES]


def _header(body: bytes, header: struct.Struct, expected: int, most: int = MAX_CHUNK_BYTES) -> tuple[Any, ...]:
    """The fields behind the layout's version."""
    if len(body) < header.size:
        raise ProtocolError(f"a chunk of {len(body)} bytes is shorter than its header")
    if len(body) - header.size > most:
        raise ProtocolError(f"a chunk of {len(body)} bytes is over the limit of {most}")
    layout, *fields = header.unpack_from(body)
    if layout != expected:
        raise ProtocolError(f"unknown chunk layout {layout}")
    return tuple(fields)
