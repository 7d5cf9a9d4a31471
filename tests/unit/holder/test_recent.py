"""runlet/holder/recent.py: the end of the output, and whose the screen is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.holder.recent import RECENT_BYTES, Recent

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"


@pytest.mark.parametrize(
    ("printed", "own"),
    [
        (b"text", False),
        (ENTER, True),
        (ENTER + b"text" + LEAVE, False),
        (ENTER + LEAVE + ENTER, True),
        (b"\x1b[?47h", True),
        (b"\x1b[?1047h" + LEAVE, False),
        (ENTER + b"\x1b[?25l", True),
        (b"\x1b[?1049", False),
    ],
)
def test_whose_the_screen_is(printed: bytes, own: bool) -> None:
    recent = Recent()
    recent.append(printed)
    assert recent.own_screen is own


@given(st.lists(st.sampled_from([ENTER, LEAVE, b"x", b"\x1b[1m", b"\x1b[?", b"y" * 5000]), max_size=30), st.data())
def test_however_it_is_cut(pieces: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(pieces)
    at_once, cut = Recent(), Recent()
    at_once.append(whole)
    while whole:
        length = data.draw(st.integers(1, min(len(whole), 6000)))
        cut.append(whole[:length])
        whole = whole[length:]
    assert cut.bytes() == at_once.bytes() == b"".join(pieces)[-RECENT_BYTES:]
    assert cut.own_screen is at_once.own_screen
