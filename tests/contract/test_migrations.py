"""The schema on both databases: from empty to what tables.py describes and back, by two at once, refused when unfit."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, make_url, text

from runlet.controller import database
from runlet.controller.migrations import CURRENT, VERSIONS
from runlet.controller.migrations.migrate import NOTHING, Migrated, comparison, migrate
from runlet.controller.store import Store
from runlet.errors import Conflict, InvalidInput, Unavailable


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    engine = database.connect(url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def statement(url: str, sql: str) -> None:
    with connected(url) as connection:
        connection.execute(text(sql))


def names(url: str) -> set[str]:
    with connected(url) as connection:
        return set(inspect(connection).get_table_names()) - {"alembic_version"}


async def refusal(url: str) -> Conflict:
    store = Store(url)
    with pytest.raises(Conflict) as caught:
        await store.open()
    store.close()
    return caught.value


def test_an_empty_database_becomes_what_the_tables_say(empty: str):
    assert migrate(empty) == Migrated(None, CURRENT)
    options = comparison()
    with connected(empty) as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, options["target_metadata"]) == [], "run: make migration"


INSERT = (
    "INSERT INTO device (name, configured, declared, enabled, connected, facts) "
    "VALUES ('pi-1', true, false, true, false, '{}')"
)


def test_migrating_again_changes_nothing(empty: str):
    migrate(empty)
    statement(
        empty,
        INSERT,
    )
    assert migrate(empty) == Migrated(CURRENT, CURRENT)
    with pytest.raises(Exception, match=r"(?i)unique"):
        statement(
            empty,
            INSERT,
        )


def test_each_version_can_be_reached_and_left(empty: str):
    for version in VERSIONS:
        assert migrate(empty, version).after == version
    assert migrate(empty, NOTHING) == Migrated(CURRENT, None)
    assert names(empty) == set()
    assert migrate(empty) == Migrated(None, CURRENT)


def test_of_two_at_once_one_does_it_and_the_other_finds_it_done(empty: str):
    with ThreadPoolExecutor(2) as both:
        done = list(both.map(migrate, [empty, empty]))
    assert sorted(one.before or "" for one in done) == ["", CURRENT]
    assert {one.after for one in done} == {CURRENT}


async def test_an_empty_database_is_refused_with_the_command(empty: str):
    error = await refusal(empty)
    assert error.message == "the database is empty"
    assert error.hint == "make its tables with: runlet controller migrate --config FILE"
    assert names(empty) == set()


async def test_an_older_schema_is_refused_with_the_command(url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("runlet.controller.migrations.VERSIONS", [*VERSIONS, "9998"])
    monkeypatch.setattr("runlet.controller.migrations.CURRENT", "9998")
    error = await refusal(url)
    assert error.message == f"the database's schema has version {CURRENT}, which is older than this Runlet's 9998"
    assert "runlet controller migrate" in (error.hint or "")


async def test_a_newer_schema_is_refused(url: str):
    statement(url, "UPDATE alembic_version SET version_num = '9999'")
    newer = f"the database's schema has version 9999, which is newer than this Runlet's {CURRENT}"
    assert (await refusal(url)).message == newer
    with pytest.raises(Conflict, match="9999"):
        migrate(url)


async def test_a_database_of_an_unreleased_build_is_refused_with_the_way_out(url: str):
    statement(url, "ALTER TABLE apply DROP COLUMN origin")
    statement(url, "ALTER TABLE run ADD COLUMN forgotten INTEGER")
    name = make_url(url).database
    error = await refusal(url)
    assert error.message.endswith("made by an unreleased build of Runlet: it differs in apply.origin, run.forgotten")
    assert f"{name} " in (error.hint or "")
    with pytest.raises(Conflict, match="unreleased build"):
        migrate(url)


async def test_of_a_table_that_is_missing_some_columns_are_named(url: str):
    statement(url, "DROP TABLE answer")
    assert "answer.answered_at, answer.attempt" in (message := (await refusal(url)).message)
    assert " more" in message


async def test_somebody_else_s_tables_are_left_alone(empty: str):
    statement(empty, "CREATE TABLE theirs (id INTEGER)")
    assert "not Runlet's" in (await refusal(empty)).message
    with pytest.raises(Conflict, match=r"not Runlet's"):
        migrate(empty)
    assert names(empty) == {"theirs"}


def test_a_database_that_is_held_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("runlet.controller.database.BUSY_SECONDS", 0.01)
    holder = sqlite3.connect(tmp_path / "held.db", isolation_level=None)
    holder.execute("PRAGMA journal_mode=WAL")
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked"):
        migrate(f"sqlite:///{tmp_path}/held.db")
    holder.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://root:secret@host/db", "'mysql' is no database"),
        ("postgresql+asyncpg://root:secret@host/db", "'postgresql+asyncpg' is no database"),
        ("secret", "not a URL"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:////tmp/some.db?password=secret", "takes nothing behind"),
        ("postgresql://root:secret@host", "names no database"),
        ("postgresql://root:secret@host:port/db", "not a URL"),
    ],
)
def test_what_is_no_database_is_said_without_its_password(url: str, words: str):
    with pytest.raises(InvalidInput) as caught:
        database.connect(url)
    assert words in caught.value.message
    assert "secret" not in str(caught.value)
