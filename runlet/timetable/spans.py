"""Time zones as spans: stretches of time in which a zone keeps one offset from UTC.

zoneinfo tells the offset of an instant and not where it changes, so changes are searched for, a year at a time, and
kept. Instants here are naive and in UTC, wall times naive and in the zone; between them is one addition.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from runlet.errors import InvalidInput

# The smallest step of an instant.
TICK = timedelta(microseconds=1)
# How far apart a zone's offset is looked at. No zone has changed it twice within a day.
_PROBE = timedelta(days=1)
# A change happens at a whole second.
_SECOND = timedelta(seconds=1)
# Years of changes that are kept: some decades of the few zones a fleet is in.
_KEPT_YEARS = 1024
# No zone's name is longer.
MAX_NAME = 64
_WRITE = "write a name such as Europe/Zurich or UTC, or device for each device's own"
# Names of zoneinfo that mean something else on every machine, or count leap seconds.
_MISLEADING = ("localtime", "posixrules", "Factory", "posix/", "right/")


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` up to, not including, `end`. `before` is the offset that ended at `start`."""

    start: datetime
    end: datetime
    offset: timedelta
    before: timedelta

    @property
    def gap(self) -> tuple[datetime, datetime] | None:
        """The wall times that do not exist, since clocks were set forward when this span began."""
        return (self.start + self.before, self.start + self.offset) if self.before < self.offset else None

    @property
    def first_new_wall(self) -> datetime:
        """The first wall time that the span before this one has not had already."""
        return self.start + max(self.before, self.offset)


def find_zone(name: str) -> ZoneInfo:
    """A time zone by its IANA name. Raises InvalidInput."""
    if len(name) > MAX_NAME:
        raise InvalidInput("this is not the name of a time zone", _WRITE)
    if (zone := zone_or_none(name)) is not None:
        return zone
    known = _known_names()
    close = difflib.get_close_matches(name.lower(), known, n=1)
    meant = f"; did you mean {known[close[0]]}?" if close else ""
    raise InvalidInput(f"no time zone is called {name!r}{meant}", _WRITE)


def zone_or_none(name: str) -> ZoneInfo | None:
    """A time zone by its IANA name, if there is one."""
    if len(name) <= MAX_NAME and not name.startswith(_MISLEADING):
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    return None


@cache
def _known_names() -> dict[str, str]:
    """Small letters to the name. Reads some hundred files."""
    return {name.lower(): name for name in available_timezones() if not name.startswith(_MISLEADING)}


def span_at(zone: ZoneInfo, instant: datetime) -> Span:
    """The span that an instant lies in. One that is longer than a year or two is told as several without a change."""
    year = instant.year
    near = [*_changes(zone, year - 1), *_changes(zone, year), *_changes(zone, year + 1)]
    begun = [change for change in near if change <= instant]
    ahead = [change for change in near if change > instant]
    start = begun[-1] if begun else datetime(year - 1, 1, 1)  # noqa: DTZ001  # naive on purpose, see above
    end = ahead[0] if ahead else datetime(year + 2, 1, 1)  # noqa: DTZ001
    offset = _offset(zone, instant)
    return Span(start, end, offset, _offset(zone, start - _SECOND) if begun else offset)


@lru_cache(maxsize=_KEPT_YEARS)
def _changes(zone: ZoneInfo, year: int) -> tuple[datetime, ...]:
    """The instants of a year at which the offset is another than a second before."""
    last = datetime(year + 1, 1, 1) - _SECOND  # noqa: DTZ001
    probe = datetime(year, 1, 1) - _SECOND  # noqa: DTZ001
    probes = [probe]
    while probe < last:
        probe = min(probe + _PROBE, last)
        probes.append(probe)
    return tuple(
        _change_between(zone, before, after)
        for before, after in pairwise(probes)
        if _offset(zone, before) != _offset(zone, after)
    )


def _change_between(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first instant with the offset of `after`, by halving."""
    new = _offset(zone, after)
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        if _offset(zone, middle) == new:
            after = middle
        else:
            before = middle
    return after


def _offset(zone: ZoneInfo, instant: datetime) -> timedelta:
    offset = instant.replace(tzinfo=UTC).astimezone(zone).utcoffset()
    assert offset is not None, "zoneinfo knows an offset for every instant"
    return offset
