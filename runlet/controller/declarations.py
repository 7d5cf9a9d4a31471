"""Declarations: what sources applied, planned and changed in one transaction, with the history to return to.

Planning and applying are the same work; a plan stops before the writing. Whatever an `apply` deletes or changes, runs
keep what they were launched with.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, delete, insert, update
from sqlalchemy.orm import defer
from sqlmodel import Session, SQLModel, col, select, text

from runlet.controller import devices, schedules, tables
from runlet.controller.outlook import look
from runlet.controller.reach import Reach
from runlet.errors import Conflict, InvalidDeclarations, NotTheOwner, StalePlan, UnknownName
from runlet.model.declaration import Declaration, Held, Key, Kind, Submission, after, base, compare, digest
from runlet.model.inventory import Device
from runlet.protocol.values import to_json
from runlet.protocol.views import AppliedChange, ApplyView, PlanView

_TABLE = SQLModel.metadata.tables[str(tables.Declared.__tablename__)]
_THIS = and_(_TABLE.c.kind == bindparam("old_kind"), _TABLE.c.name == bindparam("old_name"))
_DELETE = delete(_TABLE).where(_THIS)
_MOVE = update(_TABLE).where(_THIS).values(position=bindparam("new_position"))

# Of `notify`, what a configuration allows that says nothing of it.
NOWHERE = Reach()
# What a history's `note` says of an apply that brought an earlier state back.
ROLLBACK_NOTE = "rollback to {}"
# ... and of one that lists the same devices in another order.
REORDERED_NOTE = "devices reordered"


def held(session: Session) -> dict[Key, Held]:
    """Everything declared."""
    rows = session.exec(select(tables.Declared, tables.Content).join(tables.Content))
    return {
        (row.kind, row.name): Held(Declaration(row.kind, row.name, content.content), row.owner) for row, content in rows
    }


def plan(session: Session, submission: Submission, now: datetime, reach: Reach = NOWHERE) -> PlanView:
    """What applying would do. Raises NotTheOwner, StalePlan, or InvalidDeclarations with every mistake.

    It is one to tell others what is beyond `reach`.
    """
    return _plan(session, submission, now, reach)[1]


def apply(session: Session, submission: Submission, now: datetime, reach: Reach = NOWHERE) -> PlanView:
    """Do it: all or nothing. What changes nothing leaves no trace, but for the first apply of a commit."""
    _lock(session)
    present, planned = _plan(session, submission, now, reach)
    if planned.changes_something or _is_new_commit(session, submission):
        _write(session, submission, present, planned, now)
    return planned


def history(session: Session, limit: int, before: int | None) -> list[ApplyView]:
    """The newest applies, newest first; older than `before` when given."""
    without_manifest = defer(tables.Apply.manifest)  # type: ignore[arg-type]  # a column, once it is on the class
    query = select(tables.Apply).options(without_manifest).order_by(col(tables.Apply.id).desc()).limit(limit)
    if before is not None:
        query = query.where(col(tables.Apply.id) < before)
    return [_view(row) for row in session.exec(query)]


def rollback(
    session: Session,
    number: int,
    by: str,
    now: datetime,
    *,
    adopt: bool = False,
    dry_run: bool = False,
    base: str | None = None,
    origin: str | None = None,
    reach: Reach = NOWHERE,
) -> PlanView:
    """Make a source's declarations what they were after apply `number`, as an apply of its own; or only plan it.

    With `base`, only if that is still the plan's.
    """
    row = session.get(tables.Apply, number)
    if row is None:
        raise UnknownName(f"there is no apply {number}", "see them with: runlet history")
    declarations = tuple(
        Declaration(Kind(kind), name, session.get_one(tables.Content, revision).content)
        for kind, names in row.manifest.items()
        for name, revision in names.items()
    )
    note = ROLLBACK_NOTE.format(number)
    submission = Submission(
        row.source,
        by,
        declarations,
        row.commit,
        row.dirty,
        prune=True,
        adopt=adopt,
        base=base,
        note=note,
        origin=origin,
    )
    try:
        return (plan if dry_run else apply)(session, submission, now, reach)
    except StalePlan:
        raise StalePlan(
            "the controller has changed since this was planned", f"look again with: runlet rollback {number} --dry-run"
        ) from None
    except (NotTheOwner, InvalidDeclarations) as error:
        others = isinstance(error, NotTheOwner)
        raise Conflict(
            f"what {row.source} declared after apply {number} cannot be declared again:\n{error.message}",
            "take it over with --adopt" if others else "bring it back in its repository, and apply that",
        ) from None


def _plan(session: Session, submission: Submission, now: datetime, reach: Reach) -> tuple[dict[Key, Held], PlanView]:
    present = held(session)
    changes = compare(
        submission.declarations,
        present,
        submission.source,
        prune=submission.prune,
        adopt=submission.adopt,
        delete=frozenset(submission.delete),
    )
    future = after(changes, present, submission.source)
    seen = look(session, submission, changes, future, now, reach)
    listed = _devices_of(submission)
    before = [name for name in _listed(session, submission.source) if name in listed]
    # The devices that jobs select are part of what a plan promises, whoever has changed them since.
    found = digest([base(submission.declarations, present, submission.source), seen.selected, before])
    if submission.base is not None and submission.base != found:
        raise StalePlan(
            "the controller has changed since this plan was made", "make a new one with: runlet plan --out FILE"
        )
    reordered = before != sorted(before, key=listed.__getitem__)
    return present, PlanView(submission.source, found, tuple(changes), seen.jobs, seen.warnings, reordered)


def _devices_of(submission: Submission) -> dict[str, int]:
    """The devices of its inventory, and the place of each."""
    names = (one.name for one in submission.declarations if one.kind is Kind.DEVICE)
    return {name: position for position, name in enumerate(names)}


def _listed(session: Session, source: str) -> dict[str, int]:
    """The devices that a source declares now in their order, and the place of each."""
    query = select(tables.Declared.name, tables.Declared.position)
    query = query.where(tables.Declared.kind == Kind.DEVICE, tables.Declared.owner == source)
    return dict(session.exec(query.order_by(col(tables.Declared.position), tables.Declared.name)).all())


def _write(
    session: Session,
    submission: Submission,
    present: dict[Key, Held],
    planned: PlanView,
    now: datetime,
) -> None:
    changes = [change for change in planned.changes if change.is_one]
    future = after(changes, present, submission.source)
    listed = _devices_of(submission)
    ours = [one.declaration for one in future.values() if one.owner == submission.source]
    places = _listed(session, submission.source) | listed
    ours.sort(key=lambda one: places.get(one.name, 0))  # a rollback finds the devices in this order
    applied = tables.Apply(
        at=now,
        by=submission.by,
        origin=submission.origin,
        source=submission.source,
        commit=submission.commit,
        dirty=submission.dirty,
        note=", ".join(filter(None, [submission.note, REORDERED_NOTE if planned.reordered else ""])),
        changes=[to_json(AppliedChange(one.kind, one.name, one.change, one.adopted_from)) for one in changes],
        manifest=_manifest(ours),
    )
    session.add(applied)
    _keep_content(session, [future[change.key].declaration for change in changes if change.after is not None])
    devices.declare(
        session,
        {
            change.name: None if change.after is None else Device.from_mapping(change.name, change.after)
            for change in changes
            if change.kind is Kind.DEVICE
        },
    )
    session.flush()  # the declared refer to both
    assert applied.id is not None
    # Written anew in two statements, whatever their number: a large inventory is 10,000 rows.
    keys = [{"old_kind": change.kind, "old_name": change.name} for change in changes]
    rows = [
        {
            "kind": change.kind,
            "name": change.name,
            "revision": future[change.key].declaration.revision,
            "owner": submission.source,
            "position": listed.get(change.name, 0),
            "apply": applied.id,
            "applied_at": now,
        }
        for change in changes
        if change.after is not None
    ]
    connection = session.connection()
    if keys:
        connection.execute(_DELETE, keys)
    if rows:
        connection.execute(insert(_TABLE), rows)
    moved = [
        {"old_kind": Kind.DEVICE, "old_name": name, "new_position": listed[name]}
        for name, position in _listed(session, submission.source).items()
        if name in listed and position != listed[name]
    ]
    if moved:
        connection.execute(_MOVE, moved)
    schedules.sync(session, {change.name for change in changes if change.kind is Kind.JOB}, now)


def _keep_content(session: Session, declarations: Iterable[Declaration]) -> None:
    """Contents are kept by their digest, so that an earlier one can be brought back."""
    by_digest = {declaration.revision: declaration.content for declaration in declarations}
    query = select(tables.Content.digest).where(col(tables.Content.digest).in_(by_digest))
    known = set(session.exec(query))
    rows = [{"digest": key, "content": dict(content)} for key, content in by_digest.items() if key not in known]
    if rows:
        session.connection().execute(insert(SQLModel.metadata.tables[str(tables.Content.__tablename__)]), rows)


def _manifest(declarations: Iterable[Declaration]) -> dict[str, dict[str, str]]:
    manifest: dict[str, dict[str, str]] = {}
    for one in declarations:
        manifest.setdefault(one.kind.value, {})[one.name] = one.revision
    return manifest


def _is_new_commit(session: Session, submission: Submission) -> bool:
    query = select(tables.Apply.commit, tables.Apply.dirty).where(tables.Apply.source == submission.source)
    last = session.exec(query.order_by(col(tables.Apply.id).desc()).limit(1)).first()
    return last is None or tuple(last) != (submission.commit, submission.dirty)


def _lock(session: Session) -> None:
    """One apply at a time. SQLite's transactions exclude one another anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(text("LOCK TABLE declared IN SHARE ROW EXCLUSIVE MODE"))


def _view(row: tables.Apply) -> ApplyView:
    assert row.id is not None
    changes: list[dict[str, Any]] = row.changes
    return ApplyView(
        id=row.id,
        at=row.at,
        by=row.by,
        source=row.source,
        commit=row.commit,
        dirty=row.dirty,
        note=row.note,
        changes=tuple(AppliedChange(**change) for change in changes),
    )
