"""runlet/agent/journal.py on a disk that fails in the middle."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runlet.agent.journal import Journal
from runlet.errors import JournalFailed
from runlet.model.execution import Event
from runlet.protocol.messages import Report

FAIL = "BEGIN SELECT RAISE(ABORT, 'the disk fails'); END"
ID = "0b0e6c3c-6a0f-4d0e-9d5a-2f1f8a7f3c11"
FULL = 2  # of PRAGMA synchronous


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.db")
    yield opened
    opened.close()


def report(version: int = 1) -> Report:
    return Report(ID, 1, version, Event.CANCEL, time.time())


def test_what_cannot_be_settled_stays_as_it_was(journal: Journal) -> None:
    journal.bar(ID, 1, report())
    journal._db.execute(f"CREATE TRIGGER fails BEFORE DELETE ON execution {FAIL}")
    with pytest.raises(JournalFailed):
        journal.settle(ID, 1)
    assert journal.remembered(ID, 1) is None
    assert [entry.id for entry in journal.entries()] == [ID]
    journal._db.execute("DROP TRIGGER fails")
    journal.settle(ID, 1)
    assert journal.remembered(ID, 1) is not None
    assert list(journal.entries()) == []


def test_what_is_noted_after_a_quick_note_that_failed_waits_for_the_disk(journal: Journal) -> None:
    journal.bar(ID, 1, report())
    journal._db.execute(f"CREATE TRIGGER fails BEFORE UPDATE ON execution {FAIL}")
    with pytest.raises(JournalFailed):
        journal.note_answer(report(2))
    assert journal._db.execute("PRAGMA synchronous").fetchone() == (FULL,)
