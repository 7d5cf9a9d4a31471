"""Every test here runs once on SQLite and once on PostgreSQL, each time on a database of its own."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from runlet.controller.migrations.migrate import migrate
from runlet.controller.store import Store
from tests.contract.rollouts import Rolling
from tests.databases import PrivatePostgres

NewDatabase = Callable[[], str]
BOTH = ["sqlite", "postgresql"]


@pytest.fixture(params=BOTH)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/empty.db"
    server: PrivatePostgres = request.getfixturevalue("postgres")
    return server.url(server.create())


@pytest.fixture(scope="session", params=BOTH)
def new_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> NewDatabase:
    """Makes migrated databases: copies of one, for that takes a tenth of the time; their URLs."""
    if request.param == "sqlite":
        folder = tmp_path_factory.mktemp("databases")
        migrate(f"sqlite:///{folder}/template.db")

        def copied() -> str:
            path = tmp_path_factory.mktemp("database") / "test.db"
            shutil.copy(folder / "template.db", path)
            return f"sqlite:///{path}"

        return copied
    server: PrivatePostgres = request.getfixturevalue("postgres")
    template = server.create()
    migrate(server.url(template))
    return lambda: server.url(server.create(template))


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    """The URL of a database with all tables and no rows."""
    return new_database()


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    opened = Store(url)
    await opened.open()
    yield opened
    opened.close()


@pytest.fixture
async def rolling(url: str, store: Store) -> AsyncIterator[Rolling]:
    """Two controllers on one database, who take turns."""
    other = Store(url)
    await other.open()
    yield Rolling(store, other)
    other.close()
