"""runlet/agent/screen.py: what is read of a screen, whatever a program sends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.agent.screen import Screen

# What programs send, in any order: text, moves with any numbers, erasing, the screens, broken sequences, any bytes.
_PIECES = st.one_of(
    st.sampled_from(
        [
            b"\r",
            b"\n",
            b"\r\n",
            b"\b",
            b"\t",
            b"\x1b",
            b"\x1b[",
            b"\x1b(0qq\x1b(B",
            b"\x0eq\x0f",
            b"\x1b[?1049h",
            b"\x1bM",
            b"\x1b7",
            b"\x1b8",
        ]
    ),
    st.text(max_size=30).map(str.encode),
    st.binary(max_size=10),
    st.builds(
        lambda row, column, final: f"\x1b[{row};{column}{final}".encode(),
        st.integers(-1, 10**5),
        st.integers(-1, 10**5),
        st.sampled_from("ABCDEFGHJKLMPSTX@bdf`hlmrsu"),
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
        (b"\x1b(0lqqk\x1b(B name", "┌──┐ name", ["┌──┐ name"]),
        (b"\x1b(0l\x1b[0mqq\x1b[1mk\x1b(B q", "┌──┐ q", ["┌──┐ q"]),
        (b"\x1b)0\x0eqx\x0fqx", "─│qx", ["─│qx"]),
        (b"q\x1b[4b!", "qqqqq!", ["qqqqq!"]),
        (b"\x1b7\x1b[1;1Hstatus\x1b8Go? ", "Go? ", ["Go? us"]),
        (b"\r\n\x1b7\x1b[1;1Hstatus\x1b8Go? ", "Go? ", ["status", "Go?"]),
        (b"\r\n\x1b[s\x1b[1;1Hstatus\x1b[uGo? ", "Go? ", ["status", "Go?"]),
        (b"1\r\n2\r\n3\x1b[2;1H\x1b[Lnew", "new", ["1", "new", "2", "3"]),
        (b"1\r\n2\r\n3\x1b[1;1H\x1b[Mend", "end", ["end", "3"]),
        (b"1\r\n2\r\n3\x1b[1;2r\x1b[2;1H\nnew", "new", ["2", "new", "3"]),
        (b"1\r\n2\x1b[1;1H\x1bMtop", "top", ["top", "1", "2"]),
        (b"1\r\n2\r\n3\r\n4\r\n5\r\n6", "6", ["2", "3", "4", "5", "6"]),
    ],
)
def test_what_a_person_reads(data: bytes, before: str, lines: list[str]) -> None:
    screen = Screen(10, 5)
    screen.feed(data)
    assert (screen.before_cursor, screen.lines()) == (before, lines)


@pytest.mark.parametrize(
    ("data", "moves", "erased"),
    [
        (b"\x1b[2;2Ha\x1b[3;3Hb", 2, 0),
        (b"\x1b7\x1b[2;2Ha\x1b[3;3Hb\x1b8", 0, 0),  # beside what is shown
        (b"\r\x1b[K1\r\x1b[K2\r\x1b[K3", 0, 1),  # a line that is drawn again
        (b"\x1b[Ha\x1b[K\r\nb\x1b[K\r\nc\x1b[K", 0, 3),
    ],
)
def test_how_much_is_drawn(data: bytes, moves: int, erased: int) -> None:
    screen = Screen(10, 5)
    screen.feed(data)
    assert (screen.moves, screen.erased) == (moves, erased)


def test_what_is_drawn_without_a_cursor_begins_where_it_was_hidden() -> None:
    screen = Screen(20, 5)
    screen.feed(b"before\r\n\x1b[?25lWhich?\r\n> one\r\n  two")
    assert screen.is_hidden
    assert screen.drawn_from == 1
    screen.feed(b"\r\n\r\n\r\n")
    assert screen.drawn_from == 0
    screen.feed(b"\x1b[?25h")
    assert (screen.is_hidden, screen.drawn_from) == (False, None)
