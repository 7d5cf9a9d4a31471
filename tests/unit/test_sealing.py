from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet import sealing
from runlet.errors import ProtocolError

PRIVATE = sealing.make_key()
PUBLIC = sealing.public_key(PRIVATE)
CONTEXT = sealing.context("answer", "execution", "1", "prompt")


@given(st.binary(max_size=5000))
def test_the_device_opens_what_was_sealed_for_it(text: bytes) -> None:
    box = sealing.seal(text, PUBLIC, CONTEXT)
    assert sealing.open_(box, PRIVATE, CONTEXT) == text
    assert len(box) == len(text) + sealing.OVERHEAD_BYTES
    assert len(text) < 4 or text not in box


def test_the_same_text_is_never_sealed_to_the_same_box() -> None:
    assert sealing.seal(b"s3cret", PUBLIC, CONTEXT) != sealing.seal(b"s3cret", PUBLIC, CONTEXT)


def test_nobody_else_opens_it_and_not_for_another_question() -> None:
    box = sealing.seal(b"s3cret", PUBLIC, CONTEXT)
    for private, context in (
        (sealing.make_key(), CONTEXT),
        (PRIVATE, sealing.context("answer", "execution", "2", "prompt")),
        (PRIVATE, sealing.context("answer", "execution1", "", "prompt")),
    ):
        with pytest.raises(ProtocolError, match="sealed for another"):
            sealing.open_(box, private, context)


@given(st.integers(0, len(b"s3cret") + sealing.OVERHEAD_BYTES - 1), st.integers(1, 255))
def test_a_box_that_was_changed_does_not_open(place: int, change: int) -> None:
    box = bytearray(sealing.seal(b"s3cret", PUBLIC, CONTEXT))
    box[place] ^= change
    with pytest.raises(ProtocolError):
        sealing.open_(bytes(box), PRIVATE, CONTEXT)


@given(st.binary(max_size=100))
def test_what_is_no_box_is_a_protocol_error(box: bytes) -> None:
    with pytest.raises(ProtocolError):
        sealing.open_(box, PRIVATE, CONTEXT)


@pytest.mark.parametrize("public", [b"", bytes(31), bytes(32), bytes(33)])
def test_nothing_is_sealed_for_what_is_no_key(public: bytes) -> None:
    with pytest.raises(ProtocolError, match="no sealing key"):
        sealing.seal(b"s3cret", public, CONTEXT)
