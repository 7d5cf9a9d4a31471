"""Schedules: where each job is in its fire times, kept with what is declared, and told.

A schedule is a row for each time zone that its job fires in: one, or with `timezone: device` one for each zone that its
devices are in. There is no clock here: everything is as of `now`.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime
from functools import cached_property

from sqlalchemy import func
from sqlmodel import Session, and_, col, select

from runlet.controller import database, devices, inventories, jobs, tables
from runlet.controller.tables import Content, Declared, Firing
from runlet.errors import RunletError, UnknownName
from runlet.model.declaration import Kind, digest
from runlet.model.job import Job
from runlet.model.schedule import DEFAULT_ZONE, DEVICE_ZONE, Schedule
from runlet.model.target import Fleet, Target, Where, resolve_in
from runlet.protocol.views import FireTimeView, FiringView, JobScheduleView, ScheduleView
from runlet.timetable import grammar
from runlet.timetable.due import GRACE, preview
from runlet.timetable.spans import find_zone
from runlet.timetable.trigger import Trigger

log = logging.getLogger(__name__)


def sync(session: Session, names: Collection[str] | None, now: datetime) -> None:
    """Make the rows what the jobs called so, or all, declare now.

    What does not change which fire times there are, keeps where it was in them; anything else begins anew.
    """
    _sync(session, names, _Places(session, now), now)


def _sync(session: Session, names: Collection[str] | None, places: _Places, now: datetime) -> None:
    rows, declared = select(tables.Schedule), select(Content).join(Declared).where(Declared.kind == Kind.JOB)
    if names is not None:
        rows, declared = rows.where(col(tables.Schedule.job).in_(names)), declared.where(col(Declared.name).in_(names))
    before: dict[str, dict[str, tables.Schedule]] = {}
    for row in session.exec(rows):
        before.setdefault(row.job, {})[row.zone] = row
    wanted = [job for one in session.exec(declared) if (job := Job.from_mapping(one.content)).schedule is not None]
    after = {
        (job.name, zone) for job in wanted for zone in _sync_job(session, job, before.get(job.name, {}), places, now)
    }
    for row in (row for of_job in before.values() for row in of_job.values()):
        if (row.job, row.zone) not in after:
            session.delete(row)
    session.flush()


def sync_zones(session: Session, now: datetime) -> None:
    """Follow the devices: jobs with `timezone: device` have a row for each zone that their devices are in now."""
    places = _Places(session, now)
    for name in sorted(set(session.exec(select(tables.Schedule.job).where(col(tables.Schedule.by_device))))):
        try:
            with session.begin_nested():
                _sync(session, {name}, places, now)
        except Exception as error:
            # The boundary of what a job can do: the schedules of the others go on.
            if database.is_trouble(error):
                raise
            log.exception("the zones of the schedule of %r cannot be looked at", name)


def _sync_job(
    session: Session, job: Job, before: dict[str, tables.Schedule], places: _Places, now: datetime
) -> Collection[str]:
    """Its rows, written; the zones they are in."""
    schedule, trigger = read(job)
    revision = _revision(schedule, trigger)
    kept = {zone: row for zone, row in before.items() if row.revision == revision}
    # An interval beats in all zones at once: a device that moves to another one stays in step.
    anchor = min((row.anchor for row in kept.values()), default=now)
    zones = places.of(job, schedule)
    for name in zones:
        row = kept.get(name)
        handled = now if row is None else row.handled
        if row is not None and row.next_at is None:  # it was suspended: those fire times passed
            handled = max(handled, now)
        upcoming = () if schedule.suspend else preview(schedule, trigger, find_zone(name), anchor, handled, 1)
        session.merge(
            tables.Schedule(
                job=job.name,
                zone=name,
                by_device=schedule.timezone == DEVICE_ZONE,
                revision=revision,
                anchor=anchor,
                handled=handled,
                next_at=upcoming[0] if upcoming else None,
            )
        )
    return zones


def read(job: Job) -> tuple[Schedule, Trigger]:
    """The schedule of a job that has one."""
    assert job.schedule is not None, "a row is there for jobs with a schedule only"
    return job.schedule, grammar.parse(job.schedule.every)


def _revision(schedule: Schedule, trigger: Trigger) -> str:
    """The digest of what decides which fire times there are, however it is spelled. The rest is about what they do."""
    window = None if schedule.window is None else str(schedule.window)
    return digest([grammar.canonical(trigger), schedule.timezone, window, schedule.gap, schedule.fold])


class _Places:
    """Where the fleet is, looked up once for all schedules, and only if one asks."""

    def __init__(self, session: Session, now: datetime) -> None:
        self._session = session
        self._now = now

    def of(self, job: Job, schedule: Schedule) -> Collection[str]:
        """The zones that a schedule fires in: its own, or those of the devices that the job's target may select."""
        if schedule.timezone != DEVICE_ZONE:
            return {schedule.timezone}
        anyone = job.target.where in (Where.ALL, Where.ANY)  # whoever is connected then
        try:
            target = Target(Where.ENROLLED) if anyone else job.target
            chosen = resolve_in(
                self._fleet,
                target,
                origin=jobs.origins(self._session, [job.name]).get(job.name),
                barred=job.barred,
            )
        except RunletError:  # it selects nothing now; when it fires, its firing says so
            chosen = []
        return {self._zones[name] for name in chosen if name is not None} or {DEFAULT_ZONE}

    @cached_property
    def _fleet(self) -> Fleet:
        return devices.fleet(self._session, inventories.present(self._session), self._now)

    @cached_property
    def _zones(self) -> dict[str, str]:
        return devices.zones(self._session)


