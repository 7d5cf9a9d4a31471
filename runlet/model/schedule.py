"""A schedule: when a job runs by itself, and what happens when a fire time meets an obstacle.

`every` is the trigger as written, which `runlet.timetable` reads. The other fields are the keys of a job's `schedule`;
`to_mapping` writes all of them but those without a value, so that a default written out is not a change.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time, timedelta
from enum import StrEnum
from typing import Any

from runlet.errors import InvalidInput
from runlet.model import duration

# The timezone that stands for each device's own.
DEVICE_ZONE = "device"
# The zone of a schedule that names none, and of a device that has not told its own.
DEFAULT_ZONE = "UTC"
# How many missed fire times `misfire: all` makes up for when it gives no number.
DEFAULT_MISFIRE_MAX = 10
# And at the most: a fleet that comes back must not drown in its past.
MOST_MISFIRES = 100

_WINDOW = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")


class Overlap(StrEnum):
    """What a fire time does while the run of an earlier one is not settled."""

    FORBID = "forbid"  # it is skipped
    ALLOW = "allow"  # it starts beside it
    REPLACE = "replace"  # the earlier run is cancelled
    QUEUE = "queue"  # it starts when the earlier run has settled; one waits at the most


class Misfire(StrEnum):
    """Which of the fire times that were missed are made up for."""

    SKIP = "skip"  # none
    ONCE = "once"  # the newest
    ALL = "all"  # the newest `misfire_max`


class Gap(StrEnum):
    """A fire time whose time of day does not exist, because clocks were set forward over it."""

    NEXT = "next"  # it comes at the first instant after the gap
    SKIP = "skip"  # it does not come


class Fold(StrEnum):
    """A fire time whose time of day comes twice, because clocks were set back."""

    FIRST = "first"  # it comes the first time
    BOTH = "both"  # it comes both times


class FiringOutcome(StrEnum):
    """What became of a fire time."""

    LAUNCHED = "launched"  # it has a run
    QUEUED = "queued"  # it waits for the earlier run to settle
    SKIPPED = "skipped"  # the earlier run was not settled
    MISSED = "missed"  # it was too late for it, or another one made up for it
    FAILED = "failed"  # its run could not be launched


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the day, its end not included; it crosses midnight when it ends before it starts."""

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> Window:
        """A window as written, `01:00-05:00`. Raises InvalidInput."""
        match = _WINDOW.fullmatch(text)
        if match is None:
            raise InvalidInput("this is not a window", "write two times of day: 01:00-05:00")
        first, last = time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4]))
        if first == last:
            raise InvalidInput("this window is empty: it ends when it starts", "leave the window out for the whole day")
        return cls(first, last)

    @property
    def length(self) -> timedelta:
        """How long it is open, on a day without a change of clocks."""
        minutes = (self.end.hour - self.start.hour) * 60 + self.end.minute - self.start.minute
        return timedelta(minutes=minutes % (24 * 60))

    def __contains__(self, moment: time) -> bool:
        if self.start < self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a job runs by itself."""

    every: str
    timezone: str = DEFAULT_ZONE  # an IANA name, or DEVICE_ZONE
    overlap: Overlap = Overlap.FORBID
    misfire: Misfire = Misfire.ONCE
    misfire_max: int = DEFAULT_MISFIRE_MAX  # with Misfire.ALL
    start_deadline: timedelta | None = None  # a fire time later than this is missed for good
    splay: timedelta = timedelta(0)  # the longest delay of a device
    window: Window | None = None
    gap: Gap = Gap.NEXT
    fold: Fold = Fold.FIRST
    suspend: bool = False

    def to_mapping(self) -> dict[str, Any]:
        """All but `every` as JSON values, in playbook spelling, without what is as by default."""
        misfire = {"all": self.misfire_max} if self.misfire is Misfire.ALL else self.misfire.value
        content = {
            "timezone": self.timezone,
            "overlap": self.overlap.value,
            "misfire": misfire,
            "startDeadline": None if self.start_deadline is None else duration.text(self.start_deadline),
            "splay": duration.text(self.splay),
            "window": None if self.window is None else str(self.window),
            "dst": {"gap": self.gap.value, "overlap": self.fold.value},
            "suspend": self.suspend,
        }
        return {key: value for key, value in content.items() if value not in (None, _DEFAULTS.get(key))}

    @classmethod
    def from_mapping(cls, every: str, content: dict[str, Any]) -> Schedule:
        """A schedule from content that was checked against the schema; what is left out has its default.

        Raises InvalidInput for a duration or a window that cannot be.
        """
        misfire = content.get("misfire", Misfire.ONCE)
        many = int(misfire["all"]) if isinstance(misfire, dict) else DEFAULT_MISFIRE_MAX
        dst = content.get("dst", {})
        return cls(
            every=every,
            timezone=content.get("timezone", DEFAULT_ZONE),
            overlap=Overlap(content.get("overlap", Overlap.FORBID)),
            misfire=Misfire.ALL if isinstance(misfire, dict) else Misfire(misfire),
            misfire_max=many,
            start_deadline=duration.parse(content["startDeadline"]) if "startDeadline" in content else None,
            splay=duration.parse(content.get("splay", "0s")),
            window=Window.parse(content["window"]) if "window" in content else None,
            gap=Gap(dst.get("gap", Gap.NEXT)),
            fold=Fold(dst.get("overlap", Fold.FIRST)),
            suspend=content.get("suspend", False),
        )


_DEFAULTS = {
    "timezone": DEFAULT_ZONE,
    "overlap": Overlap.FORBID.value,
    "misfire": Misfire.ONCE.value,
    "splay": "0s",
    "dst": {"gap": Gap.NEXT.value, "overlap": Fold.FIRST.value},
    "suspend": False,
}
