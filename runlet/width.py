"""How many columns of a terminal text takes, and cutting it to fit. Text here holds no controls."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

ELLIPSIS = "…"


@lru_cache(maxsize=4096)  # the characters of a few alphabets
def char_width(char: str) -> int:
    """0 for what joins the character before it, 2 for wide ones, else 1."""
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def text_width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(char_width(char) for char in text)


def keep_end(text: str, columns: int) -> str:
    """`text` in at most `columns`, cut from the left behind an ellipsis: of an unfinished line the end matters."""
    if text_width(text) <= columns:
        return text
    if columns <= 0:
        return ""
    kept = len(text)
    room = columns - 1
    while kept and (width := char_width(text[kept - 1])) <= room:
        room -= width
        kept -= 1
    return ELLIPSIS + text[kept:]


def wrapped(text: str, columns: int) -> list[str]:
    """`text` in rows of at most `columns`, which are two or more, cut wherever they end."""
    rows, begin, room = [], 0, columns
    for at, char in enumerate(text):
        width = char_width(char)
        if width > room:
            rows.append(text[begin:at])
            begin, room = at, columns
        room -= width
    return [*rows, text[begin:]]


def keep_start(text: str, columns: int) -> str:
    """`text` in at most `columns`, cut at its end before an ellipsis."""
    if text_width(text) <= columns:
        return text
    return keep_end(text[::-1], columns)[::-1]
