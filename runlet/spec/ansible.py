"""Ansible inventories, INI or YAML, to ours. Nothing of Ansible is imported, and nothing in the file is run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from runlet.errors import InvalidFiles, InvalidInput, Problem
from runlet.model.inventory import Inventory
from runlet.spec import inventory, reader, yaml11
from runlet.spec.ansible_draft import Draft
from runlet.spec.ansible_ini import read_ini
from runlet.spec.ansible_yaml import read_yaml

_YAML_SUFFIXES = (".yaml", ".yml", ".json")
# A file that begins so is no INI.
_LOOKS_LIKE_YAML = re.compile(r"\A(?:[ \t]*(?:#.*)?\n)*(?:---|\{|[^\s\[#;=:]+:[ \t]*(?:#.*)?$)", re.MULTILINE)
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
    imported = parse(str(path), reader.read_bytes(path), path.suffix)
    beside = [
        Problem(str(path.parent / name), 0, 0, "is not read: move its variables into the inventory")
        for name in _MORE_VARIABLES
        if (path.parent / name).is_dir()
    ]
    return Imported(imported.inventory, imported.text, (*imported.notes, *beside))


def parse(path: str, content: bytes, suffix: str = "") -> Imported:
    """The inventory in `content`, called `path` in messages. Raises InvalidFiles with every mistake.

    As in Ansible, `suffix` says what it is: YAML or JSON; without one, that if it is a map, else INI; INI.
    """
    draft = Draft(path)
    _refuse_others(path, content, suffix)
    if suffix in _YAML_SUFFIXES:
        read_yaml(draft, yaml11.read(path, content))
    elif suffix or not _read_as_map(draft, path, content):
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


def _refuse_others(path: str, content: bytes, suffix: str) -> None:
    message = None
    if content.startswith(b"#!"):
        message = "a program that prints an inventory is not run; import what it prints"
    elif content.startswith(b"$ANSIBLE_VAULT"):
        message = "the file is encrypted by Ansible Vault; import what `ansible-vault view FILE` prints, with FILE as -"
    elif suffix == ".toml":
        message = "a TOML inventory is not read; import what `ansible-inventory -i FILE --list` prints, with FILE as -"
    if message is not None:
        raise InvalidFiles([Problem(path, 1, 1, message)])


def _read_as_map(draft: Draft, path: str, content: bytes) -> bool:
    """Read what has no suffix as YAML if it is a map, or meant as one."""
    try:
        document = yaml11.read(path, content)
    except InvalidFiles:
        if _LOOKS_LIKE_YAML.search(reader.decode(path, content)):
            raise
        return False
    if isinstance(document.value, dict):
        read_yaml(draft, document)
        return True
    return False
