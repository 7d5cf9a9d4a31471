"""Declared jobs: finding one to run, and listing them."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import fields

from sqlmodel import Session, col, select

from runlet.controller.tables import Apply, Content, Declared
from runlet.errors import UnknownName
from runlet.model.declaration import Kind
from runlet.model.job import Job
from runlet.protocol.views import DeclaredJob, JobView


def find(session: Session, name: str) -> Job:
    """The job as declared; raises UnknownName, with the nearest name there is."""
    return Job.from_mapping(_find(session, name)[1].content)


def declared(session: Session, name: str) -> DeclaredJob:
    """The job with its content. Raises UnknownName as `find` does."""
    row, content = _find(session, name)
    view = _view(row, Job.from_mapping(content.content))
    return DeclaredJob(**{field.name: getattr(view, field.name) for field in fields(view)}, content=content.content)


def _find(session: Session, name: str) -> tuple[Declared, Content]:
    row = session.get(Declared, (Kind.JOB, name))
    if row is not None:
        return row, session.get_one(Content, row.revision)
    names = session.exec(select(Declared.name).where(Declared.kind == Kind.JOB))
    close = difflib.get_close_matches(name, names, n=1)
    meant = f"; did you mean {close[0]}?" if close else ""
    raise UnknownName(
        f"no job is called {name!r}{meant}", "see them with: runlet jobs; declare one with: runlet apply FILE"
    )


def origins(session: Session, names: Collection[str]) -> dict[str, str]:
    """The devices that declared these jobs, of those that a device declared."""
    query = (
        select(Declared.name, Apply.origin).join(Apply).where(Declared.kind == Kind.JOB, col(Declared.name).in_(names))
    )
    return {name: origin for name, origin in session.exec(query) if origin is not None}


def views(session: Session) -> list[JobView]:
    """Every job, in order of name."""
    query = select(Declared, Content).join(Content).where(Declared.kind == Kind.JOB)
    return [
        _view(row, Job.from_mapping(content.content)) for row, content in session.exec(query.order_by(Declared.name))
    ]


def _view(row: Declared, job: Job) -> JobView:
    return JobView(
        name=job.name,
        description=job.description,
        revision=row.revision,
        where=job.target.where,
        where_custom=job.target.patterns,
        every=job.every,
        owner=row.owner,
        applied_at=row.applied_at,
    )
