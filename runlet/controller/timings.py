"""When the bytes of a transcript were printed: a file of moments beside it, of a bounded size.

It is only added to, a moment only when it is later than the last one by at least what the file's size asks: the longer
a session has become, the coarser its timing is noted, and its bytes count as printed with the moment before them.
Moments come before their bytes are stored, so that after a crash or from another controller they may come twice, which
reading leaves out. Nothing waits for them to reach the disk: a power cut may cost a replay some of its timing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from runlet.controller.appending import append as append_to
from runlet.protocol.moment import MOMENT_BYTES, Moment, in_order, pack, unpack

# What a file may hold: some 13,000 moments of each resolution, and none beyond.
QUARTER_BYTES = 256 * 1024
# Seconds between two moments in each quarter. Without a pause the first is full after two minutes of output at the
# terminal's pace, the others after 20 minutes, 3.6 hours and 9 days.
RESOLUTIONS = (0.01, 0.1, 1.0, 60.0)


def append(path: str, moments: Iterable[Moment]) -> None:
    """Note moments that are later than those noted. Raises OSError."""
    moments = list(moments)
    if not moments:
        return
    size, last = _end(path)
    records = bytes(-size % MOMENT_BYTES)  # behind one that a full disk has cut
    for moment in moments:
        quarter = (size + len(records)) // QUARTER_BYTES
        if quarter >= len(RESOLUTIONS):
            break
        if last is None or _is_news(moment, last, RESOLUTIONS[quarter]):
            records += pack([moment])
            last = moment
    if len(records) > -size % MOMENT_BYTES:
        append_to(path, records)


def _is_news(moment: Moment, last: Moment, resolution: float) -> bool:
    """Whether it is late enough, or of another size. What came before, an agent's repetition say, is not."""
    if moment.offset <= last.offset:
        return False
    # Rounded: the difference of two floats may fall a hair short.
    later = round(moment.seconds - last.seconds, 3) >= resolution
    return later or (moment.columns, moment.rows) != (last.columns, last.rows)


def read(path: str) -> list[Moment]:
    """All of them, in order; empty when there are none. Raises OSError."""
    try:
        with open(path, "rb") as file:
            body = file.read((len(RESOLUTIONS) + 1) * QUARTER_BYTES)
    except FileNotFoundError:
        return []
    return in_order(unpack(body[: len(body) - len(body) % MOMENT_BYTES]))


def _end(path: str) -> tuple[int, Moment | None]:
    """(how long the file is, its last moment)."""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - size % MOMENT_BYTES - MOMENT_BYTES))
            body = file.read(MOMENT_BYTES)
    except FileNotFoundError:
        return 0, None
    return size, unpack(body)[0] if len(body) == MOMENT_BYTES else None
