"""Clocks are set, by an administrator or by a machine without a battery: nothing waits for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import Session, SQLModel, create_engine

from runlet.controller import devices, launches, outbox
from runlet.controller.migrations.migrate import migrate
from runlet.model.delivery import Delivery
from runlet.model.execution import State
from runlet.model.job import Job
from runlet.model.target import Target
from runlet.protocol.messages import TerminalSize
from runlet.protocol.views import Presence, RunView
from tests.brokers import PrivateBroker
from tests.harness import Fleet, apply, wait_until

BEFORE = datetime(2030, 1, 1, 12, tzinfo=UTC)
AFTER = BEFORE - timedelta(hours=3)
# A command that met a clock just set is sent again, after a minute at the latest. Programs that
# read their clock from a file are slow.
SETTLE_SECONDS = 200.0


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
    request = launches.Request(None, ("true",), (), Target.parse("pi-1"), None, TerminalSize(), "dumb")
    assert len(launches.launch(session, request, BEFORE).outgoing) == 1
    assert outbox.due(session, BEFORE) == []
    devices.seen(session, "pi-1", AFTER)
    assert len(outbox.due(session, AFTER)) == 1
    assert outbox.due(session, AFTER) == []


# --- real processes with clocks of their own -------------------------------------------------------------------------


class Clock:
    """A clock that processes started `within` it have, and that is set while they run."""

    def __init__(self, file: Path, reading: str) -> None:
        self._file = file
        self.set(reading)

    def set(self, reading: str) -> None:
        """As libfaketime writes it: "+3h", "-2d", "@1970-01-01 00:00:00"."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{reading}\n")
        new.rename(self._file)

    def within(self, argv: list[str]) -> list[str]:
        [library] = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
        settings = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # nobody sets that one
        }
        return ["env", *(f"{name}={value}" for name, value in settings.items()), *argv]


@pytest.mark.timeout(1200)
def test_clocks_that_are_wrong_lose_nothing(tmp_path: Path) -> None:
    """A device that boots in 1970, and steps of hours on it and on the controller while executions are under way."""
    broker = PrivateBroker(tmp_path)
    broker.start()
    fleet = Fleet(tmp_path, broker, ["pi-1", "pi-2"])  # pi-2 stays away
    ours, its = Clock(tmp_path / "controller.clock", "+0"), Clock(tmp_path / "device.clock", "@1970-01-01 00:00:00")
    starts, gate = tmp_path / "starts", tmp_path / "gate"
    try:
        migrate(fleet.database)
        fleet.launch_controller(ours.within)
        assert fleet.controller
        fleet.url = fleet.controller.ready()["url"]
        fleet.start_agent("pi-1", its.within)
        held = fleet.sh(f"echo held >> {starts}; until [ -e {gate} ]; do sleep 0.1; done; seq 1000")
        with fleet.api() as api:
            wait_until(lambda: api.run(held.id).executions[0].state is State.RUNNING, "a first start", SETTLE_SECONDS)
        with fleet.api() as api:
            hour = Delivery(deliver_within=timedelta(hours=1))
            apply(api, Job("later", "true", target=Target.parse("pi-2"), delivery=hour))
            waits = api.start_run(job="later")
        steps = [(its, "+5h"), (its, "@1970-01-01 00:00:00"), (ours, "+2h"), (ours, "-3h")]
        runs = []
        for number, (clock, reading) in enumerate(steps):
            clock.set(reading)
            runs.append(fleet.sh(f"echo {number} >> {starts}; date +%Y; seq 100"))
            wait_until(lambda run=runs[-1]: _is_settled(fleet, run), f"run {runs[-1].id} to settle", SETTLE_SECONDS)
        with fleet.api() as api:
            assert not api.run(waits.id).settled, "two hours ahead for some seconds expired it"
        gate.touch()
        wait_until(lambda: _is_settled(fleet, held), f"run {held.id} to settle", SETTLE_SECONDS)
        for run in [held, *runs]:
            assert fleet.settled(run).state is State.SUCCEEDED
        assert sorted(starts.read_text().split()) == ["0", "1", "2", "3", "held"]
        numbers = b"".join(b"%d\r\n" % number for number in range(1, 1001))
        assert fleet.transcript(held) == numbers
        assert fleet.transcript(runs[1]).startswith(b"1970\r\n"), "the device's clock was not set"
    finally:
        # An agent that stops waits for its spawner with a sleep, whose end libfaketime 0.9.10 puts hours away.
        for process in (*fleet.agents.values(), fleet.controller):
            if process:
                process.kill()
        broker.stop()


def _is_settled(fleet: Fleet, run: RunView) -> bool:
    with fleet.api() as api:
        return api.run(run.id).settled
