"""An Ansible inventory while it is read: in Ansible's names, each with its place, and what becomes of it here.

What Runlet has no place for is left out and noted; what would make the result wrong is a mistake. A line of a few
characters can name ten thousand hosts, so what is read is counted as it will be written, against the largest file.
"""

from __future__ import annotations

import json
import re
import string
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from runlet.errors import InvalidFiles, Problem
from runlet.model.inventory import (
    DEVICE_NAME,
    RESERVED_NAMES,
    RESERVED_VARIABLES,
    VARIABLE_NAME,
    Device,
    Group,
    Inventory,
    cycles,
    large_variables,
)
from runlet.spec.document import MAX_PROBLEMS, Place, shorten
from runlet.spec.reader import MAX_FILE_BYTES

ALL, UNGROUPED = "all", "ungrouped"
# What one text may stand for: the devices of the largest inventory.
MAX_HOSTS = 10_000
# A range's bounds: more digits would count beyond any fleet.
MAX_DIGITS = 9

_RANGE = re.compile(r"\[([^\[\]]*)\]")
_PORT = re.compile(r"((?:[^:\[\]]|\[[^\[\]]*\])+):([0-9]+)")
_PATTERN_SIGNS = frozenset("*?!&~,")


@dataclass(slots=True)
class DraftGroup:
    """What is known of a group so far: names as Ansible has them, with the places where they stand."""

    members: dict[str, Place] = field(default_factory=dict)
    children: dict[str, Place] = field(default_factory=dict)
    vars: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Draft:
    """The inventory so far. `notes` tell what is left out or changed, `mistakes` what cannot be read."""

    path: str
    hosts: dict[str, dict[str, Any]] = field(default_factory=dict)  # the variables of each
    groups: dict[str, DraftGroup] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)  # of the first mention of a host or group
    notes: list[Problem] = field(default_factory=list)
    mistakes: list[Problem] = field(default_factory=list)
    _characters: int = 0

    def note(self, place: Place, message: str) -> None:
        self.notes.append(Problem(self.path, place.line, place.column, message))

    def mistake(self, place: Place, message: str) -> None:
        """Raises InvalidFiles when there are too many."""
        self.mistakes.append(Problem(self.path, place.line, place.column, message))
        if len(self.mistakes) >= MAX_PROBLEMS:
            raise InvalidFiles(self.mistakes)

    def group(self, name: str, place: Place) -> DraftGroup:
        self.places.setdefault(name, place)
        return self.groups.setdefault(name, DraftGroup())

    def add_hosts(self, text: str, group: str, place: Place) -> list[str]:
        """The hosts that a name or range stands for, now in the group; none when it is a mistake or a pattern."""
        with_port = _PORT.fullmatch(text)
        if with_port:
            text = with_port[1]
            self.note(place, f"port {with_port[2]} of {shorten(text)} is left out: agents connect by themselves")
        if not _PATTERN_SIGNS.isdisjoint(text):
            self.note(place, f"{shorten(text)} is left out: it is a pattern, not a host")
            return []
        try:
            names = expand(text)
        except ValueError as error:
            self.mistake(place, f"{shorten(text)}: {error}")
            return []
        self._count(sum(map(len, names)), place)
        for name in names:
            self.hosts.setdefault(name, {})
            self.places.setdefault(name, place)
            self.group(group, place).members.setdefault(name, place)
        return names

    def set_variable(self, owners: list[dict[str, Any]], of: str, name: str, value: Any, place: Place) -> None:
        """Give every owner the variable, unless Runlet has no place for it; `of` says whose it is."""
        written = json.dumps(value)
        self._count(len(owners) * (len(name) + len(written)), place)
        left_out = f"variable {shorten(name)} of {shorten(of)} is left out: "
        if name.startswith("ansible_"):
            self.note(place, f"{left_out}it is for Ansible itself")
        elif not VARIABLE_NAME.fullmatch(name):
            self.note(place, f"{left_out}its name is not letters, digits and '_', 63 characters at most")
        elif name in RESERVED_VARIABLES:
            self.note(place, f"{left_out}templates have something of their own under this name")
        elif any(large_variables({name: value})):
            self.note(place, f"{left_out}it is too large; put it into a file")
        elif isinstance(value, str) and value.lstrip().startswith(("$ANSIBLE_VAULT", "!vault")):
            self.note(place, f"{left_out}it is encrypted by Ansible Vault")
        else:
            if "{{" in written:
                self.note(place, f"variable {shorten(name)} of {shorten(of)} holds '{{{{', which is plain text here")
            for owner in owners:
                owner[name] = value

    def finish(self) -> Inventory:
        """The inventory in Runlet's names. Raises InvalidFiles with every mistake."""
        if not self.hosts and not self.mistakes:
            self.mistakes.append(Problem(self.path, 0, 0, "the file names no host"))
        shared = self.groups.pop(ALL, DraftGroup())
        self._settle_ungrouped()
        self._check_groups()
        names = self._rename()
        if self.mistakes:
            raise InvalidFiles(self.mistakes)
        devices = {names[name]: Device(names[name], vars=own) for name, own in self.hosts.items()}
        groups = {
            names[name]: Group(
                names[name],
                members=tuple(names[member] for member in group.members),
                children=tuple(names[child] for child in group.children),
                vars=group.vars,
            )
            for name, group in self.groups.items()
        }
        return Inventory(devices, groups, shared.vars)

    def _count(self, characters: int, place: Place) -> None:
        self._characters += characters
        if self._characters > MAX_FILE_BYTES:
            self.mistake(place, "up to here the file stands for more than an inventory can hold; split it")
            raise InvalidFiles(self.mistakes)

    def _settle_ungrouped(self) -> None:
        """Ansible's group of the hosts in no other; needed here for its variables only."""
        ungrouped = self.groups.pop(UNGROUPED, DraftGroup())
        grouped = {name for group in self.groups.values() for name in group.members}
        if ungrouped.vars:
            ungrouped.members = {name: self.places[name] for name in self.hosts if name not in grouped}
            self.groups[UNGROUPED] = ungrouped

    def _check_groups(self) -> None:
        for group in self.groups.values():
            for child, place in group.children.items():
                if child not in self.groups:
                    self.mistake(place, f"there is no group {shorten(child)} that can be a child")
        for cycle in cycles({name: group.children for name, group in self.groups.items()}):
            *_, group_name, child = cycle
            self.mistake(self.groups[group_name].children[child], f"group {shorten(child)} contains itself")

    def _rename(self) -> dict[str, str]:
        """A name of ours for each of Ansible's."""
        names: dict[str, str] = {}
        taken: dict[str, str] = {}
        for kind, olds in (("device", self.hosts), ("group", self.groups)):
            for old in olds:
                place = self.places[old]
                new = _fitting(old, kind)
                if not DEVICE_NAME.fullmatch(new):
                    self.mistake(place, f"{shorten(old)} cannot name a {kind}, however it is changed")
                elif new in taken:
                    other = taken[new]
                    self.mistake(place, f"{shorten(old)} clashes with {shorten(other)}: both would be called '{new}'")
                elif new != old:
                    self.note(place, f"{shorten(old)} is called '{new}' here: it cannot name a {kind} as it is")
                names[old] = new
                taken.setdefault(new, old)
        return names


