"""The fleet that integration and fault tests share: a controller and three agents, for the whole session."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from runlet.protocol.views import Presence
from tests.harness import Broker, Fleet, wait_until

FAILED = pytest.StashKey[bool]()
"""Whether any phase of a test failed; set by the hook in conftest."""

_SPARE = [f"dev-{number:02}" for number in range(1, 181)]
CROWD = [f"dev-{number}" for number in range(181, 201)]
CROWD_PARALLEL = 50
_next_spare = itertools.count()


@pytest.fixture(scope="session")
def fleet(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """pi-1, pi-2 and pi-3 are connected: tests leave them as they found them. More devices are enrolled, not there."""
    shared = Fleet(tmp_path_factory.mktemp("fleet"), broker, ["pi-1", "pi-2", "pi-3"], enrolled=_SPARE + CROWD).start()
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


@pytest.fixture
def crowd(fleet: Fleet) -> Iterator[list[str]]:
    """Twenty devices that run many programs at once, their agents started together; lent to one test after another."""
    for name in CROWD:
        fleet.launch_agent(name, keep_programs=False, parallel=CROWD_PARALLEL)
    for name in CROWD:
        fleet.agents[name].ready()
    yield CROWD
    for name in CROWD:
        fleet.agents[name].ask_to_stop()
    for name in CROWD:
        fleet.agents.pop(name).stop()
    with fleet.api() as api:
        wait_until(
            lambda: all(one.presence is Presence.OFFLINE for one in api.devices(CROWD)), "the crowd to be offline", 60
        )


def _lend(fleet: Fleet) -> Iterator[str]:
    name = _SPARE[next(_next_spare)]
    yield name
    if name in fleet.agents:
        fleet.agents.pop(name).stop()
        with fleet.api() as api:  # a goodbye on its way: the next test's `all` would still mean this device
            wait_until(lambda: api.devices([name])[0].presence is Presence.OFFLINE, f"{name} to be offline", 60)
