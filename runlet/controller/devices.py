"""Devices: who is enrolled, and who is there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, not_, or_
from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from runlet.controller.tables import Device
from runlet.errors import UnknownName
from runlet.model.facts import FactValue
from runlet.model.target import Candidate
from runlet.protocol.messages import OFFLINE_SECONDS, STALE_SECONDS
from runlet.protocol.views import DeviceView, Presence

# Heartbeats come from the whole fleet all the time, and need nothing of what takes longest to read.
_WITHOUT_FACTS = defer(col(Device.facts))  # type: ignore[arg-type]  # SQLModel's word for what it is


def enroll(session: Session, names: Iterable[str]) -> list[str]:
    """Make sure that these devices exist; all that do, in order of name."""
    known = set(session.exec(select(Device.name)))
    for name in names:
        if name not in known:
            session.add(Device(name=name))
            known.add(name)
    return sorted(known)


def presence(connected: bool, last_seen: datetime | None, now: datetime) -> Presence:
    """Derived from the last sign of life, by the controller's clock."""
    if not connected or last_seen is None:
        return Presence.OFFLINE
    silent = abs(now - last_seen)  # a clock that was set back must not make the dead live for hours
    if silent > timedelta(seconds=OFFLINE_SECONDS):
        return Presence.OFFLINE
    return Presence.STALE if silent > timedelta(seconds=STALE_SECONDS) else Presence.ONLINE


def is_reachable(session: Session, name: str, now: datetime) -> bool:
    """Whether this device can be reached; False when there is no such device."""
    device = session.get(Device, name, options=[_WITHOUT_FACTS])
    return device is not None and presence(device.connected, device.last_seen, now) is not Presence.OFFLINE


def is_away(now: datetime) -> ColumnElement[bool]:
    """The same as `presence` being offline, as a condition on Device."""
    silence = timedelta(seconds=OFFLINE_SECONDS)
    seen = col(Device.last_seen).between(now - silence, now + silence)
    return or_(col(Device.connected).is_(False), col(Device.last_seen).is_(None), not_(seen))


def connected(session: Session, now: datetime) -> dict[str, bool]:
    """Each enrolled device, and whether it can be reached."""
    # Columns, not rows as objects: every sweep of the outbox asks this of the whole fleet.
    found = session.exec(select(Device.name, Device.connected, Device.last_seen))
    return {name: presence(said, last_seen, now) is not Presence.OFFLINE for name, said, last_seen in found}


def candidates(session: Session, now: datetime) -> dict[str, Candidate]:
    """Each enrolled device by name, with what a target asks of it."""
    return {name: Candidate(name, reachable) for name, reachable in connected(session, now).items()}


def seen(session: Session, name: str, now: datetime, *, connected: bool = True, version: str | None = None) -> bool:
    """A sign of life, or a goodbye; False when no such device is enrolled."""
    device = session.get(Device, name, options=[_WITHOUT_FACTS])
    if device is None:
        return False
    device.last_seen = now
    device.connected = connected
    device.agent_version = version or device.agent_version
    return True


def observed(session: Session, name: str, facts: dict[str, FactValue], now: datetime) -> None:
    """A device's agent told what it is: that replaces what was told before."""
    device = session.get(Device, name, options=[_WITHOUT_FACTS])
    if device is not None:
        device.facts, device.facts_at = facts, now


def views(session: Session, now: datetime, names: Sequence[str] = (), *, facts: bool = True) -> list[DeviceView]:
    """The devices called so, or all, in order of name. Raises UnknownName."""
    query = select(Device).order_by(Device.name)
    found = list(session.exec(query if facts else query.options(_WITHOUT_FACTS)))
    if names:
        _check_known(names, [device.name for device in found])
    return [_view(device, now, facts=facts) for device in found if not names or device.name in names]


def _view(device: Device, now: datetime, *, facts: bool) -> DeviceView:
    return DeviceView(
        name=device.name,
        presence=presence(device.connected, device.last_seen, now),
        last_seen=device.last_seen,
        agent_version=device.agent_version,
        facts=device.facts if facts else {},
        facts_at=device.facts_at,
    )


def _check_known(names: Sequence[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            meant = f"; did you mean {close[0]}?" if close else ""
            raise UnknownName(f"no device is called {name!r}{meant}", "see them with: runlet devices")
