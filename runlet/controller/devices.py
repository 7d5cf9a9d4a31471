"""Devices: who is enrolled, and who is there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlmodel import Session, select

from runlet.controller.tables import Device
from runlet.model.target import Candidate
from runlet.protocol.messages import OFFLINE_SECONDS, STALE_SECONDS
from runlet.protocol.views import DeviceView, Presence


def enroll(session: Session, names: Iterable[str]) -> list[str]:
    """Make sure that these devices exist; all that do, in order of name."""
    known = set(session.exec(select(Device.name)))
    for name in names:
        if name not in known:
            session.add(Device(name=name))
            known.add(name)
    return sorted(known)


def presence(device: Device, now: datetime) -> Presence:
    """Derived from the last sign of life, by the controller's clock."""
    if not device.connected or device.last_seen is None:
        return Presence.OFFLINE
    silent = abs(now - device.last_seen)  # a clock that was set back must not make the dead live for hours
    if silent > timedelta(seconds=OFFLINE_SECONDS):
        return Presence.OFFLINE
    return Presence.STALE if silent > timedelta(seconds=STALE_SECONDS) else Presence.ONLINE


def connected(session: Session, now: datetime) -> dict[str, bool]:
    """Each enrolled device, and whether it can be reached."""
    return {device.name: presence(device, now) is not Presence.OFFLINE for device in session.exec(select(Device))}


def candidates(session: Session, now: datetime) -> dict[str, Candidate]:
    """Each enrolled device by name, with what a target asks of it."""
    return {name: Candidate(name, reachable) for name, reachable in connected(session, now).items()}


def seen(session: Session, name: str, now: datetime, *, connected: bool = True, version: str | None = None) -> bool:
    """A sign of life, or a goodbye; False when no such device is enrolled."""
    device = session.get(Device, name)
    if device is None:
        return False
    device.last_seen = now
    device.connected = connected
    device.agent_version = version or device.agent_version
    return True


def views(session: Session, now: datetime) -> list[DeviceView]:
    devices = session.exec(select(Device).order_by(Device.name))
    return [
        DeviceView(device.name, presence(device, now), device.last_seen, device.agent_version) for device in devices
    ]