def views(session: Session, now: datetime) -> list[ScheduleView]:
    """Every schedule, in order of job and zone."""
    return _views(session, None, now)


def view(session: Session, name: str, now: datetime, limit: int) -> JobScheduleView:
    """One job's schedule, with `limit` of the next fire times and of the last firings. Raises UnknownName."""
    job = jobs.find(session, name)
    if job.schedule is None:
        raise UnknownName(f"the job {name!r} has no schedule", "give it one with: every")
    schedule, trigger = read(job)
    coming = [
        FireTimeView(row.zone, at)
        for row in session.exec(select(tables.Schedule).where(tables.Schedule.job == name))
        for at in preview(schedule, trigger, find_zone(row.zone), row.anchor, max(row.handled, now), limit)
    ]
    coming.sort(key=lambda one: (one.at, one.zone))
    newest = select(Firing).where(Firing.job == name).order_by(col(Firing.at).desc(), Firing.zone).limit(limit)
    return JobScheduleView(
        tuple(_views(session, name, now)), tuple(coming[:limit]), tuple(_firing(one) for one in session.exec(newest))
    )


def _views(session: Session, name: str | None, now: datetime) -> list[ScheduleView]:
    row, firing = tables.Schedule, Firing
    of_row = and_(col(firing.job) == row.job, col(firing.zone) == row.zone)
    newest = select(func.max(firing.at)).where(of_row).correlate(row).scalar_subquery()
    query = (
        select(row, Content, firing)
        .join(Declared, and_(col(Declared.kind) == Kind.JOB, col(Declared.name) == row.job))
        .join(Content)
        .outerjoin(firing, and_(of_row, col(firing.at) == newest))
        .order_by(row.job, row.zone)
    )
    if name is not None:
        query = query.where(row.job == name)
    found = []
    for one, content, joined in session.exec(query):
        last: Firing | None = joined  # the statement's type does not know of its outer join
        schedule, trigger = read(Job.from_mapping(content.content))
        found.append(
            ScheduleView(
                job=one.job,
                every=grammar.canonical(trigger),
                timezone=schedule.timezone,
                zone=one.zone,
                suspended=schedule.suspend,
                next_at=one.next_at,
                silent_until=one.handled if one.handled > now + GRACE else None,
                last=None if last is None else _firing(last),
            )
        )
    return found


def _firing(row: Firing) -> FiringView:
    return FiringView(row.job, row.zone, row.at, row.outcome, row.run, row.detail, row.recorded_at)
