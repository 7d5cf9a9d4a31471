"""runlet/cli/pressed.py: keys as terminals send them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.cli.pressed import Pressed

KEYS = [
    (b"\x1b[A", "up"),
    (b"\x1bOB", "down"),
    (b"\x1b[5~", "page up"),
    (b"\x1b[6~", "page down"),
    (b"\x1b[H", "home"),
    (b"\x1b[4~", "end"),
    (b"\r", "enter"),
    (b"\x7f", "backspace"),
    (b"\x15", "erase line"),
    (b"\x03", "interrupt"),
    (b"\x0c", "redraw"),
    (b"a", "a"),
    ("é".encode(), "é"),
]


@pytest.mark.parametrize(("sent", "key"), KEYS)
def test_a_key_wherever_its_bytes_are_cut(sent: bytes, key: str) -> None:
    assert list(Pressed().feed(b"x" + sent + b"y")) == ["x", key, "y"]
    for cut in range(1, len(sent)):
        if sent[:cut] != b"\x1b":  # that alone is the Escape key
            pressed = Pressed()
            assert [*pressed.feed(sent[:cut]), *pressed.feed(sent[cut:])] == [key]


def test_escape_is_what_nothing_follows() -> None:
    assert list(Pressed().feed(b"\x1b")) == ["escape"]
    assert list(Pressed().feed(b"\x1bq")) == ["escape", "q"]


@pytest.mark.parametrize("sent", [b"\x1b[15~", b"\x1b[200~", b"\x1b[1;5C", b"\x1b[<0;3;4M", b"\x00", b"\x1d", b"\xff"])
def test_other_keys_do_nothing(sent: bytes) -> None:
    assert list(Pressed().feed(sent + b"z")) == ["z"]


@given(st.lists(st.binary(max_size=40)))
def test_no_keyboard_is_too_strange(parts: list[bytes]) -> None:
    pressed = Pressed()
    for part in parts:
        for key in pressed.feed(part):
            assert key.isprintable()
    assert list(pressed.feed(b"~" * 40 + b"\x1b[A"))[-1] == "up", "what was held back is bounded"
