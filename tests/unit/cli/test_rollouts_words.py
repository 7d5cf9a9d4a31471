"""What is said of a rollout: where it stands, and what is new of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from runlet.cli.rollouts import Teller, details, standing
from runlet.model.execution import State
from runlet.model.release import WaitsFor
from runlet.protocol.views import RolloutView
from tests.unit.cli.runs import NOON, execution, run, summary

S = State
FIRST = RolloutView(batch=1, batches=3, waits_for=WaitsFor.BATCH, until=None, paused_by=None, aborted_by=None)
GATE = replace(FIRST, waits_for=WaitsFor.GATE)
SECOND = replace(FIRST, batch=2)
LAST = replace(FIRST, batch=3, waits_for=None)
PAUSED = replace(SECOND, waits_for=WaitsFor.RESUME, paused_by="the mirror\x1b[2J is down")
ABORTED = replace(SECOND, waits_for=None, aborted_by="2 of 2 failed")


def test_devices_that_are_away_are_told_apart() -> None:
    states = [S.SUCCEEDED, S.QUEUED, S.QUEUED, S.DELIVERED, S.AWAITING_INPUT, S.FAILED]
    of_all = replace(summary(*states), away={S.QUEUED: 1, S.DELIVERED: 1})
    assert standing(of_all, NOON) == "1 done, 1 queued, 2 waiting to reconnect, 1 needs an answer, 1 failed"


def test_who_is_away_is_told_the_last_deadline() -> None:
    away = replace(summary(*[S.SUCCEEDED] * 487, *[S.QUEUED] * 9, S.FAILED), away={S.QUEUED: 9})
    friday = NOON + timedelta(days=5)
    assert standing(replace(away, expires_at=friday), NOON) == "487 done, 9 waiting to reconnect until Friday, 1 failed"


def test_what_was_asked_back_counts_as_what_it_becomes() -> None:
    lost = execution("pi-1", S.QUEUED, counts_as=S.EXPIRED)
    assert lost.is_over
    assert standing(run(lost, execution("pi-2", S.SUCCEEDED)), NOON) == "1 done, 1 expired"


def test_what_is_tried_again_is_queued() -> None:
    failed = execution("pi-1", S.FAILED, retry_at=datetime(2026, 3, 1, tzinfo=UTC))
    assert standing(run(failed, execution("pi-2", S.FAILED)), NOON) == "1 queued, 1 failed"


@pytest.mark.parametrize(
    ("rollout", "line", "more"),
    [
        (None, "1 running", None),
        (FIRST, "1 running", "batch 1 of 3; the rest waits for the batch"),
        (GATE, "1 running, waits for approval", "batch 1 of 3; waits for approval: runlet gate 12 --approve"),
        (LAST, "1 running", "batch 3 of 3"),
        (
            PAUSED,
            "1 running, paused",
            "batch 2 of 3; paused: the mirror [2J is down; go on with: runlet gate 12 --resume",
        ),
        (ABORTED, "1 running, aborted", "aborted: 2 of 2 failed"),
    ],
)
def test_where_a_run_stands(rollout: RolloutView | None, line: str, more: str | None) -> None:
    shown = run(execution("pi-1"), rollout=rollout)
    assert standing(shown, NOON) == line
    assert details(shown) == more


def test_a_follower_is_told_each_thing_once() -> None:
    teller = Teller()
    resumed = replace(PAUSED, waits_for=WaitsFor.BATCH, paused_by=None)
    steps = [FIRST, GATE, GATE, SECOND, replace(SECOND, waits_for=WaitsFor.SLOT), PAUSED, resumed, LAST, ABORTED]
    told = [teller.told(run(execution("pi-1"), rollout=one)) for one in steps]
    assert [len(lines) for lines in told] == [1, 1, 0, 1, 0, 1, 1, 1, 1]
    assert told[0] == ["batch 1 of 3"]
    assert told[3] == ["batch 2 of 3 begins"]
    assert told[6] == ["resumed"]
    assert told[8] == ["aborted: 2 of 2 failed"]


def test_a_run_with_one_batch_has_nothing_to_tell() -> None:
    assert Teller().told(run(execution("pi-1"), rollout=replace(LAST, batch=1, batches=1))) == []
    assert Teller().told(run(execution("pi-1"))) == []
