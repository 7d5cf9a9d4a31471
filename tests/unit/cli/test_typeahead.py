"""runlet/cli/typeahead.py: what waits to be typed, and what is typed when some of it is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.cli.keys import PASTE_BEGIN, PASTE_END
from runlet.cli.typeahead import REFUSAL_SECONDS, WAITING_BYTES, Typeahead

MOST = 16 * 1024
PASTE = PASTE_BEGIN + b"text" * 5 + PASTE_END


def taken(typeahead: Typeahead, now: float = 0.0) -> bytes:
    found = b""
    while piece := typeahead.take(MOST, now):
        found += piece
    return found


def typed(typeahead: Typeahead, *parts: bytes) -> None:
    for part in parts:
        if rest := typeahead.typed(part):
            typeahead.wait(rest)


def test_what_waits_is_typed_in_order() -> None:
    typeahead = Typeahead()
    typed(typeahead, b"one ", PASTE, b" two")
    assert typeahead.size == len(PASTE) + 8
    assert taken(typeahead) == b"one " + PASTE + b" two"
    assert not typeahead


@pytest.mark.parametrize("cut", range(1, len(PASTE)))
def test_a_paste_that_is_cut_ends_and_the_rest_of_it_is_not_typed(cut: int) -> None:
    typeahead = Typeahead()
    typed(typeahead, PASTE[:cut])
    begun = taken(typeahead)
    typeahead.lose(0, 0.0)
    rest = PASTE[cut:] + b"ls"
    typed(typeahead, rest[:3], rest[3:])
    if cut < len(PASTE_BEGIN):
        assert begun + taken(typeahead) == PASTE + b"ls", "it had not begun"
    else:
        assert begun + taken(typeahead) == PASTE[:cut] + PASTE_END + b"ls"


def test_what_waits_is_lost_and_how_much_is_told() -> None:
    typeahead = Typeahead()
    typed(typeahead, b"x" * MOST, b"rest")
    typeahead.take(MOST, 0.0)
    assert typeahead.lose(MOST, 0.0) == 4
    assert not typeahead, "no paste, no end"


@pytest.mark.parametrize(("unconfirmed", "again"), [(0, b""), (1, PASTE_END), (1000, PASTE_END)])
def test_an_end_that_may_not_have_arrived_is_typed_again(unconfirmed: int, again: bytes) -> None:
    typeahead = Typeahead()
    typed(typeahead, PASTE)
    taken(typeahead)
    typeahead.lose(unconfirmed, 0.0)
    assert taken(typeahead) == again


def test_an_end_that_is_refused_at_once_is_not_typed_for_ever() -> None:
    typeahead = Typeahead()
    typed(typeahead, PASTE[:-8])
    taken(typeahead)
    typeahead.lose(0, 0.0)
    assert taken(typeahead) == PASTE_END
    typeahead.lose(6, 0.1)
    assert taken(typeahead) == b""
    typeahead.lose(6, 2 * REFUSAL_SECONDS)
    assert taken(typeahead) == PASTE_END, "the device was away"


def test_the_end_of_a_newer_paste_is_typed_however_soon() -> None:
    typeahead = Typeahead()
    typed(typeahead, PASTE[:-8])
    taken(typeahead)
    typeahead.lose(0, 0.0)
    typed(typeahead, PASTE_END, PASTE[:-8])
    assert taken(typeahead, 0.1) == PASTE_END + PASTE[:-8]
    typeahead.lose(0, 0.2)
    assert taken(typeahead) == PASTE_END


@pytest.mark.parametrize(("begin", "end"), [(b"", b""), (PASTE_BEGIN, PASTE_END)])
def test_beyond_the_bound_nothing_is_typed_until_all_has_been(begin: bytes, end: bytes) -> None:
    typeahead = Typeahead()
    typed(typeahead, begin + b"x" * (WAITING_BYTES - len(begin)))
    typed(typeahead, b"y", b"more", end)
    assert typeahead.is_full
    typeahead.take(MOST, 0.0)
    typed(typeahead, b"key")
    assert taken(typeahead)[-9:] == b"xxxxxxxxx"[len(end) :] + end
    typed(typeahead, b"key")
    assert taken(typeahead) == b"key"


def test_a_paste_whose_end_does_not_come_is_over() -> None:
    typeahead = Typeahead()
    typed(typeahead, PASTE[:10])
    typeahead.lose(0, 0.0)
    typed(typeahead, b"rest")
    typeahead.end_paste()
    typed(typeahead, b"key")
    assert taken(typeahead) == b"key"


@given(
    st.lists(
        st.sampled_from([b"a", b"bc", PASTE, PASTE[:9], PASTE[9:], PASTE_END[:3], PASTE_END[3:], None]), max_size=12
    )
)
def test_whatever_is_lost_no_paste_stays_open(parts: list[bytes | None]) -> None:
    """As the program has it, once all the operator's pastes have ended and all has been typed."""
    typeahead, reached = Typeahead(), b""
    for part in [*parts, PASTE_END]:
        if part is None:
            typeahead.lose(0, 0.0)
        else:
            typed(typeahead, part)
            reached += typeahead.take(3, 0.0)
    reached += taken(typeahead)
    assert reached.rfind(PASTE_END) >= reached.rfind(PASTE_BEGIN)
