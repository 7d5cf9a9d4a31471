"""Where the bytes of one transcript are: in pieces, files of bytes that follow one another. Rules without I/O.

    |<------- head ------->|    .....    |<- segment ->|<- segment ->|<- segment ->|<- seg
    0                   limit/2    gap     limit/8 each, four at most                   end

The head takes the first half of the limit; then segments begin, and before a fifth begins, the oldest goes. So the
pieces never hold more than the limit, and once they do not hold everything, they hold the first half of it and the last
three to four eighths. Offsets are those of the stream, whatever is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# The tail's half of the limit: each segment that goes is an eighth of it.
SEGMENTS = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """The bytes of a stream from offset `begin` to before offset `end`. The piece that begins at 0 is the head."""

    begin: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class Place:
    """Where the next bytes go: into the piece that begins at `begin`, `room` of them, once `leaving` are gone."""

    begin: int
    room: int
    leaving: tuple[Piece, ...] = ()


def place(pieces: Sequence[Piece], limit: int) -> Place:
    """Where the bytes go that follow these pieces, the head and the segments in order."""
    last = pieces[-1]
    segment = limit // (2 * SEGMENTS)
    most = segment if last.begin else limit - SEGMENTS * segment
    if last.length < most:
        return Place(last.begin, most - last.length)
    tail = pieces[1:]
    return Place(last.end, segment, leaving=tuple(tail[: max(0, len(tail) - SEGMENTS + 1)]))


def kept(pieces: Sequence[Piece], offset: int, most: int) -> list[tuple[Piece, Piece]]:
    """Up to `most` bytes from `offset` on, or from the first that is kept behind it, without a gap between them.

    Parts in order, each with the piece that holds it.
    """
    found: list[tuple[Piece, Piece]] = []
    for piece in pieces:
        begin = max(offset, piece.begin)
        if begin >= piece.end:
            continue
        if found and begin > offset:
            break
        end = min(piece.end, begin + most)
        found.append((piece, Piece(begin, end)))
        offset, most = end, most - (end - begin)
        if not most:
            break
    return found
