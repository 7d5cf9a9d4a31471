"""Runs: finding, showing, cancelling. A run's state is derived from its executions, never stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from runlet.controller import attempts, deliveries, executions, outbox, releases, renderings
from runlet.controller.deliveries import Effects, End
from runlet.controller.tables import Execution, Run
from runlet.errors import Conflict, UnknownName
from runlet.model import counted
from runlet.model.declared_answers import Rules
from runlet.model.execution import Event, State
from runlet.model.run import derived_state, is_settled
from runlet.model.target import Where
from runlet.protocol.views import ExecutionView, Rendering, RunSummary, RunView

LATEST = "latest"
_CANCELLED = End(Event.CANCEL, outbox.CANCEL, "cancelled before it was sent")


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A run after a cancel, and what that means outside the database."""

    run: RunView
    effects: Effects


def cancel(session: Session, run_id: int, names: Sequence[str] | None, now: datetime) -> Cancelled:
    """Ask the open executions on these devices (all when None) to end.

    What never left the controller is cancelled at once; for the rest the agent has the last word.
    """
    run = find(session, run_id)
    rows = list(session.exec(select(Execution).where(Execution.run == run_id)))
    chosen = _on_devices(rows, run_id, names)
    still_open = [execution for execution in chosen if not execution.state.is_outcome]
    not_again = [
        execution for execution in chosen if execution.state.is_outcome and not executions.view(execution).is_over
    ]
    if not still_open and not not_again:
        raise Conflict(f"run {run_id} has ended already", f"see how with: runlet show {run_id}")
    effects = Effects()
    deliveries.stop(session, still_open, _CANCELLED, now, effects)
    for execution in not_again:
        execution.retry_at, execution.counts_as, execution.cancel_requested = None, None, True
        effects.changed.append(executions.view(execution))
    session.flush()
    effects.add(releases.advance(session, [run_id], now))
    return Cancelled(of(session, run, [executions.view(row) for row in rows], now), effects)


def _on_devices(rows: list[Execution], run_id: int, names: Sequence[str] | None) -> list[Execution]:
    if names is None:
        return rows
    by_device = {execution.device: execution for execution in rows}
    for name in names:
        if name not in by_device:
            raise UnknownName(f"run {run_id} has no execution on {name!r}", f"see where it runs: runlet show {run_id}")
    return [by_device[name] for name in names]


def number(session: Session, text: str) -> int:
    """The number of the run that `text` names: a number, or the word latest."""
    if text == LATEST:
        latest = session.exec(select(Run.id).order_by(col(Run.id).desc()).limit(1)).first()
        if latest is None:
            raise UnknownName("there are no runs yet", "start one with: runlet run JOB")
        return latest
    if not text.isdecimal() or len(text) > 18:
        raise UnknownName(f"{text!r} is not the number of a run", "see them with: runlet ps")
    return int(text)


def view(session: Session, run_id: int, now: datetime) -> RunView:
    return of(session, find(session, run_id), executions.of_run(session, run_id), now)


def on_device(session: Session, run_id: int, device: str) -> ExecutionView:
    """The run's execution on this device; raises UnknownName when it has none."""
    find(session, run_id)
    found = executions.of_run(session, run_id, device=device)
    if not found:
        raise UnknownName(f"run {run_id} has no execution on {device!r}", f"see it with: runlet show {run_id}")
    return found[0]


def rendering(session: Session, run_id: int, device: str) -> Rendering:
    """What the run is on this device, as it was launched; raises UnknownName when it is not there."""
    row = session.get_one(Execution, on_device(session, run_id, device).id)
    return Rendering(renderings.text(session, row), row.environment)


def page(
    session: Session, run_id: int, limit: int, after: str | None = None, state: State | None = None
) -> list[ExecutionView]:
    """Some of a run's executions in order of device: those beyond the device `after`, those in `state`."""
    find(session, run_id)
    return executions.page(session, run_id, limit, after, state)


def summaries(session: Session, limit: int, now: datetime, before: int | None = None) -> list[RunSummary]:
    """The newest runs, newest first; older than `before` when given."""
    without_script = defer(Run.script)  # type: ignore[arg-type]  # a column, once it is on the class
    query = select(Run).options(without_script).order_by(col(Run.id).desc()).limit(limit)
    if before is not None:
        query = query.where(col(Run.id) < before)
    runs = {run.id: run for run in session.exec(query) if run.id is not None}
    counts = standings(session, runs)
    away = executions.away(session, runs, now)
    return [
        RunSummary(**_head(run, counts[number], away[number]), counts=counts[number]) for number, run in runs.items()
    ]


def standings(session: Session, numbers: Collection[int]) -> dict[int, dict[State, int]]:
    """How many executions of each of these runs stand where for it."""
    counts = executions.counts(session, numbers)
    for number, again in executions.to_be_tried_again(session, numbers).items():
        counts[number] = dict(Counter(counts[number]) - Counter(again) + Counter({State.QUEUED: sum(again.values())}))
    for number, (states, standing) in executions.apart(session, numbers).items():
        counts[number] = dict(Counter(counts[number]) - states + standing)
    return counts


def find(session: Session, run_id: int) -> Run:
    """Raises UnknownName when it is not there."""
    run = session.get(Run, run_id)
    if run is None:
        raise UnknownName(f"there is no run {run_id}", "see them with: runlet ps")
    return run


def of(session: Session, run: Run, views: Sequence[ExecutionView], now: datetime) -> RunView:
    """The view of a run whose executions are these."""
    assert run.id is not None
    in_order = sorted(views, key=lambda view: counted.key(view.device or ""))
    away = executions.away(session, [run.id], now)[run.id]
    earlier = attempts.of_run(session, run.id) if any(view.attempt > 1 for view in views) else ()
    head = _head(run, Counter(view.standing for view in views), away)
    secrets = tuple(sorted(Rules.from_mapping(run.input).secrets))
    return RunView(**head, executions=tuple(in_order), earlier=tuple(earlier), variables=run.given, secrets=secrets)


def _head(run: Run, states: Mapping[State, int], away: executions.Away) -> dict[str, Any]:
    """The fields that a view of it and a summary share."""
    return {
        "id": run.id,
        "job": run.job,
        "command": None if run.command is None else tuple(run.command),
        "args": tuple(run.args),
        "where": Where(run.where),
        "where_custom": tuple(run.where_custom),
        "revision": run.revision,
        "show_duration": run.show_duration,
        "created_at": run.created_at,
        "scheduled_for": run.scheduled_for,
        "zone": run.zone,
        "state": derived_state(states),
        "settled": is_settled(states),
        "away": away.counts,
        "expires_at": away.expires_at,
        "rollout": releases.view(run, sum(states.values())),
        "rerun_of": run.rerun_of,
        "adopted_from": run.adopted_from,
    }
