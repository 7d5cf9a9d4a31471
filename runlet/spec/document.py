"""One YAML document: its plain value, and the place of every key and value in its file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from runlet.errors import Problem

Value = dict[str, "Value"] | list["Value"] | str | int | float | bool | None
Address = tuple[str | int, ...]  # keys and indexes from the root to a value

# A file with more mistakes than this is not a playbook; beyond it a list of mistakes helps nobody.
MAX_PROBLEMS = 1_000


@dataclass(frozen=True, slots=True)
class Place:
    """A line and a column, counted from 1."""

    line: int
    column: int


@dataclass(slots=True)
class Document:
    """One YAML document: its value, the places in it, and the mistakes that did not stop the reading."""

    path: str
    value: Value = None
    problems: list[Problem] = field(default_factory=list)
    unread: set[Address] = field(default_factory=set)  # values that stand for something refused
    lines: list[str] = field(default_factory=list)  # of the file
    values: dict[Address, Place] = field(default_factory=dict)
    keys: dict[Address, Place] = field(default_factory=dict)
    # Texts written with '|': their line n is the file's line n after the '|'. Folded and quoted texts lose their lines.
    literal: set[Address] = field(default_factory=set)

    def line(self, address: Address) -> int:
        """The line of a value's key, or of the value itself in a list."""
        return self._place(address, at_key=True).line

    def problem(self, address: Address, message: str, *, at_key: bool = False) -> Problem:
        """A problem at the value at `address`, or at its key."""
        place = self._place(address, at_key)
        return Problem(self.path, place.line, place.column, message)

    def problem_in_text(self, address: Address, line: int, message: str) -> Problem:
        """A problem in line `line` (from 1) of the text value at `address`."""
        place = self.values[address]
        lines = self._text(address).rstrip("\n").split("\n")
        if address not in self.literal:
            told = message if len(lines) == 1 else f"line {line} of this text: {message}"
            return Problem(self.path, place.line, place.column, told)
        line = min(line, len(lines))
        indentation = len(self.lines[place.line + line - 1]) - len(lines[line - 1])
        return Problem(self.path, place.line + line, indentation + 1, message)

    def _text(self, address: Address) -> str:
        value: Any = self.value
        for step in address:
            value = value[step]
        assert isinstance(value, str), address
        return value

    def _place(self, address: Address, at_key: bool) -> Place:
        if at_key and address in self.keys:
            return self.keys[address]
        return self.values[address]


def shorten(text: str) -> str:
    """`text` quoted for a message: one line, no control characters, a readable length."""
    most = 40
    return repr(text if len(text) <= most else text[: most - 3] + "...")
