"""An Ansible inventory while it is read: in Ansible's names, each with its place, and what becomes of it here.

What Runlet has no place for is left out and noted; what would make the result wrong is a mistake. A line of a few
characters can name ten thousand hosts, so what is read is counted as it will be written, against the largest file.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
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
from runlet.spec.ansible_groups import ALL, PRIORITY, DraftGroup, LeftOut, ansible_variables, settle_ungrouped
from runlet.spec.ansible_names import address, expand, what_is_blank, what_is_wrong
from runlet.spec.ansible_values import Unsayable, sayable
from runlet.spec.document import MAX_PROBLEMS, Place, shorten
from runlet.spec.reader import MAX_FILE_BYTES

_TEMPLATE_SIGNS = ("{{", "{%", "{#")
_PATTERN_SIGNS = frozenset("*?!&~,")


@dataclass(slots=True)
class Draft:
    """The inventory so far. `notes` tell what is left out or changed, `mistakes` what cannot be read."""

    path: str
    hosts: dict[str, dict[str, Any]] = field(default_factory=dict)  # the variables of each
    groups: dict[str, DraftGroup] = field(default_factory=dict)
    host_places: dict[str, Place] = field(default_factory=dict)  # of their first mention
    group_places: dict[str, Place] = field(default_factory=dict)
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
        self.group_places.setdefault(name, place)
        return self.groups.setdefault(name, DraftGroup())

    def add_hosts(self, text: str, group: str, place: Place) -> list[str]:
        """The hosts that a name or range stands for, now in the group; none when it is a mistake or a pattern."""
        host, port = address(text)
        if port:
            self.note(place, f"port {port} of {shorten(host)} is left out: agents connect by themselves")
        if not _PATTERN_SIGNS.isdisjoint(host):
            self.note(place, f"{shorten(host)} is left out: it is a pattern, not a host")
            return []
        if wrong := what_is_wrong(host):
            self.mistake(place, f"{shorten(host)} {wrong}")
            return []
        try:
            names = expand(host)
        except ValueError as error:
            self.mistake(place, f"{shorten(host)}: {error}")
            return []
        self._count(sum(map(len, names)), place)
        for name in names:
            self.add_host(name, group, place)
        return names

    def add_host(self, name: str, group: str, place: Place) -> None:
        """The host of this very name, now in the group."""
        self.hosts.setdefault(name, {})
        self.host_places.setdefault(name, place)
        self.group(group, place).members.setdefault(name, place)

    def set_variable(self, owners: list[dict[str, Any]], of: str, name: str, value: Any, place: Place) -> None:
        """Give every owner the variable, unless Runlet has no place for it; `of` says whose it is."""
        found = sayable(value)
        written = json.dumps(None if isinstance(found, Unsayable) else found)
        self._count(len(owners) * (len(name) + len(written)), place)
        if name == PRIORITY and of in self.groups:
            self._set_priority(of, found, place)
        left_out = f"variable {shorten(name)} of {shorten(of)} is left out: "
        if name.startswith("ansible_"):
            self.note(place, f"{left_out}it is for Ansible itself")
        elif not VARIABLE_NAME.fullmatch(name):
            self.note(place, f"{left_out}its name is not letters, digits and '_', 63 characters at most")
        elif name in RESERVED_VARIABLES:
            self.note(place, f"{left_out}templates have something of their own under this name")
        else:
            if not isinstance(found, Unsayable) and any(large_variables({name: found})):
                found = Unsayable("it is too large; put it into a file")
            if isinstance(found, Unsayable):
                self.note(place, left_out + found.words)
                found = LeftOut(place, found.words)
            elif any(sign in written for sign in _TEMPLATE_SIGNS):
                self.note(place, f"variable {shorten(name)} of {shorten(of)} holds '{{{{', which is plain text here")
            elif isinstance(value, datetime.date):
                self.note(place, f"variable {shorten(name)} of {shorten(of)} is a date to Ansible, and its text here")
            for owner in owners:
                owner[name] = found

    def finish(self) -> Inventory:
        """The inventory in Runlet's names. Raises InvalidFiles with every mistake."""
        if not self.hosts and not self.mistakes:
            self.mistakes.append(Problem(self.path, 0, 0, "the file names no host"))
        shared = self.groups.pop(ALL, DraftGroup())
        settled = settle_ungrouped(self.groups, self.hosts, Place(0, 0))
        for host in settled.lost:
            words = f"{shorten(host)} is in no group: Ansible loses the hosts of a group 'ungrouped' that is a child"
            self.note(self.host_places[host], words)
        for host in settled.muddled:
            words = "is in 'ungrouped' and in another group, of which Ansible takes it out; name it in one of them only"
            self.mistake(self.host_places[host], f"{shorten(host)} {words}")
        self._check_groups()
        devices, groups = self._rename()
        if self.mistakes:
            raise InvalidFiles(self.mistakes)
        variables = ansible_variables(self.hosts, self.groups, shared.vars)
        found = Inventory(
            {devices[name]: Device(devices[name], vars=_said(own)) for name, own in self.hosts.items()},
            {
                groups[name]: Group(
                    groups[name],
                    members=tuple(devices[member] for member in group.members),
                    children=tuple(groups[child] for child in group.children),
                    vars=_said(group.vars),
                )
                for name, group in self.groups.items()
            },
            _said(shared.vars),
        )
        corrected = self._correct(found, {devices[host]: (host, variables[host]) for host in self.hosts})
        if self.mistakes:
            raise InvalidFiles(self.mistakes)
        return corrected

    def _correct(self, found: Inventory, hosts: Mapping[str, tuple[str, dict[str, Any]]]) -> Inventory:
        """The inventory in which each device has Ansible's value of each variable, where another group's would win."""
        devices = dict(found.devices)
        for name, device in found.devices.items():
            host, wanted = hosts[name]
            own: dict[str, Any] = {}
            for variable, value in found.variables_of(name).items():
                right = wanted[variable]
                if isinstance(right, LeftOut):
                    words = (
                        f"variable {shorten(variable)} is left out, and {shorten(host)} would have another value of it"
                    )
                    self.mistake(right.place, f"{words}: {right.words}")
                elif right is not value:
                    own[variable] = right
            if own:
                names = ", ".join(map(shorten, own))
                words = f"{names} of {shorten(host)} is written at the device: Ansible's order of its groups is another"
                self.note(self.host_places[host], words)
                devices[name] = replace(device, vars={**device.vars, **own})
        return replace(found, devices=devices)

    def _set_priority(self, of: str, value: Any, place: Place) -> None:
        try:
            number = int(value)
        except (TypeError, ValueError):
            self.mistake(place, f"{PRIORITY} must be a number")
            return
        self.groups[of].priority = number

    def _count(self, characters: int, place: Place) -> None:
        self._characters += characters
        if self._characters > MAX_FILE_BYTES:
            self.mistake(place, "up to here the file stands for more than an inventory can hold; split it")
            raise InvalidFiles(self.mistakes)

    def _check_groups(self) -> None:
        for group in self.groups.values():
            for child, place in group.children.items():
                if child not in self.groups:
                    self.mistake(place, f"there is no group {shorten(child)} that can be a child")
        for cycle in cycles({name: group.children for name, group in self.groups.items()}):
            *_, group_name, child = cycle
            self.mistake(self.groups[group_name].children[child], f"group {shorten(child)} contains itself")

    def _rename(self) -> tuple[dict[str, str], dict[str, str]]:
        """A name of ours for each host of Ansible's, and for each group."""
        taken: dict[str, str] = {}
        return (
            self._rename_all(self.hosts, self.host_places, "host", "device", taken),
            self._rename_all(self.groups, self.group_places, "group", "group", taken),
        )

    def _rename_all(
        self, olds: Iterable[str], places: Mapping[str, Place], what: str, kind: str, taken: dict[str, str]
    ) -> dict[str, str]:
        """`taken` has who has each new name already."""
        names: dict[str, str] = {}
        for old in olds:
            place = places.get(old, Place(0, 0))
            new = _fitting(old, kind)
            if blank := what_is_blank(old):
                self.mistake(place, f"{shorten(old)} {blank}")
            elif not DEVICE_NAME.fullmatch(new):
                self.mistake(place, f"{shorten(old)} cannot name a {kind}, however it is changed")
            elif new in taken:
                words = f"{what} {shorten(old)} clashes with {taken[new]}: both would be called '{new}'"
                self.mistake(place, f"{words}; rename one of them")
            elif new != old:
                self.note(place, f"{shorten(old)} is called '{new}' here: it cannot name a {kind} as it is")
            names[old] = new
            taken.setdefault(new, f"{what} {shorten(old)}")
        return names


def _said(variables: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in variables.items() if not isinstance(value, LeftOut)}


def _fitting(name: str, kind: str) -> str:
    new = re.sub(r"[^A-Za-z0-9_-]", "-", name).lstrip("-_")
    return f"{new}-{kind}" if new in RESERVED_NAMES else new
