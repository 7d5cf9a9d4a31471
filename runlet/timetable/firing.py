"""Fire times: the instants at which a trigger fires in a time zone, both ways along the line of time.

Within a span a zone's wall time and UTC differ by a constant, so a fire time is a wall time minus the span's offset.
All that changes of clocks can do happens where a span begins:

- Clocks went forward: wall times in the gap never came. With `gap: next` the pattern fires once, at the span's first
  instant, if it has any wall time in the gap; a wall time at that very instant is the same fire time.
- Clocks went back: the span's first wall times came before. With `fold: first` they are left out, else they come again.
- A rhythmic pattern (every hour, */15) takes the wall times as they come: none in a gap, all in a fold.

An interval is absolute time from its anchor and knows no clocks. A window then keeps the fire times inside it; the
closed hours are jumped over, not walked through.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from runlet.errors import InvalidInput
from runlet.model.schedule import Fold, Gap, Schedule, Window
from runlet.timetable import pattern
from runlet.timetable.pattern import Pattern
from runlet.timetable.spans import TICK, Span, span_at
from runlet.timetable.trigger import Interval, Trigger

# Without a fire time for so long a schedule has none: 29 February on a given weekday comes back within 40 years.
HORIZON = timedelta(days=50 * 366)
# Where the calendar of Python, and with it every walk, must end.
_END_OF_TIME = datetime(9900, 1, 1)  # noqa: DTZ001  # naive in UTC, as in spans.py
_START_OF_TIME = datetime(1900, 1, 1)  # noqa: DTZ001
_ONE_DAY = timedelta(days=1)


def check(schedule: Schedule, trigger: Trigger) -> None:
    """Raises InvalidInput when the window lets no fire time through, or only by luck."""
    if schedule.window is None:
        return
    if isinstance(trigger, Interval):
        if trigger.every > schedule.window.length:
            raise InvalidInput(
                f"'{schedule.every}' is longer than the window {schedule.window}, and may miss it every time",
                "name times of day in every, or widen schedule.window",
            )
    elif not any(moment in schedule.window for moment in pattern.of(trigger).times):
        raise InvalidInput(
            f"this never fires: '{schedule.every}' has no time inside the window {schedule.window}",
            "change every or schedule.window",
        )


def fire_times(
    schedule: Schedule, trigger: Trigger, zone: ZoneInfo, anchor: datetime, after: datetime
) -> Iterator[datetime]:
    """The fire times after an instant, strictly increasing, aware and in UTC.

    Endless, unless there is none for HORIZON. `anchor` is where an interval begins; `suspend` is not looked at.
    """
    return _aware(Timeline.of(schedule, trigger, zone, anchor).onward(_naive(after) + TICK))


def fire_times_back(
    schedule: Schedule, trigger: Trigger, zone: ZoneInfo, anchor: datetime, until: datetime
) -> Iterator[datetime]:
    """The fire times up to and with an instant, newest first. As `fire_times` otherwise."""
    return _aware(Timeline.of(schedule, trigger, zone, anchor).backward(_naive(until)))


@dataclass(frozen=True, slots=True)
class Timeline:
    """The fire times of one trigger in one zone. Instants are naive and in UTC."""

    source: _Beat | _Clock
    zone: ZoneInfo
    window: Window | None

    @classmethod
    def of(cls, schedule: Schedule, trigger: Trigger, zone: ZoneInfo, anchor: datetime) -> Timeline:
        if isinstance(trigger, Interval):
            return cls(_Beat(_naive(anchor), trigger.every), zone, schedule.window)
        found = pattern.of(trigger)
        next_after_gap = schedule.gap is Gap.NEXT and not found.rhythmic
        twice_in_fold = schedule.fold is Fold.BOTH or found.rhythmic
        return cls(_Clock(found, zone, next_after_gap, twice_in_fold), zone, schedule.window)

    def onward(self, low: datetime) -> Iterator[datetime]:
        """The fire times from `low` on."""
        give_up = low + HORIZON
        while low < min(give_up, _END_OF_TIME):
            for instant in self.source.onward(low):
                if instant > min(give_up, _END_OF_TIME):
                    return
                opening = self._opening(instant)
                if opening is not None:
                    low = opening
                    break
                yield instant
                give_up = instant + HORIZON
            else:
                return

    def backward(self, high: datetime) -> Iterator[datetime]:
        """The fire times from `high` back, newest first."""
        give_up = high - HORIZON
        while high > max(give_up, _START_OF_TIME):
            for instant in self.source.backward(high):
                if instant < max(give_up, _START_OF_TIME):
                    return
                closing = self._closing(instant)
                if closing is not None:
                    high = closing
                    break
                yield instant
                give_up = instant - HORIZON
            else:
                return

    def _opening(self, instant: datetime) -> datetime | None:
        """Where to look on when the window is closed at this instant: where it opens, or the next change of clocks."""
        if self.window is None or (shut := self._shut(self.window, instant)) is None:
            return None
        span, wall = shut
        opening = datetime.combine(wall, self.window.start)
        if opening <= wall:
            opening += _ONE_DAY
        return min(opening - span.offset, span.end)

    def _closing(self, instant: datetime) -> datetime | None:
        """Where to look on backward: the last instant at which the window was open, or before the change of clocks."""
        if self.window is None or (shut := self._shut(self.window, instant)) is None:
            return None
        span, wall = shut
        closed = datetime.combine(wall, self.window.end)
        if closed > wall:
            closed -= _ONE_DAY
        return max(closed - span.offset, span.start) - TICK

    def _shut(self, window: Window, instant: datetime) -> tuple[Span, datetime] | None:
        """The span and the wall time of an instant at which the window is not open."""
        span = span_at(self.zone, instant)
        wall = instant + span.offset
        return None if wall.time() in window else (span, wall)


@dataclass(frozen=True, slots=True)
class _Beat:
    """An interval's instants."""

    anchor: datetime
    every: timedelta

    def onward(self, low: datetime) -> Iterator[datetime]:
        number = max(1, -((self.anchor - low) // self.every))
        instant = self.anchor + number * self.every
        while instant < _END_OF_TIME:
            yield instant
            instant += self.every

    def backward(self, high: datetime) -> Iterator[datetime]:
        instant = self.anchor + (high - self.anchor) // self.every * self.every
        while instant > self.anchor:
            yield instant
            instant -= self.every


@dataclass(frozen=True, slots=True)
class _Clock:
    """A pattern's instants in a zone, span by span."""

    pattern: Pattern
    zone: ZoneInfo
    next_after_gap: bool
    twice_in_fold: bool

    def onward(self, low: datetime) -> Iterator[datetime]:
        give_up = low + HORIZON
        while low < min(give_up, _END_OF_TIME):
            span = span_at(self.zone, low)
            if low == span.start and self._fires_after_gap(span):
                yield low
                give_up = low + HORIZON
                low += TICK
            first = low + span.offset if self.twice_in_fold else max(low + span.offset, span.first_new_wall)
            for wall in self.pattern.walls(first):
                instant = wall - span.offset
                if instant >= span.end:
                    break
                yield instant
                give_up = instant + HORIZON
            else:
                return
            low = span.end

    def backward(self, high: datetime) -> Iterator[datetime]:
        give_up = high - HORIZON
        while high > max(give_up, _START_OF_TIME):
            span = span_at(self.zone, high)
            after_gap = self._fires_after_gap(span)
            last = span.start if self.twice_in_fold else span.first_new_wall - span.offset
            for wall in self.pattern.walls_back(high + span.offset):
                instant = wall - span.offset
                if instant < last or (after_gap and instant == span.start):
                    break
                yield instant
                give_up = instant - HORIZON
            else:
                return
            if after_gap:
                yield span.start
                give_up = span.start - HORIZON
            high = span.start - TICK

    def _fires_after_gap(self, span: Span) -> bool:
        """Whether the pattern has a wall time in the gap that the span begins with."""
        if not self.next_after_gap or span.gap is None:
            return False
        first, end = span.gap
        return next(self.pattern.walls(first), end) < end


def _naive(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None)


def _aware(instants: Iterator[datetime]) -> Iterator[datetime]:
    return (instant.replace(tzinfo=UTC) for instant in instants)
