"""runlet/cli/keys.py: what is typed, told apart from what is commanded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.cli.keys import PREFIX, Action, Choose, Keys, Typed


def typed(*reads: bytes) -> list[Typed]:
    """What the reads mean, with bytes that touch joined."""
    keys = Keys()
    joined: list[Typed] = []
    for item in (item for read in reads for item in keys.feed(read)):
        if isinstance(item, bytes) and joined and isinstance(joined[-1], bytes):
            joined[-1] += item
        else:
            joined.append(item)
    return joined


@pytest.mark.parametrize(
    ("read", "meant"),
    [
        (b"ls\r", [b"ls\r"]),
        (b"\x03\x04\xff", [b"\x03\x04\xff"]),
        (b"ls\x1dd", [b"ls", Action.DETACH]),
        (b"\x1d\x1d", [PREFIX]),
        (b"\x1d3x", [Choose(3), b"x"]),
        (b"\x1dn\x1dp\x1dm\x1dz", [Action.NEXT, Action.PREVIOUS, Action.SWITCH_VIEW, Action.SWITCH_VIEW]),
        (b"\x1dcy", [Action.ASK_CANCEL, Action.CANCEL]),
        (b"\x1dcnls", [Action.ASK_CANCEL, Action.KEEP, b"ls"]),
        (b"\x1dc\x1dd", [Action.ASK_CANCEL, Action.KEEP, b"d"]),
        (b"\x1d!", [Action.HELP]),
        (b"\x1d", []),
    ],
)
def test_meaning(read: bytes, meant: list[Typed]) -> None:
    assert typed(read) == meant


@given(st.lists(st.sampled_from([b"\x1d", b"d", b"c", b"y", b"1", b"x"]), max_size=12), st.integers(0, 12))
def test_cuts_change_nothing(pieces: list[bytes], cut: int) -> None:
    whole = b"".join(pieces)
    assert typed(whole[:cut], whole[cut:]) == typed(whole)
    assert typed(*pieces) == typed(whole)


def test_the_prefix_within_a_paste_is_text() -> None:
    paste = b"\x1b[200~a\x1dd\x1d\x1b[201~"
    assert typed(paste + b"\x1dd") == [paste, Action.DETACH]
    for cut in range(len(paste)):
        assert typed(paste[:cut], paste[cut:], b"\x1dd") == [paste, Action.DETACH]
    assert typed(*(paste[at : at + 1] for at in range(len(paste))), b"\x1dd") == [paste, Action.DETACH]
    assert typed(b"\x1b[200~\x1b[201~\x1dd") == [b"\x1b[200~\x1b[201~", Action.DETACH]


def test_a_paste_that_never_ends_keeps_nobody_from_detaching() -> None:
    keys = Keys()
    assert list(keys.feed(b"\x1b[200~a\x1dd")) == [b"\x1b[200~a\x1dd"]
    assert keys.is_pasting
    keys.end_paste()
    assert list(keys.feed(b"\x1dd")) == [Action.DETACH]
