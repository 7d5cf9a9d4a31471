"""Declared jobs: what `apply` made the controller hold."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, select

from runlet.controller import tables
from runlet.errors import UnknownName
from runlet.model.job import Job
from runlet.protocol.views import Change, ChangeKind, JobView


def apply(session: Session, jobs: Sequence[Job], now: datetime) -> list[Change]:
    """Hold these revisions of these jobs, all or none; other jobs stay as they are."""
    return [_apply_one(session, job, now) for job in jobs]


def _apply_one(session: Session, job: Job, now: datetime) -> Change:
    row = session.get(tables.Job, job.name)
    if row is None:
        session.add(tables.Job(name=job.name, revision=job.revision, content=job.to_mapping(), applied_at=now))
        return Change(job.name, ChangeKind.CREATED, job.revision)
    if row.revision == job.revision:
        return Change(job.name, ChangeKind.UNCHANGED, job.revision)
    row.revision, row.content, row.applied_at = job.revision, job.to_mapping(), now
    return Change(job.name, ChangeKind.CHANGED, job.revision)


def find(session: Session, name: str) -> Job:
    """The job as declared; raises UnknownName, with the nearest name there is."""
    row = session.get(tables.Job, name)
    if row is not None:
        return Job.from_mapping(row.content)
    close = difflib.get_close_matches(name, session.exec(select(tables.Job.name)), n=1)
    meant = f"; did you mean {close[0]}?" if close else ""
    raise UnknownName(f"no job is called {name!r}{meant}", "see them with: runlet jobs; declare one with: runlet apply")


def views(session: Session) -> list[JobView]:
    return [_view(row) for row in session.exec(select(tables.Job).order_by(tables.Job.name))]


def _view(row: tables.Job) -> JobView:
    job = Job.from_mapping(row.content)
    return JobView(
        name=job.name,
        description=job.description,
        revision=row.revision,
        where=job.target.where,
        where_custom=job.target.patterns,
        every=job.every,
        applied_at=row.applied_at,
    )
