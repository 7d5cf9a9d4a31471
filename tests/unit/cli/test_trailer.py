"""runlet/cli/trailer.py: the dissertation's words at the end of an execution."""

from __future__ import annotations

from typing import Any

import pytest

from runlet.cli.trailer import trailer
from runlet.model.execution import State
from tests.unit.cli.runs import execution


@pytest.mark.parametrize(
    ("state", "fields", "words"),
    [
        (State.SUCCEEDED, {"exit_code": 0}, ["Exited with code: 0 signal: none"]),
        (State.FAILED, {"exit_code": 3}, ["Exited with code: 3 signal: none"]),
        (State.FAILED, {"signal": 9}, ["Exited with code: none signal: SIGKILL"]),
        (State.FAILED, {"signal": 200}, ["Exited with code: none signal: 200"]),
        (State.FAILED, {"detail": "no such file: x.sh"}, ["Failed: no such file: x.sh"]),
        (State.CANCELLED, {"signal": 2}, ["Cancelled", "Exited with code: none signal: SIGINT"]),
        (State.TIMED_OUT, {"signal": 15}, ["Timed out", "Exited with code: none signal: SIGTERM"]),
        (State.EXPIRED, {}, ["Expired"]),
        (State.REJECTED, {"detail": "evil\x1b[2J"}, ["Rejected: evil [2J"]),
    ],
)
def test_words(state: State, fields: dict[str, Any], words: list[str]) -> None:
    assert trailer(execution("pi-1", state, **fields), show_duration=False) == words


def test_the_duration_when_asked_for() -> None:
    ended = execution("pi-1", State.SUCCEEDED)
    assert trailer(ended, show_duration=True) == ["Exited with code: 0 signal: none", "Duration: 1.204 s"]
