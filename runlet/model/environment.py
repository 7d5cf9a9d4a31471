"""The variables that a job sets for its program: what they may be called, and how much they may hold."""

from __future__ import annotations

import re
from collections.abc import Mapping

from runlet.model import text

# What shells can use as a variable, of a length that fits into a message about it.
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
# All names and values of one program. Linux takes 128 KiB for a single variable; files are for more.
MAX_BYTES = 64 * 1024


def mistake(environment: Mapping[str, str]) -> str | None:
    """Why no program can be given this environment, if that is so."""
    for name, value in environment.items():
        if not NAME.fullmatch(name):
            return "env holds a name that is not letters, digits and '_', 100 characters at most"
        if found := text.unspeakable(value):
            return f"{name} in env holds {found[1]}"
    sizes = {name: len(name.encode()) + len(value.encode()) for name, value in environment.items()}
    if sum(sizes.values()) > MAX_BYTES:
        largest = max(sizes, key=sizes.__getitem__)
        return (
            f"env is larger than {MAX_BYTES // 1024} KiB; the largest in it is {largest} with {sizes[largest]} bytes: "
            "put large data into a file, and its name into the variable"
        )
    return None
