"""runlet/cli/lines.py: lines as a terminal would have shown them."""

from __future__ import annotations

import pytest
from hypothesis import given

from runlet.cli.lines import MOST_CELLS, LineAssembler, Part, ended
from tests.unit.cli.outputs import cut_outputs


def lines(*chunks: bytes, colours: bool = False) -> list[str]:
    assembler = LineAssembler(colours=colours)
    return [line for chunk in chunks for line in assembler.feed(chunk)] + assembler.finish()


@given(cut_outputs())
def test_cuts_change_nothing(chunks: list[bytes]) -> None:
    assert lines(*chunks, colours=True) == lines(b"".join(chunks), colours=True)


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        (b"one\r\ntwo\n", ["one", "two"]),
        (b"one\r\n\r\ntwo", ["one", "", "two"]),
        (b"10%\r20%\r100%\r\n", ["100%"]),
        (b"downloading\r\x1b[Kdone\n", ["done"]),
        (b"abc\b\b\x1b[Kd\n", ["ad"]),
        (b"pass\b \b\b \bge\n", ["page"]),
        (b"abc\x1b[2D\x1b[@X\n", ["aXbc"]),
        (b"abc\x1b[2D\x1b[P\n", ["ac"]),
        (b"a\tb\n", ["a\tb"]),
        (b"one\x1b[5;1Htwo\n", ["one", "two"]),
        ("日本\b\bx\n".encode(), ["日x"]),
        ("e\N{COMBINING ACUTE ACCENT}\n".encode(), ["e\N{COMBINING ACUTE ACCENT}"]),
        (b"\x1b[5Cx\n", ["     x"]),
        (b"", []),
        (b"\r", []),
    ],
)
def test_a_line_has_its_last_state(output: bytes, shown: list[str]) -> None:
    assert lines(output) == shown


def test_colours_end_with_their_line_and_go_on_in_the_next() -> None:
    assert lines(b"\x1b[31mred\nstill\x1b[0m not\n", colours=True) == [
        "\x1b[31mred\x1b[0m",
        "\x1b[31mstill\x1b[0m not",
    ]
    assert lines(b"\x1b[31mred\x1b[0m\n") == ["red"]


def test_the_unfinished_line_is_visible() -> None:
    assembler = LineAssembler(colours=True)
    assembler.feed(b"Do you want \x1b[1mto\x1b[0m continue? [Y/n] yes\b\b")
    assert assembler.pending == "Do you want to continue? [Y/n] yes"
    assert assembler.after_cursor == "es"


def test_a_line_without_end_is_cut() -> None:
    assert lines(b"x" * (MOST_CELLS + 1)) == ["x" * MOST_CELLS, "x"]
    assert lines(*[b"x" * 1000] * 66) == ["x" * MOST_CELLS, "x" * (66_000 - MOST_CELLS)]


def test_the_parts_of_a_long_line_are_told_apart_from_lines() -> None:
    long = "x" * (2 * MOST_CELLS + 5)
    for cut in (0, 1, 5):
        text = long[: len(long) - cut]
        for found in (lines(text.encode()), lines(f"{text}\nnext\n".encode())[:3]):
            assert [isinstance(part, Part) for part in found] == [True, True, False]
            assert "".join(found) == text
    assert lines(f"{long}\nnext\n".encode())[-1] == "next"
    assert lines(b"x" * MOST_CELLS + b"\r\nnext\r\n") == ["x" * MOST_CELLS, "", "next"]
    assert "".join(map(ended, lines(f"{long}\nnext\n".encode()))) == f"{long}\nnext\n"


def test_full_screen_programs_are_noticed() -> None:
    assembler = LineAssembler(colours=False)
    assembler.feed(b"\x1b[?1049h\x1b[2Jmenu")
    assert assembler.full_screen
    assembler.feed(b"\x1b[?1049l")
    assert not assembler.full_screen
