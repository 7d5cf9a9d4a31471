"""When a byte of a stream was printed, and how large the terminal was then: what a replay needs beside the bytes.

Twenty bytes, big-endian, unsigned: 8 of offset, 8 of milliseconds, 2 of columns, 2 of rows; so in a chunk, and so where
the controller keeps them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from runlet.errors import ProtocolError

_MOMENT = struct.Struct(">QQHH")
MOMENT_BYTES = _MOMENT.size
# Nine thousand years: what is beyond no device has counted, and a float would not tell it from the next.
_MOST_MILLISECONDS = 2**48


@dataclass(frozen=True, slots=True)
class Moment:
    """The bytes from `offset` to before the next moment's were printed `seconds` after the program's start.

    By the device's clock, which stands still where the device sleeps.
    """

    offset: int
    seconds: float
    columns: int
    rows: int

    @classmethod
    def of(cls, offset: int, milliseconds: int, columns: int, rows: int) -> Moment:
        return cls(offset, milliseconds / 1000, columns, rows)


def pack(moments: Iterable[Moment]) -> bytes:
    return b"".join(_MOMENT.pack(one.offset, round(one.seconds * 1000), one.columns, one.rows) for one in moments)


def unpack(body: bytes) -> list[Moment]:
    """Raises ProtocolError when it is cut off, or holds a time that no device can have counted."""
    if len(body) % MOMENT_BYTES:
        raise ProtocolError(f"{len(body)} bytes of moments are cut off")
    fields = list(_MOMENT.iter_unpack(body))
    if any(milliseconds > _MOST_MILLISECONDS for _, milliseconds, _, _ in fields):
        raise ProtocolError("a moment is beyond all time")
    return [Moment.of(*moment) for moment in fields]


def in_order(moments: Iterable[Moment]) -> list[Moment]:
    """Those that come after all before them, in offset and in time: what was told twice stays once."""
    found: list[Moment] = []
    for moment in moments:
        if not found or (moment.offset > found[-1].offset and moment.seconds >= found[-1].seconds):
            found.append(moment)
    return found
