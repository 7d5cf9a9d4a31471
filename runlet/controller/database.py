"""How a database is opened: which ones there are, and what is set on each of their connections.

Every transaction is serializable on both databases: SQLite has one writer at a time, and PostgreSQL is asked for it, so
that nothing here depends on there being one controller. What it then refuses for having met another is named by
`may_repeat`.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, InternalError, OperationalError

from runlet.errors import InvalidInput

SQLITE, POSTGRESQL = "sqlite", "postgresql"
_EXAMPLES = "write sqlite:////var/lib/runlet/runlet.db or postgresql+psycopg://user:password@host/database"

# Another process may hold what a transaction needs (a backup, a migration); it is awaited this long.
BUSY_SECONDS = 10.0
# No statement of ours takes a second; one that takes this long waits for a disk or a network that is gone.
STATEMENT_SECONDS = 30.0
# A controller that freezes in a transaction must not hold its locks, nor keep rows from being vacuumed.
IDLE_SECONDS = 60.0
# A server that does not answer by then is not there.
CONNECT_SECONDS = 5

# SQLSTATEs of transactions that met another one and may be done again: serialization failure, deadlock, and a key that
# the other has inserted since we looked.
_MET_ANOTHER = frozenset({"40001", "40P01", "23505"})


def connect(url: str) -> Engine:
    """Raises InvalidInput when `url` names no database that Runlet can use. Nothing is connected yet."""
    parsed = _parsed(url)
    try:
        return _sqlite(parsed) if parsed.get_backend_name() == SQLITE else _postgresql(parsed)
    except ImportError:
        raise InvalidInput(
            "a PostgreSQL database needs the library psycopg, which is not installed",
            "install it with: pip install 'runlet[controller,postgres]'",
        ) from None


def may_repeat(error: DBAPIError) -> bool:
    """Whether the transaction failed only because it met another one: done again, it may succeed."""
    return getattr(error.orig, "sqlstate", None) in _MET_ANOTHER


def is_trouble(error: Exception) -> bool:
    """Whether a failure is the database's own or another transaction's, so that whoever asked is not to blame."""
    if not isinstance(error, DBAPIError):
        return False
    return may_repeat(error) or isinstance(error, OperationalError | InterfaceError | InternalError)


def words(error: Exception) -> str:
    """What the database said, without our statement and its values: they may hold secrets."""
    said = str(error.orig if isinstance(error, DBAPIError) else error).strip()
    return said.partition("\n")[0] or type(error).__name__


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise InvalidInput("the database is not a URL", _EXAMPLES) from None  # its words may hold a password
    if parsed.drivername not in (SQLITE, POSTGRESQL, f"{POSTGRESQL}+psycopg"):
        raise InvalidInput(f"{parsed.drivername!r} is no database that Runlet can use", _EXAMPLES)
    if parsed.drivername == SQLITE and parsed.query:
        raise InvalidInput("a SQLite database's URL takes nothing behind a '?'", _EXAMPLES)
    if not parsed.database or parsed.database == ":memory:":
        raise InvalidInput(
            f"the database's URL names no {'file' if parsed.drivername == SQLITE else 'database'}", _EXAMPLES
        )
    return parsed.set(drivername=SQLITE if parsed.drivername == SQLITE else f"{POSTGRESQL}+psycopg")


def _sqlite(url: URL) -> Engine:
    engine = create_engine(
        url, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}
    )

    path = Path(str(url.database))
    for suffix in ("", "-wal", "-shm"):  # an older version's, which others could read
        with suppress(OSError):
            path.with_name(path.name + suffix).chmod(0o600)

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # sqlite3's own implicit BEGIN is deferred, and fails at the first write
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def on_begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _postgresql(url: URL) -> Engine:
    settings = {
        "statement_timeout": STATEMENT_SECONDS,
        "lock_timeout": BUSY_SECONDS,
        "idle_in_transaction_session_timeout": IDLE_SECONDS,
    }
    options = " ".join(f"-c {name}={seconds * 1000:.0f}" for name, seconds in settings.items())
    return create_engine(
        url,
        hide_parameters=True,  # scripts and variables have no place in a log
        isolation_level="SERIALIZABLE",
        pool_pre_ping=True,  # a server that was started again is noticed before a transaction is begun on it
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "runlet controller",
            "options": options,
            "tcp_user_timeout": int(STATEMENT_SECONDS * 1000),  # a host that vanished says nothing
        },
    )
