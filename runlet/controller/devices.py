"""Devices: who is enrolled, and who is there."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, Row, func, not_, update
from sqlalchemy.orm import defer
from sqlmodel import Session, SQLModel, and_, col, or_, select

from runlet.controller import inventories
from runlet.controller.portions import portions
from runlet.controller.tables import Device
from runlet.controller.wall_clock import STEPPED
from runlet.errors import UnknownName
from runlet.model import counted
from runlet.model import inventory as inventory_rules
from runlet.model import target as target_rules
from runlet.model.facts import NAMES, FactValue
from runlet.model.inventory import Inventory
from runlet.model.schedule import DEFAULT_ZONE
from runlet.model.target import Candidate, Chosen, Fleet, Target
from runlet.protocol.messages import OFFLINE_SECONDS, STALE_SECONDS, Hello
from runlet.protocol.views import DeviceView, Presence
from runlet.timetable.spans import zone_or_none

# Heartbeats come from the whole fleet all the time, and need nothing of what takes longest to read.
_WITHOUT_FACTS = defer(col(Device.facts))  # type: ignore[arg-type]  # SQLModel's word for what it is
_IS_ENROLLED = or_(col(Device.configured), col(Device.declared))
# Whether a device gets executions: commands about those it has already are another matter.
TAKES_PART = and_(_IS_ENROLLED, col(Device.enabled))
_TABLE = SQLModel.metadata.tables[str(Device.__tablename__)]
_DECLARE = sqlalchemy.update(_TABLE).where(_TABLE.c.name == sqlalchemy.bindparam("known"))
# Columns, not rows as objects: a target is resolved against the whole fleet.
_SEEN = sqlalchemy.select(*(_TABLE.c[name] for name in ("name", "configured", "connected", "last_seen", "facts")))


def enroll(session: Session, names: Collection[str]) -> list[str]:
    """These devices may connect, whether an inventory declares them or not. All that are enrolled, in order of name."""
    know(session, names)
    session.exec(update(Device).where(col(Device.name).in_(names)).values(configured=True))
    return sorted(session.exec(select(Device.name).where(_IS_ENROLLED)))


def know(session: Session, names: Collection[str]) -> None:
    """Make sure that these devices have a row, which executions and outbox refer to."""
    known = set(session.exec(select(Device.name).where(col(Device.name).in_(names))))
    new = {"configured": False, "declared": False, "enabled": True, "connected": False, "facts": {}}
    rows = [{"name": name, **new} for name in set(names) - known]
    if rows:
        session.connection().execute(sqlalchemy.insert(_TABLE), rows)


def declare(session: Session, declared: Mapping[str, inventory_rules.Device | None]) -> None:
    """These devices are declared so; None: no more."""
    know(session, [name for name, device in declared.items() if device is not None])
    rows = [
        {"known": name, "declared": device is not None, "enabled": device is None or device.enabled}
        for name, device in declared.items()
    ]
    if rows:
        session.connection().execute(_DECLARE, rows)


def presence(connected: bool, last_seen: datetime | None, now: datetime) -> Presence:
    """Derived from the last sign of life, by the controller's clock."""
    if not connected or last_seen is None:
        return Presence.OFFLINE
    silent = abs(now - last_seen)  # a clock that was set back must not make the dead live for hours
    if silent > timedelta(seconds=OFFLINE_SECONDS):
        return Presence.OFFLINE
    return Presence.STALE if silent > timedelta(seconds=STALE_SECONDS) else Presence.ONLINE


def is_reachable(session: Session, name: str, now: datetime) -> bool:
    """Whether this device can be reached, by the clock as it is; False when there is no such device."""
    device = session.get(Device, name, options=[_WITHOUT_FACTS])
    return device is not None and presence(device.connected, device.last_seen, now) is not Presence.OFFLINE


def is_connected(session: Session, said: bool | None, last_seen: datetime | None, now: datetime) -> bool:
    """Whether a device counts as connected: while the clock cannot tell who is silent, who said no goodbye is there."""
    if not said or last_seen is None:
        return False
    return session.info.get(STEPPED, False) or presence(said, last_seen, now) is not Presence.OFFLINE


def is_away(session: Session, now: datetime) -> ColumnElement[bool]:
    """The opposite of `is_connected`, as a condition on Device."""
    gone = or_(col(Device.connected).is_(False), col(Device.last_seen).is_(None))
    if session.info.get(STEPPED, False):
        return gone
    silence = timedelta(seconds=OFFLINE_SECONDS)
    seen = col(Device.last_seen).between(now - silence, now + silence)
    return or_(gone, not_(seen))


def connected(session: Session, now: datetime) -> dict[str, bool]:
    """Each enrolled device, and whether it can be reached."""
    # Columns, not rows as objects: every sweep of the outbox asks this of the whole fleet.
    found = session.exec(select(Device.name, Device.connected, Device.last_seen).where(_IS_ENROLLED))
    return {name: is_connected(session, said, last_seen, now) for name, said, last_seen in found}


