"""runlet/controller/questions.py: who watches the inbox is answered when it may have changed."""

from __future__ import annotations

import asyncio

import pytest

from runlet.controller import questions
from runlet.controller.questions import Questions
from runlet.model.execution import State
from tests.unit.cli.runs import execution

ASKS, WORKS = execution("pi-1", State.AWAITING_INPUT), execution("pi-1", State.RUNNING)


async def test_a_watcher_is_answered_when_something_is_asked_and_when_it_is_no_longer() -> None:
    watched = Questions()
    for change in (lambda: watched.took(ASKS), lambda: watched.took(WORKS), watched.note):
        mark = watched.mark
        waiting = [asyncio.create_task(watched.wait(mark)) for _ in range(2)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)
        change()
        await asyncio.gather(*waiting)
        assert watched.mark != mark


async def test_what_has_changed_already_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "WAIT_SECONDS", float("inf"))
    watched = Questions()
    mark = watched.mark
    watched.took(ASKS)
    await watched.wait(mark)
    await watched.wait("")
    await watched.wait(Questions().mark)


async def test_what_asks_nothing_wakes_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Questions()
    mark = watched.mark
    watched.took(WORKS)
    watched.took(execution("pi-2", State.SUCCEEDED))
    assert watched.mark == mark
    monkeypatch.setattr(questions, "WAIT_SECONDS", 0.01)
    await watched.wait(mark)  # and ends
