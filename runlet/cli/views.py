"""What an attached console shows: one device's raw terminal, or the lines of all. Without I/O and without a clock.

A view is asked which attachment it needs, is given its events and the operator's commands, and returns the bytes to
write to the terminal, which is in raw mode.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from runlet.cli.clipping import Clipping
from runlet.cli.inert import plain
from runlet.cli.keys import PREFIX_NAME, Action, Choose
from runlet.cli.merged import MergedView
from runlet.cli.picture import Picture
from runlet.cli.prediction import Prediction
from runlet.cli.prefix import Prefixes, device_name
from runlet.cli.replay import LateTail, Replay, from_safe_place
from runlet.cli.rollouts import Teller
from runlet.cli.trailer import attempt_ended, left_out, trailer
from runlet.client.attachment import ConnectionLost, ConnectionRegained, ConsoleEvent, Silence, SilenceEnded
from runlet.model.execution import STARTED, State
from runlet.model.prompt import Kind
from runlet.protocol.chunk import Chunk
from runlet.protocol.frames import (
    Attach,
    Drained,
    ExecutionChanged,
    Gap,
    Modes,
    Notice,
    Position,
    RolloutChanged,
    RunSnapshot,
)
from runlet.protocol.messages import TerminalSize
from runlet.protocol.views import ExecutionView

# How much stored output a console is shown when it attaches: some screenfuls of the busiest program ...
RAW_TAIL_BYTES = 256 * 1024
# ... and a screenful of lines for each of several devices.
MERGED_TAIL_BYTES = 4 * 1024
# What a console that comes late is told of the program's modes comes within a round trip to the device, unless that is
# away: then what is stored is shown after this.
MODES_SECONDS = 1.0

# A line that words of ours interrupted is shown again below them: a prompt, or what is being typed at one, and no more
# than that. Colours, erasures and moves within the line come with it, and a title; nothing that moves elsewhere does.
LINE_AGAIN_BYTES = 4096
_WITHIN_LINE = re.compile(
    rb"(?:[^\x00-\x07\x0a-\x0c\x0e-\x1f]|\x1b\[[\d;]*[mKCDGPX@]|\x1b\[\?2004[hl]|\x1b\][0-2];[^\x1b\x07]*\x07)*"
)

SILENT = "the controller does not answer; what is typed now is dropped"
_KEYS_HINT = f"{PREFIX_NAME} d detaches, {PREFIX_NAME} ? shows keys"


@dataclass(frozen=True, slots=True)
class Switch:
    """Show something else: one execution's raw terminal, or all executions' lines."""

    to: str | None
    hurries: bool = False  # the same, from its end on: its operator waits


class View(Protocol):
    """What the console needs of a view. `selected` is the execution that typing goes to."""

    selected: str | None

    @property
    def asked(self) -> int: ...

    def greeting(self) -> bytes: ...

    def request(self, size: TerminalSize) -> Attach: ...

    def take(self, event: ConsoleEvent) -> bytes: ...

    def act(self, command: Action | Choose) -> bytes | Switch: ...

    def say(self, *lines: str) -> bytes: ...

    def resize(self, size: TerminalSize) -> bytes: ...

    def leave(self) -> bytes: ...

    def answer(self, *, ours: bool) -> None: ...

    def typed(self, data: bytes) -> bytes: ...


class RawView:
    """One execution's terminal, from `begin` on: what may pass (passage.py), byte for byte.

    `stored` is the length of the transcript of its present attempt when the console attaches. That is shown once it is
    all there, and known in which modes it begins and for which size it is drawn. `full_screen` tells whether what has
    been shown was on a screen of the program's own.
    """

    def __init__(
        self,
        picture: Picture,
        execution: str,
        begin: Position,
        stored: int,
        *,
        read_only: bool,
        full_screen: Callable[[], bool] = lambda: False,
        prediction: Prediction | None = None,
    ) -> None:
        self.selected: str | None = execution
        self._picture = picture
        self._execution = execution
        self._read_only = read_only
        self._begin = begin
        self._stored = stored
        self._full_screen = full_screen
        self._ours = TerminalSize()
        self._theirs: TerminalSize | None = None  # the program's window, where that is another's
        self._clipping: Clipping | None = None
        self._late = LateTail(stored) if stored else None
        if self._late and picture[execution].state.is_outcome:
            self._late.told(stored, "")  # nobody can tell more than the tail
        self._prediction = prediction
        self._replay = Replay(stored, answering=not read_only)
        self._rollout = Teller()
        self._line = b""  # what is shown of the line that has not ended

    @property
    def asked(self) -> int:
        return self._replay.asked

    def answer(self, *, ours: bool) -> None:
        """Whether this terminal is the one that answers the program's questions."""
        self._replay.answering = ours and not self._read_only

    def greeting(self) -> bytes:
        name = device_name(self._picture[self._execution])
        return f"attached to {name} (run {self._picture.run.id}) - {_KEYS_HINT}\r\n".encode()

    def request(self, size: TerminalSize) -> Attach:
        self._ours = size
        device = self._picture[self._execution].device
        return Attach(
            devices=None if device is None else (device,),
            positions={self._execution: self._begin},
            read_only=self._read_only,
            terminal=None if self._read_only else size,
            late=self._begin.offset > 0,
        )

    def take(self, event: ConsoleEvent) -> bytes:
        match event:
            case Chunk(self._execution, _, position, data):
                return self._show(position, data)
            case Modes(self._execution, _, offset, output):
                return self._begin_late(offset, output)
            case Gap(self._execution, length=length):
                shown = self.begin_anyway()
                self._replay = Replay(self._stored, answering=self._replay.answering)
                return shown + self._interrupt() + self.say(left_out(length))
            case Drained(self._execution, is_over=False):
                shown = self.begin_anyway()
                self._stored = 0
                self._replay = Replay(0, answering=self._replay.answering)
                return shown + self._interrupt() + self.say(attempt_ended(event))
            case Drained(self._execution):
                return self.begin_anyway()
            case RunSnapshot() | RolloutChanged():
                return self.say(*self._rollout.told(self._picture.run))
            case Notice(self._execution | None, message):
                return self.say(message)
            case ConnectionLost():
                return self.say(lost_words(event))
            case Silence():
                return self.say(SILENT)
            case SilenceEnded():
                return self.say("the controller answers again")
            case ConnectionRegained():
                return self.say("the controller is back")
            case _:
                return b""

    def act(self, command: Action | Choose) -> bytes | Switch:
        executions = [execution.id for execution in self._picture.executions]
        if len(executions) == 1:
            return self.say("this run has one device only")
        chosen = None if command is Action.SWITCH_VIEW else _chosen(executions, self._execution, command)
        return b"" if chosen == self._execution else Switch(chosen)

    def say(self, *lines: str) -> bytes:
        if not lines:
            return b""
        line = self._line
        words = self._interrupt() + "".join(f"[runlet] {plain(line)}\r\n" for line in lines).encode()
        return words + (self._print(line) if len(line) <= LINE_AGAIN_BYTES and _WITHIN_LINE.fullmatch(line) else b"")

    def typed(self, data: bytes) -> bytes:
        """What to show of what was typed before its echo has come."""
        if self._prediction is None:
            return b""
        prompt = self._picture[self._execution].prompt
        if prompt is not None and (prompt.secret or prompt.kind is not Kind.PROMPT):
            return self._prediction.withdraw()
        return self._prediction.typed(data)

    def resize(self, size: TerminalSize) -> bytes:
        """This window has another size; where it counts, the program draws again by itself."""
        self._ours = size
        clipped = self._clip()
        if self._prediction is None:
            return clipped
        self._prediction.columns = size.columns
        return self._prediction.withdraw() + clipped

    def fit(self, theirs: TerminalSize | None) -> bytes:
        """The program draws for a window of this size, which is another's; None: for this one."""
        self._theirs = theirs
        return self._clip()

    def leave(self) -> bytes:
        return b"\r\n" if self._line else b""

    def begin_anyway(self) -> bytes:
        """Show what is there, in whatever modes it begins."""
        if self._late is None:
            return b""
        (modes, position, data), self._late = self._late.release(), None
        return self._print(modes + self._replay.feed(position, data)) if data else b""

    def _begin_late(self, offset: int, modes: str) -> bytes:
        if self._late is None:
            return b""
        self._late.told(offset, modes)
        return self.begin_anyway() if self._late.is_complete else b""

    def _clip(self) -> bytes:
        """Begin or end to show only what fits, and say so."""
        theirs, ours, before = self._theirs, self._ours, self._clipping
        if theirs is None or (theirs.columns <= ours.columns and theirs.rows <= ours.rows):
            self._clipping = None
            return before.end() if before else b""
        if before is not None and before.sizes == (theirs, ours):
            return b""
        words = f"drawn for {theirs.columns}x{theirs.rows}, and this window is {ours.columns}x{ours.rows}"
        said = b"" if self._full_screen() else self.say(f"{words}: not all of it fits; make it as large")
        self._clipping = Clipping(theirs, ours, f"[runlet] {words}", full_screen=self._full_screen())
        return said + self._clipping.begin()

    def _show(self, position: int, data: bytes) -> bytes:
        if self._late is None:
            return self._print(self._replay.feed(position, data))
        self._late.take(position, data)
        return self.begin_anyway() if self._late.is_complete else b""

    def _print(self, shown: bytes) -> bytes:
        if not shown:
            return b""
        begin = shown.rfind(b"\n") + 1
        # One byte more than is shown again tells a line that is too long from one that is not.
        self._line = (b"" if begin else self._line) + shown[begin : begin + LINE_AGAIN_BYTES + 1]
        self._line = self._line[: LINE_AGAIN_BYTES + 1]
        if self._clipping is not None:
            shown = self._clipping.feed(shown)
        return self._prediction.printed(shown) if self._prediction else shown

    def _interrupt(self) -> bytes:
        """End the line that stands there: what is not the program's follows."""
        ended, self._line = self.leave(), b""
        return (self._prediction.interrupted() if self._prediction else b"") + ended


