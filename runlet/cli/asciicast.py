"""A session as an asciicast, which asciinema's players read (docs.asciinema.org/manual/asciicast/v3, and /v2).

A line of JSON is the header, each further one an event: its time in seconds, its code, its data. Written are `o`
(printed), `i` (an answer that was typed, no secret), `r` (the terminal's size), `m` (a marker where bytes are not kept)
and, in version 3, `x` (the exit status). Times are since the event before in version 3, since the start in version 2.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from runlet.cli.inert import json_text
from runlet.cli.recording import Ended, Event, LeftOut, Pace, Printed, Resized, Typed
from runlet.cli.trailer import left_out
from runlet.protocol.messages import TerminalSize

# Moments have milliseconds; so much is left when the speed is changed.
_DECIMALS = 6


class Format(StrEnum):
    """By the names that asciinema has for them."""

    V3 = "asciicast-v3"
    V2 = "asciicast-v2"


@dataclass(frozen=True, slots=True)
class Session:
    """What an asciicast says of its session."""

    title: str
    began: datetime | None


def lines(session: Session, events: Iterable[Event], pace: Pace, format_: Format) -> Iterator[str]:
    """The file, line by line."""
    events = iter(events)
    first = next(events, None)
    size = TerminalSize(first.columns, first.rows) if isinstance(first, Resized) else TerminalSize()
    yield _line(_header(session, size, format_))
    times = _Times(pace, format_)
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    if first is not None and not isinstance(first, Resized):
        yield from _shown(first, times, decoder)
    for event in events:
        yield from _shown(event, times, decoder)
    yield from _rest(times, decoder)


def _rest(times: _Times, decoder: codecs.IncrementalDecoder) -> Iterator[str]:
    """What a program that ended within a character has left."""
    if rest := decoder.decode(b"", final=True):
        yield _line([times.again(), "o", rest])


def _header(session: Session, size: TerminalSize, format_: Format) -> dict[str, object]:
    began = {} if session.began is None else {"timestamp": int(session.began.timestamp())}
    if format_ is Format.V2:
        return {"version": 2, "width": size.columns, "height": size.rows, **began, "title": session.title}
    return {"version": 3, "term": {"cols": size.columns, "rows": size.rows}, **began, "title": session.title}


def _shown(event: Event, times: _Times, decoder: codecs.IncrementalDecoder) -> Iterator[str]:
    match event:
        case Printed(seconds, data):
            if text := decoder.decode(data):
                yield _line([times.at(seconds), "o", text])
        case Typed(seconds, text):
            yield _line([times.at(seconds), "i", text])
        case Resized(seconds, columns, rows):
            yield _line([times.at(seconds), "r", f"{columns}x{rows}"])
        case LeftOut(seconds, length):
            decoder.reset()  # a character that is cut here has no rest
            yield _line([times.at(seconds), "m", left_out(length)])
        case Ended(seconds, status):
            yield from _rest(times, decoder)
            if times.format is Format.V3:
                yield _line([times.at(seconds), "x", str(status)])


class _Times:
    """Each time as the file has it; in version 3 the distance from the one before, rounded so that no errors add up."""

    def __init__(self, pace: Pace, format_: Format) -> None:
        self._pace = pace
        self.format = format_
        self._at = 0.0

    def at(self, seconds: float) -> float:
        before, self._at = self._at, round(self._pace.at(seconds), _DECIMALS)
        return self._at if self.format is Format.V2 else round(self._at - before, _DECIMALS)

    def again(self) -> float:
        """The time of the event before."""
        return self._at if self.format is Format.V2 else 0.0


def _line(content: object) -> str:
    return json_text(content) + "\n"
