"""Inventories: files to declared devices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runlet.errors import InvalidFiles
from runlet.model.inventory import Device
from runlet.spec import schema
from runlet.spec.reader import read


def load(path: Path) -> list[Device]:
    """The devices that a file declares, in its order. Raises InvalidFiles with every mistake."""
    document = read(path)
    problems = [*document.problems, *schema.check(document, "inventory")]
    if problems:
        raise InvalidFiles(problems)
    content: Any = document.value
    return [
        Device(
            name=name,
            description=declared.get("description", ""),
            labels=declared.get("labels", {}),
            enabled=declared.get("enabled", True),
        )
        for name, declared in ((name, declared or {}) for name, declared in content["devices"].items())
    ]
