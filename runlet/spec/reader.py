"""YAML text to plain values, with the place of every key and value.

Files come from anywhere, so nothing is trusted: limits are checked on the parser's events, before any value is built,
and building is a loop without recursion. What an alias stands for is counted as if it were written out there. Tags,
several documents and duplicate keys are refused. Plain words are read as JSON would: `true`, `false`, `null` and
decimal numbers; `no`, `on`, `22:22`, `010` and dates stay text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from runlet.errors import InvalidFiles, Problem, Rule
from runlet.spec.aliases import MAX_ALIASES, MERGE, MERGE_KEY, Anchored, Anchors, merge
from runlet.spec.document import MAX_PROBLEMS, Address, Copy, Document, Place, Value, shorten
from runlet.spec.scalars import plain_value
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
        composer.stop(Problem(path, *explain(error, text), Rule.YAML))
    except yaml.YAMLError as error:
        composer.stop(Problem(path, 0, 0, f"this is not YAML: {error}", Rule.YAML))
    return composer.document


def _refusal(path: str, message: str) -> InvalidFiles:
    return InvalidFiles([Problem(path, 0, 0, message, Rule.FILE)])


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
        raise InvalidFiles([Problem(path, line, column, message, Rule.YAML)]) from None
    found = _UNPRINTABLE.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        column = found.start() - text.rfind("\n", 0, found.start())
        message = f"the invisible character U+{ord(found[0]):04X} is not allowed in YAML; remove it"
        raise InvalidFiles([Problem(path, line, column, message, Rule.YAML)])
    return text


@dataclass(slots=True)
class _Collection:
    """A map or list that is not complete yet; `key` is the map's key that waits for its value.

    The value of a key that is there already is read and dropped. Its address ends in a number, as no map's does, so
    that no two values share an address: an alias may stand for it.
    """

    value: dict[str, Value] | list[Value]
    address: Address
    anchor: str | None
    nodes_before: int
    characters_before: int
    height: int = 1
    key: str | None = None
    dropping: bool = False
    dropped: int = 0

    @property
    def expects_key(self) -> bool:
        return isinstance(self.value, dict) and self.key is None

    @property
    def next_address(self) -> Address:
        if self.dropping:
            return (*self.address, -self.dropped)
        return (*self.address, len(self.value) if self.key is None else self.key)


class _Composer:
    """Builds one Document from parser events, keeping the open collections on a stack of its own."""

    def __init__(self, path: str, text: str) -> None:
        self.document = Document(path, lines=text.splitlines())
        self._text = text
        self._open: list[_Collection] = []
        self._anchors = Anchors()
        self._nodes = 0
        self._characters = 0
        self._aliases = 0
        self._documents = 0

    def compose(self) -> None:
        """Raises yaml.YAMLError for broken syntax and InvalidFiles for what is over a limit."""
        for event in yaml.parse(self._text, Loader=_Parser):
            match event:
                case yaml.ScalarEvent():
                    self._weigh(event)
                    self._take_scalar(event)
                case yaml.MappingStartEvent():
                    self._weigh(event)
                    self._begin(event, {})
                case yaml.SequenceStartEvent():
                    self._weigh(event)
                    self._begin(event, [])
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self._end()
                case yaml.AliasEvent():
                    self._weigh(event)
                    self._take_alias(event)
                case yaml.DocumentStartEvent():
                    self._begin_document(event)

    def stop(self, problem: Problem) -> None:
        """Give up: raise `problem` together with those found before it."""
        raise InvalidFiles([*self.document.problems, problem])

    def _weigh(self, event: yaml.NodeEvent, nodes: int = 1, characters: int = 0, height: int = 1) -> None:
        """Count a node, or all that an alias stands for, before anything is made of it."""
        self._nodes += nodes
        self._characters += characters
        if self._nodes > MAX_NODES:
            self.stop(self._problem(event, f"more than {MAX_NODES} keys and values, aliases written out"))
        if self._characters > MAX_FILE_BYTES:
            self.stop(self._problem(event, f"more than {MAX_FILE_BYTES // 1024} KiB of text, aliases written out"))
        if len(self._open) + height > MAX_DEPTH:
            self.stop(self._problem(event, f"nested deeper than {MAX_DEPTH} levels"))
        if self._open:
            self._open[-1].height = max(self._open[-1].height, height + 1)

    def _begin_document(self, event: yaml.DocumentStartEvent) -> None:
        self._documents += 1
        if self._documents > 1:
            self.stop(self._problem(event, "a second document ('---') begins here; put it into a file of its own"))

    def _take_alias(self, event: yaml.AliasEvent) -> None:
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            self.stop(self._problem(event, f"more than {MAX_ALIASES} aliases; split the file"))
        assert event.anchor is not None, "the parser names every alias"
        address = self._address(event)
        if address is None:
            self._report(event, f"a key must be written out, not be an alias (*{event.anchor})")
            self._take_key(event, f"*{event.anchor}")
            self.document.unread.add(self._open[-1].next_address)
            return
        anchored = self._anchors.find(event.anchor)
        if isinstance(anchored, str):
            self._report(event, anchored)
            self.document.unread.add(address)
            self._put(None)
            return
        self._weigh(event, anchored.nodes - 1, anchored.characters, anchored.height)
        self.document.copies[address] = Copy(anchored.address, _place(event))
        self._put(anchored.value)

    def _take_scalar(self, event: yaml.ScalarEvent) -> None:
        self._characters += len(event.value)
        if "\0" in event.value:
            self._report(event, "the character NUL cannot be part of a text")
        address = self._address(event)
        if address is None:
            if event.anchor is not None:
                self._report(event, f"a key cannot have an anchor (&{event.anchor}); anchor its value")
            self._refuse_tag(event, self._open[-1].address)
            self._take_key(event, MERGE_KEY if event.value == MERGE and not event.style else event.value)
            return
        self._refuse_tag(event, address)
        if event.style == "|":
            self.document.literal.add(address)
        value = event.value if event.style else plain_value(event.value)
        if isinstance(value, int | float) and not isinstance(value, bool) and str(value) != event.value:
            self.document.respelled[address] = value, event.value
        self._put(value)
        if event.anchor is not None:
            self._begin_anchor(event, event.anchor)
            self._anchors.complete(event.anchor, Anchored(address, value, 1, len(event.value), 1))

    def _begin(self, event: yaml.CollectionStartEvent, value: dict[str, Value] | list[Value]) -> None:
        address = self._address(event)
        if address is None:
            self.stop(self._problem(event, f"a key must be text, not a list or a map{self._of_template(event)}"))
            return
        self._refuse_tag(event, address)
        if event.anchor is not None:
            self._begin_anchor(event, event.anchor)
        self._put(value)
        before = self._nodes - 1, self._characters
        self._open.append(_Collection(value, address, event.anchor, *before))

    def _of_template(self, event: yaml.CollectionStartEvent) -> str:
        """What to do where a map in a map is a template that nobody put in quotes."""
        outer = self.document.values[self._open[-1].address]
        doubled = Place(outer.line, outer.column + 1) == _place(event) and isinstance(event, yaml.MappingStartEvent)
        return "; put a text that begins with '{{' in quotes" if doubled and event.flow_style else ""

    def _end(self) -> None:
        ended = self._open.pop()
        if self._open:
            self._open[-1].height = max(self._open[-1].height, ended.height + 1)
        if isinstance(ended.value, dict) and MERGE_KEY in ended.value:
            wrong = merge(self.document, ended.address, ended.value)
            if wrong:
                self._report_at(self.document.keys[*ended.address, MERGE_KEY], wrong)
        if ended.anchor is not None:
            nodes, characters = self._nodes - ended.nodes_before, self._characters - ended.characters_before
            anchored = Anchored(ended.address, ended.value, nodes, characters, ended.height)
            self._anchors.complete(ended.anchor, anchored)

    def _begin_anchor(self, event: yaml.NodeEvent, name: str) -> None:
        wrong = self._anchors.begin(name, _place(event))
        if wrong:
            self._report(event, wrong)

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
            if not collection.dropping:
                collection.value[collection.key] = value
            collection.key, collection.dropping = None, False

    def _take_key(self, event: yaml.NodeEvent, key: str) -> None:
        collection = self._open[-1]
        address = (*collection.address, key)
        collection.key = key
        first = self.document.keys.get(address)
        if first is None:
            self.document.keys[address] = _place(event)
        else:
            collection.dropping = True
            collection.dropped += 1
            again = "; merge several maps with one: [*a, *b]" if key == MERGE_KEY else ""
            written = MERGE if key == MERGE_KEY else key
            self._report(event, f"duplicate key {shorten(written)} (first in line {first.line}){again}")

    def _refuse_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, address: Address) -> None:
        if event.tag is not None:
            self._report(event, f"a tag ({_short_tag(event.tag)}) is not supported; remove it")
            self.document.unread.add(address)

    def _report(self, event: yaml.Event, message: str) -> None:
        self._report_at(_place(event), message)

    def _report_at(self, place: Place, message: str) -> None:
        self.document.problems.append(Problem(self.document.path, place.line, place.column, message, Rule.YAML))
        if len(self.document.problems) >= MAX_PROBLEMS:
            told = f"{MAX_PROBLEMS} mistakes or more; the rest is not told"
            self.stop(Problem(self.document.path, 0, 0, told, Rule.FILE))

    def _problem(self, event: yaml.Event, message: str) -> Problem:
        place = _place(event)
        return Problem(self.document.path, place.line, place.column, message, Rule.YAML)


def _place(event: yaml.Event) -> Place:
    mark = event.start_mark
    assert mark is not None, "the parser marks every event"
    return Place(mark.line + 1, mark.column + 1)


def _short_tag(tag: str) -> str:
    return shorten(tag.replace("tag:yaml.org,2002:", "!!", 1))
