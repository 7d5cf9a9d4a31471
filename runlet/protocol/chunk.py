"""Bytes of one terminal, addressed by offset: the same layout on AMQP and on a console's WebSocket.

    1 byte    layout version, 1
    16 bytes  execution (UUID)
    2 bytes   attempt, unsigned, big-endian
    8 bytes   position, unsigned, big-endian: the stream's offset of output; the console's number of input
    the rest  the bytes themselves

Output is idempotent: a reader takes the part beyond what it has, and asks again when there is a hole before it.
"""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass

from runlet.errors import ProtocolError

_LAYOUT = 1
_HEADER = struct.Struct(">B16sHQ")

# One read of a PTY returns at most 64 KiB on Linux with a raised buffer; larger chunks only add latency for others.
MAX_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some bytes of one execution's terminal; `position` counts bytes of output, or names the typing console."""

    execution: str
    attempt: int
    position: int
    data: bytes

    def encode(self) -> bytes:
        return _HEADER.pack(_LAYOUT, uuid.UUID(self.execution).bytes, self.attempt, self.position) + self.data

    @classmethod
    def decode(cls, body: bytes) -> Chunk:
        """Raises ProtocolError for another layout, a cut header or more than MAX_CHUNK_BYTES."""
        if len(body) < _HEADER.size:
            raise ProtocolError(f"a chunk of {len(body)} bytes is shorter than its header")
        if len(body) - _HEADER.size > MAX_CHUNK_BYTES:
            raise ProtocolError(f"a chunk of {len(body)} bytes is over the limit of {MAX_CHUNK_BYTES}")
        layout, execution, attempt, position = _HEADER.unpack_from(body)
        if layout != _LAYOUT:
            raise ProtocolError(f"unknown chunk layout {layout}")
        return cls(str(uuid.UUID(bytes=execution)), attempt, position, body[_HEADER.size :])
