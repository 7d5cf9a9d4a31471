"""Logs stay small whatever repeats itself."""

from __future__ import annotations

import logging

from runlet.program import FOLD_KINDS, FOLD_LINES, FOLD_SECONDS, Folding


def record(message: str, *values: object) -> logging.LogRecord:
    return logging.LogRecord("runlet", logging.WARNING, __file__, 1, message, values, None)


def test_a_flood_of_one_kind_is_counted_and_others_pass() -> None:
    now = [0.0]
    folding = Folding(lambda: now[0])
    passed = sum(folding.filter(record("dropped %d", number)) for number in range(10_000))
    assert passed == FOLD_LINES
    assert folding.filter(record("something else"))
    now[0] += FOLD_SECONDS
    last = record("dropped %d", 7)
    assert folding.filter(last)
    assert last.getMessage() == f"dropped 7 [and {10_000 - FOLD_LINES} like it before]"


def test_what_is_remembered_is_bounded() -> None:
    folding = Folding(lambda: 0.0)
    for number in range(10 * FOLD_KINDS):
        assert folding.filter(record(f"kind {number}"))
    assert len(folding._counts) <= FOLD_KINDS
