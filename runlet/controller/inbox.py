"""The inbox: every question that is open, in the whole fleet or in one run, the oldest first."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, SQLModel, col

from runlet.controller import answers, devices
from runlet.controller.pages import Place
from runlet.controller.tables import Device, Execution, Run
from runlet.model.execution import State
from runlet.protocol.views import PromptView

_TABLE = SQLModel.metadata.tables[str(Execution.__tablename__)]
_ASKED = (_TABLE.c.id, _TABLE.c.attempt, _TABLE.c.run, _TABLE.c.device, _TABLE.c.asked_at, _TABLE.c.prompt)
_ABOUT = (col(Run.job), col(Device.connected), col(Device.last_seen), col(Device.sealing_key))


def page(
    session: Session, now: datetime, limit: int, after: Place | None = None, run: int | None = None
) -> tuple[list[PromptView], Place | None]:
    """Some of the open questions, fewer than `limit` too, and where the next page begins; None when this is the last.

    One that was answered is open no longer, though its program may not have gone on yet.
    """
    query = select(*_ASKED, *_ABOUT).join(Run, col(Run.id) == _TABLE.c.run)
    query = query.join(Device, col(Device.name) == _TABLE.c.device)
    query = query.where(_TABLE.c.asked_at.is_not(None), _TABLE.c.state == State.AWAITING_INPUT)
    if run is not None:
        query = query.where(_TABLE.c.run == run)
    if after is not None:
        query = query.where(after.is_before(_TABLE.c.asked_at, _TABLE.c.id))
    rows = session.execute(query.order_by(_TABLE.c.asked_at, _TABLE.c.id).limit(limit)).all()
    answered = answers.taken(session, [row.id for row in rows])
    found = [
        PromptView(
            execution=row.id,
            attempt=row.attempt,
            run=row.run,
            job=row.job,
            device=row.device,
            presence=devices.presence(row.connected, row.last_seen, now),
            sealing_key=row.sealing_key,
            asked_at=row.asked_at,
            prompt=row.prompt,
        )
        for row in rows
        if (row.id, row.attempt, row.prompt.id) not in answered
    ]
    return found, Place(rows[-1].asked_at, rows[-1].id) if len(rows) == limit else None
