"""One YAML document: its plain value, and the place of every key and value in its file.

A value that an alias stands for is copied by reference: the places of what is in it are those of the anchored value,
found by way of `copies`. A mistake there is told at the alias, with the line in which it is written: the copy may be
wrong where the original is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from runlet.errors import Problem, Rule

Value = dict[str, "Value"] | list["Value"] | str | int | float | bool | None
Address = tuple[str | int, ...]  # keys and indexes from the root to a value

# A file with more mistakes than this is not a playbook; beyond it a list of mistakes helps nobody.
MAX_PROBLEMS = 1_000


@dataclass(frozen=True, slots=True)
class Place:
    """A line and a column, counted from 1; `written` is the line of the original when the place is an alias'."""

    line: int
    column: int
    written: int | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """Where the original of a value is; and the alias that stands for it, unless an inline map was merged."""

    source: Address
    alias: Place | None


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
    copies: dict[Address, Copy] = field(default_factory=dict)
    # Texts written with '|': their line n is the file's line n after the '|'. Folded and quoted texts lose their lines.
    literal: set[Address] = field(default_factory=set)
    # Numbers that print otherwise than they are written, each with how it is written.
    respelled: dict[Address, tuple[int | float, str]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing stands there, but comments perhaps."""
        return self.value is None and not self.problems

    def emptiness(self) -> Problem:
        """Told where something must stand."""
        return Problem(self.path, 0, 0, "the file is empty", Rule.FILE)

    def has(self, address: Address) -> bool:
        """Whether a value stands there."""
        return self._original(address)[0] in self.values

    def line(self, address: Address) -> int:
        """The line of a value's key, or of the value itself in a list."""
        return self._place(address, at_key=True).line

    def problem(self, address: Address, message: str, *, at_key: bool = False, rule: Rule = Rule.VALUE) -> Problem:
        """A problem at the value at `address`, or at its key."""
        return self._at(self._place(address, at_key), message, rule)

    def problem_in_text(self, address: Address, line: int, message: str, rule: Rule = Rule.VALUE) -> Problem:
        """A problem in line `line` (from 1) of the text value at `address`."""
        place = self._place(address, at_key=False)
        lines = self._text(address).rstrip("\n").split("\n")
        line = min(line, len(lines))
        literal = self._original(address)[0] in self.literal
        if literal and place.written is not None:
            return self._at(Place(place.line, place.column, place.written + line), message, rule)
        if not literal:
            return self._at(place, message if len(lines) == 1 else f"line {line} of this text: {message}", rule)
        indentation = len(self.lines[place.line + line - 1]) - len(lines[line - 1])
        return Problem(self.path, place.line + line, indentation + 1, message, rule)

    def respellings(self, is_shown: Callable[[Address], bool]) -> Iterator[Problem]:
        """The numbers among the values that are shown which will not print as they are written."""
        for address, (value, written) in self.respelled.items():
            if is_shown(address):
                told = f"this is the number {value}, and prints so; put {written} in quotes to have it as it is written"
                yield self.problem(address, told)

    def is_unread(self, address: Address) -> bool:
        """Whether the value stands for something refused, which is told already."""
        return address in self.unread or self._original(address)[0] in self.unread

    def _at(self, place: Place, message: str, rule: Rule) -> Problem:
        written = f" (written in line {place.written})" if place.written is not None else ""
        return Problem(self.path, place.line, place.column, message + written, rule)

    def _text(self, address: Address) -> str:
        value: Any = self.value
        for step in address:
            value = value[step]
        assert isinstance(value, str), address
        return value

    def _place(self, address: Address, at_key: bool) -> Place:
        original, alias = self._original(address, at_key=at_key)
        place = self.keys[original] if at_key and original in self.keys else self.values[original]
        return place if alias is None else Place(alias.line, alias.column, place.line)

    def _original(self, address: Address, *, at_key: bool = False) -> tuple[Address, Place | None]:
        """Where the value, or its key, is written; and the outermost alias on the way there."""
        alias: Place | None = None
        end = 0
        while end <= len(address) and not (at_key and address in self.keys):
            copy = self.copies.get(address[:end])
            if copy is None:
                end += 1
                continue
            address = (*copy.source, *address[end:])
            alias = alias or copy.alias
            end = 0  # the original may itself hold copies
        return address, alias


def shorten(text: str) -> str:
    """`text` quoted for a message: one line, no control characters, a readable length."""
    most = 40
    return repr(text if len(text) <= most else text[: most - 3] + "...")
