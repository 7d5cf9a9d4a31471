"""YAML text to plain values, with the place of every key and value.

Files come from anywhere, so nothing is trusted: limits are checked on the parser's events, before any value is built,
and building is a loop without recursion. What makes YAML dangerous or surprising is refused, not tamed: aliases
(bombs), merge keys, tags, several documents, duplicate keys. Plain words are read as JSON would: `true`, `false`,
`null` and decimal numbers; `no`, `on`, `22:22`, `010` and dates stay text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from runlet.errors import InvalidFiles, Problem
from runlet.spec.document import MAX_PROBLEMS, Address, Document, Place, Value, shorten
from runlet.spec.syntax import explain

# Four scripts of the largest size; a person's file is a few kilobytes.
MAX_FILE_BYTES = 1024 * 1024
# A playbook needs five levels; consumers of the values recurse, so the bound is far below Python's.
MAX_DEPTH = 32
# A thousand jobs with every property set are about 30,000 keys and values.
MAX_NODES = 100_000

# PyYAML built without libyaml is complete, only slower.
_Parser = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader

# Refused by YAML itself, and the three rare line breaks that YAML 1.1 counts as lines and editors do not.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# Nineteen digits hold any 64-bit number; longer runs of digits are text, and never reach int()'s own limit.
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,18})")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,40})?([eE][-+]?[0-9]{1,2})?")


def read(path: Path, shown: str | None = None) -> Document:
    """The document in a file, called `shown` in messages.

    Raises InvalidFiles for what stops the reading; lesser mistakes are in the document's `problems`.
    """
    name = shown or str(path)
    return parse(name, read_bytes(path, name))


def read_bytes(path: Path, shown: str | None = None) -> bytes:
    """The content of a file, as far as it is within the limit. Raises InvalidFiles."""
    name = shown or str(path)
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise _refusal(name, "no such file") from None
    except OSError as error:
        raise _refusal(name, f"cannot be read: {error.strerror}") from None


def parse(path: str, content: bytes) -> Document:
    """The document in `content`. Raises as `read` does."""
    text = decode(path, content)
    composer = _Composer(path, text)
    try:
        composer.compose()
    except yaml.MarkedYAMLError as error:
        composer.stop(Problem(path, *explain(error, text)))
    except yaml.YAMLError as error:
        composer.stop(Problem(path, 0, 0, f"this is not YAML: {error}"))
    return composer.document


def _refusal(path: str, message: str) -> InvalidFiles:
    return InvalidFiles([Problem(path, 0, 0, message)])


def decode(path: str, content: bytes) -> str:
    """The text of a file. Raises InvalidFiles for what is too large, not UTF-8, or not allowed in YAML."""
    if len(content) > MAX_FILE_BYTES:
        raise _refusal(path, f"the file is larger than {MAX_FILE_BYTES // 1024} KiB; split it")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # error.start counts from after a byte order mark
        start = error.start + len(content) - len(error.object)
        before = content[:start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8-sig", "replace")) + 1
        message = f"the file is not UTF-8: byte 0x{content[start]:02x} at offset {start}"
        raise InvalidFiles([Problem(path, line, column, message)]) from None
    found = _UNPRINTABLE.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        column = found.start() - text.rfind("\n", 0, found.start())
        message = f"the invisible character U+{ord(found[0]):04X} is not allowed in YAML; remove it"
        raise InvalidFiles([Problem(path, line, column, message)])
    return text


@dataclass(slots=True)
class _Collection:
    """A map or list that is not complete yet; `key` is the map's key that waits for its value."""

    value: dict[str, Value] | list[Value]
    address: Address
    key: str | None = None

    @property
    def expects_key(self) -> bool:
        return isinstance(self.value, dict) and self.key is None

    @property
    def next_address(self) -> Address:
        return (*self.address, len(self.value) if self.key is None else self.key)


