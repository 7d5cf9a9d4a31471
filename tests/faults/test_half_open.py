"""Links that look whole and carry nothing: what is told of their devices is right in time, and agents come back."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runlet.model.execution import State
from runlet.protocol.messages import OFFLINE_SECONDS
from runlet.protocol.views import Presence
from tests.brokers import PrivateBroker
from tests.harness import Fleet, wait_until
from tests.proxy import Wire, listed

# A connection is taken for dead 20 to 40 s after its last byte, and closing it may take 2 s; a new one comes up to 10 s
# later if the only address is silent then. The rest is for a busy machine.
NOTICE_SECONDS = 80.0


class TwoWays:
    """A broker that is reached by two addresses."""

    def __init__(self, *wires: Wire) -> None:
        self._wires = wires

    @property
    def controller_url(self) -> list[str]:
        return [url for wire in self._wires for url in listed(wire.controller_url)]

    def device_url(self, name: str) -> list[str]:
        return [url for wire in self._wires for url in listed(wire.device_url(name))]


@pytest.fixture
def wires(broker: PrivateBroker) -> Iterator[tuple[Wire, Wire]]:
    wires = Wire(broker), Wire(broker)
    yield wires
    for wire in wires:
        wire.close()


def presence(fleet: Fleet, device: str) -> Presence:
    with fleet.api() as api:
        return api.devices([device])[0].presence


def test_a_half_open_device_is_shown_offline_in_time_and_comes_back(
    fleet: Fleet, device: str, other_device: str, wires: tuple[Wire, Wire], tmp_path: Path
):
    """At full length. The second device has another way to the broker, and takes it."""
    silent, spare = wires
    spare.cut()
    far = Fleet(tmp_path, TwoWays(silent), [device], enrolled=[other_device])
    far.start_agent(device)
    far.broker = TwoWays(silent, spare)
    far.start_agent(other_device)
    try:
        for name in (device, other_device):
            wait_until(lambda name=name: presence(fleet, name) is Presence.ONLINE, f"{name} to be online")
        spare.mend()
        silent.blackhole()
        begin = time.monotonic()
        run = fleet.exec(["true"], on=other_device)
        wait_until(lambda: presence(fleet, device) is Presence.OFFLINE, "it to be offline", NOTICE_SECONDS)
        assert fleet.settled(run).state is State.SUCCEEDED
        took = time.monotonic() - begin
        assert took < NOTICE_SECONDS
        silent.mend()
        wait_until(lambda: presence(fleet, device) is Presence.ONLINE, "it to be back", NOTICE_SECONDS)
        assert fleet.settled(fleet.exec(["true"], on=device)).state is State.SUCCEEDED
    finally:
        for agent in far.agents.values():
            agent.stop()


@pytest.mark.long
@pytest.mark.timeout(600)
def test_an_agent_that_is_not_answered_connects_anew_once(tmp_path: Path):
    """The controller is stopped in its tracks, as behind a connection that leads nowhere: its connections stay up."""
    private = PrivateBroker(tmp_path)
    private.start()
    fleet = Fleet(tmp_path, private, ["pi-1"]).start()
    log = tmp_path / "pi-1.log"
    assert fleet.controller
    try:
        fleet.settled(fleet.exec(["true"]))  # each of its two connections made it say hello: the last was answered
        os.kill(fleet.controller.popen.pid, signal.SIGSTOP)
        wait_until(lambda: "heartbeats were not answered" in log.read_text(), "a new connection", 90)
        begin = time.monotonic()
        wait_until(lambda: time.monotonic() > begin + 2 * OFFLINE_SECONDS, "no other one", 3 * OFFLINE_SECONDS)
        assert log.read_text().count("heartbeats were not answered") == 2  # it has two connections
        os.kill(fleet.controller.popen.pid, signal.SIGCONT)
        with fleet.api() as api:
            run = fleet.exec(["true"])
            wait_until(lambda: api.run(run.id).settled, "the agent to be welcomed", 100)
    finally:
        os.kill(fleet.controller.popen.pid, signal.SIGCONT)
        fleet.stop()
        private.stop()
