"""What a template may do with values: filters, `+`, `-`, `~`, and what loops and comparisons cost.

Everything here counts its work on the rendering's `Budget` before it does it, so that neither time nor memory follows
from more than the budget. What cannot be done raises `Refused`, in the words of playbooks rather than Python's. What is
absent passes through to where it is used: its use fails with words about what is missing.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import pass_context
from jinja2.filters import do_default
from jinja2.runtime import Context, LoopContext, Undefined
from jinja2.utils import htmlsafe_json_dumps

# One rendering's: a step is one node of a loop's body, one item of a list, or 64 characters of text. It takes 0.2 to 2
# microseconds, so that a rendering takes a fifth of a second at most, and a loop over 1,000 items may place 20 values.
MAX_STEPS = 100_000
CHARACTERS_A_STEP = 64
# `tojson` writes so many spaces a level.
MAX_INDENT = 8

# Under this name, which no template can write, a rendering's context holds its budget.
BUDGET = "<budget>"
# Filters that are put into every template in place of what they count; no template can write these names either.
EACH, COMPARED, JOINED = "<each>", "<compared>", "<joined>"


class Refused(Exception):
    """A template asks for what cannot be done with its values."""


class Budget:
    """What is left for one rendering to do; no text in it may be longer than `most` characters."""

    __slots__ = ("most", "steps")

    def __init__(self, most: int) -> None:
        self.most = most
        self.steps = MAX_STEPS

    def spend(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise Refused(f"this takes more than {MAX_STEPS} steps; loop in the script, or pass less data")

    def read(self, value: Any) -> None:
        """Count a value with everything in it, as far as the budget goes."""
        waiting = [value]
        while waiting:
            one = waiting.pop()
            if isinstance(one, str):
                self.spend(1 + len(one) // CHARACTERS_A_STEP)
            elif isinstance(one, Mapping):
                self.spend(1 + len(one))
                waiting += [*one.keys(), *one.values()]
            elif isinstance(one, tuple | list):
                self.spend(1 + len(one))
                waiting += one
            else:
                self.spend(1)

    def fitting(self, characters: int) -> None:
        """Check the length of a text that is about to be made, or was made from one that fits."""
        if characters > self.most:
            raise Refused(f"a text in it is longer than {self.most // 1024} KiB; pass large data in a file")


def kind(value: Any) -> str:
    """What a playbook calls a value of this type."""
    words = (
        (str, "a text"),
        (bool, "true or false"),
        (int | float, "a number"),
        (Mapping, "a map"),
        (tuple | list, "a list"),
        (LoopContext, "a loop"),
    )
    return next((word for types, word in words if isinstance(value, types)), "null")


def placed(value: Any) -> Any:
    """A value as a template's output has it: as it is written in YAML, where that differs from Python."""
    if isinstance(value, tuple | list):
        raise Refused("this is a list; choose one with [1], or write | q for all of them as words of a shell")
    if isinstance(value, Mapping):
        raise Refused("this is a map; choose a key with .key, or write | tojson for all of it")
    if isinstance(value, LoopContext):
        raise Refused("this is a loop; write loop.index for its number")
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if not isinstance(value, str | int | float | Undefined):
        raise Refused("this is no value that a script can hold")
    return value


def python_words(error: Exception) -> str:
    """What Python says about operands, in the words of playbooks."""
    names = {"str": "", "int": 0, "float": 0, "bool": True, "NoneType": None, "dict": {}, "list": (), "tuple": ()}
    message = str(error)
    found = re.search(r"not supported between instances of '(\w+)' and '(\w+)'", message)
    if found:
        left, right = (kind(names.get(name.removeprefix("_Arguments") or "tuple")) for name in found.groups())
        return f"{left} cannot be compared with {right}"
    found = re.search(r"argument of type '(\w+)' is not", message)
    if found:
        return f"{kind(names.get(found[1]))} holds nothing that `in` could find"
    if re.search(r"requires string as left operand", message):
        return "only a text can be in a text"
    if "to unpack" in message or "unpack non-iterable" in message:
        return "an item of the loop is not a list of as many items as the loop has variables"
    if "slice indices" in message:
        return "the bounds of a slice are numbers"
    return message


def add(context: Context, left: Any, right: Any) -> Any:
    """`+`: numbers, texts or lists."""
    budget = _budget(context)
    if isinstance(left, str) and isinstance(right, str):
        budget.fitting(len(left) + len(right))
        budget.read((left, right))
    elif isinstance(left, tuple | list) and isinstance(right, tuple | list):
        budget.spend(len(left) + len(right))
        return [*left, *right]
    elif not _are_numbers(left, right):
        raise Refused(f"{kind(left)} and {kind(right)} cannot be added; ~ puts texts together")
    return left + right


