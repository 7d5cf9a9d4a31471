from __future__ import annotations

import pytest

from runlet.cli.keyboard import key, told
from runlet.errors import InvalidInput


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("Enter", b"\r"),
        ("enter", b"\r"),
        ("Ctrl-C", b"\x03"),
        ("ctrl-z", b"\x1a"),
        ("Up", b"\x1b[A"),
        ("F1", b"\x1bOP"),
        ("F5", b"\x1b[15~"),
        ("F12", b"\x1b[24~"),
        ("y", b"y"),
        ("é", "é".encode()),
    ],
)
def test_a_key_is_what_a_terminal_sends_for_it(name: str, data: bytes) -> None:
    assert key(name) == data


@pytest.mark.parametrize("name", ["", "yes", "Ctrl-", "F13", "\x03", "Strg-C"])
def test_what_is_no_key_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="is no key"):
        key(name)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("y", "y"),
        ("\x04", "(Ctrl-D)"),
        ("\x1b[A\x1b[B", "(Up)(Down)"),
        ("ab\tc\x1bOQ", "ab(Tab)c(F2)"),
        ("\x1b", "(Escape)"),
        ("\x1b]52;c;\x07", "(Escape)]52;c;(Ctrl-G)"),
        ("two\rlines", "two(Enter)lines"),
        ("\x9b\u202e", "\\u009b\\u202e"),
        ("ünï ☃", "ünï ☃"),
    ],
)
def test_what_was_typed_is_told_with_keys_by_their_names(typed: str, words: str) -> None:
    assert told(typed) == words
    assert told(typed).isprintable()
