"""What all tests share: one real broker and one real PostgreSQL server for the session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.brokers import PrivateBroker
from tests.databases import PrivatePostgres
from tests.fleets import device, fleet

# One fleet for the session: two controllers on one workspace would share its queues, each getting half of the news.
__all__ = ["device", "fleet"]


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
