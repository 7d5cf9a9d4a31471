"""runlet/agent/held.py: what one agent notes for the next."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from runlet.agent.answers import Answers
from runlet.agent.display import Display
from runlet.agent.held import Held
from runlet.agent.inquiries import Inquiries
from runlet.agent.lease import Lease
from runlet.agent.output import OutputSender
from runlet.agent.prompts import Asking
from runlet.agent.questions import Questions
from runlet.agent.replies import Replies
from runlet.holder.buffer import OutputBuffer
from runlet.model.execution import Event, State
from runlet.protocol.messages import Report, Resize, TerminalSize

ID = "0b0e6c3c-6a0f-4d0e-9d5a-2f1f8a7f3c11"
ALICE = 7


async def _keep(_body: bytes) -> None:
    """Nothing is printed here."""


def held() -> Held:
    def nothing(*_: Any) -> None:
        """Nobody is told."""

    asking = Asking("key")
    return Held(
        None,
        Report(ID, 1, 1, Event.ACCEPT, time.time()),
        State.DELIVERED,
        OutputSender(ID, 1, OutputBuffer(), _keep),
        asking,
        Answers((ID, 1), asking, nothing, nothing, None),
        Questions(None, "pi-1", b"key", asking, offer=nothing, ask=nothing, go_on=nothing, refuse=nothing),
        Lease(80, 24),
        Display(),
        Inquiries(),
        Replies(),
        1,
    )


def worked_with() -> Held:
    before = held()
    before.lease.resize(Resize(ID, 1, TerminalSize(100, 30), ALICE), 0.0)
    before.display.printed(8, b"\x1b[?1049h")
    return before


def test_the_next_agent_knows_who_is_in_front_and_the_modes() -> None:
    before, after = worked_with(), held()
    after.recall(before.note(), 1.0)
    assert after.lease.told(ID, 1) == before.lease.told(ID, 1)
    assert after.display.told() == before.display.told()


def test_a_note_of_before_the_modes_were_noted_still_tells_who_is_the_writer() -> None:
    before, after = worked_with(), held()
    after.recall(json.dumps(before.lease.note()).encode(), 1.0)
    assert after.lease.told(ID, 1) == before.lease.told(ID, 1)
    assert after.display.told() == (0, "")


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b'{"lease": 1}', b'{"lease": {}, "display": 3}', b"\xff"])
def test_a_note_that_is_none_changes_nothing(note: bytes) -> None:
    after = held()
    after.recall(note, 1.0)
    assert after.lease == Lease(80, 24)
