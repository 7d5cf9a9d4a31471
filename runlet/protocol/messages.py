"""Every message between controller and agent. JSON, one object each, its versioned type in `type`.

A command goes to an agent, an event comes from one. Which device an event is from is never in its body: the broker lets
a device publish under its own routing key only, and the controller believes the key.
Bytes of a terminal travel as `Chunk` (chunk.py), not as JSON.

Every message may come twice, late or never; what each side does then is written beside the message.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, get_args

from runlet import sealing
from runlet.errors import ProtocolError
from runlet.model import answer, declared_answers, environment, facts
from runlet.model.answer import First, Origin, Result
from runlet.model.declared_answers import Rules
from runlet.model.execution import Event
from runlet.model.facts import FactValue
from runlet.model.logs import LEAST_LIMIT, MOST_LIMIT, Logs
from runlet.model.prompt import MAX_ID, Prompt
from runlet.model.prompt import mistake as prompt_mistake
from runlet.protocol.chunk import MAX_WHO_CHARACTERS
from runlet.protocol.values import from_json, to_json

# A command carries a script of 256 KiB, arguments of 128 KiB and an environment of 64 KiB at most, each of which JSON
# may escape sixfold, declared answers of 64 KiB, which it may escape twofold, and their secrets, 150 KB.
MAX_MESSAGE_BYTES = 3 * 1024 * 1024
# What a database and JSON hold exactly: reports come from devices, which may be hostile.
MAX_COUNT = 2**53
# Of one execution. A device that told of a later one would have consoles step through all before it.
MAX_ATTEMPT = 10_000
# Words for one line of a table.
MAX_DETAIL = 1000
# A job's name, in characters.
MAX_NAME = 100
# Executions that a Hello names: far more than a device has under way, and well within the size of an event.
MAX_HELD = 200
# The kernel keeps a window's size in 16 bits; nobody's screen comes near this.
MAX_WINDOW = 10_000
# What sets each mode of a terminal once is some hundred characters.
MAX_MODES_CHARACTERS = 2000
# A public key for sealing, in Base64.
_KEY_CHARACTERS = 44

# An execution's id names files on the device and is packed into chunks: nothing else may stand in its place.
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class TerminalSize:
    """The window of a terminal, in characters."""

    columns: int = 80
    rows: int = 24

    def __post_init__(self) -> None:
        if not (1 <= self.columns <= MAX_WINDOW and 1 <= self.rows <= MAX_WINDOW):
            raise ProtocolError(f"no terminal has {self.columns} columns and {self.rows} rows")


# --- commands, in the device's durable queue ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Execute:
    """Take this execution into the journal and run it. Repeated until `accept` is recorded; the agent dedupes by id."""

    TYPE: ClassVar[str] = "execute.v1"

    execution: str  # UUID
    attempt: int  # 1 is the first
    run: int  # number of the run, told to the program as RUNLET_RUN
    job: str
    script: str | None  # rendered; None runs `entrypoint` alone
    entrypoint: tuple[str, ...] | None  # program and arguments before the script; None is the platform's shell
    arguments: tuple[str, ...]  # the script's argv from $1 on
    cwd: str | None
    terminal: TerminalSize
    term: str  # TERM
    environment: dict[str, str] = field(default_factory=dict)  # what the controller sets for the program
    timeout: float | None = None  # seconds the program may run, as Report.seconds counts them
    logs: Logs = field(default_factory=Logs)  # what becomes of a program that prints more than is kept
    input: Rules = declared_answers.BY_DEFAULT  # what is done about its questions, on this device
    secrets: dict[str, str] = field(default_factory=dict)  # by name: boxes that its key opens, in Base64
    expires_at: float | None = None  # its deadline, by the controller's clock, in seconds since the epoch

    def __post_init__(self) -> None:
        if mistake := environment.mistake(self.environment):
            raise ProtocolError(mistake)
        if self.timeout is not None and not 0 < self.timeout <= MAX_COUNT:
            raise ProtocolError("a timeout is out of range")
        if not LEAST_LIMIT <= self.logs.limit <= MOST_LIMIT:
            raise ProtocolError("a limit of output is out of range")
        if found := next(declared_answers.mistakes(self.input), None) or declared_answers.secrets_mistake(self.secrets):
            raise ProtocolError(f"an answer cannot be applied: {found}")


@dataclass(frozen=True, slots=True)
class Cancel:
    """End this execution. Sent in the durable lane and in the control lane; idempotent.

    When it overtakes its Execute the agent keeps it, so that the execution is cancelled before it starts. With
    `unless_started`, what takes back an execution that is not wanted any more, a program that runs is left alone.
    """

    TYPE: ClassVar[str] = "cancel.v1"

    execution: str
    attempt: int
    unless_started: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """Tell what became of this execution: its Hello did not name it, and its record is of `version`.

    Answered by a Report of what the agent holds or remembers; else it is interrupted: the agent lost its journal.
    """

    TYPE: ClassVar[str] = "ask.v1"

    execution: str
    attempt: int
    version: int


@dataclass(frozen=True, slots=True)
class Welcome:
    """Answer to Hello: every command the controller had for this device precedes it in the queue.

    Until it comes, the agent starts nothing: a Cancel may still be on its way behind an Execute.
    """

    TYPE: ClassVar[str] = "welcome.v1"

    hello: str  # the id in the Hello this answers
    controller: str  # which says so, by an id made at its start
    at: float  # its clock, in seconds since the epoch


# --- commands, in the control lane: dropped rather than late --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Alive:
    """Answer to Heartbeat: the controller hears this agent, and the agent hears it. Twice or late, it says the same,
    but for the time: it was as late as that at least.

    An agent that was welcomed and gets none for UNANSWERED_HEARTBEATS connects anew, once: its connections look whole
    and lead nowhere, or the controller is away. One that is answered by another controller than welcomed it says hello
    again: that one may know less, started with an older database.
    """

    TYPE: ClassVar[str] = "alive.v1"

    controller: str  # which says so
    at: float  # its clock, in seconds since the epoch


@dataclass(frozen=True, slots=True)
class Resize:
    """The console's window changed, or a console attached: set the size and make the program redraw.

    While another console is the writer the size stays, and only the redrawing is done. Twice, it is drawn twice; late
    or lost, the size is wrong until the next.
    """

    TYPE: ClassVar[str] = "resize.v1"

    execution: str
    attempt: int
    terminal: TerminalSize
    identity: int = 0  # the console's; 0: of none in particular, while nobody is the writer
    redraw: bool = True  # also when the size is the same
    alone: bool = False  # nobody else looks on: to have it drawn again, the size may change for a moment


class Step(StrEnum):
    """What a console does with the writer's lease beside typing."""

    ASK = "ask"  # the writer for it; nobody is the writer: take it
    GIVE = "give"  # it to who asked
    TAKE = "take"  # it, whoever has it
    LEAVE = "leave"  # it is gone, on purpose


