"""What all tests share: one real broker and one real PostgreSQL server for the session."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.brokers import PrivateBroker
from tests.databases import PrivatePostgres
from tests.fleets import FAILED, crowd, device, fleet, idle_again, other_device

# One fleet for the session: two controllers on one workspace would share its queues, each getting half of the news.
__all__ = ["crowd", "device", "fleet", "idle_again", "other_device"]

# A busy machine is slow now and then; what must be fast is measured by the tests that say so.
settings.register_profile("runlet", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("runlet")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell fixtures whether the test failed."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBroker]:
    """A private RabbitMQ node with the rights that production gives. Its queues are shared: use devices of your own."""
    private = PrivateBroker(tmp_path_factory.mktemp("broker"))
    private.start()
    yield private
    private.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PrivatePostgres]:
    """A private server. Make a database of your own in it."""
    private = PrivatePostgres()
    private.start()
    yield private
    private.remove()
