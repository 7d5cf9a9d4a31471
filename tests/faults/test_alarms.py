"""The broker runs out of memory, or of disk: who publishes is blocked, and what must end is ended all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runlet.model.execution import State
from tests.brokers import PrivateBroker
from tests.harness import Fleet, wait_until

pytestmark = pytest.mark.timeout(600)
RECOVERY_SECONDS = 90.0


@pytest.fixture(scope="module")
def strained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PrivateBroker, Fleet]]:
    folder = tmp_path_factory.mktemp
    with PrivateBroker(folder("strained")) as broker, Fleet(folder("fleet"), broker, ["pi-1", "pi-2"]) as fleet:
        yield broker, fleet


ALARMS = {
    "memory": ("set_vm_memory_high_watermark", "0.000001", "0.2"),
    "disk": ("set_disk_free_limit", "100000GB", "200MB"),
}


@pytest.fixture(params=ALARMS)
def alarm(request: pytest.FixtureRequest, strained: tuple[PrivateBroker, Fleet]) -> Iterator[Callable[[bool], None]]:
    """Sets the alarm, or ends it."""
    broker, _ = strained
    command, alarming, usual = ALARMS[request.param]

    def turn(on: bool) -> None:
        broker.ctl(command, alarming if on else usual)
        wait_until(lambda: (request.param in broker.ctl("eval", "rabbit_alarm:get_local_alarms().")) == on, "the alarm")

    yield turn
    turn(False)


def test_a_cancel_passes_an_alarm(strained: tuple[PrivateBroker, Fleet], alarm: Callable[[bool], None], tmp_path: Path):
    """Of programs that print as fast as they can: their agents' links are blocked, and so is the controller's."""
    _, fleet = strained
    script = f"trap 'touch {tmp_path}/ended-$RUNLET_DEVICE; exit 3' INT; echo begun; while :; do seq 1 1000; done"
    runs = {device: fleet.sh(script, on=device) for device in fleet.devices}
    for device, run in runs.items():
        fleet.until_printed(run, b"begun", device)
    alarm(True)
    with fleet.api() as api:
        wait_until(lambda: api.health().broker.startswith("blocked by the broker: low on"), "the alarm to be told")
    waiting = fleet.exec(["true"], on="pi-1")  # blocked, and must not block what is behind it
    with fleet.api() as api:
        for run in runs.values():
            api.cancel(run.id)
    for device in fleet.devices:
        wait_until((tmp_path / f"ended-{device}").exists, f"the program on {device} to end")
    assert fleet.until(waiting, lambda view: True).state is State.QUEUED
    alarm(False)
    with fleet.api() as api:
        for run in (*runs.values(), waiting):
            wait_until(lambda run=run: api.run(run.id).settled, "the rest", RECOVERY_SECONDS)
        wait_until(lambda: api.health().is_ok, "the controller to be well again")
        assert {api.run(run.id).state for run in runs.values()} == {State.CANCELLED}
        assert api.run(waiting.id).state is State.SUCCEEDED