@dataclass(frozen=True, slots=True)
class Handover:
    """A console asks for the writer's lease on a session, gives it away, takes it or leaves.

    The agent decides, in the order in which such come, and tells all by Writer. One whose `epoch` is older than the
    last grant changes nothing: twice is once, and who takes second learns who was first. Lost, nothing changes, and a
    console that left without a word is known by its absence.
    """

    TYPE: ClassVar[str] = "handover.v1"

    execution: str
    attempt: int
    step: Step
    identity: int  # the console's
    who: str  # whose console it is
    epoch: int = 0  # the newest state of the lease that was known there; 0: none was

    def __post_init__(self) -> None:
        _check_console(self.who, self.identity, self.epoch)


@dataclass(frozen=True, slots=True)
class Watch:
    """Somebody looks at this execution: send small frames at once. Lapses after WATCH_SECONDS unless repeated.

    Answered by Writer, once there was one; with `modes`, in any case, and by Modes too.
    """

    TYPE: ClassVar[str] = "watch.v1"

    execution: str
    attempt: int
    watched: bool
    identity: int = 0  # of the console in front, the writer's if there is one, when it is attached there: it stays so
    modes: bool = False  # tell all that a console of this execution alone wants to know
    clock: int = 0  # the controller's, a number drawn at its start: what is typed tells its age by it
    sent_at: float = 0.0  # by that clock, in seconds


