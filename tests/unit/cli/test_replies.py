"""runlet/cli/replies.py: what a terminal answers by itself is told from what its operator types."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.cli.replies import Replies, Sender, Sent

REPLIES = [
    b"\x1b[?62;1;4c",
    b"\x1b[>41;354;0c",
    b"\x1b[0n",
    b"\x1b[24;80R",
    b"\x1b[?24;80;1R",
    b"\x1b[?2026;2$y",
    b"\x1b[4;2$y",
    b"\x1b[?1u",
    b"\x1b[?997;1n",
    b"\x1b[8;24;80t",
    b"\x1b[48;24;80;480;800t",
    b"\x1b[I",
    b"\x1b[O",
    b"\x1b]11;rgb:0000/0000/0000\x1b\\",
    b"\x1b]4;1;rgb:ffff/0000/0000\x07",
    b"\x1bP>|XTerm(390)\x1b\\",
    b"\x1bP1$r0m\x1b\\",
    b"\x1bP1+r544e=787465726d\x1b\\",
]
KEYS = [
    b"a",
    b"\x1b",
    b"\x1b[A",
    b"\x1bOP",
    b"\x1b[1;5C",
    b"\x1b[15;2~",
    b"\x1b[1;2R",  # F3 with Shift, as xterm sends it
    b"\x1b[97;5u",  # Ctrl-a, as kitty sends it
    b"\x1b[Z",
    b"\x1bb",
    b"\x1b]word",  # Alt-] and more
    b"\x1bP and on",
    b"\x1b\x1b[A",
    b"\xc3\xa9",
]


def sent(*pieces: bytes, expecting: bool = False) -> list[Sent]:
    replies = Replies()
    found = [one for piece in pieces for one in replies.feed(piece, expecting=expecting)]
    return found + ([Sent(replies.release())] if replies.holding else [])


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("expecting", [True, False])
def test_a_reply_is_recognised_among_what_is_typed(reply: bytes, expecting: bool) -> None:
    expected = [Sent(b"ls"), Sent(reply, Sender.TERMINAL), Sent(b"\r")]
    assert sent(b"ls" + reply + b"\r", expecting=expecting) == expected


@pytest.mark.parametrize("reply", REPLIES)
def test_wherever_it_is_cut_while_it_is_expected(reply: bytes) -> None:
    for cut in range(1, len(reply)):
        assert sent(reply[:cut], reply[cut:], expecting=True) == [Sent(reply, Sender.TERMINAL)], cut


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_typed_and_passes_at_once(key: bytes) -> None:
    replies = Replies()
    assert list(replies.feed(key, expecting=False)) == [Sent(key)]
    assert not replies.holding


@pytest.mark.parametrize("key", [key for key in KEYS if key != b"\x1b[1;2R"])
def test_a_key_is_typed_while_a_reply_is_expected(key: bytes) -> None:
    assert b"".join(one.data for one in sent(key, expecting=True) if one.by is Sender.OPERATOR) == key


def test_the_cursors_place_looks_like_a_key_unless_it_was_asked_for() -> None:
    assert sent(b"\x1b[1;2R", expecting=True) == [Sent(b"\x1b[1;2R", Sender.TERMINAL)]
    assert sent(b"\x1b[1;2R") == [Sent(b"\x1b[1;2R")]
    assert sent(b"\x1b[1;80R") == [Sent(b"\x1b[1;80R", Sender.TERMINAL)]


def test_the_mouse_is_told_apart() -> None:
    assert sent(b"\x1b[<35;10;5M\x1b[M !!") == [Sent(b"\x1b[<35;10;5M", Sender.MOUSE), Sent(b"\x1b[M !!", Sender.MOUSE)]


def test_pasted_text_is_typed_whatever_it_looks_like() -> None:
    pasted = b"\x1b[200~look: \x1b[?62;1c\x1b[0n\x1b[201~"
    assert sent(pasted, b"\x1b[0n") == [Sent(pasted), Sent(b"\x1b[0n", Sender.TERMINAL)]


@given(st.lists(st.sampled_from(REPLIES + KEYS) | st.binary(max_size=5), max_size=10), st.booleans())
def test_no_byte_is_lost_or_moved(pieces: list[bytes], expecting: bool) -> None:
    assert b"".join(one.data for one in sent(*pieces, expecting=expecting)) == b"".join(pieces)


def test_a_paste_that_never_ends_is_released() -> None:
    replies = Replies()
    assert list(replies.feed(b"\x1b[200~a", expecting=False)) == [Sent(b"\x1b[200~a")]
    assert list(replies.feed(b"\x1b[0n", expecting=False)) == [Sent(b"\x1b[0n")]
    assert (replies.is_pasting, replies.release()) == (True, b"")
    assert list(replies.feed(b"\x1b[0n", expecting=False)) == [Sent(b"\x1b[0n", Sender.TERMINAL)]
