"""The schema of the database, by its versions: which this Runlet knows, and which a database has.

Each file in `versions` takes the schema from one version to the next; the last is the one that tables.py describes.
alembic runs them (migrate.py) and is imported nowhere else: a controller that starts only compares two words.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from runlet.controller import tables
from runlet.errors import Conflict

FOLDER = Path(__file__).parent
VERSIONS = sorted(path.name.partition("_")[0] for path in (FOLDER / "versions").glob("[0-9]*_*.py"))
CURRENT = VERSIONS[-1]

_TABLE = "alembic_version"
_COMMAND = "runlet controller migrate --config FILE"
# Two builds mostly differ by fewer; of a table that is missing altogether, no more need be named.
_MOST_NAMED = 5


def version_of(connection: Connection) -> str | None:
    """The version of this database's schema; None when it is empty.

    Raises Conflict when it is one that this Runlet does not know, or when the tables are somebody else's.
    """
    tables = inspect(connection).get_table_names()
    if _TABLE not in tables:
        if tables:
            raise Conflict("the database holds tables that are not Runlet's", "give Runlet a database of its own")
        return None
    found = connection.execute(text(f"SELECT version_num FROM {_TABLE}")).scalar()  # noqa: S608  # our own constant
    if found is None:
        return None
    if found not in VERSIONS:
        raise Conflict(
            f"the database's schema has version {found}, which is newer than this Runlet's {CURRENT}",
            "use the Runlet that made it, or a newer one; schemas are not taken back",
        )
    return str(found)


def check(engine: Engine) -> None:
    """Raises Conflict when the schema is not the one that tables.py describes."""
    with engine.connect() as connection:
        found = version_of(connection)
        if found == CURRENT:
            check_columns(connection)
    if found is None:
        raise Conflict("the database is empty", f"make its tables with: {_COMMAND}")
    if found != CURRENT:
        raise Conflict(
            f"the database's schema has version {found}, which is older than this Runlet's {CURRENT}",
            f"stop every controller of it, make a backup, then: {_COMMAND}",
        )


def check_columns(connection: Connection) -> None:
    """Raises Conflict when a database of the current version has other columns than tables.py describes.

    Until the first release, version 0001 itself is changed: a build of before has made this database.
    """
    described = {str(column) for table in tables.Run.metadata.tables.values() for column in table.columns}
    found = {
        f"{table}.{column['name']}"
        for (_, table), columns in inspect(connection).get_multi_columns().items()
        if table != _TABLE
        for column in columns
    }
    if differing := sorted(described ^ found):
        more = f" and {len(differing) - _MOST_NAMED} more" if len(differing) > _MOST_NAMED else ""
        named = ", ".join(differing[:_MOST_NAMED]) + more
        made = "the database was made by an unreleased build of Runlet"
        raise Conflict(f"{made}: it differs in {named}", _way_out(connection))


def _way_out(connection: Connection) -> str:
    url = connection.engine.url
    if url.get_backend_name() == "sqlite":
        away = f"remove {url.database} with its -wal and -shm"
    else:
        away = f"drop the database {url.database} and create it empty"
    return (
        f"stop its controllers; {away}, which loses its runs and history; make its tables with: {_COMMAND} "
        "(`runlet up` does it by itself); then apply your files again"
    )


def touch(connection: Connection) -> None:
    """Write the schema's version anew, as it is: a write that changes nothing."""
    connection.execute(text(f"UPDATE {_TABLE} SET version_num = version_num"))  # noqa: S608  # our own constant