class LinesView:
    """The lines of all executions of the picture, and who of them is typed to. It may be left and shown again."""

    def __init__(self, picture: Picture, columns: int, *, colours: bool, read_only: bool, from_start: bool) -> None:
        self.selected: str | None = None
        self._chosen: str | None = None  # by the person, not by what happened to run
        self._picture = picture
        self._read_only = read_only
        self._tail = None if from_start else MERGED_TAIL_BYTES
        self._prefixes = Prefixes(picture.executions, colours=colours)
        self._merged = MergedView(self._prefixes, columns)
        self._positions: dict[str, Position] = {}  # up to where it was shown
        self._rollout = Teller()
        self._told: set[str] = set()  # executions whose end was shown

    @property
    def asked(self) -> int:
        return 0  # lines put no questions to the terminal

    def answer(self, *, ours: bool) -> None:
        """There are none."""

    def typed(self, data: bytes) -> bytes:
        return b""

    def greeting(self) -> bytes:
        names = ", ".join(device_name(execution) for execution in self._picture.executions)
        words = f"attached to run {self._picture.run.id} on {names} - {_KEYS_HINT}\r\n"
        return (words + self._merged.repaint()).encode()

    def request(self, size: TerminalSize) -> Attach:
        tail, self._tail = self._tail, MERGED_TAIL_BYTES  # shown again, after a raw terminal, it skips what is old
        return Attach(self._picture.devices, dict(self._positions), tail, self._read_only, terminal=None)

    def take(self, event: ConsoleEvent) -> bytes:
        match event:
            case Chunk(execution):
                shown = self._output(event)
            case Gap(execution, length=length):  # its end is no place that was shown: what follows begins anywhere
                shown = self._merged.begin_again(execution, [left_out(length)])
            case Drained(execution, attempt, is_over=False):
                self._positions[execution] = Position(attempt + 1)
                shown = self._merged.begin_again(execution, [attempt_ended(event)])
            case RunSnapshot():
                shown = self._tell_rollout() + self._follow_waiting() + self._follow_typing()
            case RolloutChanged():
                shown = self._tell_rollout()
            case ExecutionChanged(execution):
                self._prefixes.update(execution)
                shown = self._follow_waiting() + self._follow_typing()
            case Drained(execution):
                shown = self._end(self._picture[execution]) + self._follow_typing()
            case Notice(None, message):
                shown = self._merged.say(message)
            case ConnectionLost():
                shown = self._merged.say(lost_words(event))
            case Silence():
                shown = self._merged.say(SILENT)
            case SilenceEnded():
                shown = self._merged.say("the controller answers again")
            case ConnectionRegained():
                shown = self._merged.say("the controller is back")
            case Notice(str(execution), message):
                shown = self._merged.say(f"{self._prefixes.name(execution)}: {message}")
            case _:
                shown = ""
        return shown.encode()

    def act(self, command: Action | Choose) -> bytes | Switch:
        if command is Action.SWITCH_VIEW:
            return Switch(self.selected) if self.selected else self.say("no device is left to show")
        executions = [execution.id for execution in self._picture.executions]
        chosen = _chosen(executions, self.selected, command)
        if self._picture[chosen].state.is_outcome:
            return self.say(f"{self._prefixes.name(chosen)} has ended")
        self.selected = self._chosen = chosen
        return self._merged.select(chosen).encode()

    def say(self, *lines: str) -> bytes:
        return self._merged.say(*lines).encode()

    def resize(self, size: TerminalSize) -> bytes:
        return self._merged.resize(size.columns).encode()

    def leave(self) -> bytes:
        return self._merged.leave().encode()

    def zoomed(self, execution: str, *, full_screen: bool) -> None:
        """This execution was shown raw, and its program has a screen of its own or not; its lines may have a gap."""
        self._merged.set_full_screen(execution, full_screen)

    def _tell_rollout(self) -> str:
        lines = self._rollout.told(self._picture.run)
        return self._merged.say(*lines) if lines else ""

    def _follow_waiting(self) -> str:
        waiting = [one.id for one in self._picture.executions if one.state is State.AWAITING_INPUT]
        return self._merged.wait(waiting)

    def _output(self, chunk: Chunk) -> str:
        """What follows what was shown, or a tail, which begins anywhere and perhaps in another attempt."""
        place = Position(chunk.attempt, chunk.position)
        before = self._positions.get(chunk.execution, Position())
        self._positions[chunk.execution] = place.after(chunk)
        if place == before:
            return self._merged.output(chunk.execution, chunk.data)
        shown = self._merged.begin_again(chunk.execution, []) if place.attempt > before.attempt else ""
        return shown + self._merged.output(chunk.execution, from_safe_place(chunk.data, chunk.position)[0])

    def _end(self, execution: ExecutionView) -> str:
        if execution.id in self._told:
            return ""
        self._told.add(execution.id)
        return self._merged.end(execution.id, trailer(execution, show_duration=self._picture.run.show_duration))

    def _follow_typing(self) -> str:
        """Type to a device that runs: stay while the selected one does or its end is not shown, else take the next.

        A device that the person chose is kept even before it runs: what they type next is meant for it.
        """
        before = self.selected
        if before is not None and (self._is_kept(before) or self._is_ending(before)):
            return ""
        after = self._next_to_type_to(before)
        if after == before:
            return ""
        self.selected = after
        words = ""
        if before is not None and after is not None and self._picture[before].state.is_outcome:
            name = self._prefixes.name(before)
            words = self._merged.say(f"{name} has ended; typing goes to {self._prefixes.name(after)}")
        return words + self._merged.select(after)

    def _is_kept(self, execution: str) -> bool:
        view = self._picture[execution]
        return _runs(view) or (execution == self._chosen and not view.state.is_outcome)

    def _is_ending(self, execution: str) -> bool:
        return self._picture[execution].state.is_outcome and execution not in self._told

    def _next_to_type_to(self, before: str | None) -> str | None:
        """The next running execution; else an open one, `before` itself when it is; else none."""
        executions = self._picture.executions
        at = [execution.id for execution in executions].index(before) if before is not None else 0
        in_turn = executions[at:] + executions[:at]
        open_ones = [execution for execution in in_turn if not execution.state.is_outcome]
        return next((one.id for one in [*filter(_runs, open_ones), *open_ones]), None)


def lost_words(lost: ConnectionLost) -> str:
    """What to say of a lost connection."""
    typed = f"; the {lost.unconfirmed} bytes typed last may not have arrived" if lost.unconfirmed else ""
    return f"{lost.reason}{typed}; trying again"


def _runs(execution: ExecutionView) -> bool:
    return execution.state in STARTED


def _chosen(executions: list[str], selected: str | None, command: Action | Choose) -> str:
    """The execution that a command chooses, counted from the selected one; itself when there is no such."""
    at = executions.index(selected) if selected is not None else 0
    match command:
        case Choose(number):
            return executions[number - 1] if number <= len(executions) else executions[at]
        case Action.PREVIOUS:
            return executions[at - 1]
        case _:
            return executions[(at + 1) % len(executions)]
