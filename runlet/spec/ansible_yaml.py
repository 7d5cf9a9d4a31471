"""Ansible's YAML inventories: groups, each a map of `hosts`, `vars` and `children`; and what its programs print.

`ansible-inventory --list` and inventory programs print JSON in which hosts and children are lists, and the variables of
hosts stand in `_meta`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runlet.spec.ansible_draft import Draft
from runlet.spec.ansible_groups import ALL, DraftGroup
from runlet.spec.document import Place, shorten
from runlet.spec.yaml11 import Address, Foreign

_META, _HOST_VARIABLES = "_meta", "hostvars"
_PLUGIN = "plugin"
_SECTIONS = ("hosts", "children", "vars")


def read_yaml(draft: Draft, document: Foreign) -> None:
    """Add everything that the document says to the draft."""
    draft.notes += document.notes
    if not isinstance(document.value, dict):
        draft.mistake(Place(1, 1), "an inventory is a map of groups")
    elif document.value.get(_PLUGIN):
        print_it = "ansible-inventory -i FILE --list"
        words = f"this configures an inventory plugin, which is not run; import what this prints: {print_it}"
        draft.mistake(document.place((_PLUGIN,)), words)
    elif _is_printed(document):
        _Printed(draft, document).groups()
    else:
        walk = _Walk(draft, document)
        for name in document.value:
            walk.group(name, (name,), document.value[name])


def _is_printed(document: Foreign) -> bool:
    if not document.is_json:
        return False
    groups = document.value.values()
    return _META in document.value or any(
        isinstance(group, list) or (isinstance(group, dict) and any(isinstance(group.get(key), list) for key in group))
        for group in groups
    )


def _one(content: Any) -> Any:
    """A single name stands for a map of it."""
    return {content: None} if isinstance(content, str) else content


class _Reading:
    """What both forms have in common; the reader has bounded how deep they can be."""

    def __init__(self, draft: Draft, document: Foreign) -> None:
        self._draft = draft
        self._document = document

    def _variables(self, owners: list[dict[str, Any]], of: str, address: Address, value: Any) -> None:
        for name, content in self._map(value, address, "variables").items():
            place = self._place((*address, name))
            if isinstance(name, str):
                self._draft.set_variable(owners, of, name, content, place)
            else:
                words = f"variable {shorten(str(name))} of {shorten(of)} is left out: its name is no text to Ansible"
                self._draft.note(place, words)

    def _map(self, value: Any, address: Address, what: str) -> Mapping[Any, Any]:
        if isinstance(value, dict):
            return value
        if value is not None:
            self._draft.mistake(self._place(address), f"{what} must be a map")
        return {}

    def _is_name(self, name: Any, address: Address, what: str) -> bool:
        if isinstance(name, str) and name:
            return True
        self._draft.mistake(
            self._place(address), f"{shorten(str(name))} is no text to Ansible, and cannot name a {what}"
        )
        return False

    def _place(self, address: Address) -> Place:
        return self._document.place(address)


class _Walk(_Reading):
    """Goes down the groups of a file."""

    def group(self, name: Any, address: Address, value: Any) -> None:
        if not self._is_name(name, address, "group"):
            return
        group = self._draft.group(name, self._place(address))
        for key, content in self._map(value, address, "a group").items():
            here = (*address, key)
            if key == "hosts":
                self._hosts(name, here, _one(content))
            elif key == "vars":
                self._variables([group.vars], name, here, content)
            elif key == "children":
                self._children(name, group, here, _one(content))
            else:
                self._draft.note(self._place(here), f"{shorten(str(key))} of group {shorten(name)} is left out")

    def _hosts(self, group: str, address: Address, value: Any) -> None:
        for host, variables in self._map(value, address, "hosts").items():
            here = (*address, host)
            if self._is_name(host, here, "host"):
                names = self._draft.add_hosts(host, group, self._place(here))
                self._variables([self._draft.hosts[name] for name in names], host, here, variables)

    def _children(self, name: str, group: DraftGroup, address: Address, value: Any) -> None:
        for child, content in self._map(value, address, "children").items():
            here = (*address, child)
            if isinstance(child, str) and name != ALL:
                group.children.setdefault(child, self._place(here))
            self.group(child, here, content)


class _Printed(_Reading):
    """Goes through what a program has printed. Its names stand for themselves: `[1:3]` is no range."""

    def groups(self) -> None:
        for name, value in self._document.value.items():
            address = (name,)
            if name == _META or not self._is_name(name, address, "group"):
                continue
            group = self._draft.group(name, self._place(address))
            content = {"hosts": value} if isinstance(value, list) else self._map(value, address, "a group")
            for key in content:
                if key not in _SECTIONS:
                    words = f"{shorten(str(key))} of group {shorten(name)} is left out"
                    self._draft.note(self._place((*address, key)), words)
            for host, place in self._names(content.get("hosts"), (*address, "hosts"), "host"):
                self._draft.add_host(host, name, place)
            for child, place in self._names(content.get("children"), (*address, "children"), "group"):
                self._draft.group(child, place)
                if name != ALL:
                    group.children.setdefault(child, place)
            self._variables([group.vars], name, (*address, "vars"), content.get("vars"))
        self._variables_of_hosts()

    def _variables_of_hosts(self) -> None:
        address = (_META, _HOST_VARIABLES)
        meta = self._map(self._document.value.get(_META), (_META,), "_meta")
        for host, variables in self._map(meta.get(_HOST_VARIABLES), address, "variables of hosts").items():
            here = (*address, host)
            if host in self._draft.hosts:
                self._variables([self._draft.hosts[host]], host, here, variables)
            else:
                self._draft.note(self._place(here), f"{shorten(str(host))} is left out: no group names it")

    def _names(self, value: Any, address: Address, what: str) -> list[tuple[str, Place]]:
        if value is not None and not isinstance(value, list):
            self._draft.mistake(self._place(address), f"{what}s must be a list")
        places = [(name, (*address, index)) for index, name in enumerate(value if isinstance(value, list) else ())]
        return [(name, self._place(here)) for name, here in places if self._is_name(name, here, what)]
