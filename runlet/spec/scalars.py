"""Words without quotes: what JSON would make of them, or text. Nothing else of YAML's surprises is read into them."""

from __future__ import annotations

import re

from runlet.spec.document import Value

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# Nineteen digits hold any 64-bit number; longer runs of digits are text, and never reach int()'s own limit.
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,18})")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,40})?([eE][-+]?[0-9]{1,2})?")


def plain_value(text: str) -> Value:
    """The value of a word without quotes."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
