"""Bytes of one terminal: output by its offset, input by its number.

A chunk, the same layout on AMQP and on a console's WebSocket:

    1 byte    layout version, 1
    16 bytes  execution (UUID)
    2 bytes   attempt, unsigned, big-endian
    8 bytes   position, unsigned, big-endian: the stream's offset of output; 0 of what a console types
    the rest  the bytes themselves

What is typed, from the controller to an agent:

    1 byte    layout version, 2
    16 bytes  execution (UUID)
    2 bytes   attempt, unsigned, big-endian
    8 bytes   console, unsigned, big-endian
    8 bytes   number, unsigned, big-endian: grows with each piece that this console types for this execution
    the rest  the bytes themselves

Output is idempotent: a reader takes the part beyond what it has, and asks again when there is a hole before it. Input
is idempotent too: a number that is not above the console's last one came before, and is not typed again.
"""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass
from typing import Any

from runlet.errors import ProtocolError

_LAYOUT = 1
_HEADER = struct.Struct(">B16sHQ")
_INPUT_LAYOUT = 2
_INPUT_HEADER = struct.Struct(">B16sHQQ")

# One read of a PTY returns at most 64 KiB on Linux with a raised buffer; larger chunks only add latency for others.
MAX_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some bytes of one execution's terminal; `position` counts bytes of output."""

    execution: str
    attempt: int
    position: int
    data: bytes

    def encode(self) -> bytes:
        return _HEADER.pack(_LAYOUT, uuid.UUID(self.execution).bytes, self.attempt, self.position) + self.data

    @classmethod
    def decode(cls, body: bytes) -> Chunk:
        """Raises ProtocolError for another layout, a cut header or more than MAX_CHUNK_BYTES."""
        execution, attempt, position = _header(body, _HEADER, _LAYOUT)
        return cls(str(uuid.UUID(bytes=execution)), attempt, position, body[_HEADER.size :])


@dataclass(frozen=True, slots=True)
class Input:
    """What a console typed for one execution at once."""

    execution: str
    attempt: int
    console: int
    number: int
    data: bytes

    def encode(self) -> bytes:
        execution = uuid.UUID(self.execution).bytes
        return _INPUT_HEADER.pack(_INPUT_LAYOUT, execution, self.attempt, self.console, self.number) + self.data

    @classmethod
    def decode(cls, body: bytes) -> Input:
        """Raises ProtocolError as Chunk.decode does."""
        execution, attempt, console, number = _header(body, _INPUT_HEADER, _INPUT_LAYOUT)
        return cls(str(uuid.UUID(bytes=execution)), attempt, console, number, body[_INPUT_HEADER.size :])


def _header(body: bytes, header: struct.Struct, expected: int) -> tuple[Any, ...]:
    """The fields behind the layout's version."""
    if len(body) < header.size:
        raise ProtocolError(f"a chunk of {len(body)} bytes is shorter than its header")
    if len(body) - header.size > MAX_CHUNK_BYTES:
        raise ProtocolError(f"a chunk of {len(body)} bytes is over the limit of {MAX_CHUNK_BYTES}")
    layout, *fields = header.unpack_from(body)
    if layout != expected:
        raise ProtocolError(f"unknown chunk layout {layout}")
    return tuple(fields)
