"""The agent's hold on one program: a connection to its holder, which owns the terminal."""

from __future__ import annotations

import asyncio
import logging
import os
import pwd
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from runlet.agent.output import OutputSender
from runlet.holder import processes, wire
from runlet.holder.buffer import OutputBuffer
from runlet.holder.keyboard import ANSWERS
from runlet.holder.moments import unpack
from runlet.holder.records import Ended, Start
from runlet.holder.wire import Look
from runlet.model.logs import Overflow
from runlet.protocol.chunk import PROGRAM_ENDED, Input
from runlet.protocol.messages import Execute, TerminalSize

# One turn of the loop takes at most this much from one holder, so that other sessions and commands get their turn.
READ_BYTES = 64 * 1024
# Pieces of input that the holder has not answered. It answers each at once: more means that it is stopped, and what is
# not acknowledged must not fill the control lane, where cancels come.
MAX_UNANSWERED = 256
# Bytes that the holder's socket does not take: likewise. More than the consoles of one that takes over have under way.
MAX_UNSENT_BYTES = 256 * 1024

log = logging.getLogger(__name__)

# They describe the terminal that the agent was started in, and programs trust them more than their own terminal.
_OTHER_TERMINAL = frozenset({"COLUMNS", "LINES", "TERMCAP"})


@dataclass(frozen=True, slots=True)
class NotStarted:
    """The program cannot be started, and never ran."""

    words: str


class Elsewhere:
    """Another holder has this execution, or had it."""


class Lost:
    """The holder is gone without a word; what it wrote down tells more."""


Ending = Ended | NotStarted | Elsewhere | Lost


class Session:
    """The live terminal of one execution. `started` resolves when the program runs, `ended` when it has ended.

    `look` is given what the holder sees of a program that may wait for a person, and that it no longer does; `printed`
    what the program prints; `recall` what an earlier agent noted; `took` how far a console's
    bytes are judged and taken.
    """

    def __init__(
        self,
        connection: socket.socket,
        output: OutputSender,
        look: Callable[[Look], None],
        printed: Callable[[bytes], None],
        recall: Callable[[bytes], None],
        took: Callable[[int, int, int], None],
    ) -> None:
        self._connection = connection
        self._output = output
        self._look = look
        self._printed = printed
        self._recall = recall
        self._took = took
        self._loop = asyncio.get_running_loop()
        self._frames = wire.Frames()
        self._sending = bytearray()
        self._unanswered: dict[tuple[int, int], Callable[[str], None]] = {}
        self._moved: dict[tuple[int, int], Callable[[], None]] = {}
        self._version = wire.OLDEST_VERSION
        self.started: asyncio.Future[None] = self._loop.create_future()
        self.ended: asyncio.Future[Ending] = self._loop.create_future()
        connection.setblocking(False)
        self._loop.add_reader(connection, self._receive)

    def type(self, piece: Input, answer: Callable[[str], None]) -> None:
        """Type for the program. `answer` is called when the terminal has it, or with the words why it is refused."""
        self._type(piece, answer, wire.type_(piece.console, piece.number, piece.data))

    def type_if(self, piece: Input, look: Look, answer: Callable[[str], None], moved: Callable[[], None]) -> None:
        """The same if the terminal is still as it was seen; else `moved` is called, and a new look follows."""
        if self._version == wire.OLDEST_VERSION:
            self.type(piece, answer)
            return
        self._type(piece, answer, wire.type_if(piece.console, piece.number, look, piece.data))
        if (piece.console, piece.number) in self._unanswered:
            self._moved[piece.console, piece.number] = moved

    def _type(self, piece: Input, answer: Callable[[str], None], frame: bytes) -> None:
        key = piece.console, piece.number
        if self.ended.done():
            answer(PROGRAM_ENDED)
        elif (earlier := self._unanswered.get(key)) is not None:  # delivered again: the holder has it once
            self._unanswered[key] = partial(_answer_both, earlier, answer)
        elif len(self._unanswered) >= MAX_UNANSWERED or len(self._sending) > MAX_UNSENT_BYTES:
            answer("the program's terminal does not answer")
        else:
            self._unanswered[key] = answer
            self._send(frame)

    def release(self, offset: int) -> None:
        """The controller has stored the output before `offset`."""
        self._send(wire.release(offset))

    def note(self, content: bytes) -> None:
        """Leave this for the next agent; before what depends on it."""
        self._send(wire.note(content))

    def resize(self, size: TerminalSize, *, nudge: bool) -> None:
        """Set the window's size, and have the program draw again; with `nudge` by another size for a moment, if need
        be.
        """
        self._send(wire.resize(size.columns, size.rows, nudge=nudge))

    def waits(self, *, for_person: bool) -> None:
        """Whether the program waits for a person: then its time does not count."""
        self._send(wire.waits(for_person))

    def end(self, verdict: str, *, politely: bool) -> None:
        """End the program, politely with Ctrl-C first; who asks first gives its end the verdict."""
        self._send(wire.end(verdict.encode(), politely=politely))

    def close(self, *, taken: bool) -> None:
        """Let go of the holder: its outcome is in the journal, or the agent leaves."""
        if taken:
            self._send(wire.frame(wire.TAKEN))
        self._disconnect()

    def _send(self, frame: bytes) -> None:
        if self._connection.fileno() < 0:
            return
        self._sending += frame
        self._flush()

    def _flush(self) -> None:
        try:
            del self._sending[: self._connection.send(self._sending)]
        except BlockingIOError:
            pass
        except OSError:  # reading tells what there is to know
            self._sending.clear()
        if self._sending:
            self._loop.add_writer(self._connection, self._flush)
        else:
            self._loop.remove_writer(self._connection)

    def _receive(self) -> None:
        try:
            data = self._connection.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        try:
            for kind, content in self._frames.feed(data):
                self._take(kind, content)
        except ValueError as error:  # of a version that is not ours: the program goes on, and is told as left running
            log.error("a holder is not understood: %s", error)  # noqa: TRY400
            data = b""
        if not data:
            self._end(Lost())

    def _take(self, kind: int, content: bytes) -> None:
        match kind:
            case wire.MOMENTS:
                self._output.note(unpack(content))
            case wire.OUTPUT:
                self._output.append(content)
                self._printed(content)
            case wire.ANSWER:
                console, number, words = wire.read_typed(content)
                self._moved.pop((console, number), None)
                if self._version == wire.OLDEST_VERSION and console < ANSWERS:
                    self._took(console, number, number)  # it tells nothing of how far the program has read
                answer = self._unanswered.pop((console, number), None)
                if answer is not None:
                    answer(words.decode(errors="replace"))
            case wire.MOVED:
                console, number, _ = wire.read_typed(content)
                self._unanswered.pop((console, number), None)
                moved = self._moved.pop((console, number), None)
                if moved is not None:
                    moved()
            case wire.TOOK:
                self._took(*wire.read_took(content))
            case wire.LOOKED:
                self._look(wire.read_looked(content))
            case wire.NOTED:
                self._recall(content)
            case wire.GREETING:
                self._version, offset = wire.read_greeting(content)
                self._output.take_over(OutputBuffer(start=offset))
                self.started.set_result(None)
            case wire.ENDED:
                self._end(Ended.decode(content))
            case wire.REFUSED:
                self._end(NotStarted(content.decode(errors="replace")))
            case wire.ELSEWHERE:
                self._end(Elsewhere())
            case _:
                raise wire.BrokenWire(f"a frame of kind {kind}")

    def _end(self, ending: Ending) -> None:
        if self.ended.done():
            return
        self._loop.remove_reader(self._connection)
        self.ended.set_result(ending)
        unanswered, self._unanswered = self._unanswered, {}
        for answer in unanswered.values():
            answer(PROGRAM_ENDED)

    def _disconnect(self) -> None:
        if self._connection.fileno() >= 0:
            self._loop.remove_reader(self._connection)
            self._loop.remove_writer(self._connection)
            self._connection.close()


