"""Anchors, aliases and merge keys.

An alias stands for the value anchored before it. The value is shared, not copied; yet it weighs what it would if it
were written out, and the sums are checked before it is used: a file with aliases is held to the limits of one without,
and nothing behind the reader needs to know of aliases. Merging is YAML 1.1's: a map's own keys win, wherever `<<`
stands; of several merged maps the first that has a key gives it.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from itertools import islice

from runlet.spec.document import Address, Copy, Document, Place, Value, shorten

MERGE = "<<"
# Under which the reader keeps what stands behind it: text has no NUL, so that `"<<"` in quotes is a key as any other.
MERGE_KEY = MERGE + "\0"
# Ten for each job of the largest apply.
MAX_ALIASES = 10_000
# A name longer than this is no slip of the finger, and comparing it is slow.
_MAX_NAME_TO_GUESS = 100
# The latest ones are the likeliest, and there may be thousands of mistakes with thousands of anchors.
_MOST_NAMES_TO_COMPARE = 20


@dataclass(frozen=True, slots=True)
class Anchored:
    """A complete value with an anchor, and its weight: nodes and characters with aliases written out, and levels."""

    address: Address
    value: Value
    nodes: int
    characters: int
    height: int


class Anchors:
    """The anchors of one document, as far as it is read."""

    def __init__(self) -> None:
        self._first: dict[str, Place] = {}
        self._complete: dict[str, Anchored] = {}

    def begin(self, name: str, place: Place) -> str | None:
        """An anchored value begins here; what is wrong with that."""
        first = self._first.setdefault(name, place)
        return None if first is place else f"the anchor &{name} is already in line {first.line}; rename one of them"

    def complete(self, name: str, anchored: Anchored) -> None:
        self._complete.setdefault(name, anchored)

    def find(self, name: str) -> Anchored | str:
        """What an alias stands for, or what is wrong with it."""
        if name in self._complete:
            return self._complete[name]
        if name in self._first:
            return f"the alias *{name} stands inside the value that it stands for (line {self._first[name].line})"
        latest = (
            list(islice(reversed(self._complete), _MOST_NAMES_TO_COMPARE)) if len(name) <= _MAX_NAME_TO_GUESS else []
        )
        close = difflib.get_close_matches(name, latest, n=1)
        meant = f"; did you mean *{close[0]}?" if close else ""
        return f"no value before this has the anchor &{shorten(name)[1:-1]}{meant}"


def merge(document: Document, address: Address, own: dict[str, Value]) -> str | None:
    """Give the complete map at `address` the keys of what its `<<` names; what is wrong with that."""
    place = (*address, MERGE_KEY)
    written = own.pop(MERGE_KEY)
    sources: list[tuple[Address, Value]] = [(place, written)]
    if isinstance(written, list):
        sources = [((*place, index), value) for index, value in enumerate(written)]
    for source, value in sources:
        if document.is_unread(source):
            document.unread.add(address)
        elif isinstance(value, dict):
            alias = document.copies[source].alias if source in document.copies else None
            for key in value.keys() - own.keys():
                document.copies[*address, key] = Copy((*source, key), alias)
            own.update({key: item for key, item in value.items() if key not in own})
        else:
            document.unread.add(address)
            return f"{MERGE} takes a map (*name), or a list of maps, and nothing else"
    return None
