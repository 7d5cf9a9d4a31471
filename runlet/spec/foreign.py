"""Values that came as JSON, not from a file: what a file could not have said is found here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runlet.model import text
from runlet.spec.reader import MAX_DEPTH, MAX_NODES


def unspeakable(content: Any) -> Iterator[str]:
    """What JSON can say and a file, an argument or a message cannot. Walks with its own stack."""
    waiting = [(content, 0)]
    nodes = 0
    while waiting:
        value, depth = waiting.pop()
        nodes += 1
        if nodes > MAX_NODES:
            yield f"more than {MAX_NODES} keys and values"
            return
        if depth > MAX_DEPTH:
            yield f"nested deeper than {MAX_DEPTH} levels"
            return
        if isinstance(value, dict):
            waiting += [(item, depth + 1) for pair in value.items() for item in pair]
        elif isinstance(value, list):
            waiting += [(item, depth + 1) for item in value]
        elif isinstance(value, str) and text.unspeakable(value):
            yield "a text holds the character NUL or half a surrogate pair"
            return
