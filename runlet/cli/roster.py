"""The devices of a run as rows: who asks first, then who failed, who runs, who has ended; and what they ask, in groups.

A model without I/O and without a clock. What devices give is made inert here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from runlet.cli.inert import plain
from runlet.cli.lines import LineAssembler
from runlet.cli.picture import Picture
from runlet.cli.prefix import device_name
from runlet.cli.replay import from_safe_place
from runlet.cli.trailer import left_out, signal_name
from runlet.client.attachment import ConsoleEvent
from runlet.model.execution import STARTED, State
from runlet.model.prompt import Kind, Prompt
from runlet.protocol.chunk import Chunk
from runlet.protocol.frames import Drained, Gap, Position
from runlet.protocol.views import ExecutionView

# A row is never wider than a screen; what a device printed in one line may be.
MOST_TEXT = 500


class Rank(IntEnum):
    """Where a device stands among the rows."""

    ASKS = 0
    FAILED = 1
    RUNS = 2
    WAITS = 3
    ENDED = 4


@dataclass(frozen=True, slots=True)
class Row:
    """A device: `state` in a word or two, `text` what it asks, what became of it, or the last line it printed."""

    execution: str
    device: str
    rank: Rank
    state: str
    text: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The executions that ask the same, in the run's order; the question's line, and since when the first of them."""

    mark: str
    prompt: Prompt
    title: str
    since: datetime
    executions: tuple[str, ...]

    @property
    def takes_text(self) -> bool:
        """Whether a line answers it; a full screen waits for keys."""
        return self.prompt.kind is Kind.PROMPT


class _Tail:
    """The last line of one device's output."""

    def __init__(self) -> None:
        self.place = Position()
        self.assembler = LineAssembler(colours=False)
        self.last = ""

    def feed(self, place: Position, data: bytes) -> None:
        if place != self.place:  # behind a gap, of another attempt, or the tail that a console begins with
            self.assembler = LineAssembler(colours=False)
            data, offset = from_safe_place(data, place.offset) if place.offset else (data, place.offset)
            place = Position(place.attempt, offset)
        self.place = Position(place.attempt, place.offset + len(data))
        lines = [*self.assembler.feed(data), self.assembler.pending]
        self.last = next((line[:MOST_TEXT] for line in reversed(lines) if line.strip()), self.last)


class Roster:
    """The selected executions of `picture`, which whoever has it keeps up to date."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self._tails: dict[str, _Tail] = {}

    def take(self, event: ConsoleEvent) -> None:
        match event:
            case Chunk(execution, attempt, position, data):
                self._tails.setdefault(execution, _Tail()).feed(Position(attempt, position), data)
            case Gap(execution, length=length):
                self._tails.setdefault(execution, _Tail()).last = f"[{left_out(length)}]"
            case Drained(execution, is_over=False):
                self._tails.pop(execution, None)

    def rows(self, pattern: str = "") -> list[Row]:
        """The devices that hold `pattern` in their name, state or text, whatever its capitals."""
        rows = [self._row(view) for view in self.picture.executions]
        pattern = pattern.casefold()
        found = [row for row in rows if not pattern or pattern in f"{row.device}\n{row.state}\n{row.text}".casefold()]
        return sorted(found, key=lambda row: row.rank)  # stable: within a rank in the run's order

    def questions(self, rows: Sequence[Row]) -> list[Asked]:
        """What the devices of these rows ask, the oldest question first."""
        groups: dict[str, list[ExecutionView]] = {}
        for row in rows:
            view = self.picture[row.execution]
            if view.state is State.AWAITING_INPUT and view.prompt is not None:
                groups.setdefault(_mark(view.prompt), []).append(view)
        asked = [_asked(mark, views) for mark, views in groups.items()]
        return sorted(asked, key=lambda one: one.since)

    def _row(self, view: ExecutionView) -> Row:
        tail = self._tails.get(view.id)
        last = tail.last if tail else ""
        if tail and tail.assembler.full_screen and view.state in STARTED:
            last = "(draws a screen of its own: Enter shows it)"
        if view.state is State.AWAITING_INPUT and view.prompt is not None:
            last = title(view.prompt) or last
        elif view.detail:
            last = view.detail if view.state.is_outcome or not last else last
        return Row(view.id, device_name(view), _rank(view), _state(view), plain(last[:MOST_TEXT]).strip())


def title(prompt: Prompt) -> str:
    """The line of a prompt that asks: a program's last, a screen's first."""
    lines = [line for line in prompt.text.splitlines() if line.strip()] or [""]
    return plain(lines[0 if prompt.kind is Kind.INTERACTIVE else -1]).strip()


def _mark(prompt: Prompt) -> str:
    """Not the fingerprint alone, which a device tells: what is shown while it is typed and what is not are two."""
    return f"{prompt.fingerprint} {prompt.kind} {prompt.secret}"


def _asked(mark: str, views: Sequence[ExecutionView]) -> Asked:
    prompt = views[0].prompt
    assert prompt is not None
    since = min(view.asked_at or view.queued_at for view in views)
    others = len({view.prompt.text for view in views if view.prompt}) - 1
    words = f"{title(prompt)} (and {others} like it, on other devices)" if others else title(prompt)
    return Asked(mark, prompt, words, since, tuple(view.id for view in views))


def _rank(view: ExecutionView) -> Rank:
    standing = view.standing
    if standing is State.AWAITING_INPUT:
        return Rank.ASKS
    if standing.is_outcome:
        return Rank.ENDED if standing in (State.SUCCEEDED, State.SKIPPED) else Rank.FAILED
    return Rank.RUNS if standing in STARTED else Rank.WAITS


def _state(view: ExecutionView) -> str:
    if view.counts_as is State.AWAITING_INPUT:
        return "undecided"
    if view.state is State.AWAITING_INPUT:
        return "asks"
    word = view.standing.value.replace("_", " ")
    if view.standing is State.FAILED and view.exit_code is not None:
        return f"{word} {view.exit_code}"
    if view.standing is State.FAILED and view.signal is not None:
        return f"{word} {signal_name(view.signal)}"
    if view.cancel_requested and not view.state.is_outcome:
        return "cancelling"
    return f"{word} #{view.attempt}" if view.attempt > 1 else word
