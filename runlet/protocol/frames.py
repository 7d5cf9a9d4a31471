"""Every frame of an attachment: what crosses the WebSocket between a console and the controller, sans-I/O.

    console -> controller     Attach first and once; then Resize, Handover, and Typed for what is typed
    controller -> console     RunSnapshot first; then ExecutionChanged, RolloutChanged, WriterChanged, Modes, Notice,
                              Taken, Gap, Drained, and Chunk for output; Settled last, then the controller closes the
                              WebSocket with code 1000

Typed and Chunk (chunk.py) are binary frames; all others are text: one JSON object each, its kind in `type`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, get_args

from runlet.errors import ProtocolError
from runlet.protocol.chunk import Chunk
from runlet.protocol.messages import Cause, Step, TerminalSize
from runlet.protocol.values import from_json, to_json
from runlet.protocol.views import ExecutionView, RolloutView, RunView


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the output of an execution: `offset` bytes into the stream of one of its attempts."""

    attempt: int = 1
    offset: int = 0

    def after(self, chunk: Chunk) -> Position:
        """The place behind `chunk`; unchanged when that has nothing new."""
        end = Position(chunk.attempt, chunk.position + len(chunk.data))
        return max(self, end, key=lambda place: (place.attempt, place.offset))


# --- from a console -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attach:
    """Bind this console to a run; `devices` None means all of them.

    Output begins at `positions` (by execution; at the start of its first attempt when absent); with `tail`, at most
    that many bytes before the present end. A read-only console's typing and resizing are refused.
    """

    TYPE: ClassVar[str] = "attach"

    devices: tuple[str, ...] | None = None
    positions: dict[str, Position] = field(default_factory=dict)
    tail: int | None = None
    read_only: bool = False
    terminal: TerminalSize | None = None  # the console's window; None leaves the executions' terminals as they are
    identity: int | None = None  # a number drawn by the console, the same when it attaches again; None: a new console
    who: str = ""  # whose console it is, "user@host", for the others; cut at MAX_WHO_CHARACTERS
    late: bool = False  # it is not shown all that was drawn: programs are to draw again
    at: float = 0.0  # when, in seconds by the clock that Typed tells the time of

    def __post_init__(self) -> None:
        if self.identity is not None and not 0 < self.identity < 2**63:
            raise ProtocolError("attach.identity must be above 0 and below 2^63")


@dataclass(frozen=True, slots=True)
class Resize:
    """The console's window has this size now. It counts while no other console is the writer."""

    TYPE: ClassVar[str] = "resize"

    execution: str
    terminal: TerminalSize


@dataclass(frozen=True, slots=True)
class Handover:
    """Ask for the writer's lease on an execution's terminal, give it to who asked, take it, or let it go.

    What comes of it is told by WriterChanged; that it changes nothing, by a Notice or not at all.
    """

    TYPE: ClassVar[str] = "handover"

    execution: str
    step: Step


# --- from the controller ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunSnapshot:
    """The run at the moment of attaching; every later change of the selected executions follows.

    `positions` tells where output begins, for those executions whose first bytes are left out.
    """

    TYPE: ClassVar[str] = "run"

    run: RunView
    positions: dict[str, Position] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExecutionChanged:
    """An execution has a newer version, or now has a device."""

    TYPE: ClassVar[str] = "execution"

    execution: ExecutionView


@dataclass(frozen=True, slots=True)
class RolloutChanged:
    """The run has come further in its rollout."""

    TYPE: ClassVar[str] = "rollout"

    rollout: RolloutView


@dataclass(frozen=True, slots=True)
class Notice:
    """Words for the operator; `refused` when something that they typed did not reach the program, and why."""

    TYPE: ClassVar[str] = "notice"

    execution: str | None
    message: str
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """`size` bytes more of what this console typed have been taken by the program's terminal, or refused and told.

    A console has INPUT_WINDOW_BYTES (chunk.py) under way at most: what is typed beyond waits there for this.
    """

    TYPE: ClassVar[str] = "taken"

    execution: str
    size: int