def subtract(_: Context, left: Any, right: Any) -> Any:
    """`-`: numbers."""
    if not _are_numbers(left, right):
        raise Refused(f"{kind(right)} cannot be subtracted from {kind(left)}")
    return left - right


def negate(value: Any) -> Any:
    """`-` before a number."""
    if not _are_numbers(value):
        raise Refused(f"{kind(value)} cannot be negative")
    return -value


def _are_numbers(*values: Any) -> bool:
    # An absent value counts as one: computing with it tells what is missing.
    return all(isinstance(value, int | float | Undefined) for value in values)


def _budget(context: Context) -> Budget:
    budget: Budget = context.parent[BUDGET]
    return budget


def _text(value: Any) -> str:
    return str(placed(value))


def _on_text(change: Callable[[str], str]) -> Callable[[Context, Any], str]:
    """A filter that makes one text of another; `change` makes a character into a few at most."""

    @pass_context
    def apply(context: Context, value: Any) -> str:
        budget = _budget(context)
        budget.read(value)
        changed = change(_text(value))
        budget.fitting(len(changed))
        return changed

    return apply


@pass_context
def _quote(context: Context, value: Any) -> str:
    """Quoted for a shell: one word of a text, one word of each item of a list."""
    budget = _budget(context)
    budget.read(value)
    words = value if isinstance(value, tuple | list) else [value]
    quoted = " ".join(shlex.quote(_text(word)) for word in words)
    budget.fitting(len(quoted))
    return quoted


@pass_context
def _join(context: Context, value: Any, between: Any = "") -> str:
    if not isinstance(value, str | tuple | list | Mapping | Undefined):
        raise Refused(f"{kind(value)} has no items to join")
    budget = _budget(context)
    budget.read(value)
    texts, separator = [_text(item) for item in value], _text(between)
    characters = sum(map(len, texts)) + len(separator) * max(0, len(texts) - 1)
    budget.fitting(characters)
    budget.spend(characters // CHARACTERS_A_STEP)
    return separator.join(texts)


@pass_context
def _to_json(context: Context, value: Any, indent: Any = None) -> str:
    if indent is not None and not (type(indent) is int and 0 <= indent <= MAX_INDENT):
        raise Refused(f"the indent of tojson is a number from 0 to {MAX_INDENT}")
    budget = _budget(context)
    budget.read(value)
    written = str(htmlsafe_json_dumps(value, dumps=json.dumps, default=_no_json, indent=indent))
    budget.fitting(len(written))
    return written


def _no_json(value: Any) -> Any:
    if isinstance(value, Undefined):
        return str(value)  # raises, with what is missing
    raise Refused(f"{kind(value)} cannot be written as JSON")


def _end(of: Callable[[Any], Any], word: str) -> Callable[[Context, Any], Any]:
    """A filter that takes the item at one end."""

    @pass_context
    def take(context: Context, value: Any) -> Any:
        if not isinstance(value, str | tuple | list | Mapping | Undefined):
            raise Refused(f"{kind(value)} has no {word} item")
        for item in of(value):
            return item
        return context.environment.undefined(hint=f"{kind(value)} that is empty has no {word} item")

    return take


def _length(value: Any) -> int:
    if not isinstance(value, str | tuple | list | Mapping | Undefined):
        raise Refused(f"{kind(value)} has no length")
    return len(value)  # raises for what is absent


@pass_context
def _each(context: Context, value: Any, nodes: int) -> Any:
    """What a loop is over; its body has so many nodes."""
    if isinstance(value, Undefined):
        return value
    if not isinstance(value, str | tuple | list | Mapping):
        raise Refused(f"{kind(value)} cannot be looped over")
    _budget(context).spend(len(value) * nodes)
    return value


@pass_context
def _compared(context: Context, value: Any) -> Any:
    """One side of a comparison."""
    _budget(context).read(value)
    return value


# What templates may call, and how many arguments each takes behind the value.
TAKES: Mapping[str, int] = {
    "d": 2, "default": 2, "first": 0, "join": 1, "last": 0, "length": 0, "lower": 0, "q": 0, "tojson": 1, "trim": 0,
    "upper": 0,
}  # fmt: skip
# Which of the arguments may be given by name.
NAMED: Mapping[str, str] = {"d": "boolean", "default": "boolean", "tojson": "indent"}

BY_NAME: Mapping[str, Callable[..., Any]] = {
    "d": do_default,
    "default": do_default,
    "first": _end(iter, "first"),
    "join": _join,
    "last": _end(reversed, "last"),
    "length": _length,
    "lower": _on_text(str.lower),
    "q": _quote,
    "tojson": _to_json,
    "trim": _on_text(str.strip),
    "upper": _on_text(str.upper),
    EACH: _each,
    COMPARED: _compared,
    JOINED: _join,
}
