"""The declared devices and groups: what the fleet consists of, whether or not any of it is connected.

Variables come down to a device in Ansible's order: those of all devices, then those of its groups, outer groups before
inner ones, then its own; the later wins. A group's depth is the longest way down to it from a group that no group
contains; groups of one depth follow one another in alphabetical order. A value is replaced as a whole, never merged.
With

    vars: {ntp: pool.ntp.org, port: 80, tier: none}
    groups:
      site: {children: [web, db], vars: {port: 8080, tier: site}}
      db:   {members: [pi-1],     vars: {tier: db, dir: /data}}
      web:  {members: [pi-1],     vars: {tier: web}}
    devices:
      pi-1: {vars: {dir: /srv}}

pi-1 is in site (depth 0), db and web (depth 1), and has ntp: pool.ntp.org (all), port: 8080 (site), tier: web (web
comes after db), dir: /srv (its own).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any

from runlet.errors import InvalidInput
from runlet.model.declaration import FLEET_NAME, Declaration, Kind

# A device's name is part of routing keys, queue names and user names, so it is narrow: no dots, no wildcards. A group's
# is the same, since patterns name both.
DEVICE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
LABEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]{0,62}")
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
# What templates call something of their own, which would hide a variable of that name.
RESERVED_VARIABLES = frozenset({"args", "device", "loop"})
# One variable's value, as JSON: it and what else a program is given are in its environment, which holds twice that.
MAX_VARIABLE_BYTES = 32 * 1024
# The values of `where`: as names they could not be told apart from them.
RESERVED_NAMES = frozenset({"local", "all", "any", "custom", "enrolled"})


@dataclass(frozen=True, slots=True)
class Device:
    """One declared device. A device that is not `enabled` is known but takes no part in the fleet."""

    name: str
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    vars: Mapping[str, Any] = field(default_factory=dict, hash=False)
    enabled: bool = True

    def to_mapping(self) -> dict[str, Any]:
        """What stands below the device's name in an inventory; what is empty or as by default is left out."""
        enabled: dict[str, Any] = {} if self.enabled else {"enabled": False}
        return _filled(description=self.description, labels=dict(self.labels), vars=dict(self.vars)) | enabled

    @classmethod
    def from_mapping(cls, name: str, content: Mapping[str, Any]) -> Device:
        """The inverse of `to_mapping`, for content that was checked against the schema."""
        return cls(
            name=name,
            description=content.get("description", ""),
            labels=content.get("labels", {}),
            vars=content.get("vars", {}),
            enabled=content.get("enabled", True),
        )


@dataclass(frozen=True, slots=True)
class Group:
    """A named set of devices: its members, and those of its children."""

    name: str
    description: str = ""
    members: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    vars: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def to_mapping(self) -> dict[str, Any]:
        """What stands below the group's name in an inventory; what is empty is left out."""
        return _filled(
            description=self.description,
            members=list(self.members),
            children=list(self.children),
            vars=dict(self.vars),
        )

    @classmethod
    def from_mapping(cls, name: str, content: Mapping[str, Any]) -> Group:
        """The inverse of `to_mapping`, for content that was checked against the schema."""
        return cls(
            name=name,
            description=content.get("description", ""),
            members=tuple(content.get("members", ())),
            children=tuple(content.get("children", ())),
            vars=content.get("vars", {}),
        )