@dataclass(frozen=True, slots=True)
class WriterChanged:
    """Who may type on an execution's terminal: the whole state, newer than what was told before."""

    TYPE: ClassVar[str] = "writer"

    execution: str
    attempt: int
    who: str  # whose console the writer is; empty: whoever types first
    is_you: bool
    asker: str  # who asked for it; empty: nobody
    is_asking: bool  # that is you
    answers: bool  # what the program asks the terminal is for yours to answer, and the window's size is yours
    cause: Cause
    terminal: TerminalSize | None = None  # the session's window; None: not known


@dataclass(frozen=True, slots=True)
class Modes:
    """What brings a terminal into the modes in which the program had its own behind `offset` bytes of its stream.

    Told to who attaches to one execution, once or more; not at all while the device is away.
    """

    TYPE: ClassVar[str] = "modes"

    execution: str
    attempt: int
    offset: int
    output: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Of an attempt's output, `length` bytes from `offset` on are not kept; the next Chunk begins behind them."""

    TYPE: ClassVar[str] = "gap"

    execution: str
    attempt: int
    offset: int
    length: int

    @property
    def end(self) -> Position:
        """Where output goes on."""
        return Position(self.attempt, self.offset + self.length)


@dataclass(frozen=True, slots=True)
class Drained:
    """This attempt has ended and its last byte of output has been sent; `is_over` when no other attempt follows it.

    `next_at` is when the next one may begin, if that is still ahead.
    """

    TYPE: ClassVar[str] = "drained"

    execution: str
    attempt: int
    is_over: bool
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """Every selected execution has ended and is drained: the last frame."""

    TYPE: ClassVar[str] = "settled"


ConsoleFrame = Attach | Resize | Handover
ControllerFrame = (
    RunSnapshot | ExecutionChanged | RolloutChanged | WriterChanged | Modes | Notice | Taken | Gap | Drained | Settled
)
Frame = ConsoleFrame | ControllerFrame

_FROM_CONSOLE: dict[str, type[ConsoleFrame]] = {kind.TYPE: kind for kind in get_args(ConsoleFrame)}
_FROM_CONTROLLER: dict[str, type[ControllerFrame]] = {kind.TYPE: kind for kind in get_args(ControllerFrame)}

# What a console may send in one frame: the positions of 10,000 executions are 700 KB of JSON, a pasted page far less.
MAX_CONSOLE_FRAME_BYTES = 1024 * 1024
# What the controller may send: the snapshot of a run on 10,000 devices is 4 MiB of JSON.
MAX_CONTROLLER_FRAME_BYTES = 16 * 1024 * 1024


def encode(frame: Frame) -> str:
    """The text of a frame."""
    return json.dumps({"type": frame.TYPE, **to_json(frame)}, ensure_ascii=False, separators=(",", ":"))


def decode_from_console(text: str) -> ConsoleFrame:
    """Raises ProtocolError for anything that is not exactly a frame a console may send."""
    content, kind = _read(text)
    if kind not in _FROM_CONSOLE:
        raise ProtocolError(f"a console sends no frame of type {kind!r}")
    return from_json(_FROM_CONSOLE[kind], content, kind)


def decode_from_controller(text: str) -> ControllerFrame:
    """Raises ProtocolError for anything that is not exactly a frame the controller may send."""
    content, kind = _read(text)
    if kind not in _FROM_CONTROLLER:
        raise ProtocolError(f"the controller sends no frame of type {kind!r}")
    return from_json(_FROM_CONTROLLER[kind], content, kind)


def _read(text: str) -> tuple[dict[str, Any], str]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a frame that is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise ProtocolError("a frame must be a JSON object")
    kind = content.get("type")
    if not isinstance(kind, str):
        raise ProtocolError("a frame without a type")
    return content, kind
