"""Earlier attempts: how each of an execution's tries ended, kept when the next one takes its place."""

from __future__ import annotations

from sqlmodel import Session, col, delete, select

from runlet.controller.tables import Attempt, Execution
from runlet.model import counted
from runlet.protocol.views import AttemptView

# Of one execution the newest are kept. `retry.max` is 10 at most; whatever else begins attempts has no such end.
KEPT_ATTEMPTS = 20
# Of one run so many are told: one for each device of a large fleet.
MOST_TOLD = 10_000


def keep(session: Session, execution: Execution) -> None:
    """Write down the present attempt, which is settled, before another begins; the oldest may have to go."""
    session.add(Attempt(execution=execution.id, **{name: getattr(execution, name) for name in _KEPT}))
    if execution.attempt > KEPT_ATTEMPTS:
        old = delete(Attempt).where(col(Attempt.execution) == execution.id)
        session.exec(old.where(col(Attempt.attempt) <= execution.attempt - KEPT_ATTEMPTS))


def of_run(session: Session, run: int) -> list[AttemptView]:
    """Those kept of a run's executions, in order of device and attempt, as far as MOST_TOLD."""
    query = select(Execution.device, Attempt).join(Execution).where(Execution.run == run)
    rows = session.exec(query.order_by(col(Execution.device), col(Attempt.attempt)).limit(MOST_TOLD))
    found = [AttemptView(device, **{name: getattr(row, name) for name in _KEPT}) for device, row in rows]
    return sorted(found, key=lambda one: (counted.key(one.device or ""), one.attempt))


_KEPT = tuple(name for name in AttemptView.__dataclass_fields__ if name != "device")