@dataclass(frozen=True, slots=True)
class Stored:
    """The controller has the stream up to `offset`; with `settled`, the outcome too: the agent may forget both.

    With `hole`, bytes arrived that do not follow `offset`: the agent sends again from there.
    """

    TYPE: ClassVar[str] = "stored.v1"

    execution: str
    attempt: int
    offset: int
    settled: bool = False
    hole: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Type this for the program if it still asks `prompt` and nobody has answered that: compare and set.

    Answered by Answered; twice, by the same again. Late it is dropped by the broker, and nothing is typed.
    """

    TYPE: ClassVar[str] = "answer.v1"

    id: str  # UUID, made by who answers
    execution: str
    attempt: int
    prompt: str  # the prompt's id
    data: str  # the bytes to type, with the Enter that ends them, in Base64; of a secret a sealed box of them
    sealed: bool
    by: str  # who answers, in words
    clock: int = 0  # the controller's, a number drawn at its start
    sent_at: float = 0.0  # by that clock, in seconds

    def __post_init__(self) -> None:
        _check_answer(self.id, self.prompt)
        if mistake := answer.mistake(self.by):
            raise ProtocolError(mistake)
        if not 0 < len(self.typed) <= answer.MAX_BYTES + sealing.OVERHEAD_BYTES * self.sealed:
            raise ProtocolError(f"an answer has 1 to {answer.MAX_BYTES} bytes")

    @property
    def typed(self) -> bytes:
        """The bytes, or the box of them."""
        try:
            return base64.b64decode(self.data, validate=True)
        except (binascii.Error, ValueError):
            raise ProtocolError("an answer's data is not Base64") from None

    @property
    def context(self) -> bytes:
        """What the box is sealed for."""
        return answer_context(self.execution, self.attempt, self.prompt)


# --- events ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of an answer: of each Answer, and of what was typed on a console or declared, if it was taken.

    Twice, it says the same. Lost, the next Report repairs it if the answer was taken.
    """

    TYPE: ClassVar[str] = "answered.v1"

    id: str  # the answer's
    execution: str
    attempt: int
    prompt: str  # the prompt's id
    result: Result
    origin: Origin
    by: str  # who answered, in words
    at: float  # device clock, seconds since the epoch
    asked: Prompt | None = None  # taken: the prompt itself
    text: str | None = None  # taken: what was typed, without its Enter; None of a secret
    first: First | None = None  # late: who was first
    detail: str = ""  # refused: why, in words

    def __post_init__(self) -> None:
        _check_answer(self.id, self.prompt)
        if not (0 <= self.attempt <= MAX_ATTEMPT and math.isfinite(self.at)):
            raise ProtocolError("an answer's number is out of range")
        if mistake := answer.mistake(self.by, self.text) or (answer.mistake(self.first.by) if self.first else None):
            raise ProtocolError(mistake)
        if self.first is not None:
            _check_answer(self.first.answer, self.prompt)
        if self.asked is not None and (mistake := prompt_mistake(self.asked)):
            raise ProtocolError(mistake)
        if self.asked is not None and self.asked.secret and self.text is not None:
            raise ProtocolError("what was typed for a secret is not told")
        if len(self.detail) > MAX_DETAIL or "\0" in self.detail:
            raise ProtocolError("an answer's detail is too long, or holds a NUL character")


@dataclass(frozen=True, slots=True)
class Report:
    """What happened to one execution. Versions grow by one per event; a version not newer is refused.

    An outcome is repeated until the controller answers `Stored(settled=True)`; the newest of each execution also
    precedes every Hello.
    """

    TYPE: ClassVar[str] = "report.v1"

    execution: str
    attempt: int
    version: int
    event: Event
    at: float  # device clock, seconds since the epoch; shown, never used to order anything
    exit_code: int | None = None
    signal: int | None = None
    detail: str = ""  # why it failed or was rejected, in words
    output_length: int = 0  # bytes the terminal has produced; final with an outcome
    # How long the program ran, by the device's monotonic clock, without the time that it waited for a person.
    seconds: float | None = None
    kept_from: int = 0  # with an outcome: the agent has the output from this offset on
    run: int = 0  # what the program was told as RUNLET_RUN; 0 of what was cancelled before its Execute came
    job: str = ""
    prompt: Prompt | None = None  # with `ask`: what it waits with
    answered: Answered | None = None  # the last answer that was taken
    unanswered: bool = False  # with `fail`: it was ended because nobody answered its question

    def __post_init__(self) -> None:
        if self.prompt is not None and self.event is not Event.ASK:
            raise ProtocolError(f"a report of {self.event} has no prompt")
        if self.unanswered and self.event is not Event.FAIL:
            raise ProtocolError(f"a report of {self.event} is not about a question")
        if self.prompt is not None and (mistake := prompt_mistake(self.prompt)):
            raise ProtocolError(mistake)
        sizes = (self.output_length, self.kept_from, self.prompt.offset if self.prompt else 0)
        numbers = (self.attempt, self.version, self.exit_code or 0, self.signal or 0, self.run, *sizes)
        if self.attempt > MAX_ATTEMPT or not all(0 <= number <= MAX_COUNT for number in numbers):
            raise ProtocolError("a report's number is out of range")
        if not all(math.isfinite(number) for number in (self.at, self.seconds or 0.0)):
            raise ProtocolError("a report's time is not a number")
        if len(self.detail) > MAX_DETAIL or "\0" in self.detail:
            raise ProtocolError("a report's detail is too long, or holds a NUL character")
        if len(self.job) > MAX_NAME or "\0" in self.job:
            raise ProtocolError("a report's job is too long, or holds a NUL character")
        if self.answered is not None and (self.answered.execution, self.answered.attempt) != (
            self.execution,
            self.attempt,
        ):
            raise ProtocolError("a report tells of an answer to something else")


