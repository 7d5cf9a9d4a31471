from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.errors import ProtocolError
from runlet.protocol.messages import MAX_MESSAGE_BYTES, Cancel, Heartbeat, Message, Report, decode, encode

MESSAGES = st.one_of([st.from_type(kind) for kind in get_args(Message)]).filter(
    lambda message: not any(value != value for value in vars_of(message))
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
TYPES = [kind.TYPE for kind in get_args(Message)]
REPORT = {"type": "report.v1", "execution": "e", "attempt": 1, "version": 2, "event": "start", "at": 1}


def vars_of(message: Message) -> list[object]:
    """The field values; NaN, which equals nothing, is no duration and no instant."""
    return [getattr(message, name) for name in type(message).__dataclass_fields__]


@given(MESSAGES)
def test_round_trip(message: Message) -> None:
    assert decode(encode(message)) == message


@given(st.binary())
def test_bytes_are_a_message_or_a_protocol_error(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(body)


@given(JSON, st.sampled_from(TYPES), st.data())
def test_json_is_a_message_or_a_protocol_error(content: object, kind: str, data: st.DataObject) -> None:
    fields = {name for each in get_args(Message) for name in each.__dataclass_fields__}
    wrong = data.draw(st.dictionaries(st.sampled_from(sorted(fields)), JSON))
    for candidate in (content, {"type": kind, **wrong}, {**REPORT, **wrong}):
        try:
            decode(json.dumps(candidate).encode())
        except ProtocolError:
            continue


def test_every_type_is_versioned_and_used_once() -> None:
    assert len(set(TYPES)) == len(TYPES)
    assert all(kind.endswith(".v1") for kind in TYPES)


def test_unknown_fields_are_ignored() -> None:
    assert decode(b'{"type": "heartbeat.v1", "mood": "fine"}') == Heartbeat()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "must be a JSON object"),
        ({"type": "launch.v9"}, "unknown message type 'launch.v9'"),
        ({"type": "cancel.v1", "execution": "e"}, "attempt"),
        ({"type": "cancel.v1", "execution": "e", "attempt": True}, "attempt must be int, not bool"),
        ({"type": "cancel.v1", "execution": None, "attempt": 1}, "execution must be str"),
        ({**REPORT, "event": "explode"}, "event"),
        ({**REPORT, "at": 10**400}, "at"),
    ],
)
def test_refusals(content: object, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        decode(json.dumps(content).encode())


def test_optional_fields_have_defaults() -> None:
    report = decode(json.dumps(REPORT).encode())
    assert isinstance(report, Report)
    assert (report.exit_code, report.at) == (None, 1.0)


def test_a_message_over_the_limit_is_neither_sent_nor_read() -> None:
    with pytest.raises(ProtocolError, match="over the limit"):
        encode(Cancel("x" * MAX_MESSAGE_BYTES, 1))
    with pytest.raises(ProtocolError, match="over the limit"):
        decode(b" " * (MAX_MESSAGE_BYTES + 1))


def test_nesting_does_not_break_the_decoder() -> None:
    with pytest.raises(ProtocolError, match="not JSON"):
        decode(b"[" * 100_000)
