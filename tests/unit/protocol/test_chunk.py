from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.errors import ProtocolError
from runlet.protocol.chunk import MAX_CHUNK_BYTES, Chunk
from runlet.protocol.moment import Moment

CHUNKS = st.builds(
    Chunk,
    execution=st.uuids().map(str),
    attempt=st.integers(0, 2**16 - 1),
    position=st.integers(0, 2**64 - 1),
    data=st.binary(max_size=300),
)


@st.composite
def timed_chunks(draw: st.DrawFn) -> Chunk:
    position, data = draw(st.integers(0, 2**63)), draw(st.binary(min_size=1, max_size=300))
    offsets = sorted(draw(st.sets(st.integers(position, position + len(data) - 1), min_size=1)))
    times = sorted(draw(st.lists(st.integers(0, 2**40), min_size=len(offsets), max_size=len(offsets))))
    size = draw(st.tuples(st.integers(0, 2**16 - 1), st.integers(0, 2**16 - 1)))
    moments = tuple(Moment.of(offset, time, *size) for offset, time in zip(offsets, times, strict=True))
    return Chunk(str(draw(st.uuids())), draw(st.integers(0, 2**16 - 1)), position, data, moments)


@given(CHUNKS | timed_chunks())
def test_round_trip(chunk: Chunk) -> None:
    assert Chunk.decode(chunk.encode()) == chunk


DAMAGED = st.builds(
    lambda chunk, at, byte: (body := chunk.encode())[: at % len(body)] + bytes([byte]) + body[at % len(body) + 1 :],
    timed_chunks(),
    st.integers(0, 400),
    st.integers(0, 255),
)


@given(st.binary(max_size=64) | st.binary(max_size=64).map(lambda rest: b"\1" + rest) | DAMAGED)
def test_garbage_is_a_chunk_or_a_protocol_error(body: bytes) -> None:
    try:
        chunk = Chunk.decode(body)
    except ProtocolError:
        return
    assert chunk.encode() == body


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "shorter than its header"),
        (b"\1" + bytes(25), "shorter than its header"),
        (b"\2" + bytes(26), "unknown chunk layout 2"),
        (b"\1" + bytes(26 + MAX_CHUNK_BYTES + 1), "over the limit"),
        (b"\4" + bytes(26), "with 0 moments"),
        (b"\4" + bytes(26) + b"\xff\xff", "with 65535 moments"),
        (b"\4" + bytes(26) + b"\0\1" + bytes(19), "cut off"),
        (b"\4" + bytes(26) + b"\0\1" + bytes(20), "not within its bytes"),
        (b"\4" + bytes(26) + b"\0\2" + bytes(40) + b"ab", "not in order"),
        (b"\4" + bytes(26) + b"\0\1" + bytes(20 + MAX_CHUNK_BYTES + 1), "over the limit"),
    ],
)
def test_refusals(body: bytes, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        Chunk.decode(body)


def test_the_largest_chunk_is_accepted() -> None:
    chunk = Chunk(str(uuid.UUID(int=1)), 1, 0, bytes(MAX_CHUNK_BYTES))
    assert Chunk.decode(chunk.encode()) == chunk
