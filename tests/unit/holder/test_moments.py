"""runlet/holder/moments.py: when bytes were printed is kept as long as they are, within a bound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.holder.moments import MOST_MOMENTS, TICK_MILLISECONDS, Moments, pack, unpack

SIZE = (80, 24)


def test_what_is_printed_at_once_has_one_moment() -> None:
    moments = Moments()
    moments.note(0, 0, *SIZE)
    moments.note(7, TICK_MILLISECONDS - 1, *SIZE)
    moments.note(9, TICK_MILLISECONDS, *SIZE)
    assert moments.within(0) == [(0, 0, *SIZE), (9, TICK_MILLISECONDS, *SIZE)]


def test_another_size_is_noted_however_soon() -> None:
    moments = Moments()
    moments.note(0, 0, *SIZE)
    moments.note(7, 1, 100, 24)
    assert moments.within(0) == [(0, 0, *SIZE), (7, 1, 100, 24)]


def test_the_moments_of_a_chunk_are_those_of_its_bytes() -> None:
    moments = Moments()
    for offset in (0, 10, 20):
        moments.note(offset, offset * 100, *SIZE)
    assert moments.within(0, 10) == [(0, 0, *SIZE)]
    assert moments.within(1, 21) == [(10, 1000, *SIZE), (20, 2000, *SIZE)]
    assert moments.within(11) == [(20, 2000, *SIZE)]


def test_what_the_controller_has_is_forgotten_and_the_rest_stays() -> None:
    moments = Moments()
    for offset in (0, 10, 20):
        moments.note(offset, offset * 100, *SIZE)
    moments.forget(10)
    assert [offset for offset, *_ in moments.within(0)] == [10, 20]
    moments.forget(30)
    moments.note(31, 2005, *SIZE)
    assert moments.within(0) == [], "the last one is known though it is forgotten"


def test_a_slow_program_without_a_controller_does_not_fill_the_memory() -> None:
    moments = Moments()
    for number in range(10 * MOST_MOMENTS):
        moments.note(number, number * 20, *SIZE)
    kept = moments.within(0)
    assert MOST_MOMENTS // 2 <= len(kept) <= MOST_MOMENTS
    assert kept[0][0] == 0, "the beginning keeps its time"
    assert kept == sorted(kept)


@given(st.lists(st.tuples(*[st.integers(0, 2**64 - 1)] * 2, *[st.integers(0, 2**16 - 1)] * 2)))
def test_they_are_packed_and_unpacked(moments: list[tuple[int, int, int, int]]) -> None:
    assert unpack(pack(moments)) == moments


def test_a_cut_record_is_refused() -> None:
    with pytest.raises(ValueError, match="cut off"):
        unpack(pack([(1, 2, 3, 4)])[:-1])
