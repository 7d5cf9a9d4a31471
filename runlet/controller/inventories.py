"""The inventory that the declared devices, groups and variables of all sources make together."""

from __future__ import annotations

from collections.abc import Iterable

from sqlmodel import Session, col, select

from runlet.controller import tables
from runlet.model.declaration import Declaration, Kind
from runlet.model.inventory import Device, Group, Inventory

KINDS = (Kind.FLEET, Kind.GROUP, Kind.DEVICE)
# What is not declared has no labels and no variables of its own, and is enabled.
UNDECLARED = Device("")


def present(session: Session) -> Inventory:
    """What is declared now; its devices in order, each source's as its inventory lists them."""
    query = select(tables.Declared.kind, tables.Declared.name, tables.Content.content).join(tables.Content)
    query = query.where(col(tables.Declared.kind).in_(KINDS))
    found = session.exec(query.order_by(tables.Declared.owner, col(tables.Declared.position), tables.Declared.name))
    return of(Declaration(Kind(kind), name, content) for kind, name, content in found)


def of(declarations: Iterable[Declaration]) -> Inventory:
    """The inventory of these declarations. Raises InvalidInput for groups that contain themselves."""
    devices, groups, variables = {}, {}, {}
    for one in declarations:
        match one.kind:
            case Kind.DEVICE:
                devices[one.name] = Device.from_mapping(one.name, one.content)
            case Kind.GROUP:
                groups[one.name] = Group.from_mapping(one.name, one.content)
            case Kind.FLEET:
                variables = one.content["vars"]
            case Kind.JOB:
                pass
    return Inventory(devices, groups, variables)