def _answer_both(first: Callable[[str], None], second: Callable[[str], None], words: str) -> None:
    """Of what came twice, one counts as typed."""
    first(words)
    second(words or "it came twice, and is typed once")


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What is to be told of a program that its holder ended: at its time limit, its output's limit, or told to."""

    timeout: str
    limit: str
    stop: str


def start_of(command: Execute, argv: Sequence[str], device: str, verdicts: Verdicts) -> Start:
    """What a holder must know to start `command`."""
    overflow = command.logs.overflow
    own = _own_environment()
    cwd = os.path.abspath(os.path.expanduser(command.cwd or own["HOME"]))
    return Start(
        execution=command.execution.encode(),
        argv=[os.fsencode(argument) for argument in argv],
        environment={
            os.fsencode(name): os.fsencode(value) for name, value in _environment(own, command, device).items()
        },
        cwd=os.fsencode(cwd),
        size=(command.terminal.columns, command.terminal.rows),
        timeout=command.timeout,
        on_timeout=verdicts.timeout.encode(),
        limit=None if overflow is Overflow.KEEP_ENDS else command.logs.limit,
        on_limit=verdicts.limit.encode() if overflow is Overflow.STOP else b"",
        on_stop=verdicts.stop.encode(),
    )


def login(uid: int) -> tuple[str, str, str]:
    """(home, name, shell) of a user; containers like to run programs under a number that has no account."""
    try:
        user = pwd.getpwuid(uid)
    except KeyError:
        return "/", str(uid), "/bin/sh"
    return user.pw_dir, user.pw_name, user.pw_shell


def _own_environment() -> Mapping[str, str]:
    """The agent's environment without its settings, and a login user's basics."""
    home, login_name, shell = login(os.getuid())
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("RUNLET_") and name not in _OTHER_TERMINAL
    }
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "HOME": home,
        "USER": login_name,
        "LOGNAME": login_name,
        "SHELL": shell,
        **inherited,
    }


def _environment(own: Mapping[str, str], command: Execute, device: str) -> Mapping[str, str]:
    """The program's environment. Its job may set anything but what tells where it runs."""
    return {
        **own,
        "TERM": command.term,
        **command.environment,
        "RUNLET_DEVICE": device,
        "RUNLET_JOB": command.job,
        "RUNLET_RUN": str(command.run),
        "RUNLET_ATTEMPT": str(command.attempt),
        processes.MARK.decode(): command.execution,
    }
