"""Ansible's YAML inventories: groups, each a map of `hosts`, `vars` and `children`.

The reader is that of our own files. What it refuses, tags (`!vault`), anchors and aliases, is noted and left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runlet.spec.ansible_draft import ALL, Draft, DraftGroup
from runlet.spec.document import Address, Document, Place, shorten


def read_yaml(draft: Draft, document: Document) -> None:
    """Add everything that the document says to the draft."""
    draft.notes += document.problems
    if not isinstance(document.value, dict):
        draft.mistake(Place(1, 1), "an inventory is a map of groups")
        return
    walk = _Walk(draft, document)
    for name in document.value:
        walk.group(name, (name,), document.value[name])


class _Walk:
    """Goes down the groups; the reader has bounded how deep that can be."""

    def __init__(self, draft: Draft, document: Document) -> None:
        self._draft = draft
        self._document = document
        # Every address at or above something that was refused.
        self._unread = {address[:length] for address in document.unread for length in range(len(address) + 1)}

    def group(self, name: str, address: Address, value: Any) -> None:
        group = self._draft.group(name, self._place(address))
        for key, content in self._map(value, address, "a group").items():
            here = (*address, key)
            if key == "hosts":
                self._hosts(name, here, {content: None} if isinstance(content, str) else content)
            elif key == "vars":
                self._variables([group.vars], name, here, content)
            elif key == "children":
                self._children(name, group, here, content)
            else:
                self._draft.note(self._place(here), f"{shorten(key)} of group {shorten(name)} is left out")

    def _hosts(self, group: str, address: Address, value: Any) -> None:
        for host, variables in self._map(value, address, "hosts").items():
            here = (*address, host)
            names = self._draft.add_hosts(host, group, self._place(here))
            self._variables([self._draft.hosts[name] for name in names], host, here, variables)

    def _children(self, name: str, group: DraftGroup, address: Address, value: Any) -> None:
        for child, content in self._map(value, address, "children").items():
            here = (*address, child)
            if name != ALL:
                group.children.setdefault(child, self._place(here))
            self.group(child, here, content)

    def _variables(self, owners: list[dict[str, Any]], of: str, address: Address, value: Any) -> None:
        for name, content in self._map(value, address, "variables").items():
            here = (*address, name)
            if here in self._unread:
                self._draft.note(self._place(here), f"variable {shorten(name)} of {shorten(of)} is left out")
            else:
                self._draft.set_variable(owners, of, name, content, self._place(here))

    def _map(self, value: Any, address: Address, what: str) -> Mapping[str, Any]:
        if isinstance(value, dict):
            return value
        if value is not None:
            self._draft.mistake(self._place(address), f"{what} must be a map")
        return {}

    def _place(self, address: Address) -> Place:
        """Of the key; a single host that stands as text has only its value's."""
        keys, values = self._document.keys, self._document.values
        return keys.get(address) or values.get(address) or keys[address[:-1]]
