"""What a schema cannot say of a job's `every` and `schedule`: whether they can be read, and whether they ever fire."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from runlet.errors import InvalidInput
from runlet.model import duration
from runlet.model.schedule import DEVICE_ZONE, Schedule, Window
from runlet.spec.document import Address
from runlet.timetable import firing, grammar
from runlet.timetable.spans import MAX_NAME, find_zone


def mistakes(job: Mapping[str, Any]) -> Iterator[tuple[Address, str]]:
    """Every mistake, with its keys. What the schema refuses is left to it, so nothing is told twice."""
    every, content = job.get("every"), job.get("schedule")
    found: list[tuple[Address, str]] = []
    if isinstance(every, str) and every.strip() and len(every) <= grammar.MAX_CHARACTERS:
        found += ((keys, f"every, {message}") for keys, message in _tried(("every",), grammar.parse, every))
    if isinstance(content, dict):
        for key, read in _TEXTS.items():
            text = content.get(key)
            if isinstance(text, str) and len(text) <= MAX_NAME:
                found += _tried(("schedule", key), read, text)
    yield from found
    if not found and isinstance(every, str) and isinstance(content, dict) and isinstance(content.get("window"), str):
        schedule = Schedule(every, window=Window.parse(content["window"]))
        yield from _tried(("schedule", "window"), lambda text: firing.check(schedule, grammar.parse(text)), every)


def _zone(name: str) -> None:
    if name != DEVICE_ZONE:
        find_zone(name)


_TEXTS: dict[str, Callable[[str], object]] = {
    "timezone": _zone,
    "startDeadline": duration.parse,
    "splay": duration.parse,
    "window": Window.parse,
}


def _tried(address: Address, read: Callable[[str], object], text: str) -> list[tuple[Address, str]]:
    try:
        read(text)
    except InvalidInput as error:
        return [(address, f"{error.message}; {error.hint}" if error.hint else error.message)]
    return []