@dataclass(frozen=True, slots=True)
class Hello:
    """The agent (re)connected. The newest Report of everything it holds precedes this in the same lane.

    The controller answers with every command it has for the device, then Welcome.
    """

    TYPE: ClassVar[str] = "hello.v1"

    id: str
    agent_version: str
    held: tuple[str, ...] | None = None  # the executions that the agent holds; None when they are more than MAX_HELD
    key: str | None = None  # the device's public key for sealing, in Base64

    def __post_init__(self) -> None:
        if self.key is not None and not (len(self.key) == _KEY_CHARACTERS and self.key.isascii()):
            raise ProtocolError("a hello's key is none")
        if len(self.agent_version) > MAX_DETAIL or "\0" in self.agent_version:
            raise ProtocolError("a hello's version is too long, or holds a NUL character")


@dataclass(frozen=True, slots=True)
class Facts:
    """What the agent observes of its device, all of it: the latest replaces what was told before.

    Sent after each Welcome, and when something that matters has changed.
    """

    TYPE: ClassVar[str] = "facts.v1"

    facts: dict[str, FactValue]

    def __post_init__(self) -> None:
        if mistake := facts.mistake(self.facts):
            raise ProtocolError(mistake)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A sign of life, every HEARTBEAT_SECONDS; the controller answers each with Alive."""

    TYPE: ClassVar[str] = "heartbeat.v1"


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The agent stops on purpose: show it offline at once."""

    TYPE: ClassVar[str] = "goodbye.v1"


@dataclass(frozen=True, slots=True)
class InputRefused:
    """Bytes typed for this execution did not reach its program; `reason` says why, for the console.

    Twice, it is told twice; lost, the console is told in the end that nothing was heard of them.
    """

    TYPE: ClassVar[str] = "input_refused.v1"

    execution: str
    attempt: int
    console: int
    reason: str
    number: int = 0  # of the piece


@dataclass(frozen=True, slots=True)
class InputTaken:
    """How far what a console typed for this execution has come, in bytes: told soon after it was typed, as it moves.

    What is told grows, and the newest is all there is to know: twice is once, and one that is lost is made good by the
    next, or by what a console is told when nothing is heard of what it typed.
    """

    TYPE: ClassVar[str] = "input_taken.v1"

    execution: str
    attempt: int
    console: int
    held: int  # the holder has judged everything up to here: it is typed, waits, or was refused
    taken: int  # the terminal has taken it, or it is refused


class Cause(StrEnum):
    """How a session came by its writer, or lost it."""

    TYPED = "typed"  # the first to type while there was none
    GIVEN = "given"
    TAKEN = "taken"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Writer:
    """Who may type on a session: the whole state of its lease.

    Told at every change, and in answer to every Watch; so one that is lost is made good. What is not newer, by its
    `epoch`, which grows with every change, says nothing.
    """

    TYPE: ClassVar[str] = "writer.v1"

    execution: str
    attempt: int
    epoch: int
    identity: int = 0  # of the writer's console; 0: whoever types first
    who: str = ""
    asker: int = 0  # the identity of the console that asked for the lease
    asker_who: str = ""
    front: int = 0  # the console whose window counts and whose terminal answers the program's queries; 0: any
    cause: Cause = Cause.LEFT
    terminal: TerminalSize | None = None  # the session's window; None: of an agent that does not tell it

    def __post_init__(self) -> None:
        _check_console(self.who, self.identity, self.epoch)
        _check_console(self.asker_who, self.asker, self.front)


