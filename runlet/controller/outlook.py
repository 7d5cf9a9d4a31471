"""What planned declarations will mean: which devices each job goes to, when it fires, and what cannot work.

Nothing is written: everything is judged by what the controller will hold once the changes are made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from sqlmodel import Session

from runlet.controller import devices, executions, inventories, jobs
from runlet.controller.missing import Missing
from runlet.controller.reach import Reach
from runlet.errors import InvalidDeclarations, Mistake, RunletError
from runlet.model import counted
from runlet.model.declaration import Change, Held, Key, Kind, Submission
from runlet.model.inventory import Inventory
from runlet.model.job import Job
from runlet.model.schedule import DEVICE_ZONE
from runlet.model.target import Fleet, Where, resolve_in
from runlet.model.variables import DEVICE, FACTS
from runlet.protocol.views import JobOutlook
from runlet.spec import inventory as inventory_spec
from runlet.spec import template
from runlet.spec.needs import Need
from runlet.timetable import grammar
from runlet.timetable.due import preview
from runlet.timetable.spans import find_zone

# What `plan` tells of a schedule and of a target.
FIRE_TIMES_TOLD = 5
DEVICES_TOLD = 5
# Devices in one message.
DEVICES_NAMED = 3
_NOBODY_DECLARED = (
    "without where, or with where: local, a schedule starts a job on the device that declares it; say where: all, any, "
    "enrolled or custom"
)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is seen of a plan: its jobs in order, the devices that those with patterns select, and what is doubtful."""

    jobs: tuple[JobOutlook, ...]
    selected: dict[str, list[str]]
    warnings: tuple[str, ...]


def look(
    session: Session,
    submission: Submission,
    changes: Sequence[Change],
    future: Mapping[Key, Held],
    now: datetime,
    reach: Reach,
) -> Outlook:
    """Judge a plan of a source; its jobs may tell others within `reach`. Raises InvalidDeclarations with every mistake.

    Jobs that are not in the plan are looked at when the inventory changes: what breaks this source's own is a mistake,
    what breaks another's a warning.
    """
    source = submission.source
    inventory = _inventory(source, future)
    fleet = devices.fleet(session, inventory, now)
    missing = Missing(inventory, fleet)
    planned, looks = [], []
    mistakes: list[Mistake] = []
    warnings = list(_open_executions(session, changes))
    moved = any(change.kind in inventories.KINDS and change.is_one for change in changes)
    own = {change.name for change in changes if change.kind is Kind.JOB and change.after is not None}
    kept = {change.name for change in changes if change.kind is Kind.JOB and not change.is_one}
    origins = dict.fromkeys(own - kept, submission.origin) | jobs.origins(session, kept)
    for (kind, name), held in future.items():
        if kind is not Kind.JOB or not (name in own or moved):
            continue
        one = _Look(Job.from_mapping(held.declaration.content), fleet, missing, now, origins.get(name))
        found = list(one.mistakes(name in own))
        if name in own:
            refusals = filter(None, map(reach.refusal, one.job.notify))
            found += (Mistake(Kind.JOB, str(name), "notify", None, words) for words in dict.fromkeys(refusals))
            looks.append(one)
            planned.append(name)
        if held.owner == source:
            mistakes += found
        else:
            warnings += (f"{mistake} (declared by {held.owner})" for mistake in found)
    if mistakes:
        raise InvalidDeclarations(sorted(mistakes, key=lambda mistake: mistake.name))
    in_order = [one for _, one in sorted(zip(planned, looks, strict=True), key=lambda pair: pair[0])]
    return Outlook(
        tuple(one.told() for one in in_order),
        {one.job.name: one.devices for one in in_order if one.job.target.where is Where.CUSTOM},
        tuple(warnings),
    )


def _open_executions(session: Session, changes: Iterable[Change]) -> Iterator[str]:
    """Of devices that are declared no more: what they still have to do."""
    gone = [change.name for change in changes if change.kind is Kind.DEVICE and change.after is None]
    for name, number in executions.open_on(session, gone).items():
        yield (
            f"device {name!r} has {number} open execution{'' if number == 1 else 's'}; those not started wait until it "
            "is declared again, or are ended with: runlet cancel"
        )


def _inventory(source: str, future: Mapping[Key, Held]) -> Inventory:
    """The inventory that will be. Raises InvalidDeclarations when its parts do not fit together."""
    content: dict[str, dict[str, object]] = {}
    parts = {Kind.DEVICE: "devices", Kind.GROUP: "groups"}
    for one in future.values():
        if one.declaration.kind in parts:
            content.setdefault(parts[one.declaration.kind], {})[one.declaration.name] = one.declaration.content
    kinds = {part: kind for kind, part in parts.items()}
    mistakes = []
    for (part, name, *rest), message in inventory_spec.inconsistencies(content):
        owner = future[kinds[str(part)], str(name)].owner
        theirs = "" if owner == source else f" (declared by {owner}: change it there first)"
        field = str(rest[0]) if rest else None
        mistakes.append(Mistake(kinds[str(part)], str(name), field, None, message + theirs))
    if mistakes:
        raise InvalidDeclarations(mistakes)
    return inventories.of(one.declaration for one in future.values())


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - DEVICES_NAMED} more" if len(names) > DEVICES_NAMED else ""
    return f"{', '.join(names[:DEVICES_NAMED])}{more}"


