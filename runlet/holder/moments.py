"""When the bytes of a stream were printed, and how large the terminal was: noted where it is true, beside the terminal.

A moment is (offset, milliseconds, columns, rows): the byte at `offset`, and those up to the next moment's, were printed
so long after the program's start. Like the bytes, moments are kept until the controller has them.
"""

from __future__ import annotations

import struct
from bisect import bisect_left

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    Moment = tuple[int, int, int, int]

# What is printed within this counts as printed at once: less is not seen, and a flood has a hundred moments a second.
TICK_MILLISECONDS = 10
# So many are kept, of a program that prints slowly while the controller is away; beyond it every second one goes, and
# its bytes count as printed with those before.
MOST_MOMENTS = 4096

_MOMENT = struct.Struct(">QQHH")


class Moments:
    """The moments of what is not acknowledged, in order."""

    def __init__(self) -> None:
        self._moments: list[Moment] = []
        self._last: Moment | None = None

    def note(self, offset: int, milliseconds: int, columns: int, rows: int) -> None:
        """What is printed from `offset` on is printed now, unless that is hardly later than what was printed last."""
        last = self._last
        if last is None or milliseconds - last[1] >= TICK_MILLISECONDS or (columns, rows) != last[2:]:
            self.add([(offset, milliseconds, columns, rows)])

    def add(self, moments: Iterable[Moment]) -> None:
        """Moments that follow those there are."""
        self._moments.extend(moments)
        while len(self._moments) > MOST_MOMENTS:
            del self._moments[1::2]
        if self._moments:
            self._last = self._moments[-1]

    def within(self, begin: int, end: int | None = None) -> list[Moment]:
        """Those of the bytes from `begin` to before `end`."""
        first = bisect_left(self._moments, (begin,))
        return self._moments[first : None if end is None else bisect_left(self._moments, (end,))]

    def forget(self, offset: int) -> None:
        """The controller has everything before `offset`."""
        del self._moments[: bisect_left(self._moments, (offset,))]


def pack(moments: Iterable[Moment]) -> bytes:
    return b"".join(_MOMENT.pack(*moment) for moment in moments)


def unpack(body: bytes) -> list[Moment]:
    """Raises ValueError when it is cut off."""
    if len(body) % _MOMENT.size:
        raise ValueError(f"{len(body)} bytes of moments are cut off")
    return list(_MOMENT.iter_unpack(body))
