"""The variables of one execution: what its template is given, and what its program finds in its environment.

The later wins: those of the inventory (runlet/model/inventory.py has their order), those of the job, those of the
operator who launches it (`-e name=value`). `device` is always what is known of the device.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from runlet.model.inventory import Inventory
from runlet.model.target import Candidate

Path = tuple[str, ...]  # a variable's name, and keys of the maps in it

DEVICE = "device"
LABELS, FACTS = "labels", "facts"
# What a template finds in `device`.
OF_DEVICE = ("name", "groups", LABELS, FACTS)
# What a variable is called in a program's environment.
PREFIX = "RUNLET_VAR_"


def of_execution(inventory: Inventory, device: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The variables on a device; `given` are the job's and the operator's, merged."""
    return inventory.variables_of(device) | dict(given)


def for_template(variables: Mapping[str, Any], device: Candidate) -> dict[str, Any]:
    """What a template is given: the variables, and the device as `device.name`, `.groups`, `.labels` and `.facts`."""
    known = (device.name, sorted(device.groups), dict(device.labels), dict(device.facts))
    return {**variables, DEVICE: dict(zip(OF_DEVICE, known, strict=True))}


def for_environment(variables: Mapping[str, Any]) -> dict[str, str]:
    """Each variable as RUNLET_VAR_<name>: texts as they are, all else as JSON."""
    return {
        PREFIX + name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in variables.items()
    }


def holds(value: Any, steps: Iterable[str]) -> bool:
    """Whether a template that reads these keys, one in the other, finds something."""
    for step in steps:
        if not isinstance(value, Mapping) or step not in value:
            return False
        value = value[step]
    return True