@dataclass(frozen=True, slots=True)
class Inventory:
    """A whole inventory, its names consistent: every member is one of `devices`, every child one of `groups`.

    Raises InvalidInput for groups that contain themselves.
    """

    devices: Mapping[str, Device] = field(default_factory=dict, hash=False)
    groups: Mapping[str, Group] = field(default_factory=dict, hash=False)
    vars: Mapping[str, Any] = field(default_factory=dict, hash=False)  # hold for all devices
    # Derived once: the groups of each device, in the order in which their variables come down.
    _groups_of: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_groups_of", _memberships(self.groups))

    def groups_of(self, device: str) -> tuple[str, ...]:
        """The groups that contain a device, children counted in; outer groups first, then in alphabetical order."""
        return self._groups_of.get(device, ())

    def variables_of(self, device: str) -> dict[str, Any]:
        """The variables of a device: those of all, of its groups in the order of `groups_of`, its own; the later wins.

        A device that is not declared has those of all.
        """
        merged = dict(self.vars)
        for name in self.groups_of(device):
            merged |= self.groups[name].vars
        return merged | dict(self.devices[device].vars) if device in self.devices else merged

    def to_mapping(self) -> dict[str, Any]:
        """The inventory as JSON values, as in its file; what is empty or as by default is left out."""
        groups = {name: group.to_mapping() for name, group in self.groups.items()}
        devices = {name: device.to_mapping() for name, device in self.devices.items()}
        return {**_filled(vars=dict(self.vars), groups=groups), "devices": devices}

    def declarations(self) -> Iterator[Declaration]:
        """What it declares, each thing by itself."""
        if self.vars:
            yield Declaration(Kind.FLEET, FLEET_NAME, {"vars": dict(self.vars)})
        yield from (Declaration(Kind.GROUP, group.name, group.to_mapping()) for group in self.groups.values())
        yield from (Declaration(Kind.DEVICE, device.name, device.to_mapping()) for device in self.devices.values())

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any]) -> Inventory:
        """The inverse of `to_mapping`, for content that was checked (spec/inventory.py)."""
        return cls(
            devices={name: Device.from_mapping(name, inner or {}) for name, inner in content["devices"].items()},
            groups={name: Group.from_mapping(name, inner or {}) for name, inner in content.get("groups", {}).items()},
            vars=content.get("vars", {}),
        )


def _filled(**parts: Any) -> dict[str, Any]:
    return {key: part for key, part in parts.items() if part}


def large_variables(variables: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The variables that are too large for a program's environment, each with words about it."""
    for name, value in variables.items():
        size = len(json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass"))
        if size > MAX_VARIABLE_BYTES:
            yield (
                name,
                f"the variable holds {size} bytes as JSON, {MAX_VARIABLE_BYTES} is the most; "
                "put large data into a file, and its name into the variable",
            )


def cycles(children: Mapping[str, Iterable[str]]) -> Iterator[list[str]]:
    """Every way in which a group contains itself: the group, the way down from it, and itself again."""
    done: set[str] = set()
    for start in children:
        path: dict[str, Iterator[str]] = {} if start in done else {start: iter(children[start])}
        while path:
            group, ahead = next(reversed(path.items()))
            child = next(ahead, None)
            if child is None:
                done.add(group)
                del path[group]
            elif child in path:
                way = list(path)
                yield [*way[way.index(child) :], child]
            elif child not in done and child in children:
                path[child] = iter(children[child])


def nesting(children: Mapping[str, Iterable[str]]) -> tuple[dict[str, int], dict[str, set[str]]]:
    """The depth of each group, and the groups that it is in, where no group contains itself."""
    depths = dict.fromkeys(children, 0)
    parents: dict[str, set[str]] = {name: set() for name in children}
    inner_first = [name for name in TopologicalSorter(children).static_order() if name in children]
    for name in reversed(inner_first):
        for child in children[name]:
            if child in children:
                depths[child] = max(depths[child], depths[name] + 1)
                parents[child] |= {name} | parents[name]
    return depths, parents


def _memberships(groups: Mapping[str, Group]) -> dict[str, tuple[str, ...]]:
    """The groups of each device, by depth and then by name."""
    children = {name: group.children for name, group in groups.items()}
    for cycle in cycles(children):
        raise InvalidInput(f"group {cycle[0]!r} contains itself")
    depths, parents = nesting(children)
    direct: dict[str, set[str]] = {}
    for name, group in groups.items():
        for member in group.members:
            direct.setdefault(member, set()).add(name)
    return {
        device: tuple(sorted(inside.union(*(parents[name] for name in inside)), key=lambda name: (depths[name], name)))
        for device, inside in direct.items()
    }
