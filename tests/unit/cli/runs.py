"""Runs and executions to test with."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

from runlet.model.execution import State
from runlet.model.run import derived_state, is_settled
from runlet.model.target import Where
from runlet.protocol.views import ExecutionView, RunHead, RunSummary, RunView

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def execution(device: str | None, state: State = State.RUNNING, **changes: Any) -> ExecutionView:
    view = ExecutionView(
        id=f"id of {device}",
        device=device,
        state=state,
        attempt=1,
        version=1,
        exit_code=0 if state is State.SUCCEEDED else None,
        signal=None,
        detail="",
        cancel_requested=False,
        queued_at=NOON,
        released_at=NOON,
        started_at=NOON,
        ended_at=None,
        seconds=1.2044,
        output_length=0,
    )
    return replace(view, **changes)


def summary(*states: State) -> RunSummary:
    """A run as a list shows it, with one execution in each of these states."""
    of_all = run(*(execution(f"pi-{number}", state) for number, state in enumerate(states, 1)))
    head = {field.name: getattr(of_all, field.name) for field in fields(RunHead)}
    return RunSummary(**head, counts=dict(Counter(states)))


def run(*executions: ExecutionView, **changes: Any) -> RunView:
    states = [execution.state for execution in executions]
    view = RunView(
        id=12,
        job="upgrade",
        command=None,
        args=(),
        where=Where.CUSTOM,
        where_custom=tuple(execution.device or "" for execution in executions),
        revision="ab" * 32,
        show_duration=False,
        created_at=NOON,
        scheduled_for=None,
        zone=None,
        state=derived_state(states),
        settled=is_settled(states),
        away={},
        rollout=None,
        expires_at=None,
        rerun_of=None,
        adopted_from=None,
        executions=executions,
    )
    return replace(view, **changes)