class _Look:
    """One job, looked at."""

    def __init__(
        self,
        job: Job,
        fleet: Fleet,
        missing: Missing,
        now: datetime,
        origin: str | None,
    ) -> None:
        self.job = job
        self._origin = origin
        self._fleet = fleet
        self._missing = missing
        self._now = now
        self._unresolved: RunletError | None = None
        self.devices = self._resolved()

    def told(self) -> JobOutlook:
        job = self.job
        return JobOutlook(
            job=job.name,
            where=job.target.where,
            devices=len(self.devices),
            sample=(self._origin,) if self._is_local and self._origin else tuple(self.devices[:DEVICES_TOLD]),
            fire_times=self._fire_times(),
            warnings=tuple(self._warnings()),
        )

    def mistakes(self, is_own: bool) -> Iterator[Mistake]:
        """What would keep every run of the job from starting."""
        job = self.job
        if is_own and self._is_local:
            try:
                resolve_in(self._fleet, job.target, origin=self._origin, barred=job.barred)
            except RunletError as error:
                yield Mistake(Kind.JOB, job.name, "every", None, f"{_NOBODY_DECLARED} ({error.message})")
        if self._unresolved is not None and job.target.where is Where.CUSTOM:
            yield Mistake(Kind.JOB, job.name, "whereCustom", None, self._unresolved.message)
        told: set[str] = set()
        for need in self._needs:
            message = self._lacking(need)
            if message is not None and message not in told:
                told.add(message)
                yield Mistake(Kind.JOB, job.name, "script", need.line, message)

    @property
    def _is_local(self) -> bool:
        """Whether a schedule starts it where it was declared."""
        return self.job.schedule is not None and self.job.target.where is Where.LOCAL

    def _resolved(self) -> list[str]:
        """The devices that a run launched now would go to; for `any` and `local`, those it could go to."""
        target, barred = self.job.target, self.job.barred
        if target.where in (Where.ANY, Where.LOCAL):
            return self._everyone()
        try:
            found = resolve_in(self._fleet, target, barred=barred)
        except RunletError as error:
            self._unresolved = error
            return []
        return [name for name in found if name is not None]

    def _everyone(self) -> list[str]:
        """Every device that may ever be the one."""
        return sorted(self._fleet.enabled - self.job.barred, key=counted.key)

    @cached_property
    def _needs(self) -> list[Need]:
        """What the script needs beside the job's own variables."""
        return [need for need in template.needed(self.job.script) if need.path[0] not in self.job.vars]

    def _lacking(self, need: Need) -> str | None:
        """Why a script that needs this cannot be rendered, if so."""
        root = need.path[0]
        if root != DEVICE and not self._missing.is_declared(root):
            return f"no variable is called {root}; declare it in the job's vars or in the inventory"
        if not need.certain or not (found := self._missing.on(need.path)):
            return None
        possible = self.devices if self.job.target.where is Where.CUSTOM else self._everyone()
        lacking = sorted(found.intersection(possible), key=counted.key)
        # A job for the device that asks may be meant for those that have it.
        if not lacking or (self.job.target.where is Where.LOCAL and len(lacking) < len(possible)):
            return None
        return f"{need.words} is missing on {_some(lacking)}"

    def _fire_times(self) -> tuple[datetime, ...]:
        """The next fire times, in UTC for a schedule in each device's own zone."""
        schedule = self.job.schedule
        if schedule is None:
            return ()
        zone = find_zone("UTC" if schedule.timezone == DEVICE_ZONE else schedule.timezone)
        trigger = grammar.parse(schedule.every)
        return tuple(preview(schedule, trigger, zone, self._now, self._now, FIRE_TIMES_TOLD))

    def _warnings(self) -> Iterator[str]:
        job = self.job
        if self._unresolved is not None:
            yield self._unresolved.message
        for rule in job.aborts:
            if rule.threshold.percent and rule.min_executed is None:
                yield f"abort: {rule.threshold.spelling} of the first one is reached when it ends so; say minExecuted"
        if job.target.where in (Where.CUSTOM, Where.ENROLLED):
            yield from self._unknown()

    def _unknown(self) -> Iterator[str]:
        """What the script needs and nobody can tell yet."""
        for need in self._needs:
            if need.certain and need.path[:2] == (DEVICE, FACTS) != need.path:
                silent = sorted(self._missing.silent.intersection(self.devices), key=counted.key)
                if silent:
                    yield f"script line {need.line}: {_some(silent)} must tell {need.words} before a run can start"
                return
