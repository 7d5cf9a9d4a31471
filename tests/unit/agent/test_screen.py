"""runlet/agent/screen.py: what is read of a screen, whatever a program sends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.agent.screen import Screen

# What programs send, in any order: text, moves with any numbers, erasing, the screens, broken sequences, any bytes.
_PIECES = st.one_of(
    st.sampled_from(
        [b"\r", b"\n", b"\r\n", b"\b", b"\t", b"\x1b", b"\x1b[", b"\x1b(0qq\x1b(B", b"\x0eq\x0f", b"\x1b[?1049h"]
    ),
    st.text(max_size=30).map(str.encode),
    st.binary(max_size=10),
    st.builds(
        lambda row, column, final: f"\x1b[{row};{column}{final}".encode(),
        st.integers(-1, 10**5),
        st.integers(-1, 10**5),
        st.sampled_from("ABCDEFGHJKPX@df`hlm"),
    ),
)


@given(st.lists(_PIECES, max_size=60), st.integers(0, 200), st.integers(0, 60))
def test_any_bytes_leave_a_screen_with_the_cursor_on_it(pieces: list[bytes], columns: int, rows: int) -> None:
    screen = Screen(columns, rows)
    screen.feed(b"".join(pieces))
    assert 0 <= screen.row < (rows or 24)
    assert 0 <= screen.column <= (columns or 80)
    assert all(line == line.rstrip() for line in screen.lines())
    assert isinstance(screen.before_cursor, str)


@pytest.mark.parametrize(
    ("data", "before", "lines"),
    [
        (b"one\r\ntwo? ", "two? ", ["one", "two?"]),
        (b"10%\r20%\r\x1b[KGo? ", "Go? ", ["Go?"]),
        (b"abc\b\b!", "a!", ["a!c"]),
        (b"\x1b[1;31mred\x1b[0m? ", "red? ", ["red?"]),
        (b"x" * 25, "x" * 25, ["x" * 25]),
        (b"x" * 10 + b"\r\ny", "y", ["x" * 10, "y"]),
        (b"\x1b[2;3Hhere", "  here", ["", "  here"]),
        (b"> one\r\n  two\r\n\x1b[2A\x1b[K  one\r\n\x1b[K> two\r\n\x1b[1A", "", ["  one", "> two"]),
        (b"old\r\n\x1b[?1049hnew", "new", ["new"]),
        ("wide 漢字? ".encode(), "wide 漢字? ", ["wide 漢字?"]),
        (b"\x1b(0lqqk\x1b(B name", "     name", ["     name"]),
        (b"1\r\n2\r\n3\r\n4\r\n5\r\n6", "6", ["2", "3", "4", "5", "6"]),
    ],
)
def test_what_a_person_reads(data: bytes, before: str, lines: list[str]) -> None:
    screen = Screen(10, 5)
    screen.feed(data)
    assert (screen.before_cursor, screen.lines()) == (before, lines)
