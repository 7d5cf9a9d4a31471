"""runlet/cli/vt.py: what gets out of a terminal's output, however it is cut."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given

from runlet.vt import MOST_PARAMETER, Control, Csi, Escape, Text, Token, Tokenizer
from tests.unit.cli.outputs import cut_outputs, outputs


def tokens(chunks: Sequence[bytes]) -> list[Token]:
    """All tokens, with texts that touch joined: where a text is cut means nothing."""
    tokenizer = Tokenizer()
    joined: list[Token] = []
    for token in [t for chunk in chunks for t in tokenizer.feed(chunk)] + list(tokenizer.feed(b"", final=True)):
        if isinstance(token, Text) and joined and isinstance(joined[-1], Text):
            joined[-1] = Text(joined[-1].text + token.text)
        else:
            joined.append(token)
    return joined


@given(cut_outputs())
def test_cuts_change_nothing(chunks: list[bytes]) -> None:
    assert tokens(chunks) == tokens([b"".join(chunks)])


@given(outputs)
def test_text_holds_no_control(output: bytes) -> None:
    for token in tokens([output]):
        if isinstance(token, Text):
            assert not any(ord(char) < 0x20 or 0x7F <= ord(char) <= 0x9F for char in token.text)


@pytest.mark.parametrize(
    "hostile",
    [
        b"\x1b]0;title\x07",
        b"\x1b]52;c;cm0gLXJmIC8=\x1b\\",
        b"\x1bP$qm\x1b\\",
        b"\x1bktitle\x1b\\",
        b"\x1b_apc\x1b\\",
        b"\x1b^pm\xc2\x9c",
        b"\xc2\x9dosc by C1\xc2\x9c",
        b"\x1bX sos \x18",
        b"\x1bc",
        b"\x1b(0",
        b"\x1b#8",
        b"\x05\x07\x0e\x0f\x7f",
        b"\x1b[!p",
        b"\x1b[1;2\x00",
    ],
)
def test_what_speaks_to_the_terminal_is_dropped(hostile: bytes) -> None:
    assert tokens([b"a" + hostile + b"b"]) == [Text("ab")]


def test_sequences_and_controls_come_out_in_order() -> None:
    assert tokens([b"a\x1b[1;31mb\r\n\t\b"]) == [
        Text("a"), Csi("1;31", "m"), Text("b"), Control("\r"), Control("\n"), Control("\t"), Control("\b"),
    ]  # fmt: skip


def test_a_string_without_end_hides_one_line_only() -> None:
    assert tokens([b"\x1b]0;oops\nnext"]) == [Control("\n"), Text("next")]


def test_bytes_that_are_not_utf8_become_the_replacement_character() -> None:
    assert tokens([b"a\xffb\xe2\x82"]) == [Text("a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}")]


def test_a_count_is_bounded() -> None:
    assert Csi("99999999999999999999", "C").number(1) == MOST_PARAMETER
    assert Csi("", "C").number(1) == 1
    assert Csi("?25", "h").number(0) == 0


def test_a_screen_is_told_of_character_sets_and_the_saved_cursor() -> None:
    data = b"\x1b(0q\x0e\x0f\x1b7\x1b8"
    kept = [Escape("(", "0"), Text("q"), Control("\x0e"), Control("\x0f"), Escape("", "7"), Escape("", "8")]
    assert list(Tokenizer(for_screen=True).feed(data)) == kept
    assert list(Tokenizer().feed(data)) == [Text("q")]
