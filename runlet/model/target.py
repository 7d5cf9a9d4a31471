"""Which devices a run goes to: an expression (`where`, `whereCustom`) resolved against what is known and connected."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Set
from dataclasses import dataclass
from enum import StrEnum

from runlet.errors import Conflict, InvalidInput, UnknownName


class Where(StrEnum):
    """The values of a job's `where`."""

    LOCAL = "local"  # the device the request comes from
    ALL = "all"  # every device connected at launch
    ANY = "any"  # one connected device, or the next to connect
    CUSTOM = "custom"  # the devices that whereCustom names


@dataclass(frozen=True, slots=True)
class Target:
    """An expression that selects devices. `patterns` is empty unless `where` is CUSTOM."""

    where: Where = Where.LOCAL
    patterns: tuple[str, ...] = ()

    @classmethod
    def custom(cls, items: list[str] | tuple[str, ...]) -> Target:
        """A target from whereCustom items; one item may name several devices: "pi-1,pi-2"."""
        names = (part.strip() for item in items for part in item.split(","))
        return cls(Where.CUSTOM, tuple(dict.fromkeys(name for name in names if name)))

    @classmethod
    def parse(cls, text: str) -> Target:
        """A target as typed on the command line: a value of `where`, else device names."""
        if text in (Where.LOCAL, Where.ALL, Where.ANY):
            return cls(Where(text))
        target = cls.custom([text])
        if not target.patterns:
            raise InvalidInput("the target is empty", "name a device, or say all, any or local")
        return target

    def __str__(self) -> str:
        return ",".join(self.patterns) if self.where is Where.CUSTOM else self.where.value


def resolve(
    target: Target,
    devices: Mapping[str, bool],
    *,
    origin: str | None = None,
    barred: Set[str] = frozenset(),
) -> list[str | None]:
    """The devices of a run, one execution each, in order of name; None stands for the next device to connect.

    `devices` maps each enrolled device to whether it is connected; `origin` is the device that asks, if it is one;
    `barred` holds devices that the playbook's settings exclude; the next to connect must not be one of them either.
    Raises UnknownName for a name that no device has, Conflict when nothing is left to run on.
    """
    match target.where:
        case Where.LOCAL:
            if origin is None:
                raise InvalidInput(
                    "where: local means the device that asks, and this machine is not a device",
                    "say where: --on DEVICE, --on all or --on any",
                )
            chosen = [_known(origin, devices)]
        case Where.ALL | Where.ANY:
            chosen = sorted(name for name, connected in devices.items() if connected)
        case Where.CUSTOM:
            chosen = [_known(name, devices) for name in target.patterns]
    allowed = [name for name in chosen if name not in barred]
    if target.where is Where.ANY:
        return [allowed[0] if allowed else None]
    if chosen and not allowed:
        raise Conflict(
            f"settings.daemons bars {', '.join(chosen)} from this job",
            "set enabled: true there, or choose another device with --on",
        )
    if not allowed:
        raise Conflict("no device is connected", "see them with: runlet devices")
    return list(allowed)


def _known(name: str, devices: Mapping[str, bool]) -> str:
    if name in devices:
        return name
    close = difflib.get_close_matches(name, devices, n=1)
    meant = f"; did you mean {close[0]}?" if close else ""
    raise UnknownName(f"no device is called {name!r}{meant}", "see them with: runlet devices")
