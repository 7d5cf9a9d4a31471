"""Inventories: files to declared devices and groups, what arrives as one over HTTP to the same, and back to YAML.

What a schema cannot say is in `_inconsistencies`: names that targets could not tell apart, members and children that
do not exist, groups that contain themselves.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any

from runlet.errors import InvalidFiles, InvalidInput, Problem
from runlet.model.declaration import FLEET_NAME, Key, Kind
from runlet.model.inventory import RESERVED_NAMES, Inventory, cycles, large_variables
from runlet.spec import dumper, schema
from runlet.spec.document import MAX_PROBLEMS, Address, Document, shorten
from runlet.spec.foreign import unspeakable
from runlet.spec.reader import read
from runlet.spec.schema import MAX_NAME_TO_GUESS, Violation

# How many mistakes of one inventory the answer to an HTTP request names.
MAX_MISTAKES_TOLD = 20
# Guessing compares a name with all others; whoever has more wrong names than this does not need it.
MAX_GUESSES = 10
# Longer ways from a group to itself are told in part.
MOST_GROUPS_TOLD = 6


def load(path: Path) -> Inventory:
    """The inventory in a file. Raises InvalidFiles with every mistake."""
    document = read(path)
    problems = mistakes(document)
    if problems:
        raise InvalidFiles(problems)
    return build(document)


def mistakes(document: Document) -> list[Problem]:
    """Everything wrong within one document; it may break its schema, so nothing about its shape is taken for sure."""
    if document.is_empty:
        return [document.emptiness()]
    found = [*document.problems, *schema.check(document, "inventory")]
    return found + [
        document.problem(violation.address, violation.message, at_key=violation.at_key)
        for violation in islice(_inconsistencies(document.value), MAX_PROBLEMS)
        if not document.is_unread(violation.address)
    ]


def doubts(document: Document) -> Iterator[Problem]:
    """What is right in a document without mistakes, and probably not meant."""
    yield from document.respellings(lambda address: address[:1] == ("vars",) or address[2:3] == ("vars",))


def build(document: Document) -> Inventory:
    """The inventory of a document without mistakes."""
    assert isinstance(document.value, dict), "checked against the schema"
    return Inventory.from_mapping(document.value)


def places(document: Document) -> Iterator[tuple[Key, Address]]:
    """Where each declaration of a document without mistakes stands."""
    for kind, part in ((Kind.DEVICE, "devices"), (Kind.GROUP, "groups")):
        yield from (((kind, name), (part, name)) for name in _part(document.value, part))
    if _part(document.value, "vars"):
        yield (Kind.FLEET, FLEET_NAME), ("vars",)


def from_mapping(content: Any) -> Inventory:
    """The inverse of `Inventory.to_mapping`, for content from outside. Raises InvalidInput with every mistake."""
    told = list(unspeakable(content))
    if not told:
        violations = chain(schema.violations(content, "inventory"), _inconsistencies(content))
        told = [violation.message for violation in islice(violations, MAX_MISTAKES_TOLD)]
    if told:
        raise InvalidInput(f"this is not an inventory: {'; '.join(told)}")
    return Inventory.from_mapping(content)


def dump(inventory: Inventory) -> str:
    """The inventory as YAML that `load` reads back."""
    return dumper.dump(inventory.to_mapping())


def inconsistencies(content: Any) -> Iterator[tuple[Address, str]]:
    """What does not fit together in the parts of an inventory, each checked for itself before."""
    return ((violation.address, violation.message) for violation in _inconsistencies(content))


def large(content: Any) -> Iterator[tuple[Address, str]]:
    """The variables in an inventory that are too large; its shape is not taken for sure."""
    owners: list[tuple[Address, Any]] = [((), content)]
    for part in ("groups", "devices"):
        owners += [((part, name), one) for name, one in _part(content, part).items()]
    for address, owner in owners:
        for name, message in large_variables(_part(owner, "vars")):
            yield (*address, "vars", name), message


# --- what a schema cannot say ---------------------------------------------------------------------------------------


def _inconsistencies(content: Any) -> Iterator[Violation]:
    devices, groups = _part(content, "devices"), _part(content, "groups")
    for kind, names in (("devices", devices), ("groups", groups)):
        for name in names:
            if name in RESERVED_NAMES:
                yield Violation((kind, name), f"'{name}' means something in targets; choose another name", at_key=True)
    for name in groups:
        if name in devices:
            yield Violation(("groups", name), f"'{name}' is a device too; choose another name", at_key=True)
    yield from (Violation(*found) for found in large(content))
    yield from _strangers(groups, "members", devices, "device")
    yield from _strangers(groups, "children", groups, "group")
    yield from _cycles({name: _names(group, "children") for name, group in groups.items()})


def _part(content: Any, key: str) -> Mapping[str, Any]:
    part = content.get(key) if isinstance(content, dict) else None
    return part if isinstance(part, dict) else {}


def _names(group: Any, key: str) -> list[str]:
    """The texts of a list; what else it holds breaks the schema, but keeps its index."""
    items = group.get(key) if isinstance(group, dict) else None
    return [item if isinstance(item, str) else "" for item in items] if isinstance(items, list) else []


def _strangers(groups: Mapping[str, Any], key: str, known: Mapping[str, Any], kind: str) -> Iterator[Violation]:
    told = 0
    for group, content in groups.items():
        for index, name in enumerate(_names(content, key)):
            if name and name not in known:
                told += 1
                guess = _guess(name, known if told <= MAX_GUESSES else ())
                yield Violation(("groups", group, key, index), f"there is no {kind} {shorten(name)}{guess}")


def _guess(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1) if len(name) <= MAX_NAME_TO_GUESS else []
    return f"; did you mean '{close[0]}'?" if close else ""


def _cycles(children: Mapping[str, list[str]]) -> Iterator[Violation]:
    """Each way in which groups contain themselves, at the child that closes it."""
    for cycle in cycles(children):
        *_, group, child = cycle
        way = cycle if len(cycle) <= MOST_GROUPS_TOLD else [*cycle[:2], "...", *cycle[-2:]]
        yield Violation(
            ("groups", group, "children", children[group].index(child)),
            f"group {shorten(child)} contains itself: {' > '.join(way)}",
        )
