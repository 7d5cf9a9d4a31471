"""What is remembered of a run's rollout between two decisions, and what a person may do to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from runlet.errors import Conflict
from runlet.model.rollout import Rollout


@dataclass(frozen=True, slots=True)
class RolloutState:
    """What the judge remembers of a run between two decisions; JSON values by `to_mapping`."""

    batch: int = 0  # the present one, counted from 1; 0 before the first decision
    completed_before: int = 0  # executions completed when it began
    finished_at: datetime | None = None
    approved: tuple[int, ...] = ()  # batches after which a person let the run go on
    paused_by: str | None = None
    aborted_by: str | None = None
    fired: tuple[int, ...] = ()  # abort rules that have acted, by their index

    def to_mapping(self) -> dict[str, Any]:
        finished = None if self.finished_at is None else self.finished_at.isoformat()
        return asdict(self) | {"finished_at": finished, "approved": list(self.approved), "fired": list(self.fired)}

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any]) -> RolloutState:
        finished = content["finished_at"]
        return cls(
            batch=content["batch"],
            completed_before=content["completed_before"],
            finished_at=None if finished is None else datetime.fromisoformat(finished),
            approved=tuple(content["approved"]),
            paused_by=content["paused_by"],
            aborted_by=content["aborted_by"],
            fired=tuple(content["fired"]),
        )


def approve(rollout: Rollout, state: RolloutState) -> RolloutState:
    """The state after a person approved the batch that has finished. Raises Conflict when none waits for that."""
    if not waits_for_approval(rollout, state):
        raise Conflict("no batch of this run waits for approval")
    return replace(state, approved=(*state.approved, state.batch))


def waits_for_approval(rollout: Rollout, state: RolloutState) -> bool:
    """Whether the present batch has finished and is one that a person must approve."""
    return state.finished_at is not None and rollout.is_gated(state.batch) and state.batch not in state.approved


def pause(state: RolloutState, reason: str) -> RolloutState:
    """The state after a person, or a rule, paused the run; the first reason stays."""
    return replace(state, paused_by=state.paused_by or reason)


def resume(state: RolloutState) -> RolloutState:
    """The state after a person let a paused run go on. Raises Conflict when it is not paused."""
    if state.aborted_by or not state.paused_by:
        raise Conflict("this run was aborted" if state.aborted_by else "this run is not paused")
    return replace(state, paused_by=None)
