"""What a message says about itself, which anybody may have written, is read without harm."""

from __future__ import annotations

import struct

import pika
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.amqp.link import _Connection

HEADERS = struct.pack(">H", pika.BasicProperties.FLAG_HEADERS)


def frame(encoded: bytes, body_size: int = 7, channel: int = 1) -> bytes:
    payload = struct.pack(">HHQ", pika.BasicProperties.INDEX, 0, body_size) + encoded
    return struct.pack(">BHI", pika.spec.FRAME_HEADER, channel, len(payload)) + payload + b"\xce"


def read(buffer: bytes):
    connection = _Connection.__new__(_Connection)
    connection._frame_buffer = buffer
    return connection._read_frame()


def table(content: bytes) -> bytes:
    return HEADERS + struct.pack(">I", len(content)) + content


NESTED = b""
for _ in range(10_000):
    NESTED = b"\x01xF" + struct.pack(">I", len(NESTED)) + NESTED


@pytest.mark.parametrize(
    "encoded",
    [
        table(b"\x01xT" + struct.pack(">Q", 300_000_000_000)),
        table(b"\x01xT" + b"\xff" * 8),
        table(b"\x01xd" + struct.pack(">d", float("nan"))),
        table(b"\x01xf" + struct.pack(">f", float("inf"))),
        table(b"\x01xA" + struct.pack(">I", 9) + b"F" + struct.pack(">I", 4) + b"\x01xT\xff"),
        table(b"\x01x?what"),
        table(b"\xffcut"),
        HEADERS + struct.pack(">I", 2**32 - 1) + b"\x01xV",
        table(NESTED),
        HEADERS,
        b"\xff\xff" * 20,
        b"",
        struct.pack(">H", pika.BasicProperties.FLAG_CONTENT_TYPE) + b"\x02\xff\xfe",
        table(b"\x02\xff\xfeS" + struct.pack(">I", 2) + b"\xc3("),
    ],
)
def test_properties_that_pika_cannot_decode_end_nothing(encoded: bytes):
    end, header = read(frame(encoded) + b"more")
    assert (end, header.body_size, header.channel_number) == (len(frame(encoded)), 7, 1)
    header.properties.decoded()


@given(st.binary(max_size=300), st.integers(0, 2**64 - 1), st.integers(0, 2**16 - 1))
def test_whatever_bytes_the_properties_are(encoded: bytes, body_size: int, channel: int):
    whole = frame(encoded, body_size, channel)
    end, header = read(whole)
    assert (end, header.body_size, header.channel_number) == (len(whole), body_size, channel)
    header.properties.decoded()


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=3), st.integers(1, 2))
def test_what_we_write_ourselves_is_read(headers: dict[str, str], mode: int):
    written = pika.BasicProperties(headers=headers, delivery_mode=mode, message_id="17", expiration="5")
    _, header = read(frame(b"".join(written.encode())))
    assert header.properties.decoded() == written


@given(st.integers(0, 60))
def test_a_frame_that_has_not_come_whole_is_awaited(length: int):
    whole = frame(b"".join(pika.BasicProperties(headers={"a": "b" * 60}).encode()))
    assert read(whole[: length + 1]) == (0, None)
