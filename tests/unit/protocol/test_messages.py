from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.errors import ProtocolError
from runlet.model.execution import Event
from runlet.protocol.messages import (
    MAX_ATTEMPT,
    MAX_MESSAGE_BYTES,
    Cancel,
    Execute,
    Heartbeat,
    Message,
    Report,
    decode,
    encode,
)
from tests.strategies import MESSAGES

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
TYPES = [kind.TYPE for kind in get_args(Message)]
ID = "0b0e6c3c-6a0f-4d0e-9d5a-2f1f8a7f3c11"
EXECUTE = {
    "type": "execute.v1",
    "execution": ID,
    "attempt": 1,
    "run": 1,
    "job": "job",
    "script": None,
    "entrypoint": None,
    "arguments": [],
    "cwd": None,
    "terminal": {"columns": 80, "rows": 24},
    "term": "dumb",
}
REPORT = {"type": "report.v1", "execution": ID, "attempt": 1, "version": 2, "event": "start", "at": 1}


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
        ({"type": "cancel.v1", "execution": ID, "attempt": True}, "attempt must be int, not bool"),
        ({"type": "cancel.v1", "execution": None, "attempt": 1}, "execution must be str"),
        ({**REPORT, "event": "explode"}, "event"),
        ({**REPORT, "at": 10**400}, "at"),
        ({**REPORT, "at": float("nan")}, "not a number"),
        ({**REPORT, "exit_code": 2**64}, "out of range"),
        ({**REPORT, "detail": "\0"}, "NUL"),
        ({**REPORT, "execution": "../../etc/passwd"}, "must be a UUID"),
        ({**REPORT, "detail": "\ud800"}, "not JSON"),
        ({**EXECUTE, "environment": {"A=B": "x"}}, "a name that is not"),
        ({**EXECUTE, "environment": {"A": "\0"}}, "A in env holds the character NUL"),
        ({**EXECUTE, "environment": {"A": 1}}, "environment.A must be str"),
        ({**EXECUTE, "environment": {"A": "x" * 65_536}}, "larger than 64 KiB"),
        (
            {"type": "facts.v1", "facts": {"a": None}},
            "facts.a must be one of str, int, float, bool, list, not NoneType",
        ),
        ({"type": "facts.v1", "facts": {"a": {}}}, "facts.a must be one of"),
        ({"type": "facts.v1", "facts": {"a": [1]}}, "facts.a must be str, not int"),
        ({"type": "facts.v1", "facts": {"a": [["x"]]}}, "facts.a must be str, not list"),
        ({"type": "facts.v1", "facts": {"A": 1}}, "the name of a fact"),
        ({"type": "facts.v1", "facts": {"a": 10**400}}, "out of range"),
        ({**EXECUTE, "timeout": 0}, "out of range"),
        ({**EXECUTE, "logs": {"limit": 1000}}, "a limit of output is out of range"),
        ({**EXECUTE, "logs": {"overflow": "drop"}}, "overflow: 'drop' is no overflow"),
        ({**EXECUTE, "timeout": float("inf")}, "out of range"),
        ({**EXECUTE, "timeout": float("nan")}, "out of range"),
        ({**EXECUTE, "timeout": True}, "timeout must be float"),
    ],
)
def test_refusals(content: object, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        decode(json.dumps(content).encode())


def test_optional_fields_have_defaults() -> None:
    report = decode(json.dumps(REPORT).encode())
    assert isinstance(report, Report)
    assert (report.exit_code, report.at) == (None, 1.0)
    execute = decode(json.dumps(EXECUTE).encode())
    assert isinstance(execute, Execute)
    assert (execute.environment, execute.timeout) == ({}, None)


def test_a_message_over_the_limit_is_neither_sent_nor_read() -> None:
    with pytest.raises(ProtocolError, match="over the limit"):
        encode(Cancel("x" * MAX_MESSAGE_BYTES, 1))
    with pytest.raises(ProtocolError, match="over the limit"):
        decode(b" " * (MAX_MESSAGE_BYTES + 1))


def test_nesting_does_not_break_the_decoder() -> None:
    with pytest.raises(ProtocolError, match="not JSON"):
        decode(b"[" * 100_000)


def test_a_device_cannot_tell_of_an_attempt_that_no_job_comes_to() -> None:
    """Consoles would step through all before it."""
    Report(ID, MAX_ATTEMPT, version=1, event=Event.START, at=0.0)
    with pytest.raises(ProtocolError):
        Report(ID, MAX_ATTEMPT + 1, version=1, event=Event.START, at=0.0)
