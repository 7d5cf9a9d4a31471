"""A stored session as events in time: what was printed when, on a terminal of which size. Rules without I/O or a clock.

The bytes come in pages, the moments all at once, which are some thousands; however long the session was, no more than
that is in memory.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from runlet.cli.replay import Replay, from_safe_place
from runlet.client.api import Page
from runlet.protocol.moment import Moment

# A session whose times were not told is played at a steady pace: 4,000 bytes a second, two screens full of text.
STEADY_BYTES = 200
STEADY_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Printed:
    """These bytes, which may hold no whole character or sequence, `seconds` after the program's start."""

    seconds: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Typed:
    """An answer, with the Enter that ended it, to what the program had asked; no secret."""

    seconds: float
    text: str


@dataclass(frozen=True, slots=True)
class Resized:
    """The terminal has this size from now on."""

    seconds: float
    columns: int
    rows: int


@dataclass(frozen=True, slots=True)
class LeftOut:
    """So many bytes are not kept: what follows begins anywhere."""

    seconds: float
    length: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The program has ended, with this exit status."""

    seconds: float
    status: int


Event = Printed | Typed | Resized | LeftOut | Ended


def events(
    pages: Iterable[Page],
    moments: Sequence[Moment],
    ended: Ended | None = None,
    typed: Sequence[tuple[int, str]] = (),
) -> Iterator[Event]:
    """A session's events in order, made safe for a terminal as a console makes what is replayed to it.

    `typed` has each answer with the length of the stream when it was asked for, in order: it was typed when the program
    went on, which is when the next bytes were printed.
    """
    filtered = Replay(sys.maxsize)
    for event in _timed(pages, moments, typed) if moments else _steady(pages):
        match event:
            case Printed(seconds, data):
                if shown := filtered.feed(0, data):
                    yield Printed(seconds, shown)
            case LeftOut():
                filtered = Replay(sys.maxsize)
                yield event
            case _:
                yield event
    if ended is not None:
        yield ended


def _timed(pages: Iterable[Page], moments: Sequence[Moment], typed: Sequence[tuple[int, str]]) -> Iterator[Event]:
    position, following = 0, 0  # the byte that comes next, and the first moment behind it
    seconds, size = 0.0, (0, 0)
    answers = deque(typed)
    for page in pages:
        end = position + page.left_out + len(page.data)
        data = page.data
        if page.left_out:
            yield LeftOut(seconds, page.left_out)
            data, position = from_safe_place(data, position + page.left_out)
        begin = position
        while position < end:
            while following < len(moments) and moments[following].offset <= position:
                moment = moments[following]
                seconds, following = moment.seconds, following + 1
                if (moment.columns, moment.rows) != size:
                    size = moment.columns, moment.rows
                    yield Resized(seconds, *size)
            while answers and answers[0][0] <= position:
                yield Typed(seconds, answers.popleft()[1])
            until = min(end, moments[following].offset) if following < len(moments) else end
            yield Printed(seconds, data[position - begin : until - begin])
            position = until
    for _, text in answers:
        yield Typed(seconds, text)


def _steady(pages: Iterable[Page]) -> Iterator[Event]:
    seconds = 0.0
    for page in pages:
        data = page.data
        if page.left_out:
            yield LeftOut(seconds, page.left_out)
            data, _ = from_safe_place(data, 0)
        for at in range(0, len(data), STEADY_BYTES):
            yield Printed(seconds, data[at : at + STEADY_BYTES])
            seconds += STEADY_SECONDS


class Pace:
    """When to show what was printed when: pauses longer than `idle` seconds are cut to that, then all is `speed` times
    as fast.
    """

    def __init__(self, speed: float, idle: float | None) -> None:
        self._speed = speed
        self._idle = idle
        self._recorded = 0.0
        self._shown = 0.0

    def at(self, seconds: float) -> float:
        """Seconds of the replay for those of the session, which never go back."""
        pause = max(0.0, seconds - self._recorded)
        self._recorded += pause
        self._shown += (pause if self._idle is None else min(pause, self._idle)) / self._speed
        return self._shown


class PlayClock:
    """How much of a replay's time has passed, of any clock whose readings it is given; it stands while paused."""

    def __init__(self, now: float) -> None:
        self._began = now
        self._paused_at: float | None = None

    @property
    def is_paused(self) -> bool:
        return self._paused_at is not None

    def toggle(self, now: float) -> None:
        """Pause, or go on."""
        if self._paused_at is None:
            self._paused_at = now
        else:
            self._began += now - self._paused_at
            self._paused_at = None

    def elapsed(self, now: float) -> float:
        return (now if self._paused_at is None else self._paused_at) - self._began
