"""Values of an Ansible inventory as Runlet can say them: as JSON, with text as keys and numbers of a bounded length.

A value is Ansible's, or it is `Unsayable`, with words why; it is never another one.
"""

from __future__ import annotations

import ast
import datetime
import math
import re
import warnings
from dataclasses import dataclass
from typing import Any

from runlet.spec.foreign import unspeakable
from runlet.spec.scalars import plain_value

# Python's parser needs memory and stack for a literal.
MAX_LITERAL_CHARACTERS = 4096
# How a literal that is longer begins; any other long text is no literal.
_BEGINS_LITERAL = re.compile(r"""\s*([-+.0-9\[({'"]|[bru]{1,2}['"])""", re.IGNORECASE)
# More than any number that can be said, and few enough for Python to write the number in digits.
_MOST_BITS = 64
_ENCRYPTED = ("$ANSIBLE_VAULT", "!vault")


@dataclass(frozen=True, slots=True)
class Unsayable:
    """What stands for a value that cannot be said here; `words` go on after "is left out: "."""

    words: str


ENCRYPTED = Unsayable("it is encrypted by Ansible Vault")
TOO_MANY_DIGITS = Unsayable("the number has too many digits")


def literal(text: str) -> Any:
    """What an INI inventory's value means: a Python literal where it is one, else the text."""
    if len(text) > MAX_LITERAL_CHARACTERS:
        too_long = f"it is longer than {MAX_LITERAL_CHARACTERS} characters and may be a Python literal"
        return Unsayable(too_long) if _BEGINS_LITERAL.match(text) else text
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's advice on literals is for programmers
            return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    except (TypeError, MemoryError, RecursionError):
        return Unsayable("Python cannot read this literal")


def sayable(value: Any) -> Any:
    """The value as JSON values, or `Unsayable`. Dates become text, as Ansible prints them."""
    found = _sayable(value)
    if not isinstance(found, Unsayable):
        for words in unspeakable(found):
            return Unsayable(words)
    return found


def _sayable(value: Any) -> Any:
    match value:
        case Unsayable() | None | bool():
            return value
        case str():
            return ENCRYPTED if value.lstrip().startswith(_ENCRYPTED) else value
        case int() if value.bit_length() > _MOST_BITS:
            return TOO_MANY_DIGITS
        case int() | float():
            if isinstance(value, float) and not math.isfinite(value):
                return Unsayable("no number here is infinite or not a number")
            # The text of a number is bounded; one that would be read as text would be another value.
            return value if plain_value(repr(value)) == value else TOO_MANY_DIGITS
        case datetime.date():
            return value.isoformat()
        case list() | tuple():
            items = [_sayable(item) for item in value]
            return _first_unsayable(items) or items
        case dict():
            if not all(isinstance(key, str) for key in value):
                return Unsayable("a key in it is no text; put it in quotes if text is meant")
            content = {key: _sayable(item) for key, item in value.items()}
            return _first_unsayable(list(content.values())) or content
        case bytes():
            try:
                return value.decode()
            except UnicodeDecodeError:
                return Unsayable("it holds bytes that are no text")
        case complex():
            return str(value)
        case _ if value is ...:
            return "..."
        case _:
            return Unsayable(f"a {type(value).__name__} cannot be said here")


def _first_unsayable(items: list[Any]) -> Unsayable | None:
    return next((item for item in items if isinstance(item, Unsayable)), None)