class _Composer:
    """Builds one Document from parser events, keeping the open collections on a stack of its own."""

    def __init__(self, path: str, text: str) -> None:
        self.document = Document(path, lines=text.splitlines())
        self._text = text
        self._open: list[_Collection] = []
        self._nodes = 0
        self._documents = 0

    def compose(self) -> None:
        """Raises yaml.YAMLError for broken syntax and InvalidFiles for what is over a limit."""
        for event in self._events():
            match event:
                case yaml.DocumentStartEvent():
                    self._begin_document(event)
                case yaml.AliasEvent():
                    self._refuse_alias(event)
                case yaml.ScalarEvent():
                    self._take_scalar(event)
                case yaml.MappingStartEvent():
                    self._begin(event, {})
                case yaml.SequenceStartEvent():
                    self._begin(event, [])
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self._open.pop()
        if self.document.value is None:
            self.stop(Problem(self.document.path, 0, 0, "the file is empty"))

    def stop(self, problem: Problem) -> None:
        """Give up: raise `problem` together with those found before it."""
        raise InvalidFiles([*self.document.problems, problem])

    def _events(self) -> Iterator[yaml.Event]:
        for event in yaml.parse(self._text, Loader=_Parser):
            if isinstance(event, yaml.NodeEvent):
                self._nodes += 1
                if self._nodes > MAX_NODES:
                    self.stop(self._problem(event, f"more than {MAX_NODES} keys and values; split the file"))
                if len(self._open) >= MAX_DEPTH:
                    self.stop(self._problem(event, f"nested deeper than {MAX_DEPTH} levels"))
            yield event

    def _begin_document(self, event: yaml.DocumentStartEvent) -> None:
        self._documents += 1
        if self._documents > 1:
            self.stop(self._problem(event, "a second document ('---') begins here; put it into a file of its own"))

    def _refuse_alias(self, event: yaml.AliasEvent) -> None:
        self._report(event, "an alias (*name) is not supported; write the value again")
        address = self._address(event)
        if address is not None:
            self.document.unread.add(address)
            self._put(None)
        else:
            self._take_key(event, f"*{event.anchor}")

    def _take_scalar(self, event: yaml.ScalarEvent) -> None:
        self._refuse_properties(event)
        if "\0" in event.value:
            self._report(event, "the character NUL cannot be part of a text")
        address = self._address(event)
        if address is None:
            self._take_key(event, event.value)
            return
        if event.style == "|":
            self.document.literal.add(address)
        self._put(event.value if event.style else plain_value(event.value))

    def _begin(self, event: yaml.CollectionStartEvent, value: dict[str, Value] | list[Value]) -> None:
        self._refuse_properties(event)
        address = self._address(event)
        if address is None:
            self.stop(self._problem(event, "a key must be text, not a list or a map"))
            return
        self._put(value)
        self._open.append(_Collection(value, address))

    def _address(self, event: yaml.NodeEvent) -> Address | None:
        """Note where the value of `event` stands; None when it is a key."""
        address: Address = ()
        if self._open:
            if self._open[-1].expects_key:
                return None
            address = self._open[-1].next_address
        nothing_written = isinstance(event, yaml.ScalarEvent) and not event.value and not event.style
        self.document.values[address] = (
            self.document.keys.get(address, _place(event)) if nothing_written else _place(event)
        )
        return address

    def _put(self, value: Value) -> None:
        if not self._open:
            self.document.value = value
            return
        collection = self._open[-1]
        if isinstance(collection.value, list):
            collection.value.append(value)
        else:
            assert collection.key is not None
            collection.value[collection.key] = value
            collection.key = None

    def _take_key(self, event: yaml.NodeEvent, key: str) -> None:
        collection = self._open[-1]
        if key == "<<":
            self._report(event, "a merge key (<<) is not supported; write the keys again")
            self.document.unread.update((collection.address, (*collection.address, key)))
        address = (*collection.address, key)
        first = self.document.keys.get(address)
        if first is not None:
            self._report(event, f"duplicate key {shorten(key)} (first in line {first.line})")
        self.document.keys[address] = _place(event)
        collection.key = key

    def _refuse_properties(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.anchor is not None:
            self._report(event, f"an anchor (&{event.anchor}) is not supported; write the value where it is needed")
        if event.tag is not None:
            self._report(event, f"a tag ({_short_tag(event.tag)}) is not supported; remove it")
            self.document.unread.add(self._open[-1].next_address if self._open else ())

    def _report(self, event: yaml.Event, message: str) -> None:
        self.document.problems.append(self._problem(event, message))
        if len(self.document.problems) >= MAX_PROBLEMS:
            self.stop(Problem(self.document.path, 0, 0, f"{MAX_PROBLEMS} mistakes or more; the rest is not told"))

    def _problem(self, event: yaml.Event, message: str) -> Problem:
        place = _place(event)
        return Problem(self.document.path, place.line, place.column, message)


def _place(event: yaml.Event) -> Place:
    mark = event.start_mark
    assert mark is not None, "the parser marks every event"
    return Place(mark.line + 1, mark.column + 1)


def _short_tag(tag: str) -> str:
    return shorten(tag.replace("tag:yaml.org,2002:", "!!", 1))


def plain_value(text: str) -> Value:
    """What a word without quotes means."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def unspeakable(content: Any) -> Iterator[str]:
    """What JSON can say and a file, an argument or a message cannot. Walks with its own stack."""
    waiting = [(content, 0)]
    nodes = 0
    while waiting:
        value, depth = waiting.pop()
        nodes += 1
        if nodes > MAX_NODES:
            yield f"more than {MAX_NODES} keys and values"
            return
        if depth > MAX_DEPTH:
            yield f"nested deeper than {MAX_DEPTH} levels"
            return
        if isinstance(value, dict):
            waiting += [(item, depth + 1) for pair in value.items() for item in pair]
        elif isinstance(value, list):
            waiting += [(item, depth + 1) for item in value]
        elif isinstance(value, str) and ("\0" in value or not _is_unicode(value)):
            yield "a text holds the character NUL or half a surrogate pair"
            return


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
