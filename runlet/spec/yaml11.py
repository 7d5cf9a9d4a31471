"""YAML 1.1 and JSON as Ansible reads them: by PyYAML's rules, which take `yes`, `0644` and `12:30:45` for no text.

Files come from anywhere, so size and depth are checked on the parser's events, and aliases written out, before any
value is built.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, cast

import yaml

from runlet.errors import InvalidFiles, Problem, Rule
from runlet.spec.ansible_values import ENCRYPTED, TOO_MANY_DIGITS, Unsayable
from runlet.spec.document import Place, shorten
from runlet.spec.reader import MAX_DEPTH, MAX_NODES, decode
from runlet.spec.syntax import explain

Address = tuple[Hashable, ...]

_Parser = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
# What Ansible makes of its JSON's own marks.
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
# The time for a number of base 60 (`9:59:59`) grows with the square of its length.
_MAX_NUMBER_CHARACTERS = 1024
_UNSAFE, _VAULT = "__ansible_unsafe", "__ansible_vault"


@dataclass(slots=True)
class Foreign:
    """A document: its value, the places of keys and values as far as they are known, and what is doubtful."""

    path: str
    value: Any = None
    is_json: bool = False
    places: dict[Address, Place] = field(default_factory=dict)
    notes: list[Problem] = field(default_factory=list)

    def place(self, address: Address) -> Place:
        """Of the key there, or of the value; else of what is around it."""
        while address and address not in self.places:
            address = address[:-1]
        return self.places.get(address, Place(0, 0))


def read(path: str, content: bytes) -> Foreign:
    """The document in `content`. Raises InvalidFiles."""
    text = decode(path, content)
    found = Foreign(path)
    try:
        found.value = json.loads(text, object_pairs_hook=lambda pairs: _json_map(found, pairs), parse_int=_json_integer)
        found.is_json = True
    except (ValueError, RecursionError):
        pass
    try:
        loader = _compose(path, text)
        if not found.is_json:
            found.value = loader.construct_document(loader.root)
            found.notes += [Problem(path, place.line, place.column, words) for place, words in loader.doubts]
        _note_places(found, loader.root)
    except yaml.MarkedYAMLError as error:
        if not found.is_json:  # its tabs and escapes are not all of YAML's
            raise InvalidFiles([Problem(path, *explain(error, text), Rule.YAML)]) from None
    except yaml.YAMLError as error:
        if not found.is_json:
            raise InvalidFiles([Problem(path, 0, 0, f"this is not YAML: {error}", Rule.YAML)]) from None
    return found


def _json_map(found: Foreign, pairs: list[tuple[str, Any]]) -> Any:
    content = dict(pairs)
    if len(content) == 1 and _UNSAFE in content:
        return content[_UNSAFE]
    if len(content) == 1 and _VAULT in content:
        return ENCRYPTED
    keys = [key for key, _ in pairs]
    for key in dict.fromkeys(key for key in keys if len(keys) > len(content) and keys.count(key) > 1):
        found.notes.append(Problem(found.path, 0, 0, _duplicate(key)))
    return content


def _json_integer(digits: str) -> int | Unsayable:
    return TOO_MANY_DIGITS if len(digits) > _MAX_NUMBER_CHARACTERS else int(digits)


def _duplicate(key: object) -> str:
    return f"the key {shorten(str(key))} stands here more than once: the last one counts, as in Ansible"


def _compose(path: str, text: str) -> _Loader:
    """The nodes of the only document, within the limits. Raises yaml.YAMLError and InvalidFiles."""
    depth = nodes = 0
    for event in yaml.parse(text, Loader=_Parser):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        nodes += isinstance(event, yaml.NodeEvent)
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            raise InvalidFiles([_too_large(path, event.start_mark, nodes)])
    loader = _Loader(text)
    root = loader.get_single_node()
    if root is None:
        raise InvalidFiles([Problem(path, 0, 0, "the file is empty", Rule.FILE)])
    loader.root = root
    if _weight(path, root, {}, ()) > MAX_NODES:
        raise InvalidFiles([_too_large(path, root.start_mark, MAX_NODES + 1)])
    return loader


def _too_large(path: str, mark: Any, nodes: int) -> Problem:
    much = f"more than {MAX_NODES} keys and values, aliases written out"
    words = much if nodes > MAX_NODES else f"nested deeper than {MAX_DEPTH} levels"
    return Problem(path, mark.line + 1 if mark else 0, mark.column + 1 if mark else 0, words, Rule.YAML)


def _weight(path: str, node: yaml.Node, known: dict[int, int], above: tuple[int, ...]) -> int:
    """Keys and values in a node, aliases written out. As deep as the limit; each node is weighed once."""
    if id(node) in above or len(above) > MAX_DEPTH:
        raise InvalidFiles([_too_large(path, node.start_mark, 0)])  # it holds itself, or aliases are nested
    if id(node) not in known:
        children: list[yaml.Node] = []
        if isinstance(node, yaml.MappingNode):
            children = [one for pair in node.value for one in pair]
        elif isinstance(node, yaml.SequenceNode):
            children = node.value
        known[id(node)] = 1 + sum(_weight(path, one, known, (*above, id(node))) for one in children)
    return known[id(node)]


def _note_places(found: Foreign, root: yaml.Node) -> None:
    loader = _Loader("")
    waiting: list[tuple[Address, yaml.Node]] = [((), root)]
    while waiting:
        address, node = waiting.pop()
        found.places.setdefault(address, _place(node))
        if isinstance(node, yaml.MappingNode):
            for key_node, value_node in node.value:
                key = loader.construct_object(key_node, deep=True)
                if isinstance(key, Hashable):
                    here = (*address, key)
                    found.places[here] = _place(key_node)
                    waiting.append((here, value_node))
        elif isinstance(node, yaml.SequenceNode):
            waiting += [((*address, index), item) for index, item in enumerate(node.value)]


def _place(node: yaml.Node) -> Place:
    mark = node.start_mark
    assert mark is not None, "the parser marks every node"
    return Place(mark.line + 1, mark.column + 1)


class _Loader(_Parser):  # type: ignore[misc, valid-type]  # whichever of the two there is
    """PyYAML's rules, and Ansible's tags."""

    root: yaml.Node

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.doubts: list[tuple[Place, str]] = []

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        if node.tag in _NUMBERS and len(node.value) > _MAX_NUMBER_CHARACTERS:
            return TOO_MANY_DIGITS
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, OverflowError) as error:  # `0x_`, the 31st of February, 400 places of base 60
            words = f"this cannot be read as YAML 1.1: {error}"
            raise yaml.constructor.ConstructorError(None, None, words, node.start_mark) from None

    def construct_mapping(self, node: yaml.Node, deep: bool = False) -> Any:
        seen: set[Any] = set()
        for key_node, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key_node.tag != "tag:yaml.org,2002:merge":
                if key in seen:
                    self.doubts.append((_place(key_node), _duplicate(key)))
                seen.add(key)
        return super().construct_mapping(cast(yaml.MappingNode, node), deep=deep)

    def construct_as_untagged(self, node: yaml.Node) -> Any:
        plain = copy.copy(node)
        plain.tag = self.resolve(type(node), node.value, (True, False))
        return self.construct_object(plain, deep=True)


def _encrypted(loader: _Loader, node: yaml.Node) -> Unsayable:
    return ENCRYPTED


def _tagged(loader: _Loader, node: yaml.Node) -> Unsayable:
    return Unsayable(f"its tag {shorten(node.tag.replace('tag:yaml.org,2002:', '!!', 1))} means nothing here")


_Loader.add_constructor("!unsafe", _Loader.construct_as_untagged)
_Loader.add_constructor("!vault", _encrypted)
_Loader.add_constructor("!vault-encrypted", _encrypted)
for _tag in ("set", "omap", "pairs", "binary"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _tagged)
_Loader.add_constructor(None, _tagged)
