"""runlet/controller/hub.py: what typing is told as lost, where the controller itself stood still."""

from __future__ import annotations

import asyncio
import time

import pytest

from runlet.amqp.publisher import Publisher
from runlet.controller import clock, hub, typing_window
from runlet.controller.hub import Hub
from runlet.controller.questions import Questions
from runlet.controller.telling import Telling
from runlet.protocol.messages import InputTaken
from tests.harness import PATIENCE_SECONDS
from tests.unit.cli.runs import execution

NO_BROKER = ["amqp://127.0.0.1:9/"]


@pytest.mark.parametrize(("told", "lost"), [(5, 0), (3, 2)])
async def test_what_was_told_while_the_controller_stood_still_is_not_lost(
    monkeypatch: pytest.MonkeyPatch, told: int, lost: int
) -> None:
    monkeypatch.setattr(typing_window, "LOST_SECONDS", 0.5)
    monkeypatch.setattr(hub, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(hub, "HEAR_SECONDS", 0.3)
    view = execution("pi-1")
    all_of_them = Hub(lambda _device, _message: None, Telling(Publisher(NO_BROKER, "test", "x")), Questions())
    attachment = all_of_them.attach(1, [view])
    looking = asyncio.create_task(all_of_them.run())
    window = attachment.typed[view.id]
    window.send(told, clock.now())
    if lost:
        window.send(lost, clock.now())
    await asyncio.sleep(0)
    time.sleep(1)  # noqa: ASYNC251 - this is how it stands still
    taken = InputTaken(view.id, view.attempt, attachment.number, told, told)
    asyncio.get_running_loop().call_later(0.1, all_of_them.show_taken, taken)  # behind the next look
    window.send(1, clock.now())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not attachment.notices:
            attachment.wake.clear()
            await attachment.wake.wait()
    looking.cancel()
    assert f"has not confirmed {lost or 1} bytes" in attachment.notices[0].message
