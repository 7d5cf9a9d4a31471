"""What is to be done about a schedule now: which fire times start, which are missed, and when to look again.

The work of one call is bounded whatever the length of an outage: fire times are walked from now into the past, and no
more than MOST_TOLD of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from runlet.model.schedule import Misfire, Schedule
from runlet.timetable.firing import fire_times, fire_times_back
from runlet.timetable.trigger import Trigger

# A fire time that is handled within this time is on time: the controller looks every few seconds and may restart.
GRACE = timedelta(seconds=60)
# How many passed fire times, the newest, one call looks at: some tens of milliseconds of work.
MOST_TOLD = 1_000


@dataclass(frozen=True, slots=True)
class Due:
    """What became of the fire times after `last` up to now. Tuples are in order of time, without a common member.

    Of more than MOST_TOLD passed fire times only the newest are told, and `more_missed` says that there were older
    ones, all missed; nobody counts them.
    """

    fire: tuple[datetime, ...]
    missed: tuple[datetime, ...]
    more_missed: bool
    next: datetime | None  # the first fire time that is still to come; None while suspended and when there is none
    handled: datetime  # what to give as `last` the next time; it never goes back


def due(schedule: Schedule, trigger: Trigger, zone: ZoneInfo, anchor: datetime, last: datetime, now: datetime) -> Due:
    """What to start now, when everything up to `last` was handled before.

    A clock that was set back makes nothing due: an instant that is not after `last` never fires again. While suspended,
    fire times pass without being missed.
    """
    handled = max(last, now)
    if schedule.suspend:
        return Due((), (), False, None, handled)
    back = fire_times_back(schedule, trigger, zone, anchor, now)
    passed = list(islice(takewhile(lambda instant: instant > last, back), MOST_TOLD + 1))
    told = passed[:MOST_TOLD]
    wanted = _wanted(schedule, told, now)
    fire = tuple(reversed([instant for instant in wanted if may_start(schedule, zone, instant, now)]))
    missed = tuple(instant for instant in reversed(told) if instant not in fire)
    upcoming = next(fire_times(schedule, trigger, zone, anchor, handled), None)
    return Due(fire, missed, len(passed) > MOST_TOLD, upcoming, handled)


def preview(
    schedule: Schedule, trigger: Trigger, zone: ZoneInfo, anchor: datetime, after: datetime, count: int
) -> tuple[datetime, ...]:
    """The next fire times, as many as there are up to `count`; of a suspended schedule those it would have."""
    return tuple(islice(fire_times(schedule, trigger, zone, anchor, after), count))


def delay(splay: timedelta, job: str, device: str) -> timedelta:
    """How long after a fire time a device starts: less than `splay`, the same every time, spread over a fleet."""
    digest = hashlib.blake2b(f"{job}\0{device}".encode(), digest_size=8).digest()
    ticks = splay // timedelta.resolution
    return timedelta(microseconds=int.from_bytes(digest) * ticks >> 8 * len(digest))


def begins(instant: datetime, launched: datetime) -> datetime:
    """What a run's delays count from: its fire time, or its launch when that was made up for after an outage."""
    return instant if launched - instant <= GRACE else launched


def may_start(schedule: Schedule, zone: ZoneInfo, instant: datetime, now: datetime) -> bool:
    """Whether a fire time is not too late for its deadline, nor so late that its window has closed."""
    late = now - instant
    if schedule.start_deadline is not None and late > schedule.start_deadline:
        return False
    return late <= GRACE or schedule.window is None or now.astimezone(zone).time() in schedule.window


def _wanted(schedule: Schedule, passed: Sequence[datetime], now: datetime) -> Sequence[datetime]:
    """Which of the passed fire times, newest first, the policy asks for."""
    match schedule.misfire:
        case Misfire.SKIP:
            return [instant for instant in passed if now - instant <= GRACE]
        case Misfire.ONCE:
            return passed[:1]
        case Misfire.ALL:
            return passed[: schedule.misfire_max]
