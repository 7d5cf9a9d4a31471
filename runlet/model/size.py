"""Sizes as people write them: a number and a unit, `500kB`, `10MB`, `64MiB`. kB is 1,000 bytes, KiB is 1,024."""

from __future__ import annotations

import re

from runlet.errors import InvalidInput

# Largest first, so that the largest unit that divides a size is the one it is written in.
UNITS = {"GiB": 1024**3, "GB": 1000**3, "MiB": 1024**2, "MB": 1000**2, "KiB": 1024, "kB": 1000, "B": 1}
_WRITTEN = re.compile(rf"([0-9]{{1,9}})({'|'.join(UNITS)})")


def parse(text: str) -> int:
    """The number of bytes. Raises InvalidInput for what is not a size."""
    match = _WRITTEN.fullmatch(text)
    if match is None:
        raise InvalidInput(f"{text!r} is not a size", f"write a whole number and {', '.join(UNITS)}: 500kB, 64MiB")
    return int(match[1]) * UNITS[match[2]]


def text(size: int) -> str:
    """The shortest text that means this number of bytes."""
    unit, factor = next((unit, factor) for unit, factor in UNITS.items() if not size % factor)
    return f"{size // factor}{unit}"
