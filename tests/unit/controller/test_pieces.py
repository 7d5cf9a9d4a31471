"""The bytes of a transcript against a model: what is kept of a stream that is written in any portions."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.controller.pieces import Piece, kept, place


@dataclass
class Model:
    """Files as a dictionary: what `place` says is done to it."""

    limit: int
    files: dict[int, bytes] = field(default_factory=lambda: {0: b""})

    @property
    def pieces(self) -> list[Piece]:
        return [Piece(begin, begin + len(data)) for begin, data in sorted(self.files.items())]

    def append(self, data: bytes) -> None:
        while data:
            here = place(self.pieces, self.limit)
            for piece in here.leaving:
                del self.files[piece.begin]
            assert here.room > 0
            self.files[here.begin] = self.files.get(here.begin, b"") + data[: here.room]
            data = data[here.room :]

    def read(self, offset: int, most: int) -> tuple[int, bytes]:
        parts = kept(self.pieces, offset, most)
        data = [self.files[whole.begin][part.begin - whole.begin :][: part.length] for whole, part in parts]
        return parts[0][1].begin if parts else offset, b"".join(data)


def stream(length: int) -> bytes:
    """Bytes that tell where they stand: none of its slices is like another of eight bytes."""
    return b"".join(number.to_bytes(4) for number in range(length // 4 + 1))[:length]


LIMITS = st.integers(8, 300)
PORTIONS = st.lists(st.integers(1, 500), max_size=30)


@given(LIMITS, PORTIONS)
def test_head_and_tail_are_exact_and_within_the_limit(limit: int, portions: list[int]) -> None:
    whole, model, written = stream(sum(portions)), Model(limit), 0
    for portion in portions:
        model.append(whole[written : written + portion])
        written += portion
        assert sum(piece.length for piece in model.pieces) <= limit
    for begin, data in model.files.items():
        assert data == whole[begin : begin + len(data)]
    head, *tail = model.pieces
    assert model.pieces[-1].end == len(whole)
    if len(whole) <= limit:
        assert model.read(0, len(whole) + 1) == (0, whole)
    else:
        assert head.length >= limit // 2
        assert len(whole) - tail[0].begin >= limit // 8 * 3
        assert all(before.end == after.begin for before, after in pairwise(tail))


@given(LIMITS, PORTIONS, st.data())
def test_a_read_gives_the_longest_run_of_kept_bytes_from_its_offset_on(
    limit: int, portions: list[int], data: st.DataObject
) -> None:
    whole, model = stream(sum(portions)), Model(limit)
    model.append(whole)
    offset = data.draw(st.integers(0, len(whole) + 10))
    most = data.draw(st.integers(1, 400))
    there = {at for piece in model.pieces for at in range(piece.begin, piece.end)}
    begin = min((at for at in there if at >= offset), default=offset)
    end = begin
    while end in there and end - begin < most:
        end += 1
    assert model.read(offset, most) == (begin, whole[begin:end])


def test_the_oldest_segment_goes_before_a_fifth_begins() -> None:
    pieces = [Piece(0, 400), Piece(500, 600), Piece(600, 700), Piece(700, 800), Piece(800, 900)]
    here = place(pieces, 800)
    assert (here.begin, here.room, here.leaving) == (900, 100, (Piece(500, 600),))


@pytest.mark.parametrize(
    ("pieces", "offset", "most", "expected"),
    [
        # After a power cut the head is shorter than it was, or a segment in the middle is.
        ([Piece(0, 10), Piece(400, 500)], 0, 1000, [(Piece(0, 10), Piece(0, 10))]),
        ([Piece(0, 10), Piece(400, 500)], 10, 1000, [(Piece(400, 500), Piece(400, 500))]),
        ([Piece(0, 400), Piece(400, 430), Piece(500, 600)], 420, 1000, [(Piece(400, 430), Piece(420, 430))]),
        ([Piece(0, 0)], 0, 1000, []),
        ([Piece(0, 10)], 10, 1000, []),
        ([Piece(0, 10)], 11, 1000, []),
    ],
)
def test_whatever_is_missing_is_a_gap(
    pieces: list[Piece], offset: int, most: int, expected: list[tuple[Piece, Piece]]
) -> None:
    assert kept(pieces, offset, most) == expected
