"""Whether what a terminal shows still asks what it asked, and what of it is new. Rules without I/O.

What a program printed and nobody typed makes another question, but for what moves while it waits: the time that is
left, and a spinner. All else that changes in the place of a question may change its meaning too.
"""

from __future__ import annotations

import re

# What is left of the time, or has passed: with its unit, or as a clock.
_UNITS = (
    r"(?:ms|s|secs?|seconds?|m|mins?|minutes?|h|hours?|sekunden?|minuten?|segundos?|minutos?|secondes?|secondi|minuti)\b"
    r"|[秒分초분]"
)
_TIME = re.compile(rf"(?i)\d+(?::\d\d)+|\d+(?:\.\d+)?(?=\s*(?:{_UNITS}))")
# Alone in brackets, or the last word: what is left, if it gets less. Otherwise it says which.
_LEFT = re.compile(r"(?<=[(\[<])\s*\d+(?=\s*[)\]>])|(?<!\S)\d+(?=\s*$)")
_SPINNERS = re.compile(r"[\u2500-\u25ff\u2800-\u28ff]+|(?<!\S)[|/\\-](?!\S)|(?:\.{1,3}|\u2026)(?=\s*$)")
_NUMBER = re.compile(r"\d+")
_NO_TEXT = re.compile(r"[\W_]+")
# What a terminal is told, as against shown: colours, moves, titles; and control characters.
_TOLD = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]P_^X][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])|[\x00-\x1a\x1c-\x1f\x7f]+|\x1b"
)
_STARS = re.compile(r"[*\u2022\u25cf]+")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
# Behind these, a line asks; what is in the place of the answer has none.
_ASKS = re.compile(r".*[?:>\])](?=\s|$)", re.DOTALL)


def is_same(before: str, after: str, typed: bytes) -> bool:
    """Whether a question reads as it did, with no more behind it than `typed` explains."""
    (old, left_before), (new, left_after) = _steady(before), _steady(after)
    if old == new and len(left_before) == len(left_after):
        return all(now <= then for then, now in zip(left_before, left_after, strict=True))
    if not typed:
        return False
    if _CONTROL.search(typed):  # erased, recalled, completed: whatever it left in the place of the answer
        stem = _ASKS.match(old)
        asks = stem[0] if stem else old
        return new.startswith(asks) and not re.search(r"[?:>\])](\s|$)", new[len(asks) :])
    return new.startswith(old) and _is_echo(new[len(old) :].strip(), typed)


def is_alike(before: str, after: str) -> bool:
    """Whether a screen shows the same things, most of them with other numbers at most: what goes on."""
    old, new = _labels(before), _labels(after)
    return 2 * len(old & new) >= len(old)


def said(printed: bytes, typed: bytes) -> str:
    """What a program said of itself: without what a terminal is told, blanks, and the echo of what was typed."""
    shown = " ".join(_TOLD.sub(" ", printed.decode(errors="replace")).split())
    rest = _behind_echo(shown, typed)
    return "" if _STARS.fullmatch(rest) else rest


def new_part(before: str, after: str, typed: bytes) -> str:
    """What is asked now, of a text that begins with a question that is over; all of it where it does not."""
    if not before or after == before or not after.startswith(before):
        return after
    rest = _behind_echo(after[len(before) :].strip(), typed)
    if not rest:
        return after
    return (
        before if rest == before.splitlines()[-1].strip() else rest
    )  # what is above a menu's last line is asked again


def _steady(text: str) -> tuple[str, list[int]]:
    """(the text without what moves while it waits, the numbers of what may be left)."""
    steady = _TIME.sub("", _SPINNERS.sub(" ", text)).strip()
    left = [int(number) for number in _LEFT.findall(steady)]
    return " ".join(_LEFT.sub("", steady).split()), left


def _labels(text: str) -> set[str]:
    labels = (_NO_TEXT.sub(" ", _NUMBER.sub("", line)).strip() for line in text.splitlines())
    return {label for label in labels if label}


def _is_echo(shown: str, typed: bytes) -> bool:
    text = typed.decode(errors="replace").strip()
    return text.startswith(shown) or (bool(_STARS.fullmatch(shown)) and len(shown) <= len(text))


def _behind_echo(shown: str, typed: bytes) -> str:
    text = " ".join(_TOLD.sub(" ", typed.decode(errors="replace")).split())
    return shown.removeprefix(text).strip() if text else shown
