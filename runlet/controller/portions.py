"""Many names, so many at a time as one statement takes."""

from __future__ import annotations

from collections.abc import Collection, Iterator

# PostgreSQL takes 65,535 parameters, SQLite half as many.
PORTION = 1000


def portions(names: Collection[str]) -> Iterator[list[str]]:
    """All of them, in lists of PORTION at most: what a deadline or a newer run ends at once may be more."""
    listed = list(names)
    for start in range(0, len(listed), PORTION):
        yield listed[start : start + PORTION]
