"""The controller's clock is set back, by an administrator or by a machine without a battery: nothing waits for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session, SQLModel, create_engine

from runlet.controller import devices, outbox, runs
from runlet.model.target import Target
from runlet.protocol.messages import TerminalSize
from runlet.protocol.views import Presence

BEFORE = datetime(2030, 1, 1, 12, tzinfo=UTC)
AFTER = BEFORE - timedelta(hours=3)


@pytest.fixture
def session():
    engine = create_engine("sqlite://")
    SQLModel.metadata.create_all(engine)
    with Session(engine) as session:
        devices.enroll(session, ["pi-1"])
        session.flush()
        devices.seen(session, "pi-1", BEFORE)
        yield session
    engine.dispose()


def test_a_device_that_is_silent_since_is_not_online(session: Session):
    assert devices.views(session, AFTER)[0].presence is Presence.OFFLINE
    devices.seen(session, "pi-1", AFTER)
    assert devices.views(session, AFTER)[0].presence is Presence.ONLINE


def test_an_unanswered_command_is_due_again(session: Session):
    request = runs.Request(None, ("true",), (), Target.parse("pi-1"), None, TerminalSize(), "dumb")
    assert len(runs.launch(session, request, BEFORE).outgoing) == 1
    assert outbox.due(session, BEFORE) == []
    devices.seen(session, "pi-1", AFTER)
    assert len(outbox.due(session, AFTER)) == 1
    assert outbox.due(session, AFTER) == []
