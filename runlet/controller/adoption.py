"""Adopting what devices report and the database does not know: it was restored from a backup that is older than that.

A program that runs, or ran, is not started again because its record is gone: it gets a new record, made of what its
report says. What the database never learns is what was settled after the backup: its agent has forgotten it too.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_
from sqlmodel import Session, col, func, select

from runlet.controller import attempts
from runlet.controller.tables import Device, Execution, Run
from runlet.model.execution import OUTCOMES, RETRYABLE, TRANSITIONS, State
from runlet.model.target import Where
from runlet.protocol.messages import Report, TerminalSize

# What one device may have adopted and not settled, and within a time: more than its queue holds would be made up.
MOST_ADOPTED = 1_000
# After another restore nothing is known of what was adopted before it, so that a device may report all of it again.
ADOPTED_WITHIN = timedelta(days=1)
# Executions of one lost run belong together when their devices report them within this.
SAME_RUN = timedelta(days=7)

log = logging.getLogger(__name__)


def adopt(session: Session, strangers: Sequence[tuple[str, Report]], now: datetime) -> list[tuple[str, Report]]:
    """Make records for these reports, each with the device it came from; those for which there is a record now.

    What is beyond the bound is dropped, and logged once a device.
    """
    adopted = []
    counts = {device: _count(session, device, now) for device, _ in strangers}
    dropped = Counter[str]()
    for device, report in strangers:
        row = session.get(Execution, report.execution)
        if row is not None:
            if row.device != device or report.attempt < row.attempt or row.state in OUTCOMES - RETRYABLE:
                log.warning("dropped a report from %s on execution %s, which is over or not its own", device, row.id)
                continue
            if report.attempt > row.attempt:  # else it was adopted just now, by the report before this one
                _begin_again(session, row, report.attempt)
        elif session.get(Device, device) is None or counts[device] >= MOST_ADOPTED:
            dropped[device] += 1
            continue
        else:
            session.add(_record(session, device, report, now))
            counts[device] += 1
        session.flush()
        log.warning("adopted execution %s of run %d on %s", report.execution, report.run, device)
        adopted.append((device, report))
    for device, number in dropped.items():
        log.warning(
            "dropped %d reports from %s on unknown executions: it is not enrolled, or had %d adopted already",
            number,
            device,
            MOST_ADOPTED,
        )
    return adopted


def _begin_again(session: Session, row: Execution, attempt: int) -> None:
    """The device is in a later attempt than the record is."""
    attempts.keep(session, row)
    row.attempt, row.state, row.version, row.settled = attempt, State.QUEUED, 0, False
    row.detail, row.output_length, row.retry_at, row.ended_at, row.counts_as = "", 0, None, None, None
    row.exit_code = row.signal = row.seconds = None


def _record(session: Session, device: str, report: Report, now: datetime) -> Execution:
    run = _run_of(session, device, report, now)
    assert run.id is not None
    return Execution(
        id=report.execution, run=run.id, device=device, attempt=report.attempt, queued_at=now, released_at=now
    )


def _run_of(session: Session, device: str, report: Report, now: datetime) -> Run:
    """The record made for the lost run of this number, or a new one: numbers are given again after a restore."""
    is_over = TRANSITIONS[State.QUEUED].get(report.event) in OUTCOMES
    same = select(Run).where(col(Run.adopted_from) == report.run, col(Run.job) == report.job)
    found = session.exec(same.where(col(Run.created_at) > now - SAME_RUN).order_by(col(Run.id).desc())).first()
    if found is not None:
        has = select(Execution.id).where(col(Execution.run) == found.id, col(Execution.device) == device)
        if session.exec(has).first() is None:
            found.where_custom = [*found.where_custom, device]
            found.told = found.told and is_over
            return found
    size = TerminalSize()
    run = Run(
        job=report.job,
        args=[],
        where=Where.CUSTOM,
        where_custom=[device],
        barred=[],
        columns=size.columns,
        rows=size.rows,
        term="",  # it is not started from here
        created_at=now,
        adopted_from=report.run,
        told=is_over,  # what had ended before nobody need be told of now
    )
    session.add(run)
    session.flush()
    return run


def _count(session: Session, device: str, now: datetime) -> int:
    """How many adopted executions of a device are not settled, or were adopted lately."""
    query = select(func.count()).select_from(Execution).join(Run, col(Run.id) == col(Execution.run))
    counts = or_(col(Execution.settled).is_(False), col(Execution.queued_at) > now - ADOPTED_WITHIN)
    mine = query.where(col(Execution.device) == device, counts)
    return session.exec(mine.where(col(Run.adopted_from).is_not(None))).one()
