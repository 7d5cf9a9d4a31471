"""Executions: recording what agents report. The transition table judges; versions keep late news from going back."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from runlet.controller.runs import execution_view
from runlet.controller.tables import Execution
from runlet.errors import IllegalTransition
from runlet.model.execution import State, advance
from runlet.protocol.messages import Report
from runlet.protocol.views import ExecutionView

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recorded:
    """An execution after a report: `is_new` when the report changed it, `is_settled` when nothing more is expected."""

    view: ExecutionView
    is_new: bool
    is_settled: bool


def record(session: Session, device: str, report: Report, now: datetime) -> Recorded | None:
    """Apply a report; None when there is no such execution on this device."""
    row = session.get(Execution, report.execution)
    if row is None or row.device != device or row.attempt != report.attempt:
        log.warning("dropped a report from %s on unknown execution %s", device, report.execution)
        return None
    is_new = report.version > row.version and _advance(row, report, now)
    return Recorded(execution_view(row), is_new, row.settled)


def _advance(row: Execution, report: Report, now: datetime) -> bool:
    try:
        row.state = advance(row.state, report.event)
    except IllegalTransition as error:
        log.warning("%s on %s: %s", row.id, row.device, error)
        return False
    row.version = report.version
    row.detail = report.detail
    if row.state is State.RUNNING and row.started_at is None:
        row.started_at = now
    if row.state.is_outcome:
        row.exit_code = report.exit_code
        row.signal = report.signal
        row.seconds = report.seconds
        row.output_length = report.output_length
        row.ended_at = now
    return True


def settle(session: Session, execution: str, length: int) -> None:
    """The outcome is recorded and the whole output stored: `length` bytes.

    That may be more than the agent reported: one that crashed does not know what it had sent before.
    """
    row = session.get_one(Execution, execution)
    row.settled = True
    row.output_length = length


def unsettled(session: Session) -> Iterable[ExecutionView]:
    """Every execution that a device may still send something about."""
    query = select(Execution).where(col(Execution.settled).is_(False), col(Execution.device).is_not(None))
    return [execution_view(row) for row in session.exec(query)]
