"""The fleet that integration and fault tests share: a controller and three agents, for the whole session."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from runlet.protocol.views import Presence
from tests.harness import Broker, Fleet, wait_until

FAILED = pytest.StashKey[bool]()
"""Whether any phase of a test failed; set by the hook in conftest."""

_SPARE = [f"dev-{number:02}" for number in range(1, 201)]
_next_spare = itertools.count()


@pytest.fixture(scope="session")
def fleet(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """pi-1, pi-2 and pi-3 are connected: tests leave them as they found them. More devices are enrolled, not there."""
    shared = Fleet(tmp_path_factory.mktemp("fleet"), broker, ["pi-1", "pi-2", "pi-3"], enrolled=_SPARE).start()
    yield shared
    shared.stop()


@pytest.fixture(autouse=True)
def idle_again(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that failed leaves its programs running: end them, or those of later tests would find no place."""
    yield
    if "fleet" not in request.fixturenames or not request.node.stash.get(FAILED, False):
        return
    shared: Fleet = request.getfixturevalue("fleet")
    with shared.api() as api:
        for run in [run for page in api.runs(20) for run in page if not run.settled]:
            api.cancel(run.id)


@pytest.fixture
def device(fleet: Fleet) -> Iterator[str]:
    """An enrolled device that no other test uses; its agent is not started."""
    yield from _lend(fleet)


@pytest.fixture
def other_device(fleet: Fleet) -> Iterator[str]:
    """One more."""
    yield from _lend(fleet)


def _lend(fleet: Fleet) -> Iterator[str]:
    name = _SPARE[next(_next_spare)]
    yield name
    if name in fleet.agents:
        fleet.agents.pop(name).stop()
        with fleet.api() as api:  # a goodbye on its way: the next test's `all` would still mean this device
            wait_until(lambda: api.devices([name])[0].presence is Presence.OFFLINE, f"{name} to be offline", 60)
