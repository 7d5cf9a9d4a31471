"""What templates need and devices lack: variables, labels, facts, and keys in them.

Whole fleets are asked about many jobs: each question is answered once for all devices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from runlet.model.inventory import Inventory
from runlet.model.target import Candidate, Fleet
from runlet.model.variables import DEVICE, FACTS, LABELS, Path, holds

_NOBODY: frozenset[str] = frozenset()


class Missing:
    """What is missing where, in an inventory and its fleet."""

    def __init__(self, inventory: Inventory, fleet: Fleet) -> None:
        self._inventory = inventory
        self._fleet = fleet
        self._lacking: dict[Path, frozenset[str]] = {}
        self._variables: dict[str, dict[str, Any]] = {}

    @cached_property
    def silent(self) -> frozenset[str]:
        """The devices that have told no facts yet: nobody knows what they lack."""
        return frozenset(name for name, device in self._fleet.candidates.items() if not device.facts)

    def is_declared(self, name: str) -> bool:
        """Whether there is a variable called so at all."""
        return name in self._inventory.vars or name in self._below

    def on(self, path: Path) -> frozenset[str]:
        """The devices on which a template that needs this cannot be rendered; those that are silent left out."""
        if path not in self._lacking:
            self._lacking[path] = self._found(path)
        return self._lacking[path]

    def _found(self, path: Path) -> frozenset[str]:
        root, *steps = path
        candidates = self._fleet.candidates
        if root == DEVICE:
            return frozenset(_without(candidates, steps)) - (self.silent if steps[:1] == [FACTS] else _NOBODY)
        if root not in self._below:  # all have the same
            return _NOBODY if holds(self._inventory.vars, path) else frozenset(candidates)
        return frozenset(name for name in candidates if not holds(self._of(name), path))

    def _of(self, device: str) -> dict[str, Any]:
        if device not in self._variables:
            self._variables[device] = self._inventory.variables_of(device)
        return self._variables[device]

    @cached_property
    def _below(self) -> frozenset[str]:
        """The variables that groups and devices have."""
        inventory = self._inventory
        declared = [one.vars for one in inventory.groups.values()] + [one.vars for one in inventory.devices.values()]
        return frozenset(name for variables in declared for name in variables)


def _without(candidates: Mapping[str, Candidate], steps: list[str]) -> Iterator[str]:
    """The devices whose label or fact is not there; the rest of `device` every device has."""
    for name, device in candidates.items():
        known = {LABELS: device.labels, FACTS: device.facts}
        if steps[:1] and steps[0] in known and not holds(known, steps):
            yield name
