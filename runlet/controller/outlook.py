"""What planned declarations will mean: which devices each job goes to, when it fires, and what cannot work.

Nothing is written: everything is judged by what the controller will hold once the changes are made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from sqlmodel import Session

from runlet.controller import devices, inventories
from runlet.errors import InvalidDeclarations, Mistake, RunletError
from runlet.model.declaration import Change, Declaration, Held, Key, Kind
from runlet.model.inventory import Inventory
from runlet.model.job import Job
from runlet.model.schedule import DEVICE_ZONE
from runlet.model.target import Fleet, Where, resolve_in
from runlet.model.variables import DEVICE
from runlet.protocol.views import JobOutlook
from runlet.spec import inventory as inventory_spec
from runlet.spec import template
from runlet.timetable import grammar
from runlet.timetable.due import preview
from runlet.timetable.spans import find_zone

# What `plan` tells of a schedule and of a target.
FIRE_TIMES_TOLD = 5
DEVICES_TOLD = 5
# Devices that lack a variable, in one message.
DEVICES_NAMED = 3


def look(
    session: Session, changes: Iterable[Change], future: Mapping[Key, Held], now: datetime
) -> tuple[JobOutlook, ...]:
    """The jobs of a plan, in its order. Raises InvalidDeclarations with every mistake."""
    planned = [change for change in changes if change.after is not None]
    inventory = _inventory(planned, [one.declaration for one in future.values()])
    fleet = Fleet(devices.candidates(session, inventory, now), frozenset(inventory.groups))
    mistakes: list[Mistake] = []
    outlooks = []
    for change in planned:
        if change.kind is Kind.JOB and change.after is not None:
            look = _Look(Job.from_mapping(change.after), inventory, fleet, now)
            mistakes += look.mistakes()
            outlooks.append(look)
    if mistakes:
        raise InvalidDeclarations(mistakes)
    return tuple(one.told() for one in outlooks)


def _inventory(planned: Iterable[Change], future: Iterable[Declaration]) -> Inventory:
    """The inventory that will be. Raises InvalidDeclarations when its parts do not fit together."""
    content: dict[str, dict[str, object]] = {}
    parts = {Kind.DEVICE: "devices", Kind.GROUP: "groups"}
    for one in future:
        if one.kind in parts:
            content.setdefault(parts[one.kind], {})[one.name] = one.content
    kinds = {part: kind for kind, part in parts.items()}
    mistakes = [
        Mistake(kinds[str(part)], str(name), str(rest[0]) if rest else None, None, message)
        for (part, name, *rest), message in inventory_spec.inconsistencies(content)
    ]
    if mistakes:
        raise InvalidDeclarations(mistakes)
    return inventories.of(future)


class _Look:
    """One job, looked at."""

    def __init__(self, job: Job, inventory: Inventory, fleet: Fleet, now: datetime) -> None:
        self._job = job
        self._inventory = inventory
        self._fleet = fleet
        self._now = now
        self._unresolved: RunletError | None = None
        self._devices = self._resolved()

    def told(self) -> JobOutlook:
        job = self._job
        return JobOutlook(
            job=job.name,
            where=job.target.where,
            devices=len(self._devices),
            sample=tuple(self._devices[:DEVICES_TOLD]),
            fire_times=self._fire_times(),
            warnings=tuple(self._warnings()),
        )

    def mistakes(self) -> Iterator[Mistake]:
        """What would keep every run of the job from starting."""
        job = self._job
        if self._unresolved is not None and job.target.where is Where.CUSTOM:
            yield Mistake(Kind.JOB, job.name, "whereCustom", None, self._unresolved.message)
        elsewhere = set(job.vars) | {DEVICE}
        for name, line in template.variables(job.script).items():
            if name not in elsewhere and (message := self._lacking(name)):
                yield Mistake(Kind.JOB, job.name, "script", line, message)

    def _resolved(self) -> list[str]:
        """The devices that a run launched now would go to; for `any` and `local`, those it could go to."""
        target, barred = self._job.target, self._job.barred
        if target.where in (Where.ANY, Where.LOCAL):
            return sorted(name for name, one in self._fleet.candidates.items() if one.enabled and name not in barred)
        try:
            found = resolve_in(self._fleet, target, barred=barred)
        except RunletError as error:
            self._unresolved = error
            return []
        return [name for name in found if name is not None]

    def _lacking(self, name: str) -> str | None:
        """Why a script that needs this variable cannot be rendered, if so."""
        inventory = self._inventory
        if name in inventory.vars:
            return None
        declared = [one.vars for one in inventory.groups.values()] + [one.vars for one in inventory.devices.values()]
        if not any(name in variables for variables in declared):
            return f"no variable is called {name}; declare it in the job's vars or in the inventory"
        lacking = [device for device in self._devices if name not in inventory.variables_of(device)]
        # A job for the device that asks, or for any one, may be meant for those that have it.
        if not lacking or (self._job.target.where is Where.LOCAL and len(lacking) < len(self._devices)):
            return None
        more = f" and {len(lacking) - DEVICES_NAMED} more" if len(lacking) > DEVICES_NAMED else ""
        return f"the variable {name} is missing on {', '.join(lacking[:DEVICES_NAMED])}{more}"

    def _fire_times(self) -> tuple[datetime, ...]:
        """The next fire times, in UTC for a schedule in each device's own zone."""
        schedule = self._job.schedule
        if schedule is None or self._job.target.where is Where.LOCAL:
            return ()
        zone = find_zone("UTC" if schedule.timezone == DEVICE_ZONE else schedule.timezone)
        trigger = grammar.parse(schedule.every)
        return tuple(preview(schedule, trigger, zone, self._now, self._now, FIRE_TIMES_TOLD))

    def _warnings(self) -> Iterator[str]:
        job = self._job
        if job.schedule is not None and job.target.where is Where.LOCAL:
            yield "every: a schedule has no device that asks, so where: local never fires; say where"
        if self._unresolved is not None:
            yield self._unresolved.message