def last_sign(session: Session) -> datetime | None:
    """When the last sign of life of any device came."""
    return session.exec(select(func.max(Device.last_seen))).one()


def zones(session: Session) -> dict[str, str]:
    """Each enrolled device, and the time zone that its agent told; DEFAULT_ZONE without one that there is."""
    told = list(session.exec(select(Device.name, col(Device.facts)["timezone"].as_string()).where(_IS_ENROLLED)))
    known = {zone for zone in {zone for _, zone in told} if zone is not None and zone_or_none(zone) is not None}
    return {name: zone if zone in known else DEFAULT_ZONE for name, zone in told}


def candidates(session: Session, inventory: Inventory, now: datetime) -> dict[str, Candidate]:
    """Each enrolled device by name, with what a target asks of it. `inventory` may be one that is planned.

    They are in its order; those that are not declared come last, by name.
    """
    found = {row.name: row for row in session.connection().execute(_SEEN)}
    undeclared = [name for name, row in found.items() if row.configured and name not in inventory.devices]
    names = [*inventory.devices, *sorted(undeclared, key=counted.key)]
    return {name: _candidate(session, inventory, name, found.get(name), now) for name in names}


def _candidate(session: Session, inventory: Inventory, name: str, seen: Row[Any] | None, now: datetime) -> Candidate:
    declared = inventory.devices.get(name, inventories.UNDECLARED)
    reachable = seen is not None and is_connected(session, seen.connected, seen.last_seen, now)
    return Candidate(
        name=name,
        connected=reachable,
        enabled=declared.enabled,
        groups=frozenset(inventory.groups_of(name)),
        labels=declared.labels,
        facts=seen.facts if seen else {},
    )


def fleet(session: Session, inventory: Inventory, now: datetime) -> Fleet:
    """The candidates in their groups, for targets to be resolved in."""
    return Fleet(candidates(session, inventory, now), frozenset(inventory.groups))


def explain(session: Session, target: Target, now: datetime) -> list[Chosen]:
    """Which devices a target selects, and why. Raises as `model.target.explain` does."""
    inventory = inventories.present(session)
    return target_rules.explain(target, candidates(session, inventory, now), frozenset(inventory.groups))


def seen(session: Session, name: str, now: datetime, *, connected: bool = True, hello: Hello | None = None) -> bool:
    """A sign of life, or a goodbye; False when no such device is enrolled."""
    device = session.get(Device, name, options=[_WITHOUT_FACTS])
    if device is None or not (device.configured or device.declared):
        return False
    device.last_seen = now
    device.connected = connected
    if hello is not None:
        device.agent_version, device.sealing_key = hello.agent_version, hello.key
    return True


def beat(session: Session, names: Collection[str], now: datetime) -> list[str]:
    """Signs of life of many devices, in two statements for a thousand; those of them that were away before."""
    away = []
    for some in portions(names):
        those = and_(col(Device.name).in_(some), _IS_ENROLLED)
        found = session.exec(select(Device.name, Device.connected, Device.last_seen).where(those))
        away += [name for name, said, last in found if presence(said, last, now) is Presence.OFFLINE]
        session.connection().execute(update(Device).where(those).values(last_seen=now, connected=True))
    return away


def observed(session: Session, name: str, facts: dict[str, FactValue], now: datetime) -> None:
    """A device's agent told what it is: that replaces what was told before.

    Only the facts that there are: a name of its own choice could stand in for a label that the device does not have.
    """
    facts = {name: value for name, value in facts.items() if name in NAMES}
    device = session.get(Device, name, options=[_WITHOUT_FACTS])
    if device is not None:
        device.facts, device.facts_at = facts, now


def views(session: Session, now: datetime, names: Sequence[str] = (), *, facts: bool = True) -> list[DeviceView]:
    """The devices called so, or all, in order of name. Raises UnknownName."""
    query = select(Device).where(_IS_ENROLLED)
    found = list(session.exec(query if facts else query.options(_WITHOUT_FACTS)))
    found.sort(key=lambda device: counted.key(device.name))
    if names:
        check_known(names, [device.name for device in found])
    inventory = inventories.present(session)
    return [_view(device, inventory, now, facts=facts) for device in found if not names or device.name in names]


def _view(device: Device, inventory: Inventory, now: datetime, *, facts: bool) -> DeviceView:
    declared = inventory.devices.get(device.name, inventories.UNDECLARED)
    return DeviceView(
        name=device.name,
        description=declared.description,
        enabled=declared.enabled,
        groups=inventory.groups_of(device.name),
        labels=dict(declared.labels),
        presence=presence(device.connected, device.last_seen, now),
        last_seen=device.last_seen,
        agent_version=device.agent_version,
        sealing_key=device.sealing_key,
        facts=device.facts if facts else {},
        facts_at=device.facts_at,
    )


def check_known(names: Iterable[str], known: Collection[str]) -> None:
    """Raises UnknownName for a name that is not among the known."""
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            meant = f"; did you mean {close[0]}?" if close else ""
            raise UnknownName(f"no device is called {name!r}{meant}", "see them with: runlet devices")
