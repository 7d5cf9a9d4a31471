"""Ansible's INI inventories, line by line, as Ansible's own plugin reads them.

    host key=value ...      hosts of the section's group; before any section, of none
    [group]  [group:children]  [group:vars]

Values are Python literals where they can be (`1`, `True`, `[1, 2]`), else text.
"""

from __future__ import annotations

import re
import shlex

from runlet.spec.ansible_draft import Draft
from runlet.spec.ansible_groups import ALL, UNGROUPED
from runlet.spec.ansible_values import literal
from runlet.spec.document import Place, shorten

# shlex needs time with the square of a word's length.
MAX_LINE_CHARACTERS = 16 * 1024

_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?")
_CHILD = re.compile(r"([^:\]\s]+)\s*(?:#.*)?")


def read_ini(draft: Draft, text: str) -> None:
    """Add everything that the text says to the draft."""
    group, kind = UNGROUPED, "hosts"
    declared = {ALL, UNGROUPED}
    with_variables: dict[str, Place] = {}
    for number, line in enumerate(text.split("\n"), 1):
        content = line.strip()
        place = Place(number, len(line) - len(line.lstrip()) + 1)
        if not content or content[0] in "#;":
            continue
        if len(line) > MAX_LINE_CHARACTERS:
            draft.mistake(place, f"the line is longer than {MAX_LINE_CHARACTERS // 1024} KiB")
            continue
        section = _SECTION.fullmatch(content)
        if section:
            group, kind = section[1], section[2] or "hosts"
            if kind == "vars":
                with_variables.setdefault(group, place)
            elif kind in ("hosts", "children"):
                declared.add(group)
            else:
                draft.mistake(place, f"a section is [group], [group:children] or [group:vars], not {shorten(content)}")
            draft.group(group, place)
        elif kind == "hosts":
            _host(draft, group, line, place)
        elif kind == "children":
            _child(draft, group, content, place)
        elif kind == "vars":
            _variable(draft, group, content, place)
    for name, place in with_variables.items():
        if name not in declared:
            draft.mistake(place, f"there is no section [{name}] for these variables")


def _host(draft: Draft, group: str, line: str, place: Place) -> None:
    try:
        words = shlex.split(line, comments=True)
    except ValueError as error:
        draft.mistake(place, f"this line cannot be split into words: {str(error).lower()}")
        return
    if not words:
        return
    host, *variables = words
    hosts = draft.add_hosts(host, group, place)
    for word in variables:
        name, equals, value = word.partition("=")
        here = Place(place.line, max(line.find(name), 0) + 1)
        if not equals:
            draft.mistake(here, f"key=value is expected here, not {shorten(word)}")
        else:
            draft.set_variable([draft.hosts[one] for one in hosts], host, name, literal(value), here)


def _child(draft: Draft, group: str, content: str, place: Place) -> None:
    child = _CHILD.fullmatch(content)
    if not child:
        draft.mistake(place, f"the name of a group is expected here, not {shorten(content)}")
    elif group != ALL:
        draft.group(group, place).children.setdefault(child[1], place)


def _variable(draft: Draft, group: str, content: str, place: Place) -> None:
    name, equals, value = content.partition("=")
    if not equals:
        draft.mistake(place, f"key=value is expected here, not {shorten(content)}")
    else:
        draft.set_variable([draft.group(group, place).vars], group, name.strip(), literal(value.strip()), place)
