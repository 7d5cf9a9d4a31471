"""The broker dies, comes back, comes back empty: what is accepted meanwhile runs once, and no byte is lost."""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from runlet.model.execution import State
from tests.brokers import PrivateBroker
from tests.harness import TOKEN, WELL, Fleet, wait_until

# Reconnecting waits up to some seconds (full jitter) after a broker that takes as long to boot.
pytestmark = pytest.mark.timeout(600)
RECOVERY_SECONDS = 90.0


@pytest.fixture(scope="module")
def frail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PrivateBroker, Fleet]]:
    """A broker to be broken, and a fleet on it."""
    folder = tmp_path_factory.mktemp
    with PrivateBroker(folder("frail")) as broker, Fleet(folder("fleet"), broker, ["pi-1", "pi-2"]) as fleet:
        yield broker, fleet


def health(fleet: Fleet) -> tuple[int, dict[str, str]]:
    try:
        request = urllib.request.Request(f"{fleet.url}/healthz", headers={"Authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.parametrize("emptied", [False, True], ids=["restarted", "emptied"])
def test_nothing_accepted_is_lost_while_the_broker_is_away(
    frail: tuple[PrivateBroker, Fleet], tmp_path: Path, emptied: bool
):
    broker, fleet = frail
    gate, starts = tmp_path / "gate", tmp_path / "starts"
    running = fleet.sh(f"echo before; until [ -e {gate} ]; do sleep 0.05; done; seq 1 20000; echo after", on="pi-1")
    fleet.until_printed(running, b"before", "pi-1")
    assert health(fleet) == (200, WELL)

    broker.stop()
    wait_until(lambda: health(fleet)[0] == 503, "the controller to notice")
    assert health(fleet)[1]["broker"].startswith("not connected")
    accepted = fleet.sh(f"echo x >> {starts}", on="pi-2")
    assert accepted.state is State.QUEUED
    gate.touch()  # the program prints its numbers and ends while nobody can be told
    if emptied:
        shutil.rmtree(broker.folder / "mnesia")
    broker.start()

    with fleet.api() as api:
        for run in (running, accepted):
            wait_until(lambda run=run: api.run(run.id).settled, f"run {run.id} to settle", RECOVERY_SECONDS)
            assert api.run(run.id).state is State.SUCCEEDED
    expected = b"before\r\n" + b"".join(b"%d\r\n" % number for number in range(1, 20001)) + b"after\r\n"
    wait_until(lambda: len(fleet.transcript(running, "pi-1")) >= len(expected), "the last byte", RECOVERY_SECONDS)
    assert fleet.transcript(running, "pi-1") == expected
    assert starts.read_text() == "x\n"
    wait_until(lambda: health(fleet)[0] == 200, "the controller to be well again")
