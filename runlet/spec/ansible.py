"""Ansible inventories, INI or YAML, to ours. Nothing of Ansible is imported, and nothing in the file is run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runlet.errors import InvalidFiles, InvalidInput, Problem
from runlet.model.inventory import Inventory
from runlet.spec import inventory, reader
from runlet.spec.ansible_draft import Draft
from runlet.spec.ansible_ini import read_ini
from runlet.spec.ansible_yaml import read_yaml

_YAML_SUFFIXES = (".yaml", ".yml", ".json")
# Folders beside an inventory from which Ansible takes more variables.
_MORE_VARIABLES = ("group_vars", "host_vars")


@dataclass(frozen=True, slots=True)
class Imported:
    """An inventory of ours, as text too, and what of Ansible's is not in it or has another name, in order of place."""

    inventory: Inventory
    text: str
    notes: tuple[Problem, ...]


def load(path: Path) -> Imported:
    """The inventory in a file, and what lies beside it unread. Raises InvalidFiles with every mistake."""
    imported = parse(str(path), reader.read_bytes(path), is_yaml=path.suffix in _YAML_SUFFIXES)
    beside = [
        Problem(str(path.parent / name), 0, 0, "is not read: move its variables into the inventory")
        for name in _MORE_VARIABLES
        if (path.parent / name).is_dir()
    ]
    return Imported(imported.inventory, imported.text, (*imported.notes, *beside))


def parse(path: str, content: bytes, *, is_yaml: bool) -> Imported:
    """The inventory in `content`, called `path` in messages. Raises InvalidFiles with every mistake."""
    draft = Draft(path)
    if content.startswith(b"#!"):
        raise InvalidFiles(
            [Problem(path, 1, 1, "a program that prints an inventory is not run; import what it prints")]
        )
    if is_yaml:
        read_yaml(draft, reader.parse(path, content))
    else:
        read_ini(draft, reader.decode(path, content))
    found = draft.finish()
    try:
        inventory.from_mapping(found.to_mapping())
    except InvalidInput as error:
        raise InvalidFiles([Problem(path, 0, 0, error.message)]) from None
    text = inventory.dump(found)
    if len(text.encode()) > reader.MAX_FILE_BYTES:
        raise InvalidFiles([Problem(path, 0, 0, "what it stands for is larger than an inventory can be; split it")])
    return Imported(found, text, tuple(sorted(set(draft.notes))))
