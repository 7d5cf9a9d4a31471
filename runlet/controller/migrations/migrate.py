"""Taking a database to a version of the schema: all steps in one transaction, one migration of a database at a time.

SQLite gives the write lock to one transaction; on PostgreSQL a lock of our own makes the second wait for the first, and
then find nothing left to do. Whatever fails, by a crash too, leaves the schema as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from alembic import command
from alembic.autogenerate.api import AutogenContext
from alembic.config import Config
from sqlalchemy import Connection, Engine, Enum, event, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

from runlet.controller import database
from runlet.controller.migrations import CURRENT, FOLDER, check_columns, version_of
from runlet.controller.tables import PromptColumn, UtcDateTime
from runlet.errors import Unavailable

LATEST, NOTHING = "head", "base"

# "runlet" in ASCII: whoever else uses advisory locks in this database uses other numbers.
_LOCK = 0x72756E6C6574


@dataclass(frozen=True, slots=True)
class Migrated:
    """The versions before and after; None is an empty database."""

    before: str | None
    after: str | None


def migrate(url: str, target: str = LATEST) -> Migrated:
    """Take the database to `target`.

    Raises Conflict for a schema that is not known here or was made by an unreleased build; Unavailable when the
    database refuses.
    """
    engine = database.connect(url)
    try:
        with _exclusive(engine) as connection:
            before = version_of(connection)
            if before == CURRENT:
                check_columns(connection)
            config = Config(attributes={"connection": connection})
            config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
            (command.downgrade if target == NOTHING else command.upgrade)(config, target)
            _check_references(connection)
            after = version_of(connection)
            connection.commit()
            return Migrated(before, after)
    except DBAPIError as error:
        raise Unavailable(f"the database could not be migrated: {database.words(error)}") from error
    finally:
        engine.dispose()


def comparison() -> dict[str, Any]:
    """How alembic is to compare a database with tables.py, and to write down a difference."""
    return {"target_metadata": SQLModel.metadata, "render_item": _as_in_database, "compare_server_default": True}


def _as_in_database(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """A version must not change when our code does: types of ours are written as what they are in the database."""
    if kind == "type":
        match item:
            case PromptColumn():
                return "sa.JSON()"
            case UtcDateTime():
                return "sa.DateTime(timezone=True)"
            case Enum():
                return f"sa.String({item.length})"
            case AutoString():
                return "sa.String()" if item.length is None else f"sa.String({item.length})"
    return False


@contextmanager
def _exclusive(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that no other migration can be in."""
    if engine.dialect.name == database.SQLITE:
        # A changed table is made anew and the old one dropped, which must not be taken for losing what refers to it.
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys=OFF"))
    with engine.connect() as connection:
        if engine.dialect.name == database.POSTGRESQL:
            # READ COMMITTED: who waited for the lock must see what the first one did.
            connection.execution_options(isolation_level="READ COMMITTED")
            connection.execute(text("SET LOCAL statement_timeout = 0"))  # the rows of a large table take their time
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        yield connection


def _check_references(connection: Connection) -> None:
    if connection.dialect.name == database.SQLITE:
        dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        assert not dangling, f"the migration would leave rows that refer to nothing: {dangling[:5]}"
