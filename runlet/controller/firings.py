"""Firing: what has come is claimed and launched, or told why not.

A fire time is claimed by moving `handled` past it on the condition that it is still what was read, in the transaction
that writes its firing and its run: all of that happens, or nothing, and whoever comes second finds it moved. The key of
a firing (job, zone, instant) is the second lock: it holds when a schedule begins anew under a clock that was set back.

There is no clock here: everything is as of `now`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import exists, update
from sqlmodel import Session, and_, col, delete, or_, select

from runlet.controller import database, devices, executions, jobs, launches, runs, schedules, tables
from runlet.controller.launches import FireTime, Launched
from runlet.controller.runs import Cancelled
from runlet.controller.tables import Execution, Firing
from runlet.errors import RunletError
from runlet.model.job import Job
from runlet.model.schedule import DEVICE_ZONE, FiringOutcome, Overlap, Schedule
from runlet.timetable.due import GRACE, MOST_TOLD, Due, due, may_start
from runlet.timetable.spans import find_zone

# Of a job in one zone, the newest firings are kept: all that one outage can tell.
KEPT_FIRINGS = MOST_TOLD
# One call fires so many schedules at the most: everything else waits for its transaction.
FIRE_LIMIT = 50
# After an outage one call starts so many of the runs that are late, and the next call comes a second later: launches
# and what they send must leave room for what is on time, and for people. A schedule's own runs are not divided.
LATE_STARTS = 10

# When a schedule that could not be looked at is looked at again: its next fire time is not known.
BROKEN = timedelta(minutes=1)
UNREADABLE = "it cannot be read: see the controller's log"

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Fired:
    """What one look at the schedules did, and when to look again."""

    launched: list[Launched] = field(default_factory=list)
    cancelled: list[Cancelled] = field(default_factory=list)  # replaced by one of those launched
    next_at: datetime | None = None  # not later than `now` when there were too many for one call
    queued: bool = False  # a fire time waits for a run to settle
    held_back: bool = False  # LATE_STARTS were reached: the rest is for a call a second later


def fire_due(session: Session, now: datetime) -> Fired:
    """Launch what has come since the last look, and what waited for a run that has settled."""
    fired = Fired()
    queued = select(Firing).where(Firing.outcome == FiringOutcome.QUEUED).order_by(col(Firing.at))
    for firing in list(session.exec(queued)):
        if not _apart(session, fired, firing.job, lambda some, firing=firing: _reconsider(session, firing, now, some)):  # type: ignore[misc]
            session.refresh(firing)
            firing.outcome, firing.detail, firing.recorded_at = FiringOutcome.FAILED, UNREADABLE, now
    next_at = col(tables.Schedule.next_at)
    due_now = select(tables.Schedule).where(next_at <= now).order_by(next_at).limit(FIRE_LIMIT)
    for row in list(session.exec(due_now.where(next_at >= now - GRACE))):
        _fire_apart(session, row, now, fired)
    on_time = len(fired.launched)
    for row in list(session.exec(due_now.where(next_at < now - GRACE))):
        if len(fired.launched) - on_time >= LATE_STARTS:
            fired.held_back = True
            break
        _fire_apart(session, row, now, fired)
    fired.next_at = session.exec(select(next_at).where(next_at.is_not(None)).order_by(next_at).limit(1)).first()
    fired.queued = session.exec(queued.limit(1)).first() is not None
    return fired


def _apart(session: Session, fired: Fired, job: str, work: Callable[[Fired], None]) -> bool:
    """Do what is about one schedule, whole or not at all; whether it could be done. Raises what is not its fault.

    Whatever is wrong with one schedule must not keep the others from firing.
    """
    some = Fired()
    try:
        with session.begin_nested():
            work(some)
    except Exception as error:
        if database.is_trouble(error):
            raise
        log.exception("the schedule of %r cannot be looked at", job)
        return False
    fired.launched += some.launched
    fired.cancelled += some.cancelled
    return True


def _fire_apart(session: Session, row: tables.Schedule, now: datetime, fired: Fired) -> None:
    job, zone, at = row.job, row.zone, row.next_at
    if _apart(session, fired, job, lambda some: _fire(session, row, now, some)) or at is None:
        return
    session.refresh(row)
    row.next_at = now + BROKEN
    # Once: what comes next is when it is looked at again, which is no fire time.
    since = select(Firing.at).where(Firing.job == job, Firing.zone == zone, col(Firing.at) > row.handled)
    if session.exec(since.where(col(Firing.at) <= at).limit(1)).first() is None:
        _record(session, row, at, now, FiringOutcome.FAILED, detail=UNREADABLE)


def _fire(session: Session, row: tables.Schedule, now: datetime, fired: Fired) -> None:
    job = jobs.find(session, row.job)
    schedule, trigger = schedules.read(job)
    found = due(schedule, trigger, find_zone(row.zone), row.anchor, row.handled, now)
    if not _claim(session, row, found):
        return
    # A schedule that began anew under a clock that was set back comes to instants it has fired before.
    new = _not_recorded(session, row, [*found.missed, *found.fire])
    for number, at in enumerate(at for at in found.missed if at in new):
        detail = "older ones, which are not listed, were missed too" if found.more_missed and not number else ""
        _record(session, row, at, now, FiringOutcome.MISSED, detail=detail)
    fire = [at for at in found.fire if at in new]
    if schedule.overlap is Overlap.REPLACE:  # each but the newest would be replaced at once
        for at in fire[:-1]:
            _record(session, row, at, now, FiringOutcome.SKIPPED, detail="replaced before it began")
        fire = fire[-1:]
    for at in fire:
        _start(session, job, row, at, now, fired)
    _prune(session, row, schedule)


def _claim(session: Session, row: tables.Schedule, found: Due) -> bool:
    """Whether we are the one who handles what is due; then it is, for everybody."""
    claim = (
        update(tables.Schedule)
        .where(col(tables.Schedule.job) == row.job, col(tables.Schedule.zone) == row.zone)
        .where(col(tables.Schedule.handled) == row.handled, col(tables.Schedule.revision) == row.revision)
        .values(handled=found.handled, next_at=found.next)
        .execution_options(synchronize_session=False)
    )
    return session.connection().execute(claim).rowcount == 1


def _not_recorded(session: Session, row: tables.Schedule, instants: Sequence[datetime]) -> set[datetime]:
    if not instants:
        return set()
    of_row = select(Firing.at).where(Firing.job == row.job, Firing.zone == row.zone)
    known = set(session.exec(of_row.where(col(Firing.at) >= min(instants))))
    return set(instants) - known


def _start(session: Session, job: Job, row: tables.Schedule, at: datetime, now: datetime, fired: Fired) -> None:
    """Do with a fire time what `overlap` says."""
    schedule, _ = schedules.read(job)
    earlier = [] if schedule.overlap is Overlap.ALLOW else _open_runs(session, row.job, row.zone)
    told = f"run {earlier[-1]} is not settled" if earlier else ""
    if earlier and schedule.overlap is Overlap.FORBID:
        _record(session, row, at, now, FiringOutcome.SKIPPED, detail=told)
        return
    if earlier and schedule.overlap is Overlap.QUEUE:
        queued = select(Firing).where(Firing.outcome == FiringOutcome.QUEUED)
        for waiting in session.exec(queued.where(Firing.job == row.job, Firing.zone == row.zone)):
            waiting.outcome, waiting.detail, waiting.recorded_at = FiringOutcome.SKIPPED, "a newer one waits", now
        _record(session, row, at, now, FiringOutcome.QUEUED, detail=told)
        return
    launched = _launch(session, job, row.zone, at, now)
    if isinstance(launched, str):
        _record(session, row, at, now, FiringOutcome.FAILED, detail=launched)
        return
    # After the launch: what cannot start replaces nothing.
    fired.cancelled += [runs.cancel(session, number, None, now) for number in earlier]
    fired.launched.append(launched)
    _record(session, row, at, now, FiringOutcome.LAUNCHED, run=launched.run.id)


def _reconsider(session: Session, firing: Firing, now: datetime, fired: Fired) -> None:
    """A fire time waits: its turn has come, or it has waited too long, or its schedule no longer lets it wait."""
    row = session.get(tables.Schedule, (firing.job, firing.zone))
    job = None if row is None else jobs.find(session, firing.job)
    schedule = None if job is None else job.schedule
    if job is None or schedule is None or schedule.suspend or schedule.overlap is not Overlap.QUEUE:
        firing.outcome, firing.detail = FiringOutcome.SKIPPED, "its schedule was changed while it waited"
    elif _open_runs(session, firing.job, firing.zone):
        return
    elif not may_start(schedule, find_zone(firing.zone), firing.at, now):
        firing.outcome, firing.detail = FiringOutcome.MISSED, "it waited too long"
    elif isinstance(launched := _launch(session, job, firing.zone, firing.at, now), str):
        firing.outcome, firing.detail = FiringOutcome.FAILED, launched
    else:
        firing.outcome, firing.detail, firing.run = FiringOutcome.LAUNCHED, "", launched.run.id
        fired.launched.append(launched)
    firing.recorded_at = now
    session.flush()


def _launch(session: Session, job: Job, zone: str, at: datetime, now: datetime) -> Launched | str:
    """The run of a fire time, or why there is none: that one is undone, and the others go on."""
    schedule, _ = schedules.read(job)
    only = None
    if schedule.timezone == DEVICE_ZONE:
        only = frozenset(name for name, own in devices.zones(session).items() if own == zone)
    request = launches.Request(
        job=job.name,
        origin=jobs.origins(session, [job.name]).get(job.name),  # with `where: local`, the device that declared it
        fire_time=FireTime(at, zone, schedule, only),
    )
    try:
        with session.begin_nested():
            return launches.launch(session, request, now)
    except RunletError as error:
        return error.message
    except Exception as error:
        # The boundary of what a job can do: one that cannot be launched must not keep the others from it, for ever.
        if database.is_trouble(error):
            raise
        log.exception("the schedule of %r cannot launch it", job.name)
        return "it cannot be launched: see the controller's log"


def _open_runs(session: Session, job: str, zone: str) -> list[int]:
    """The runs of earlier fire times that are not settled, in order."""
    is_open = exists().where(col(Execution.run) == Firing.run, executions.IS_OPEN)
    launched = select(Firing.run).where(Firing.job == job, Firing.zone == zone)
    found = session.exec(launched.where(Firing.outcome == FiringOutcome.LAUNCHED, is_open))
    return sorted(run for run in found if run is not None)


def _record(
    session: Session,
    row: tables.Schedule,
    at: datetime,
    now: datetime,
    outcome: FiringOutcome,
    *,
    run: int | None = None,
    detail: str = "",
) -> None:
    session.add(Firing(job=row.job, zone=row.zone, at=at, outcome=outcome, run=run, detail=detail, recorded_at=now))


def _prune(session: Session, row: tables.Schedule, schedule: Schedule) -> None:
    """Forget the oldest firings, but none that the next fire times must still know of."""
    of_row = and_(col(Firing.job) == row.job, col(Firing.zone) == row.zone)
    newest_first = select(Firing.at).where(of_row).order_by(col(Firing.at).desc())
    oldest = session.exec(newest_first.offset(KEPT_FIRINGS).limit(1)).first()
    if oldest is None:
        return
    held = [] if schedule.overlap is Overlap.ALLOW else _open_runs(session, row.job, row.zone)
    old = delete(Firing).where(of_row, col(Firing.at) <= oldest, col(Firing.outcome) != FiringOutcome.QUEUED)
    session.exec(old.where(or_(col(Firing.run).is_(None), col(Firing.run).not_in(held))))
