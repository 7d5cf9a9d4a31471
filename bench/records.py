"""Databases to measure with: an empty one with all tables, on SQLite or on a private PostgreSQL that keeps its word."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from runlet.controller.migrations.migrate import migrate
from tests.databases import PrivatePostgres


@contextmanager
def sqlite() -> Iterator[str]:
    """A database's URL; gone at the end."""
    with tempfile.TemporaryDirectory(prefix="runlet-bench-") as folder:
        url = f"sqlite:///{folder}/runlet.db"
        migrate(url)
        yield url


@contextmanager
def postgresql() -> Iterator[str]:
    """A database's URL; gone at the end."""
    server = PrivatePostgres(durable=True)
    server.start()
    try:
        url = server.url(server.create())
        migrate(url)
        yield url
    finally:
        server.remove()


BOTH = {"SQLite": sqlite, "PostgreSQL": postgresql}
