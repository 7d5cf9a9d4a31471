"""A run's rollout in words: where it stands, and what a person may do about it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from runlet.cli.inert import plain
from runlet.model.execution import State
from runlet.model.release import WaitsFor
from runlet.model.run import day, progress
from runlet.protocol.views import ExecutionView, RolloutView, RunHead, RunSummary, RunView

_WAITS = {
    WaitsFor.BATCH: "the rest waits for the batch",
    WaitsFor.PAUSE: "pauses before the next batch",
    WaitsFor.RETRY: "waits for the next attempt",
    WaitsFor.SLOT: "the rest waits for a slot",
    WaitsFor.DEVICE: "the rest waits to reconnect",
}
# What is told when it begins; the rest is the course of things.
_STOPS = frozenset({WaitsFor.GATE, WaitsFor.PAUSE})


def standing(run: RunSummary | RunView, now: datetime) -> str:
    """How a run's executions are, in one line: "487 done, 9 waiting to reconnect until Friday, 1 failed"."""
    states = dict(run.counts) if isinstance(run, RunSummary) else _counted(run.executions)
    for state, count in run.away.items():
        states[state] = states.get(state, 0) - count
    until = None if run.expires_at is None else day(run.expires_at, now.astimezone())
    words = progress(states, run.away, until)
    rollout = run.rollout
    if rollout is None:
        return words
    if rollout.aborted_by:
        return f"{words}, aborted"
    if rollout.waits_for is WaitsFor.GATE:
        return f"{words}, waits for approval"
    return f"{words}, paused" if rollout.paused_by else words


def details(run: RunHead) -> str | None:
    """What `show` says beyond that: "batch 2 of 4; waits for approval: runlet gate 12 --approve"."""
    rollout = run.rollout
    if rollout is None:
        return None
    if rollout.aborted_by:
        return f"aborted: {plain(rollout.aborted_by)}"
    batch = [] if rollout.batches == 1 else [_batch(rollout)]
    return "; ".join([*batch, *_obstacle(run.id, rollout)]) or None


class Teller:
    """Tells a person who follows a run what is new of its rollout."""

    def __init__(self) -> None:
        self._last: RolloutView | None = None

    def told(self, run: RunHead) -> list[str]:
        """Lines; none when nothing happened that a person wants to know."""
        before, after = self._last, run.rollout
        self._last = after
        if after is None or before == after:
            return []
        if after.aborted_by:
            return [] if before and before.aborted_by else [f"aborted: {plain(after.aborted_by)}"]
        lines = []
        if before and before.paused_by and not after.paused_by:
            lines.append("resumed")
        if after.batches > 1 and after.batch > (before.batch if before else 0):
            lines.append(f"{_batch(after)} begins" if before else _batch(after))
        stops = after.paused_by or after.waits_for in _STOPS
        if stops and (before is None or (before.waits_for, before.paused_by) != (after.waits_for, after.paused_by)):
            lines += _obstacle(run.id, after)
        return lines


def _batch(rollout: RolloutView) -> str:
    return f"batch {rollout.batch} of {rollout.batches}"


def _obstacle(run: int, rollout: RolloutView) -> list[str]:
    """At most one line: why nothing more is released now."""
    if rollout.paused_by:
        return [f"paused: {plain(rollout.paused_by)}; go on with: runlet gate {run} --resume"]
    match rollout.waits_for:
        case None | WaitsFor.RESUME:
            return []
        case WaitsFor.GATE:
            return [f"waits for approval: runlet gate {run} --approve"]
        case other:
            return [_WAITS[other] + ("" if rollout.until is None else f" until {_instant(rollout.until)}")]


def _instant(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _counted(executions: tuple[ExecutionView, ...]) -> dict[State, int]:
    return dict(Counter(execution.standing for execution in executions))
