"""What a declared answer's `match` becomes where it is taken for its own text, or capitals do not count.

An agent gets a plain expression, so that one of an earlier version understands it too.
"""

from __future__ import annotations

import re

_SIGNS = re.compile(r"[\\.^$*+?{}\[\]|()]")
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]")
_RANGE = re.compile(r"([a-z])-([a-z])|([A-Z])-([A-Z])")
# How people write what a terminal asks: `Continue? [y/N]`, `(yes/no)`.
_CHOICE = re.compile(r"[\[(][A-Za-z]+(?:/[A-Za-z]+)+[\])]")
_QUESTION = re.compile(r"[A-Za-z]\?(?=\s|$)")


def literal(text: str) -> str:
    """An expression that matches this text alone."""
    return _SIGNS.sub(lambda sign: f"\\{sign[0]}", text)


def caseless(expression: str) -> str:
    """The same expression where capitals do not count."""
    found, at = [], 0
    while at < len(expression):
        if expression[at] == "\\":
            found.append(expression[at : at + 2])
            at += 2
        elif (bracket := _CLASS.match(expression, at)) is not None:
            found.append(_both_cases(bracket[0]))
            at = bracket.end()
        else:
            found.append(_one_letter(expression[at]))
            at += 1
    return "".join(found)


def _one_letter(letter: str) -> str:
    cases = dict.fromkeys((letter, letter.lower(), letter.upper()))
    return f"[{''.join(cases)}]" if len(cases) > 1 and all(len(case) == 1 for case in cases) else letter


def _both_cases(bracket: str) -> str:
    inside = bracket[1:-1].removeprefix("^")
    more = "".join(one[0].swapcase() for one in _RANGE.finditer(inside))
    single = _RANGE.sub("", re.sub(r"\\.", "", inside))
    more += "".join(dict.fromkeys(letter.swapcase() for letter in single if letter.isascii() and letter.isalpha()))
    return f"{bracket[:-1]}{more}]"


def misses_itself(expression: str) -> bool:
    """Whether this looks like a question written down as it is, and as an expression does not match that question."""
    if "\\" in expression or not (_CHOICE.search(expression) or _QUESTION.search(expression)):
        return False
    text = expression.removeprefix("^").removesuffix("$")
    try:
        return re.search(expression, text, re.MULTILINE) is None
    except re.error:
        return False
