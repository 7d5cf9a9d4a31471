"""Ansible's groups while an inventory is read, and the value that each host has of each variable there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from runlet.model.inventory import nesting
from runlet.spec.document import Place

ALL, UNGROUPED = "all", "ungrouped"
# The variable that says which of several groups of one depth wins, and what it is without.
PRIORITY = "ansible_group_priority"
DEFAULT_PRIORITY = 1


@dataclass(slots=True)
class DraftGroup:
    """What is known of a group so far: names as Ansible has them, with the places where they stand."""

    members: dict[str, Place] = field(default_factory=dict)
    children: dict[str, Place] = field(default_factory=dict)
    vars: dict[str, Any] = field(default_factory=dict)
    priority: int = DEFAULT_PRIORITY


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Stands where a variable has a value that cannot be said here."""

    place: Place
    words: str


@dataclass(frozen=True, slots=True)
class Settled:
    """Hosts of the group `ungrouped` that Ansible takes out of it, since it has relatives.

    `lost` are then in no group; `muddled` are in another one, and lose variables of groups that they are in.
    """

    lost: tuple[str, ...]
    muddled: tuple[str, ...]


def settle_ungrouped(groups: dict[str, DraftGroup], hosts: Iterable[str], nowhere: Place) -> Settled:
    """Give Ansible's group of the hosts in no other its members; without variables and relatives it is not needed."""
    ungrouped = groups.pop(UNGROUPED, DraftGroup())
    grouped = {name for group in groups.values() for name in group.members}
    is_child = any(UNGROUPED in group.children for group in groups.values())
    lost = tuple(name for name in ungrouped.members if is_child and name not in grouped)
    muddled = tuple(name for name in ungrouped.members if (is_child or ungrouped.children) and name in grouped)
    if ungrouped.vars or ungrouped.children or is_child:
        ungrouped.members = {name: nowhere for name in hosts if name not in grouped and name not in lost}
        groups[UNGROUPED] = ungrouped
    return Settled(lost, muddled)


def ansible_variables(
    hosts: Mapping[str, Mapping[str, Any]], groups: Mapping[str, DraftGroup], shared: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """The variables of each host: of all, of its groups by depth, priority and name, its own; the later wins."""
    depths, parents = nesting({name: group.children for name, group in groups.items()})
    inside: dict[str, set[str]] = {host: set() for host in hosts}
    for name, group in groups.items():
        for member in group.members:
            inside[member] |= {name} | parents[name]
    found = {}
    for host, own in hosts.items():
        merged = dict(shared)
        for name in sorted(inside[host], key=lambda name: (depths[name], groups[name].priority, name)):
            merged |= groups[name].vars
        found[host] = merged | dict(own)
    return found
