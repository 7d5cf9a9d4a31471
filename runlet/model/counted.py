"""Names in the order in which people count: d-2 before d-10."""

from __future__ import annotations

import re

_RUN = re.compile(r"([0-9]+)")


def key(name: str) -> tuple[list[tuple[str, int]], str]:
    """What to sort a device's name by: its runs of digits as numbers, all else as text."""
    text = _RUN.split(name)  # text and digits in turn, beginning and ending with text
    numbers = [*map(int, text[1::2]), -1]
    return list(zip(text[::2], numbers, strict=True)), name
