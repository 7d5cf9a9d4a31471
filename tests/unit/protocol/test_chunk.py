from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.errors import ProtocolError
from runlet.protocol.chunk import MAX_CHUNK_BYTES, Chunk

CHUNKS = st.builds(
    Chunk,
    execution=st.uuids().map(str),
    attempt=st.integers(0, 2**16 - 1),
    position=st.integers(0, 2**64 - 1),
    data=st.binary(max_size=300),
)


@given(CHUNKS)
def test_round_trip(chunk: Chunk) -> None:
    assert Chunk.decode(chunk.encode()) == chunk


@given(st.binary(max_size=64) | st.binary(max_size=64).map(lambda rest: b"\1" + rest))
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
    ],
)
def test_refusals(body: bytes, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        Chunk.decode(body)


def test_the_largest_chunk_is_accepted() -> None:
    chunk = Chunk(str(uuid.UUID(int=1)), 1, 0, bytes(MAX_CHUNK_BYTES))
    assert Chunk.decode(chunk.encode()) == chunk
