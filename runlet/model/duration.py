"""Durations as people write them: a number and a unit, `90s`, `15m`, `6h`, `2d`. Days are 24 hours."""

from __future__ import annotations

import re
from datetime import timedelta

from runlet.errors import InvalidInput

# Ten years: longer is a slip of the finger, and instants stay far from the end of the calendar.
LONGEST = timedelta(days=3660)

# Largest first, so that the first unit that divides a duration is the one it is written in.
UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1)}
_WRITTEN = re.compile(r"([0-9]{1,9})([smhd])")


def parse(text: str) -> timedelta:
    """Raises InvalidInput for what is not a duration, and for one that is too long."""
    match = _WRITTEN.fullmatch(text)
    if match is None:
        raise InvalidInput(f"{text!r} is not a duration", "write a whole number and s, m, h or d: 90s, 15m, 6h, 2d")
    duration = int(match[1]) * UNITS[match[2]]
    if duration > LONGEST:
        raise InvalidInput(f"{text} is longer than {LONGEST.days} days")
    return duration


def text(duration: timedelta) -> str:
    """The shortest text that `parse` reads as this duration, which is of whole seconds."""
    if not duration:
        return "0s"
    letter, unit = next((letter, unit) for letter, unit in UNITS.items() if not duration % unit)
    return f"{duration // unit}{letter}"
