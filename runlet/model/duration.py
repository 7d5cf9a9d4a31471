"""Durations as people write them: a whole number and its unit, "90s", "10m", "6h", "7d"."""

from __future__ import annotations

import re
from datetime import timedelta

from runlet.errors import InvalidInput

_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1)}
_DURATION = re.compile(r"([1-9][0-9]{0,8})([smhd])")


def parse(text: str) -> timedelta:
    """The duration that `text` says. Raises InvalidInput."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise InvalidInput(f"{text!r} is not a duration", "write a whole number and a unit: 90s, 10m, 6h or 7d")
    return int(match[1]) * _UNITS[match[2]]


def text(duration: timedelta) -> str:
    """`duration` in the largest unit that it is a whole number of; `parse` reads it back."""
    unit = next(unit for unit, length in _UNITS.items() if duration % length == timedelta() and duration >= length)
    return f"{duration // _UNITS[unit]}{unit}"
