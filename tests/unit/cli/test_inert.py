"""runlet/cli/inert.py: output that can be read and do nothing."""

from __future__ import annotations

import re

import pytest
from hypothesis import given

from runlet.cli.inert import InertFilter, plain
from tests.unit.cli.outputs import cut_outputs


def shown(*chunks: bytes, colours: bool = False, motion: bool = False) -> str:
    inert = InertFilter(colours=colours, motion=motion)
    return "".join([inert.feed(chunk) for chunk in chunks]) + inert.finish()


@given(cut_outputs())
def test_cuts_change_nothing(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    assert shown(*chunks, colours=True, motion=True) == shown(whole, colours=True, motion=True)
    assert shown(*chunks) == shown(whole)


@given(cut_outputs())
def test_only_colours_get_through(chunks: list[bytes]) -> None:
    text = shown(*chunks, colours=True)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", re.sub(r"\x1b\[[0-9;:]*m", "", text))


@pytest.mark.parametrize(
    ("output", "on_terminal", "in_file"),
    [
        (b"one\r\ntwo\r\n", "one\ntwo\n", "one\ntwo\n"),
        (b"1%\r2%\r\n", "1%\r2%\n", "1%\n2%\n"),
        (b"a\b \bb", "a\b \bb", "a b"),
        (b"\x1b[31mred\x1b[K\x1b[0m", "\x1b[31mred\x1b[0m\x1b[0m", "red"),
        (b"\x1b[>4;2m\x1b[?25lx", "x", "x"),
    ],
)
def test_what_a_reader_sees(output: bytes, on_terminal: str, in_file: str) -> None:
    assert shown(output, colours=True, motion=True) == on_terminal
    assert shown(output) == in_file


def test_a_name_stays_on_its_line() -> None:
    assert plain("pi\x1b[31m-1\n\N{RIGHT-TO-LEFT OVERRIDE}x") == "pi [31m-1  x"
