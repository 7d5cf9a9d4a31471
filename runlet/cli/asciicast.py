"""A session as an asciicast, version 3, which asciinema's players read (docs.asciinema.org/manual/asciicast/v3).

A line of JSON is the header, each further one an event: the seconds since the event before, its code, its data. Written
are `o` (printed), `i` (an answer that was typed, no secret), `r` (the terminal's size), `m` (a marker where bytes are
not kept) and `x` (the exit status).
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from runlet.cli.inert import json_text
from runlet.cli.recording import Ended, Event, LeftOut, Pace, Printed, Resized, Typed
from runlet.cli.trailer import left_out
from runlet.protocol.messages import TerminalSize

# Moments have milliseconds; so much is left when the speed is changed.
_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Session:
    """What an asciicast says of its session."""

    title: str
    began: datetime | None


def lines(session: Session, events: Iterable[Event], pace: Pace) -> Iterator[str]:
    """The file, line by line."""
    events = iter(events)
    first = next(events, None)
    size = TerminalSize(first.columns, first.rows) if isinstance(first, Resized) else TerminalSize()
    yield _line(_header(session, size))
    intervals = _Intervals(pace)
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    if first is not None and not isinstance(first, Resized):
        yield from _shown(first, intervals, decoder)
    for event in events:
        yield from _shown(event, intervals, decoder)
    yield from _rest(decoder)


def _rest(decoder: codecs.IncrementalDecoder) -> Iterator[str]:
    """What a program that ended within a character has left."""
    if rest := decoder.decode(b"", final=True):
        yield _line([0.0, "o", rest])


def _header(session: Session, size: TerminalSize) -> dict[str, object]:
    began = {} if session.began is None else {"timestamp": int(session.began.timestamp())}
    return {"version": 3, "term": {"cols": size.columns, "rows": size.rows}, **began, "title": session.title}


def _shown(event: Event, intervals: _Intervals, decoder: codecs.IncrementalDecoder) -> Iterator[str]:
    match event:
        case Printed(seconds, data):
            if text := decoder.decode(data):
                yield _line([intervals.until(seconds), "o", text])
        case Typed(seconds, text):
            yield _line([intervals.until(seconds), "i", text])
        case Resized(seconds, columns, rows):
            yield _line([intervals.until(seconds), "r", f"{columns}x{rows}"])
        case LeftOut(seconds, length):
            decoder.reset()  # a character that is cut here has no rest
            yield _line([intervals.until(seconds), "m", left_out(length)])
        case Ended(seconds, status):
            yield from _rest(decoder)
            yield _line([intervals.until(seconds), "x", str(status)])


class _Intervals:
    """Each time as the distance from the one before, rounded so that the errors do not add up."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._at = 0.0

    def until(self, seconds: float) -> float:
        before, self._at = self._at, round(self._pace.at(seconds), _DECIMALS)
        return round(self._at - before, _DECIMALS)


def _line(content: object) -> str:
    return json_text(content) + "\n"
