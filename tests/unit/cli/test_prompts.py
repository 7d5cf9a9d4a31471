"""`prompts --watch`: what it does while the controller is away."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest

from runlet.cli import prompts
from runlet.errors import ControllerUnavailable
from tests.unit.cli.test_inbox import view

AWAY = ControllerUnavailable("the controller does not answer")


class Answers:
    """An API that gives these answers in turn."""

    def __init__(self, *answers: object) -> None:
        self._answers = list(answers)
        self._mark = 0

    def prompts_since(self, mark: str, _: object) -> Any:
        assert mark == ("" if self._mark == 0 else str(self._mark)), "the mark of the last answer"
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        self._mark += 1
        return answer, str(self._mark)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "AGAIN_SECONDS", 0)
    monkeypatch.setattr(prompts, "PACE_SECONDS", 0)


def _looks(*answers: object, patience: float | None = None, tell: Callable[[str], None] = print):
    return prompts._looks(Answers(*answers), None, None, None, patience, tell)


def test_a_watch_outlives_a_controller_that_is_away_and_says_so_once() -> None:
    told: list[str] = []
    looks = list(islice(_looks([view("a")], AWAY, AWAY, [], tell=told.append), 2))
    assert [len(groups) for groups in looks] == [1, 0]
    assert told == ["the controller does not answer; trying again", "the controller is back"]


def test_a_controller_that_never_answered_is_not_waited_for() -> None:
    with pytest.raises(ControllerUnavailable):
        next(_looks(AWAY))


def test_patience_ends() -> None:
    looks = _looks([], AWAY, patience=-1)
    next(looks)
    with pytest.raises(ControllerUnavailable):
        next(looks)
