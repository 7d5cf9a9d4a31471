"""The agent's durable record: which executions it took, how far each came, and what the controller has not stored yet.

One row an execution and attempt. Every write commits with an fsync before it returns (WAL with synchronous=FULL), since
the broker's copy is acknowledged right after: accepting must survive a power cut. That a program was started is written
down by its holder; the journal need not know.
A commit that fails is fatal: after a failed fsync nobody knows what is on the disk, so the agent ends and starts again.
"""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from runlet.errors import Conflict, JournalFailed
from runlet.model.execution import State, advance
from runlet.protocol.messages import Execute, Report, decode, encode

# Ids of settled executions are kept, so that a command the broker still held cannot start one again. The number is far
# above what a device's command queue can hold.
REMEMBERED_SETTLED = 20_000

_SCHEMA = (
    """
CREATE TABLE IF NOT EXISTS execution (
    number INTEGER PRIMARY KEY,  -- the order of acceptance
    id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    command BLOB,              -- the Execute; NULL when a Cancel overtook it
    report BLOB,               -- the newest Report
    tail_offset INTEGER NOT NULL DEFAULT 0,
    tail BLOB NOT NULL DEFAULT x'',  -- output that the controller had not stored when the program ended
    UNIQUE (id, attempt)
)""",
    """
CREATE TABLE IF NOT EXISTS settled (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    report BLOB,               -- its outcome, should the controller have lost it
    UNIQUE (id, attempt)
)""",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: an execution the agent is responsible for."""

    id: str
    attempt: int
    command: Execute | None
    report: Report | None
    tail_offset: int
    tail: bytes


class Journal:
    """The journal of one device. Not thread-safe: the agent has one thread."""

    def __init__(self, path: Path) -> None:
        """Raises Conflict when another agent has it: that one's running programs would be taken for lost.

        Raises JournalFailed, as every method does, when the disk fails or the file is damaged.
        """
        self._lock = path.with_suffix(".lock").open("wb")
        try:
            # Not flock: a child between fork and exec would share it, and hold it when we are killed.
            fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise Conflict(
                f"another agent works with {path.parent}", "stop that one, or give this one a state folder of its own"
            ) from None
        for file in path.parent.glob(f"{path.stem}.*"):  # an older version's, which others could read
            file.chmod(0o600)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._path = path
        try:
            self._execute("PRAGMA journal_mode=WAL")
            self._execute("PRAGMA synchronous=FULL")
            for statement in _SCHEMA:
                self._execute(statement)
        except JournalFailed:
            self.close()
            raise

    def close(self) -> None:
        self._db.close()
        self._lock.close()

    def _execute(self, statement: str, parameters: Sequence[object] = ()) -> sqlite3.Cursor:
        try:
            return self._db.execute(statement, parameters)
        except sqlite3.OperationalError as error:
            raise JournalFailed(f"{self._path}: {error}", f"has its disk room? df -h {self._path.parent}") from error
        except sqlite3.DatabaseError as error:
            raise JournalFailed(
                f"{self._path} is damaged: {error}",
                f"move it and {self._path.name}-wal away: the agent makes another one; what it had not told is lost",
            ) from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of what is done within, or nothing."""
        self._execute("BEGIN IMMEDIATE")
        try:
            yield
            self._execute("COMMIT")
        except JournalFailed:
            with suppress(JournalFailed):  # some failures roll back by themselves
                self._execute("ROLLBACK")
            raise

    def accept(self, command: Execute, report: Report) -> bool:
        """Take an execution; False when it was taken before, settled included: a duplicate delivery."""
        known = self._execute(
            "SELECT 1 FROM execution WHERE (id, attempt) = (?1, ?2) UNION ALL "
            "SELECT 1 FROM settled WHERE (id, attempt) = (?1, ?2)",
            (command.execution, command.attempt),
        ).fetchone()
        if known:
            return False
        self._execute(
            "INSERT INTO execution (id, attempt, command, report) VALUES (?, ?, ?, ?)",
            (command.execution, command.attempt, encode(command), encode(report)),
        )
        return True

    def bar(self, execution: str, attempt: int, report: Report) -> bool:
        """A Cancel came before its Execute: whatever comes later, it never starts. False when it is known already."""
        cursor = self._execute(
            "INSERT OR IGNORE INTO execution (id, attempt, report) "
            "SELECT ?1, ?2, ?3 WHERE NOT EXISTS (SELECT 1 FROM settled WHERE (id, attempt) = (?1, ?2))",
            (execution, attempt, encode(report)),
        )
        return cursor.rowcount > 0

    def note(self, report: Report) -> None:
        """Something happened that must not be told again in an older version."""
        self._execute(
            "UPDATE execution SET report = ? WHERE (id, attempt) = (?, ?)",
            (encode(report), report.execution, report.attempt),
        )

    def note_answer(self, report: Report) -> None:
        """The same for what matters only while its program lives: without waiting for the disk, for a power cut ends
        the program too.
        """
        self._execute("PRAGMA synchronous=NORMAL")
        try:
            self.note(report)
        finally:
            self._execute("PRAGMA synchronous=FULL")

    def end(self, report: Report, tail_offset: int, tail: bytes) -> None:
        """The execution has its outcome; the output not yet stored is kept with it."""
        self._execute(
            "UPDATE execution SET report = ?, tail_offset = ?, tail = ? WHERE (id, attempt) = (?, ?)",
            (encode(report), tail_offset, tail, report.execution, report.attempt),
        )

    def is_over(self, execution: str, attempt: int) -> bool:
        """Whether it has an outcome, settled or not."""
        row = self._execute(
            "SELECT report FROM execution WHERE (id, attempt) = (?1, ?2) UNION ALL "
            "SELECT NULL FROM settled WHERE (id, attempt) = (?1, ?2)",
            (execution, attempt),
        ).fetchone()
        if row is None or row[0] is None:
            return row is not None
        report = _decoded(row[0])
        return isinstance(report, Report) and advance(State.QUEUED, report.event).is_outcome

    def remembered(self, execution: str, attempt: int) -> Report | None:
        """How an execution that is settled ended; None when it is not known, or was forgotten since."""
        query = "SELECT report FROM settled WHERE (id, attempt) = (?, ?)"
        row = self._execute(query, (execution, attempt)).fetchone()
        report = None if row is None else _decoded(row[0])
        return replace(report, kept_from=report.output_length) if isinstance(report, Report) else None

    def settle(self, execution: str, attempt: int) -> None:
        """The controller has the outcome and all output: forget the output, remember the id and the outcome."""
        with self._transaction():
            cursor = self._execute(
                "INSERT OR IGNORE INTO settled (id, attempt, report) "
                "SELECT id, attempt, report FROM execution WHERE (id, attempt) = (?, ?)",
                (execution, attempt),
            )
            self._execute("DELETE FROM execution WHERE (id, attempt) = (?, ?)", (execution, attempt))
            self._execute("DELETE FROM settled WHERE number <= ?", ((cursor.lastrowid or 0) - REMEMBERED_SETTLED,))

    def entries(self) -> Iterator[Entry]:
        """Everything the agent is responsible for, in the order it was accepted."""
        rows = self._execute(
            "SELECT id, attempt, command, report, tail_offset, tail FROM execution ORDER BY number"
        ).fetchall()
        for id_, attempt, command, report, tail_offset, tail in rows:
            execute, newest = _decoded(command), _decoded(report)
            assert execute is None or isinstance(execute, Execute)
            assert newest is None or isinstance(newest, Report)
            yield Entry(id_, attempt, execute, newest, tail_offset, tail)


def _decoded(body: bytes | None) -> object:
    return None if body is None else decode(body)