@dataclass(frozen=True, slots=True)
class Modes:
    """The modes in which a program had its terminal behind the first `offset` bytes of its stream.

    `output` is what brings a terminal into them. Told in answer to a Watch that asks for it; twice or late, it is older
    than what the stream has shown since, and lost, a console does without.
    """

    TYPE: ClassVar[str] = "modes.v1"

    execution: str
    attempt: int
    offset: int
    output: str

    def __post_init__(self) -> None:
        if len(self.output) > MAX_MODES_CHARACTERS or not self.output.isascii() or not 0 <= self.offset <= MAX_COUNT:
            raise ProtocolError("modes.v1 holds no modes")


Command = Execute | Cancel | Ask | Welcome | Alive | Resize | Handover | Watch | Stored | Answer
AgentEvent = Report | Answered | Hello | Facts | Heartbeat | Goodbye | InputRefused | InputTaken | Writer | Modes
Message = Command | AgentEvent

_BY_TYPE: dict[str, type[Message]] = {kind.TYPE: kind for kind in get_args(Message)}

# --- timing both sides must agree on, in seconds --------------------------------------------------------------------

HEARTBEAT_SECONDS = 15.0  # three of them within OFFLINE_SECONDS
STALE_SECONDS = 2 * HEARTBEAT_SECONDS  # one heartbeat was missed: shown as stale
OFFLINE_SECONDS = 3 * HEARTBEAT_SECONDS  # two were missed: shown as offline
UNANSWERED_HEARTBEATS = 3  # in a row, before an agent connects anew
CONTROL_TTL_SECONDS = 10.0  # input and control older than this are dropped by the broker
WATCH_SECONDS = 60.0  # a Watch lapses after this
WATCH_REPEAT_SECONDS = 20.0  # and is repeated this often
WRITER_GONE_SECONDS = 60.0  # a console that is attached nowhere is writer and in front no more after this


def _check_console(who: str, *numbers: int) -> None:
    if len(who) > MAX_WHO_CHARACTERS or not (who.isprintable() and all(0 <= number < 2**64 for number in numbers)):
        raise ProtocolError("a console's name or number is none")


def answer_context(execution: str, attempt: int, prompt: str) -> bytes:
    """What a secret answer is sealed for."""
    return sealing.context("answer", execution, str(attempt), prompt)


def secret_context(device: str, name: str) -> bytes:
    """What a secret that a job's answers name is sealed for."""
    return sealing.context("secret", device, name)


def encode(message: Message) -> bytes:
    """The message as UTF-8 JSON; raises ProtocolError when it is larger than MAX_MESSAGE_BYTES."""
    body = json.dumps({"type": message.TYPE, **to_json(message)}, ensure_ascii=False, separators=(",", ":")).encode()
    if len(body) > MAX_MESSAGE_BYTES:
        raise ProtocolError(f"a {message.TYPE} of {len(body)} bytes is over the limit of {MAX_MESSAGE_BYTES}")
    return body


def decode(body: bytes) -> Message:
    """The message in `body`. Unknown fields are ignored, so that a newer peer may add some.

    Raises ProtocolError for anything else that is not exactly a known message.
    """
    if len(body) > MAX_MESSAGE_BYTES:
        raise ProtocolError(f"a message of {len(body)} bytes is over the limit of {MAX_MESSAGE_BYTES}")
    try:
        content = json.loads(body)
        if b"\\u" in body:
            json.dumps(content, ensure_ascii=False).encode()  # JSON can spell text that UTF-8 cannot
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not JSON: {error}") from None
    if not isinstance(content, dict):
        raise ProtocolError("a message must be a JSON object")
    name = content.get("type")
    if not isinstance(name, str) or name not in _BY_TYPE:
        raise ProtocolError(f"unknown message type {name!r}" if isinstance(name, str) else "a message without a type")
    kind = _BY_TYPE[name]
    message = from_json(kind, content, kind.TYPE)
    if hasattr(message, "execution") and not _UUID.fullmatch(message.execution):
        raise ProtocolError(f"{kind.TYPE}.execution must be a UUID in lower case")
    return message


def _check_answer(id_: str, prompt: str) -> None:
    if not _UUID.fullmatch(id_):
        raise ProtocolError("an answer's id must be a UUID in lower case")
    if not (prompt.isascii() and prompt.isprintable() and 0 < len(prompt) <= MAX_ID):
        raise ProtocolError("an answer's prompt is none")
