"""A holder: stays with one program and its terminal until the program's end, and tells an agent meanwhile.

One thread and one poll. It needs no agent: without one the program goes on, its output is kept up to a bound, where the
program waits, and its time limit counts, but not while it waits for a person. How it ended is told to the agent that is
there, or else left on the disk.

SIGTERM ends the program in order; a holder that is killed takes the terminal with it.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import termios
import time
from contextlib import suppress

from runlet.holder import processes, records, waiting, wire
from runlet.holder.attention import Attention
from runlet.holder.buffer import OutputBuffer
from runlet.holder.clock import Clock
from runlet.holder.keyboard import Keyboard
from runlet.holder.moments import Moments, pack
from runlet.holder.recent import Recent
from runlet.holder.records import ENDED, SOCKET, START, Ended, Start
from runlet.holder.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# One turn of the loop reads at most this much of the terminal, so that what is typed gets its turn.
READ_BYTES = 64 * 1024
# Output on its way to the agent: what a socket takes at once. The rest stays in the buffer.
SENDING_BYTES = 128 * 1024
# After the program ended: what the kernel may still hold of its output, taken even beyond the buffer's bound, since an
# end must not wait for the controller. A background process that keeps printing is cut off here.
DRAIN_BYTES = 256 * 1024
# To have it drawn again, a window has another size for a moment: so long after the program has drawn that, and not
# longer than that, for one that draws nothing.
NUDGE_SECONDS, MOST_NUDGE_SECONDS = 0.1, 1.0
# An answer to what was typed waits this long for its echo, to wake the agent once for both.
ANSWER_SECONDS = 0.005
# Cancel: Ctrl-C, then after this SIGTERM, ...
INTERRUPT_SECONDS = 2.0
# ... then after this SIGKILL to everything the execution started.
TERMINATE_SECONDS = 5.0
# An agent that is there takes an outcome within this, or it goes to the disk: the slowest of disks syncs in less.
TAKEN_SECONDS = 5.0
# A disk that does not take the outcome is tried again after this; any agent that comes first takes it.
DISK_SECONDS = 10.0
# Nothing was printed or typed for so long: more than any program pauses within a line.
LONG_SECONDS = 2.0
# A script that has sent its output elsewhere may come back to its terminal, as /dev/tty; nothing tells when it does.
OPEN_SECONDS = 0.2

_FOREVER = None
# Either may be seen of one that waits for a line, as another thread of it works or rests.
_READS = {waiting.READING, waiting.LIMITED}


class Holder:
    """A running program, its terminal, and the agent that is connected, if any.

    `signals` is readable and has the number of each signal that came.
    """

    def __init__(
        self,
        name: str,
        start: Start,
        terminal: Terminal,
        listener: socket.socket,
        agent: socket.socket,
        signals: int,
    ) -> None:
        self._name = name
        self._start = start
        self._terminal = terminal
        self._listener = listener
        self._began = time.monotonic()
        self._clock = Clock(self._began, start.timeout)
        # Beyond its limit the program is ended, or is made to wait there.
        blocked_at = start.limit if start.limit is not None and not start.on_limit else sys.maxsize
        self._buffer = OutputBuffer(most=blocked_at)
        self._moments = Moments()
        self._keyboard = Keyboard()
        self._recent = Recent()
        self._attention = Attention(self._began)
        self._activity = waiting.BUSY  # what the programs did when they were last looked at
        self._call: tuple[int, ...] = ()  # the one that waited, and the length of the stream when it was first seen
        self._since = 0
        self._judged = False  # the agent that is there, or was there last, says that the program waits for a person
        self._note = b""  # what an agent left for the next
        self._look: bytes | None = None  # to be told
        self._told: tuple[int, ...] | None = None  # all that matters of what was told last; () when no program waits
        self._ended: Ended | None = None
        self._is_open = True  # the terminal: somebody may still print there
        self._open_at: float | None = None  # when to look whether somebody has it again
        self._safe = False  # the outcome is in the agent's journal, or on the disk

        self._agent: socket.socket | None = None
        self._frames = wire.Frames()
        self._sending = bytearray()
        self._answers = bytearray()
        self._told_end = False

        self._verdict = b""
        self._next_step: Callable[[], None] | None = None  # of ending the program
        self._next_step_at: float | None = _FOREVER
        self._answer_at: float | None = _FOREVER
        self._outcome_at: float | None = _FOREVER  # when it goes to the disk
        self._settle_at: float | None = _FOREVER  # when the window gets its own size again

        self._poll = select.poll()
        self._watched: dict[int, int] = {}
        self._signals = signals
        self._watch(signals, select.POLLIN)
        self._watch(listener.fileno(), select.POLLIN)
        self._connect(agent)

    def run(self) -> None:
        """Until the outcome is safe."""
        try:
            while not self._safe:
                self._watch_what_matters()
                for file, events in self._poll.poll(self._patience()):
                    self._handle(file, events)
                self._act_in_time(time.monotonic())
                self._send()
        finally:
            with suppress(OSError):
                os.unlink(self._name + SOCKET)

    # --- waiting ------------------------------------------------------------------------------------------------------

    def _patience(self) -> float | None:
        """Milliseconds until something is due."""
        own = (self._next_step_at, self._answer_at, self._outcome_at, self._open_at, self._settle_at)
        times = (*own, self._clock.due, self._attention.due)
        due = [at for at in times if at is not None]
        return max(0.0, min(due) - time.monotonic()) * 1000 + 1 if due else None  # poll rounds down

    def _watch_what_matters(self) -> None:
        if self._ended is None:
            reading = self._is_open and self._buffer.room > 0  # at the bound, the kernel makes the program wait
            typing = bool(self._keyboard.waiting)
            self._watch(self._terminal.master, reading * select.POLLIN | typing * select.POLLOUT)
        if self._agent is not None:
            self._watch(self._agent.fileno(), select.POLLIN | bool(self._sending) * select.POLLOUT)

    def _watch(self, file: int, events: int) -> None:
        """Without events, not even for a hang-up, which a poll cannot be asked to leave out."""
        if events == self._watched.get(file, 0):
            return
        if events:
            self._poll.register(file, events)
        else:
            self._poll.unregister(file)
        self._watched[file] = events

    def _handle(self, file: int, events: int) -> None:
        if file == self._signals:
            self._on_signal(os.read(self._signals, 512))
        elif file == self._listener.fileno():
            with suppress(BlockingIOError):
                self._connect(self._listener.accept()[0])
        elif self._agent is not None and file == self._agent.fileno():
            if events & ~select.POLLOUT:
                self._receive(self._agent)
        elif self._ended is None and file == self._terminal.master:
            if events & select.POLLHUP:
                self._keyboard.forget_waiting()  # nobody has the terminal who could read it
            if events & select.POLLOUT:
                self._write()
            if events & ~select.POLLOUT:
                self._read(min(READ_BYTES, self._buffer.room))

    def _act_in_time(self, now: float) -> None:
        if self._clock.due is not None and now >= self._clock.due:
            self._clock.unlimit()
            self._end_program(self._start.on_timeout, politely=True)
        if self._next_step_at is not None and now >= self._next_step_at and self._next_step is not None:
            self._next_step()
        if self._answer_at is not None and now >= self._answer_at:
            self._flush_answers()
        if self._attention.due is not None and now >= self._attention.due:
            self._look_at_programs(now)
        if self._outcome_at is not None and now >= self._outcome_at:
            self._write_outcome()
        if self._settle_at is not None and now >= self._settle_at:
            self._settle_at = None
            self._terminal.settle()
        if self._open_at is not None and now >= self._open_at:
            self._read(min(READ_BYTES, self._buffer.room))

    def _on_signal(self, numbers: bytes) -> None:
        if signal.SIGTERM in numbers:
            self._end_program(self._start.on_stop, politely=False)
        if signal.SIGCHLD in numbers:
            self._reap()

    # --- the terminal -------------------------------------------------------------------------------------------------

    def _read(self, most: int) -> None:
        collected: list[bytes] = []
        data: bytes | None = b""
        while most > 0 and (data := self._terminal.read(most)):
            collected.append(data)
            most -= len(data)
        if collected:
            printed = b"".join(collected)
            milliseconds = int((time.monotonic() - self._began) * 1000)
            self._moments.note(self._buffer.end, milliseconds, *self._terminal.size())
            self._buffer.append(printed)
            self._recent.append(printed)
            self._attention.changed(time.monotonic())
            if self._settle_at is not None:
                self._settle_at = min(self._settle_at, time.monotonic() + NUDGE_SECONDS)
            limit = self._start.limit
            if limit is not None and self._start.on_limit and self._buffer.end > limit:
                self._end_program(self._start.on_limit, politely=True)
        self._is_open = data is not None  # else all have let go of it
        self._open_at = None if self._is_open else time.monotonic() + OPEN_SECONDS

    def _write(self) -> None:
        self._keyboard.took(self._terminal.write(bytes(self._keyboard.waiting)))
        self._answer_soon()
        # However it looks after this, it is news: a program may ask again without a word.
        self._look = self._told = None
        self._attention.changed(time.monotonic())

    def _look_at_programs(self, now: float) -> None:
        """Whether they wait for a person: told when it is something new."""
        began = time.thread_time()  # not what others take of the processor meanwhile
        found = self._glance()
        activity, modes = found.activity, found.modes
        columns, rows = self._window()
        self._activity = activity
        self._mind_clock(now)
        end = self._buffer.end
        if found.call != self._call or not found.call:
            self._call, self._since = found.call, end
        silence = self._attention.silence(now)
        long = silence >= LONG_SECONDS
        waits = activity != waiting.BUSY or self._recent.own_screen or not (modes.lines and modes.echo)
        lasts = silence > found.limit  # a wait with a limit was begun again, without a word
        seen = (end, activity, modes.lines, modes.echo, self._recent.own_screen, long, lasts) if waits else ()
        if seen != self._told:
            self._told = seen
            self._look = wire.looked(
                wire.Look(
                    end,
                    activity,
                    lines=modes.lines,
                    echo=modes.echo,
                    own_screen=self._recent.own_screen,
                    long=long,
                    columns=columns,
                    rows=rows,
                    silence=silence,
                    recent=self._recent.bytes(),
                    limit=found.limit,
                    since=self._since,
                    hides=found.hides,
                )
            )
        self._attention.looked(time.monotonic(), time.thread_time() - began, waits=waits)

    def _glance(self) -> waiting.Found:
        """What the programs do; nothing when the terminal is gone."""
        try:
            return waiting.look(self._terminal.pid, self._terminal.master)
        except (OSError, termios.error):
            return waiting.Found(waiting.BUSY, waiting.Modes(lines=True, echo=True))

    def _window(self) -> tuple[int, int]:
        try:
            return self._terminal.size()
        except OSError:
            return 0, 0

    def _is_as(self, seen: wire.Seen) -> bool:
        """Whether nothing was printed since, or only by others than who reads on in the same call, and the programs and
        the terminal are as they were seen.
        """
        found = self._glance()
        activity, modes = found.activity, found.modes
        self._read(min(READ_BYTES, self._buffer.room))  # last: what was printed while we looked counts
        reads_on = bool(found.call) and found.call == self._call and self._since <= seen.offset
        return (
            (self._buffer.end == seen.offset or reads_on)
            and self._buffer.room > 0  # else there may be more that is not read
            and not self._keyboard.waiting
            and (activity == seen.activity or {activity, seen.activity} == _READS)
            and (modes.lines, modes.echo) == (seen.lines, seen.echo)
            and self._recent.own_screen == seen.own_screen
        )

    def _mind_clock(self, now: float) -> None:
        """It stands still while the program waits for a person: for its terminal alone, or as the agent judges.

        What an agent said holds after its death for as long as the program is not seen to work. Nobody can answer then,
        so that the time limit would pass for nothing.
        """
        judged = self._judged and (self._agent is not None or self._activity != waiting.BUSY)
        if self._activity == waiting.READING or judged:
            self._clock.stand(now)
        else:
            self._clock.go(now)

    # --- the program's end --------------------------------------------------------------------------------------------

    def _end_program(self, verdict: bytes, *, politely: bool) -> None:
        """Ctrl-C if politely, SIGTERM, SIGKILL to everything it started; who asks first gives the outcome its name."""
        if self._ended is not None:
            return
        asked_before = bool(self._verdict)
        self._verdict = self._verdict or verdict
        if not politely:
            self._terminate()
        elif not asked_before:
            self._keyboard.forget_waiting()
            self._terminal.interrupt()
            self._next(self._terminate, INTERRUPT_SECONDS)

    def _terminate(self) -> None:
        self._terminal.terminate()
        self._next(self._kill, TERMINATE_SECONDS)

    def _kill_rest(self) -> None:
        """Everything the program started, if it is being ended."""
        if self._verdict:
            processes.kill(processes.of_execution(self._start.execution, self._terminal.pid))

    def _kill(self) -> None:
        self._kill_rest()
        # What waits for a dead disk cannot be killed, and what was started meanwhile was not found.
        self._next(self._kill, TERMINATE_SECONDS)

    def _next(self, step: Callable[[], None], seconds: float) -> None:
        self._next_step, self._next_step_at = step, time.monotonic() + seconds

    def _reap(self) -> None:
        if self._ended is not None:
            return
        pid, status = os.waitpid(self._terminal.pid, os.WNOHANG)
        if not pid:
            return
        seconds = self._clock.ran(time.monotonic())
        asked = self._verdict
        self._kill_rest()
        self._read(min(DRAIN_BYTES, self._buffer.rest))
        if self._verdict != asked:  # its last words were too many
            self._kill_rest()
        self._watch(self._terminal.master, 0)
        failure = self._terminal.failure()
        self._terminal.close()
        self._ended = Ended(os.waitstatus_to_exitcode(status), seconds, failure, self._verdict)
        self._keyboard.forget_waiting()
        self._attention.rest()
        self._clock.unlimit()
        self._next_step_at = self._open_at = self._settle_at = None
        self._outcome_at = time.monotonic() + (TAKEN_SECONDS if self._agent else 0)

    def _write_outcome(self) -> None:
        """Nobody takes it: leave it on the disk for the next agent. A disk that fails keeps us here."""
        assert self._ended is not None
        if not os.path.exists(self._name + START):  # the agent has it since, or somebody removed the folder
            self._safe = True
            return
        ended = self._ended
        offset, tail = self._buffer.acknowledged, self._buffer.kept()
        whole = Ended(
            ended.code, ended.seconds, ended.failure, ended.verdict, offset, tail, pack(self._moments.within(offset))
        )
        try:
            records.write_durably(self._name + ENDED, whole.encode())
        except OSError as error:
            sys.stderr.write(f"{self._name}: its outcome cannot be written down: {error}\n")
            self._outcome_at = time.monotonic() + DISK_SECONDS
        else:
            self._safe = True

    # --- the agent ----------------------------------------------------------------------------------------------------

    def _connect(self, agent: socket.socket) -> None:
        """An agent is there. One that was before is dead, or is no longer the one."""
        if self._agent is not None:
            self._receive(self._agent)  # its last words may be a note, of what it has told others
        self._disconnect()
        agent.setblocking(False)
        self._agent = agent
        if self._note:
            self._sending += wire.frame(wire.NOTED, self._note)
        self._sending += wire.greeting(self._buffer.acknowledged)
        self._keyboard.tell_again()
        self._answer_soon()
        if self._ended is not None:
            self._outcome_at = time.monotonic() + TAKEN_SECONDS
        else:
            self._look = self._told = None
            self._judged = False
            self._attention.wake(time.monotonic())

    def _disconnect(self) -> None:
        if self._agent is None:
            return
        self._watch(self._agent.fileno(), 0)
        self._agent.close()
        self._agent = None
        self._frames = wire.Frames()
        self._sending.clear()
        self._answers.clear()
        self._answer_at = None
        self._told_end = False
        self._buffer.rewind()
        if self._ended is not None:
            self._outcome_at = time.monotonic()

    def _receive(self, agent: socket.socket) -> None:
        try:
            data = agent.recv(READ_BYTES)
            if not data:
                self._disconnect()
            for kind, content in self._frames.feed(data):
                self._obey(kind, content)
        except BlockingIOError:
            return
        except (OSError, ValueError):  # what is not understood ends the connection, never the program
            self._disconnect()

    def _obey(self, kind: int, content: bytes) -> None:
        if kind == wire.TYPE:
            self._type(*wire.read_typed(content))
        elif kind == wire.TYPE_IF:
            self._type_if(*wire.read_type_if(content))
        elif kind == wire.RELEASE:
            self._buffer.acknowledge(wire.read_release(content))
            self._moments.forget(self._buffer.acknowledged)
        elif kind == wire.RESIZE:
            if self._ended is None:
                self._resize(*wire.read_resize(content))
        elif kind == wire.END:
            politely, verdict = wire.read_end(content)
            self._end_program(verdict, politely=politely)
        elif kind == wire.WAITS:
            self._judged = wire.read_waits(content)
            self._mind_clock(time.monotonic())
        elif kind == wire.NOTE:
            self._note = content[: wire.MAX_NOTE_BYTES]
        elif kind == wire.TAKEN:
            self._safe = self._ended is not None
        else:
            raise wire.BrokenWire(f"a frame of kind {kind}")

    def _resize(self, columns: int, rows: int, nudge: bool) -> None:
        """Set the window's size, and have programs draw again. One that reads lines draws nothing that matters."""
        if nudge and (columns, rows) == self._terminal.size() and self._terminal.line_ends() is None:
            self._terminal.nudge()
            self._settle_at = time.monotonic() + MOST_NUDGE_SECONDS
        else:
            self._settle_at = None
            self._terminal.resize(columns, rows)
            self._terminal.redraw()

    def _type(self, console: int, number: int, data: bytes) -> None:
        words = "the program has ended"
        if self._ended is None:
            words = self._keyboard.type(console, number, data, self._terminal.line_ends())
            if self._keyboard.waiting:
                self._write()
        self._answers += wire.answer(console, number, words)
        self._answer_soon()

    def _answer_soon(self) -> None:
        if self._agent is not None and self._answer_at is None:
            self._answer_at = time.monotonic() + ANSWER_SECONDS

    def _type_if(self, console: int, number: int, seen: wire.Seen, data: bytes) -> None:
        """What is typed for a question must not reach another. Between this look and the kernel's taking of the bytes
        are some microseconds, the least that can be had without stopping the program.
        """
        if self._ended is None and not self._keyboard.has_judged(console, number) and not self._is_as(seen):
            self._look = self._told = None  # of before
            self._attention.wake(time.monotonic())
            self._sending += wire.moved(console, number)
        else:
            self._type(console, number, data)

    def _flush_answers(self) -> None:
        self._sending += self._answers
        for console, judged, taken in self._keyboard.news():
            self._sending += wire.took(console, judged, taken)
        self._answers.clear()
        self._answer_at = None

    def _send(self) -> None:
        """As much as the agent takes now: output, what was said to input behind its echo, the end behind everything."""
        while self._agent is not None:
            self._fill()
            if not self._sending:
                return
            try:
                sent = self._agent.send(self._sending)
            except BlockingIOError:
                return
            except OSError:
                self._disconnect()
                return
            del self._sending[:sent]

    def _fill(self) -> None:
        while self._buffer.unsent and len(self._sending) < SENDING_BYTES:
            offset, data = self._buffer.take(READ_BYTES)
            if moments := self._moments.within(offset, offset + len(data)):
                self._sending += wire.frame(wire.MOMENTS, pack(moments))
            self._sending += wire.frame(wire.OUTPUT, data)
            if self._answer_at is not None:
                self._flush_answers()
        if self._look is not None and not self._buffer.unsent:
            self._sending += self._look
            self._look = None
        if self._ended is not None and not self._buffer.unsent and not self._told_end:
            self._flush_answers()
            self._sending += wire.frame(wire.ENDED, self._ended.encode())
            self._told_end = True