def _fitting(name: str, kind: str) -> str:
    new = re.sub(r"[^A-Za-z0-9_-]", "-", name).lstrip("-_")
    return f"{new}-{kind}" if new in RESERVED_NAMES else new


@dataclass(frozen=True, slots=True)
class _Range:
    """What stands in brackets; nothing is spelled out until it is known to be within the bounds."""

    numbers: range
    width: int | None  # of zeros before a number; None: the numbers count letters

    def texts(self) -> list[str]:
        if self.width is None:
            return [string.ascii_letters[number] for number in self.numbers]
        return [str(number).zfill(self.width) for number in self.numbers]


def expand(text: str) -> list[str]:
    """The names that a text with ranges such as `web[01:50]` stands for. Raises ValueError."""
    parts = _RANGE.split(text)
    if any(not set(literal).isdisjoint("[]") for literal in parts[::2]):
        raise ValueError("a '[' or ']' has no partner")
    ranges: list[_Range] = []
    count = 1
    for bounds in parts[1::2]:
        ranges.append(_range(bounds))
        count *= len(ranges[-1].numbers)
        if count > MAX_HOSTS:
            raise ValueError(f"it stands for more than {MAX_HOSTS} hosts")
    choices = [[part] for part in parts]
    choices[1::2] = [one.texts() for one in ranges]
    return ["".join(chosen) for chosen in product(*choices)]


def _range(bounds: str) -> _Range:
    """`01:50`, `a:f`, `1:10:2`: both ends belong to it; a leading 0 keeps the width."""
    parts = bounds.split(":")
    if len(parts) not in (2, 3):
        raise ValueError(f"'[{bounds}]' is not a range such as [1:9] or [a:f]")
    first, last, step = (*parts, "1")[:3]
    if not _is_number(step) or int(step) == 0:
        raise ValueError(f"the step of '[{bounds}]' is not a number above 0")
    first = first or "0"
    if _is_number(first) and _is_number(last):
        width = len(first) if first.startswith("0") and len(first) > 1 else 0
        if width and width != len(last):
            raise ValueError(f"the ends of '[{bounds}]' have different lengths")
        found = _Range(range(int(first), int(last) + 1, int(step)), width)
    elif len(first) == len(last) == 1 and {first, last} <= set(string.ascii_letters):
        letters = string.ascii_letters
        found = _Range(range(letters.index(first), letters.index(last) + 1, int(step)), None)
    else:
        raise ValueError(f"'[{bounds}]' is not a range such as [1:9] or [a:f]")
    if not found.numbers:
        raise ValueError(f"'[{bounds}]' ends before it begins")
    return found


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
