from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from runlet.holder.buffer import OutputBuffer

LIMIT = 50


class Buffer(RuleBasedStateMachine):
    """OutputBuffer beside a model that never forgets a byte."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = OutputBuffer(limit=LIMIT)
        self.whole = b""
        self.acknowledged = 0
        self.sent = 0

    @rule(data=st.binary(max_size=LIMIT))
    def append(self, data: bytes) -> None:
        data = data[: self.buffer.room]
        self.buffer.append(data)
        self.whole += data

    @rule(most=st.integers(0, 2 * LIMIT))
    def take(self, most: int) -> None:
        expected = self.whole[self.sent : self.sent + most]
        assert self.buffer.take(most) == (self.sent, expected)
        self.sent += len(expected)

    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        offset = data.draw(st.integers(0, len(self.whole)))
        self.buffer.acknowledge(offset)
        self.acknowledged = max(self.acknowledged, offset)
        self.sent = max(self.sent, self.acknowledged)

    @rule(beyond=st.integers(1, 10))
    def acknowledge_what_was_never_produced(self, beyond: int) -> None:
        with pytest.raises(ValueError, match="the stream ends at"):
            self.buffer.acknowledge(len(self.whole) + beyond)

    @rule()
    def rewind(self) -> None:
        self.buffer.rewind()
        self.sent = self.acknowledged

    @rule()
    def restart(self) -> None:
        self.buffer = OutputBuffer(LIMIT, self.buffer.acknowledged, self.buffer.kept())
        self.sent = self.acknowledged

    @invariant()
    def agree(self) -> None:
        assert self.buffer.end == len(self.whole)
        assert self.buffer.kept() == self.whole[self.acknowledged :]
        assert self.buffer.unsent == len(self.whole) - self.sent
        assert self.buffer.room == LIMIT - (len(self.whole) - self.acknowledged)


TestOutputBuffer = Buffer.TestCase


def test_a_journal_larger_than_the_bound_leaves_no_room() -> None:
    assert OutputBuffer(limit=3, kept=b"12345").room == 0


def test_a_stream_of_so_many_bytes_takes_no_more_whatever_is_acknowledged() -> None:
    buffer = OutputBuffer(limit=4, most=6)
    assert buffer.room == 4
    buffer.append(b"1234")
    assert (buffer.room, buffer.rest) == (0, 2)
    buffer.acknowledge(4)
    assert buffer.room == 2
    buffer.append(b"56")
    buffer.acknowledge(6)
    assert (buffer.room, buffer.rest) == (0, 0)
