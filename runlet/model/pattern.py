"""One pattern of a target: its grammar, read once into a value. docs/reference/targets.md tells it in words.

    term      = [ "&" | "!" ] selector
    selector  = name | glob | key "=" value | "~" regex

An item of `whereCustom` holds terms separated by commas; a regular expression takes the rest of its item.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

from runlet.errors import InvalidInput
from runlet.model.inventory import DEVICE_NAME, LABEL_NAME, RESERVED_NAMES
from runlet.model.regex import RefusedRegex, compile_bounded

# A label's name (63), its value (255) and the signs, with room.
MAX_CHARACTERS = 400

_WILDCARDS = frozenset("*?[")
_REGEX_AHEAD = re.compile(r"\s*[&!]?\s*~")
_NAME_CHARACTER = re.compile(r"[A-Za-z0-9_-]")
_GLOB_CHARACTER = re.compile(r"[A-Za-z0-9_*?\[\]!^-]")
_KEY_CHARACTER = re.compile(r"[A-Za-z0-9_./-]")
# `web[0]`, `web[-1]`: by place; `web[01:12]`: a range.
_ANSIBLE_INDEX = re.compile(r"\[(?:-[0-9]+|[0-9])\]")
_ANSIBLE_RANGE = re.compile(r"\[(-?[A-Za-z0-9]+):(-?[A-Za-z0-9]+)\]")


class Sign(StrEnum):
    """What a term does with the devices it matches."""

    ADD = ""
    INTERSECT = "&"
    EXCLUDE = "!"


@dataclass(frozen=True, slots=True)
class Named:
    """A device, or the devices of a group."""

    name: str


@dataclass(frozen=True, slots=True)
class NamedLike:
    """The devices, and those of the groups, whose name a glob or a regular expression matches."""

    pattern: re.Pattern[str]

    def matches(self, name: str) -> bool:
        return self.pattern.match(name) is not None


@dataclass(frozen=True, slots=True)
class Valued:
    """The devices with a label or fact of this value; `pattern` is set when the value is a glob."""

    key: str
    value: str
    pattern: re.Pattern[str] | None

    def matches(self, text: str) -> bool:
        return text == self.value if self.pattern is None else self.pattern.match(text) is not None


Selector = Named | NamedLike | Valued


@dataclass(frozen=True, slots=True)
class Term:
    """A pattern as read. `text` is its one spelling: no blanks around it or behind its sign."""

    text: str
    sign: Sign
    selector: Selector


def split(item: str) -> Iterator[str]:
    """The texts of an item's terms, empty ones left out."""
    start = 0
    while start < len(item):
        comma = -1 if _REGEX_AHEAD.match(item, start) else item.find(",", start)
        end = len(item) if comma < 0 else comma
        text = item[start:end].strip()
        if text:
            yield text
        start = end + 1


def parse(text: str) -> Term:
    """The term that a text spells. Raises InvalidInput with the pattern and the column of what is wrong."""
    if len(text) > MAX_CHARACTERS:
        _refuse(text, MAX_CHARACTERS, f"a pattern has {MAX_CHARACTERS} characters at most")
    text = text.strip()
    sign = Sign(text[0]) if text[:1] in ("&", "!") else Sign.ADD
    text = sign + text[len(sign) :].lstrip()
    start = len(sign)
    if start == len(text):
        _refuse(text, start, f"nothing stands behind '{sign}'" if sign else "it is empty")
    if text[start] in "&!":
        _refuse(text, start, "a pattern has one sign")
    if text[start] == "~":
        return Term(text, sign, NamedLike(_regex(text, start + 1)))
    if "=" in text:
        return Term(text, sign, _valued(text, start))
    _refuse_ansible_s(text, start)
    if _WILDCARDS.isdisjoint(text):
        return Term(text, sign, Named(_name(text, start)))
    _check_characters(text, start, len(text), _GLOB_CHARACTER, "a glob of names")
    return Term(text, sign, NamedLike(_glob(text, start)))


def _refuse(text: str, index: int, message: str) -> NoReturn:
    shown = text if len(text) <= MAX_CHARACTERS else text[:37] + "..."
    raise InvalidInput(f"pattern {shown!r}, column {index + 1}: {message}", "patterns: docs/reference/targets.md")


def _refuse_ansible_s(text: str, start: int) -> None:
    """What means something in Ansible's patterns and another thing here, or nothing: with the form that is meant."""
    if index := _ANSIBLE_INDEX.search(text, start):
        words = f"'{index[0]}' chooses by place in Ansible, and here by one character; write the name of the device"
        _refuse(text, index.start(), words)
    if bounds := _ANSIBLE_RANGE.search(text, start):
        short = len(bounds[1]) == len(bounds[2]) == 1
        right = f"write [{bounds[1]}-{bounds[2]}]" if short else "write a regular expression behind ~"
        _refuse(text, bounds.start(), f"'{bounds[0]}' is a range of Ansible's; {right}")
    colon = text.find(":", start)
    if colon > start:
        parts = [part for part in text[start:].split(":") if part]
        _refuse(
            text, colon, f"a ',' stands between patterns, no ':'; write {text[:start]}{f',{text[:start]}'.join(parts)}"
        )


def _name(text: str, start: int) -> str:
    name = text[start:]
    _check_characters(text, start, len(text), _NAME_CHARACTER, "a name")
    if name in RESERVED_NAMES:
        _refuse(text, start, f"'{name}' is a value of where and stands alone; & and ! alone start from every device")
    if not DEVICE_NAME.fullmatch(name):
        _refuse(text, start, "a name begins with a letter or a digit and has 63 characters at most")
    return name


def _valued(text: str, start: int) -> Valued:
    equals = text.index("=")
    key, value = text[start:equals].rstrip(), text[equals + 1 :].lstrip()
    if key.endswith("!"):
        _refuse(text, equals - 1, f"to exclude, write !{key[:-1]}={value}")
    _check_characters(text, start, start + len(key), _KEY_CHARACTER, "the name of a label or fact")
    if not LABEL_NAME.fullmatch(key):
        _refuse(text, start, "the name of a label or fact begins with a letter or a digit, 63 characters at most")
    if not value:
        _refuse(text, equals + 1, f"no value stands behind '='; {key}=* means any")
    is_glob = not _WILDCARDS.isdisjoint(value)
    return Valued(key, value, _glob(text, len(text) - len(value)) if is_glob else None)


def _check_characters(text: str, start: int, end: int, allowed: re.Pattern[str], what: str) -> None:
    for index in range(start, end):
        if not allowed.match(text[index]):
            meant = "; a regular expression begins with ~" if text[index] in ".^$()|+\\" else ""
            _refuse(text, index, f"{text[index]!r} cannot be part of {what}{meant}")


def _glob(text: str, start: int) -> re.Pattern[str]:
    at = start
    while (at := text.find("[", at)) >= 0:
        # "]" is an ordinary character when it comes first: "[]]", "[!]]"
        first = at + (2 if text.startswith("[!", at) else 1)
        end = text.find("]", first + 1)
        if end < 0:
            _refuse(text, at, "this '[' is not closed")
        at = end
    return re.compile(fnmatch.translate(text[start:]))


def _regex(text: str, start: int) -> re.Pattern[str]:
    if start == len(text):
        _refuse(text, start, "nothing stands behind '~'")
    try:
        return compile_bounded(text[start:])
    except RefusedRegex as refused:
        _refuse(text, start + refused.position, refused.message)
