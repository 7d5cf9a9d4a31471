"""Judging reports, without a database: whatever comes, in whatever order, versions grow and outcomes stay."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from runlet.controller.executions import judged
from runlet.model.execution import TRANSITIONS, Event, State
from runlet.protocol.messages import Report
from runlet.protocol.views import ExecutionView
from tests.unit.cli.runs import NOON, execution

QUEUED = execution("pi-1", State.QUEUED, version=0, started_at=None, seconds=None, exit_code=None)
REPORTS = st.lists(
    st.builds(Report, st.just(QUEUED.id), st.just(1), st.integers(0, 8), st.sampled_from(Event), st.just(0.0))
)


def after(reports: list[Report]) -> list[ExecutionView]:
    views = [QUEUED]
    for number, report in enumerate(reports):
        views.append(judged(views[-1], report, NOON + timedelta(seconds=number)))
    return views


@given(REPORTS)
def test_only_the_table_moves_an_execution_and_only_forward(reports: list[Report]) -> None:
    views = after(reports)
    for before, report, now in zip(views, reports, views[1:], strict=False):
        allowed = TRANSITIONS[before.state].get(report.event)
        if allowed is None or report.version <= before.version:
            assert now is before
        else:
            assert (now.state, now.version) == (allowed, report.version)


@given(REPORTS)
def test_reports_that_come_again_change_nothing(reports: list[Report]) -> None:
    settled = after(reports)[-1]
    newest = [report for report in reports if report.version <= settled.version]
    again = settled
    for report in newest:
        again = judged(again, report, NOON)
    assert again is settled


@given(REPORTS)
def test_times_are_those_of_the_change(reports: list[Report]) -> None:
    last = after(reports)[-1]
    assert (last.ended_at is not None) == last.state.is_outcome
    assert last.started_at is not None or last.state is not State.RUNNING
