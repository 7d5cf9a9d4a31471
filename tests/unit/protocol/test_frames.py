from __future__ import annotations

import json
from datetime import UTC
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.errors import ProtocolError
from runlet.protocol.frames import (
    Attach,
    ConsoleFrame,
    ControllerFrame,
    Drained,
    ExecutionChanged,
    Resize,
    RolloutChanged,
    RunSnapshot,
    WriterChanged,
    decode_from_console,
    decode_from_controller,
    encode,
)
from runlet.protocol.views import ExecutionView, RolloutView, RunView
from tests.strategies import TERMINAL_SIZES

INSTANTS = st.datetimes(timezones=st.just(UTC))
SECONDS = st.none() | st.floats(allow_nan=False)
EXECUTIONS = st.builds(
    ExecutionView,
    queued_at=INSTANTS,
    started_at=st.none() | INSTANTS,
    ended_at=st.none() | INSTANTS,
    released_at=st.none() | INSTANTS,
    retry_at=st.none() | INSTANTS,
    expires_at=st.none() | INSTANTS,
    seconds=SECONDS,
)
ROLLOUTS = st.builds(RolloutView, until=st.none() | INSTANTS)
RUNS = st.builds(
    RunView,
    created_at=INSTANTS,
    scheduled_for=st.none() | INSTANTS,
    expires_at=st.none() | INSTANTS,
    rollout=st.none() | ROLLOUTS,
    executions=st.lists(EXECUTIONS, max_size=2).map(tuple),
)
BUILT: dict[Any, st.SearchStrategy[Any]] = {
    ExecutionChanged: st.builds(ExecutionChanged, EXECUTIONS),
    RunSnapshot: st.builds(RunSnapshot, RUNS),
    RolloutChanged: st.builds(RolloutChanged, ROLLOUTS),
    Attach: st.builds(Attach, terminal=st.none() | TERMINAL_SIZES, identity=st.none() | st.integers(1, 2**63 - 1)),
    Drained: st.builds(Drained, next_at=st.none() | INSTANTS),
    Resize: st.builds(Resize, terminal=TERMINAL_SIZES),
    WriterChanged: st.builds(WriterChanged, terminal=st.none() | TERMINAL_SIZES),
}


def _frames(union: Any) -> st.SearchStrategy[Any]:
    return st.one_of([BUILT.get(kind, st.from_type(kind)) for kind in get_args(union)])


@given(_frames(ConsoleFrame))
def test_round_trip_from_a_console(frame: ConsoleFrame) -> None:
    assert decode_from_console(encode(frame)) == frame


@given(_frames(ControllerFrame))
def test_round_trip_from_the_controller(frame: ControllerFrame) -> None:
    assert decode_from_controller(encode(frame)) == frame


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = ["devices", "offsets", "tail", "read_only", "terminal", "execution", "run", "message", "columns", "rows"]


@given(
    st.sampled_from(["attach", "resize", "run", "execution", "rollout", "notice", "drained", "settled"]),
    st.dictionaries(st.sampled_from(KEYS), JSON),
)
def test_wrong_fields_are_a_protocol_error(kind: str, fields: dict[str, Any]) -> None:
    text = json.dumps({"type": kind, **fields})
    for decode in (decode_from_console, decode_from_controller):
        try:
            decode(text)
        except ProtocolError:
            continue


@given(st.text())
def test_text_is_a_protocol_error(text: str) -> None:
    with pytest.raises(ProtocolError):
        decode_from_console(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "not JSON"),
        ("[]", "must be a JSON object"),
        ('{"type": "settled"}', "a console sends no frame of type 'settled'"),
        ('{"type": "attach", "devices": "pi-1"}', "attach.devices must be a list"),
        ('{"type": "attach", "positions": {"e": "0"}}', "attach.positions.e must be an object"),
        ('{"type": "resize", "execution": "e"}', "terminal"),
    ],
)
def test_refusals(text: str, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        decode_from_console(text)


def test_an_attachment_has_defaults() -> None:
    assert decode_from_console('{"type": "attach", "novelty": 1}') == Attach()
