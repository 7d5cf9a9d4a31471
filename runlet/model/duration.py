"""Durations as people write them in files: a whole number and its unit, "90s", "15m", "6h", "2d"."""

from __future__ import annotations

import re
from datetime import timedelta

from runlet.errors import InvalidInput

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}  # in seconds, the largest first
# Nine digits of days are the most that a timedelta holds.
_WRITTEN = re.compile(r"([1-9][0-9]{0,8})([smhd])")


def parse(text: str) -> timedelta:
    """The duration that `text` names; raises InvalidInput."""
    match = _WRITTEN.fullmatch(text)
    if match is None:
        raise InvalidInput(f"{text!r} is not a duration", "write a whole number and s, m, h or d: 90s, 15m, 6h, 2d")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def text(duration: timedelta) -> str:
    """As `parse` reads it, in the largest unit that leaves no rest; what is below a second is left out."""
    seconds = int(duration.total_seconds())
    name, unit = next((name, unit) for name, unit in _UNITS.items() if seconds % unit == 0)
    return f"{seconds // unit}{name}"
