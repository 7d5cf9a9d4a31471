"""A holder alone: a real kernel, real programs, and agents that come and go in the middle of everything."""

from __future__ import annotations

import hashlib
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from runlet.agent.holders import Holders
from runlet.holder import processes, wire
from runlet.holder.buffer import OUTPUT_LIMIT_BYTES
from runlet.holder.keyboard import LINE_LIMIT_BYTES
from runlet.holder.moments import unpack
from runlet.holder.records import Ended, Start
from tests.harness import PATIENCE_SECONDS, wait_until

DISCONNECTS = 200


class Agent:
    """What an agent sees and says on a connection to a holder."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._frames = wire.Frames()
        self.kinds: list[int] = []
        self.begins: int | None = None
        self.output = b""
        self.answers: list[tuple[int, int, str]] = []
        self.ended: Ended | None = None
        self.words = ""
        self.note: bytes | None = None
        self.moments: list[tuple[int, int, int, int]] = []

    def take(self, patience: float = PATIENCE_SECONDS) -> bool:
        """What is said next; False when the holder hangs up, or says nothing within `patience`."""
        if not select.select([self.connection], [], [], patience)[0]:
            return False
        try:
            data = self.connection.recv(65536)
        except ConnectionResetError:
            return False
        for kind, content in self._frames.feed(data):
            self.kinds.append(kind)
            match kind:
                case wire.GREETING:
                    _, self.begins = wire.read_greeting(content)
                case wire.OUTPUT:
                    self.output += content
                case wire.ANSWER:
                    console, number, words = wire.read_typed(content)
                    self.answers.append((console, number, words.decode()))
                case wire.ENDED:
                    self.ended = Ended.decode(content)
                case wire.REFUSED:
                    self.words = content.decode()
                case wire.NOTED:
                    self.note = content
                case wire.MOMENTS:
                    self.moments += unpack(content)
        return bool(data)

    def until(self, condition: Callable[[Agent], object]) -> Agent:
        while not condition(self):
            assert self.take(), f"the holder says no more; it said {self.kinds}, {self.output!r}"
        return self

    def until_quiet(self, patience: float) -> Agent:
        """Until nothing was said for so long."""
        while self.take(patience):
            pass
        return self

    def say(self, frame: bytes) -> None:
        self.connection.sendall(frame)

    def type(self, number: int, data: bytes, console: int = 1) -> str:
        """The answer."""
        self.say(wire.type_(console, number, data))
        self.until(lambda agent: any(answer[:2] == (console, number) for answer in agent.answers))
        return next(words for *key, words in reversed(self.answers) if key == [console, number])


class Device:
    """The holders in a folder, and the agents that talk to them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.holders = Holders(folder)
        self.agents: list[Agent] = []
        self.names: list[str] = []

    def start(self, *argv: str, timeout: float | None = None, limit: int | None = None) -> Agent:
        execution = str(uuid.uuid4())
        self.names.append(f"{execution}.1")
        return self.ask(self.names[-1], start_of(execution, *argv, timeout=timeout, limit=limit))

    def ask(self, name: str, start: Start) -> Agent:
        return self._agent(self.holders.start(name, start))

    def sh(self, script: str, *, timeout: float | None = None, limit: int | None = None) -> Agent:
        return self.start("sh", "-c", script, timeout=timeout, limit=limit)

    def reconnect_or_none(self) -> Agent | None:
        connection = self.holders.connect(self.names[-1])
        return self._agent(connection) if connection else None

    def reconnect(self) -> Agent:
        agent = self.reconnect_or_none()
        assert agent, "no holder lives"
        return agent

    def lives(self) -> bool:
        if connection := self.holders.connect(self.names[-1]):
            connection.close()
        return connection is not None

    def pid(self) -> int:
        started = wait_until(lambda: self.holders.started(self.names[-1]), "the start")
        return started.holder

    def close(self) -> None:
        for agent in self.agents:
            agent.connection.close()
        for name in self.names:
            if connection := self.holders.connect(name):
                connection.close()
                with suppress(ProcessLookupError):  # it ended since
                    os.kill(self.holders.started(name).holder, signal.SIGKILL)
            processes.kill(processes.of_execution(name.partition(".")[0].encode()))
        self.holders.close()

    def _agent(self, connection: socket.socket) -> Agent:
        self.agents.append(Agent(connection))
        return self.agents[-1]


def start_of(execution: str, *argv: str, timeout: float | None = None, limit: int | None = None) -> Start:
    environment = {b"PATH": os.environb[b"PATH"], b"RUNLET_EXECUTION": execution.encode()}
    words = [argument.encode() for argument in argv]
    return Start(execution.encode(), words, environment, b"/", (80, 24), timeout, b"late", limit, b"much", b"stopped")


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    found = Device(tmp_path / ("a folder whose path is longer than that of a socket may be" * 2))
    yield found
    found.close()


def test_a_program_from_its_start_to_its_end(device: Device) -> None:
    agent = device.sh("stty size; exit 3").until(lambda agent: agent.ended)
    assert (agent.begins, agent.output) == (0, b"24 80\r\n")
    assert (agent.ended.code, agent.ended.verdict, agent.ended.failure) == (3, b"", b"")
    agent.say(wire.frame(wire.TAKEN))
    assert not agent.take(), "it ends"
    assert device.holders.ended(device.names[-1]) is None, "the agent has it: nothing is left on the disk"


def test_the_program_and_its_holder_have_sessions_of_their_own(device: Device) -> None:
    agent = device.sh("ps -o sid= -p $$; read -r x").until(lambda agent: b"\n" in agent.output)
    holder = device.pid()
    assert len({int(agent.output), os.getsid(holder), os.getsid(0)}) == 3
    files = {os.readlink(f"/proc/{holder}/fd/{file}") for file in os.listdir(f"/proc/{holder}/fd")}
    assert not [file for file in files if file.endswith(".db")], "the agent's files are not the holder's"


def test_output_survives_agents_that_die_anywhere(device: Device) -> None:
    """Random bytes through a raw terminal; an agent is lost after any number of bytes, with whatever was acknowledged.

    What is collected by offset, as a controller does, is what was printed: nothing lost, nothing doubled.
    """
    draw = random.Random(20261125)
    size = 4_000_000
    script = (
        "import hashlib, os, sys, tty, random; tty.setraw(0); source = random.Random(7); hash = hashlib.sha256()\n"
        f"left = {size}\n"
        "while left:\n"
        "    data = source.randbytes(min(left, source.randint(1, 9000))); left -= len(data); hash.update(data)\n"
        "    while data: data = data[os.write(1, data):]\n"
        f"open({str(device.folder / 'sum')!r}, 'w').write(hash.hexdigest())\n"
    )
    agent: Agent | None = device.start(sys.executable, "-c", script)
    stored, lost = bytearray(), 0

    def store(begins: int, data: bytes) -> None:
        assert begins <= len(stored), "nothing that is not stored may be forgotten"
        stored.extend(data[len(stored) - begins :])

    while agent is not None and not agent.ended:
        enough = draw.randint(0, 2 * size // DISCONNECTS)
        while len(agent.output) < enough and not agent.ended and agent.take():
            pass
        if agent.begins is not None:
            store(agent.begins, agent.output)
            if draw.random() < 0.7:
                agent.say(wire.release(draw.randint(agent.begins, len(stored))))
        if draw.random() < 0.5:
            agent.connection.close()  # as the kernel does when the agent is killed
        lost += 1
        agent = device.reconnect_or_none()
    if agent is None:
        ended = device.holders.ended(device.names[-1])
        assert ended
        store(ended.offset, ended.tail)
    assert lost >= DISCONNECTS // 2
    assert hashlib.sha256(stored).hexdigest() == (device.folder / "sum").read_text()


def test_what_is_typed_survives_agents_that_die_anywhere(device: Device) -> None:
    """Typed again with its number until it is answered, by agents that come and go; the program reads it once."""
    draw = random.Random(20261126)
    typed = [b"%d;" % number for number in range(300)]
    whole = b"".join(typed)
    script = "import os, tty; tty.setraw(0); os.write(1, b'ready')\nseen = b''\n"
    script += f"while len(seen) < {len(whole)}: seen += os.read(0, 999)\n"
    script += f"open({str(device.folder / 'seen')!r}, 'wb').write(seen)\n"
    agent = device.start(sys.executable, "-c", script).until(lambda agent: b"ready" in agent.output)
    for number, data in enumerate(typed, start=1):
        frame = wire.type_(1, number, data)
        while draw.random() < 0.4:  # the agent dies: before it passes anything on, in the middle, or before the answer
            agent.say(frame[: draw.choice((0, 7, len(frame) - 1, len(frame)))])
            agent.connection.close()
            agent = device.reconnect().until(lambda agent: agent.begins is not None)
        assert agent.type(number, data) == ""
    agent.until(lambda agent: agent.ended)
    assert (device.folder / "seen").read_bytes() == whole


def test_a_refusal_is_told_again(device: Device) -> None:
    agent = device.sh("echo ready; exec sleep 1000").until(lambda agent: b"ready" in agent.output)
    too_long = b"x" * (LINE_LIMIT_BYTES + 1)
    assert "4095 bytes" in agent.type(1, too_long)
    again = device.reconnect()
    assert "4095 bytes" in again.type(1, too_long)


def test_what_an_agent_notes_the_next_is_given(device: Device) -> None:
    agent = device.sh("echo ready; exec sleep 1000").until(lambda agent: b"ready" in agent.output)
    assert agent.note is None
    for note in (b"one", b"another"):
        agent.say(wire.note(note))
    again = device.reconnect().until(lambda agent: agent.begins is not None)
    assert again.note == b"another", "the newest, and before anything else"


def test_a_terminal_that_everybody_let_go_of_is_heard_again(device: Device) -> None:
    """As of a script that sends its output to a file and lets ssh ask for a passphrase, which opens /dev/tty."""
    size = 100_000  # more than the kernel keeps of it
    agent = device.sh(f"exec </dev/null >/dev/null 2>&1; sleep 0.5; head -c {size} /dev/zero >/dev/tty; exit 7")
    agent.until(lambda agent: agent.ended)
    assert (agent.ended.code, len(agent.output)) == (7, size)


def test_a_line_that_the_terminal_would_cut_is_refused(device: Device) -> None:
    agent = device.sh("stty -echo; echo ready; while read -r line; do echo ${#line}; done")
    agent.until(lambda agent: b"ready" in agent.output)
    assert "4095 bytes" in agent.type(1, b"x" * (LINE_LIMIT_BYTES + 1) + b"\n")
    assert agent.type(2, b"x" * 4000) == ""
    assert "4095 bytes" in agent.type(3, b"x" * 96)
    assert agent.type(4, b"x" * 95) == ""
    assert agent.type(5, b"\n") == ""
    agent.until(lambda agent: b"4095\r\n" in agent.output)


def test_a_terminal_that_collects_no_lines_takes_long_ones(device: Device) -> None:
    agent = device.sh("stty raw -echo; echo ready; head -c 30000 | wc -c")
    agent.until(lambda agent: b"ready" in agent.output)
    assert agent.type(1, b"x" * 30000) == ""
    agent.until(lambda agent: b"30000" in agent.output)


def test_without_an_agent_the_program_waits_at_the_bound_and_loses_nothing(device: Device) -> None:
    size = 3 * OUTPUT_LIMIT_BYTES
    agent = device.sh(f"stty raw; head -c {size} /dev/zero").until(lambda agent: agent.begins == 0)
    agent.connection.close()
    again = device.reconnect()
    again.until(lambda agent: len(agent.output) >= OUTPUT_LIMIT_BYTES)
    printed = len(again.output)
    while again.take(0.3):  # what is seen of the program may be said
        assert len(again.output) == printed, "unacknowledged: no more is read from the terminal"
    for offset in range(OUTPUT_LIMIT_BYTES, size, OUTPUT_LIMIT_BYTES):
        again.say(wire.release(offset))
        again.until(lambda agent, more=offset: len(agent.output) >= min(size, more + OUTPUT_LIMIT_BYTES))
    assert again.until(lambda agent: agent.ended).output == bytes(size)


def test_an_end_that_no_agent_takes_waits_on_the_disk(device: Device) -> None:
    agent = device.sh("printf 'last words'; exit 4").until(lambda agent: agent.ended)
    agent.connection.close()
    ended = wait_until(lambda: device.holders.ended(device.names[-1]), "the record")
    assert (ended.code, ended.offset, ended.tail) == (4, 0, b"last words")
    wait_until(lambda: not device.lives(), "the holder to end")


def test_a_second_agent_takes_the_end_from_the_holder(device: Device) -> None:
    agent = device.sh("printf 'last words'; exit 4").until(lambda agent: agent.ended)
    again = device.reconnect().until(lambda agent: agent.ended)
    assert (again.begins, again.output, again.ended.code) == (0, b"last words", 4)
    assert not agent.take(), "the first one is let go"


def test_a_time_limit_counts_without_an_agent(device: Device) -> None:
    agent = device.sh("echo ready; exec sleep 1000", timeout=0.5).until(lambda agent: b"ready" in agent.output)
    agent.connection.close()
    ended = wait_until(lambda: device.holders.ended(device.names[-1]), "the record")
    assert (ended.code, ended.verdict) == (-signal.SIGINT, b"late")


def test_a_program_that_waits_for_its_terminal_alone_loses_no_time_with_an_agent_or_without(device: Device) -> None:
    agent = device.sh("printf 'Name: '; read name; exec sleep 1000", timeout=2.0)
    agent.until(lambda agent: b"Name: " in agent.output)
    agent.connection.close()
    # Longer than the limit: nothing but time can show that it does not count.
    assert not select.select([], [], [], 3.0)[0]
    again = device.reconnect()
    assert again.type(1, b"Ana\n") == ""
    again.until(lambda agent: agent.ended)
    assert again.ended
    assert again.ended.verdict == b"late"
    assert again.ended.seconds < 3.0 + 2.0, "the limit and what it takes to end it, not what it waited"


def test_a_program_that_waits_as_its_agent_judges_loses_no_time(device: Device) -> None:
    # It may go on by itself, so the holder alone does not take it for one that waits.
    script = "printf 'Name: '; timeout --foreground 1000 bash -c 'read -t 500 name'"
    agent = device.sh(script, timeout=2.0)
    agent.until(lambda agent: b"Name: " in agent.output)
    agent.say(wire.waits(True))
    assert not agent.until_quiet(3.0).ended
    agent.say(wire.waits(False))
    agent.until(lambda agent: agent.ended)
    assert agent.ended
    assert agent.ended.verdict == b"late"


def test_a_limit_of_output_holds_without_an_agent(device: Device) -> None:
    agent = device.sh("sleep 0.3; exec yes", limit=10_000).until(lambda agent: agent.begins == 0)
    agent.connection.close()
    ended = wait_until(lambda: device.holders.ended(device.names[-1]), "the record")
    assert (ended.code, ended.verdict) == (-signal.SIGINT, b"much")
    assert len(ended.tail) > 10_000


@pytest.mark.parametrize("beyond", [0, 1])
def test_a_last_word_may_be_one_too_many(device: Device, beyond: int) -> None:
    agent = device.sh(f"stty raw -echo; head -c {10_000 + beyond} /dev/zero", limit=10_000).until(
        lambda agent: agent.ended
    )
    assert (len(agent.output), agent.ended.verdict) == (10_000 + beyond, b"much" * beyond)


def test_a_cancel_whose_agent_dies_is_carried_through(device: Device) -> None:
    agent = device.sh("trap '' INT TERM; echo ready; while :; do sleep 1; done")
    agent.until(lambda agent: b"ready" in agent.output)
    agent.say(wire.end(b"first", politely=True))
    agent.say(wire.end(b"second", politely=False))
    agent.connection.close()
    ended = wait_until(lambda: device.holders.ended(device.names[-1]), "the record")
    assert (ended.code, ended.verdict) == (-signal.SIGKILL, b"first")


def test_sigterm_to_a_holder_ends_its_program_in_order(device: Device) -> None:
    agent = device.sh("trap 'echo bye; exit 9' TERM; echo ready; while :; do sleep 0.05; done")
    agent.until(lambda agent: b"ready" in agent.output)
    os.kill(device.pid(), signal.SIGTERM)
    agent.until(lambda agent: agent.ended)
    assert (agent.ended.code, agent.ended.verdict) == (9, b"stopped")
    assert b"bye" in agent.output


def test_what_was_asked_for_twice_starts_once(device: Device) -> None:
    marker = device.folder / "starts"
    agent = device.sh(f"echo x >> '{marker}'; read -r x").until(lambda agent: agent.begins == 0)
    name = device.names[-1]
    execution = name.partition(".")[0]
    second = device.ask(name, start_of(execution, "sh", "-c", f"echo x >> '{marker}'"))
    second.until(lambda agent: wire.ELSEWHERE in agent.kinds)
    agent.say(wire.type_(1, 1, b"\n"))
    agent.until(lambda agent: agent.ended).say(wire.frame(wire.TAKEN))
    wait_until(lambda: not device.lives(), "the holder to end")
    third = device.ask(name, start_of(execution, "sh", "-c", f"echo x >> '{marker}'"))
    third.until(lambda agent: wire.ELSEWHERE in agent.kinds)
    assert marker.read_text() == "x\n"


def test_a_holder_that_comes_too_late_starts_nothing(device: Device) -> None:
    """Its agent died meanwhile, or the execution is over: nobody waits for the program."""
    marker = device.folder / "starts"
    device.sh("true").until(lambda agent: agent.ended)  # there is a spawner now
    assert device.holders._spawner
    os.kill(device.holders._spawner.pid, signal.SIGSTOP)
    script = f"echo x >> '{marker}'"
    abandoned, forgotten = device.sh(script), device.sh(script)
    abandoned.connection.close()
    device.holders.forget(device.names[-1])
    os.kill(device.holders._spawner.pid, signal.SIGCONT)
    while forgotten.take():
        pass
    device.sh("true").until(lambda agent: agent.ended)  # behind both
    assert not marker.exists()
    assert device.holders.started(device.names[-3]) is None


def test_a_spawner_that_was_killed_is_started_again(device: Device) -> None:
    agent = device.sh("echo ready; read -r x; echo $x").until(lambda agent: b"ready" in agent.output)
    assert device.holders._spawner
    device.holders._spawner.kill()
    device.holders._spawner.wait()
    device.sh("exit 5").until(lambda agent: agent.ended and agent.ended.code == 5)
    agent.type(1, b"still here\n")
    agent.until(lambda agent: b"still here\r\nstill here\r\n" in agent.output)


@pytest.mark.parametrize("when", [1, 2])
def test_a_start_that_cannot_be_written_down_is_none(tmp_path: Path, when: int) -> None:
    """A disk that fails at the start's record, or at the name of its file: the program never runs."""
    strace = shutil.which("strace")
    assert strace, "run: make test-tools"
    marker, name = tmp_path / "starts", f"{uuid.uuid4()}.1"
    (tmp_path / f"{name}.start").write_bytes(start_of("x", "touch", str(marker)).encode())
    ours, theirs = socket.socketpair()
    program = "import socket, os, sys; from runlet.holder.starting import hold; os.chdir(sys.argv[1]); "
    program += "hold(sys.argv[2], socket.socket(fileno=int(sys.argv[3])))"
    inject = f"inject=fsync:error=EIO:when={when}"
    traced = [sys.executable, "-c", program, str(tmp_path), name, str(theirs.fileno())]
    subprocess.run(
        [strace, "-f", "-qq", "-o", str(tmp_path / "trace"), "-e", inject, *traced],
        pass_fds=[theirs.fileno()],
        check=True,
        timeout=PATIENCE_SECONDS,
    )
    theirs.close()
    with ours:
        agent = Agent(ours).until(lambda agent: agent.words)
    assert agent.words == "Input/output error"
    assert not marker.exists()


# Draws when the window has another size than before, as ncurses does.
DRAWS_ANOTHER_SIZE = """
import os, signal, tty
tty.setraw(0)
drawn = os.get_terminal_size()
def resized(*_):
    global drawn
    drawn, before = os.get_terminal_size(), drawn
    if drawn != before:
        os.write(1, b"drawn %d;" % drawn.lines)
signal.signal(signal.SIGWINCH, resized)
os.write(1, b"ready;")
while True: signal.pause()
"""


def test_a_program_that_looks_at_the_size_draws_again_and_keeps_its_size(device: Device) -> None:
    agent = device.start("python3", "-c", DRAWS_ANOTHER_SIZE)
    agent.until(lambda agent: agent.output.endswith(b"ready;"))
    agent.say(wire.resize(80, 24, nudge=True))
    agent.until(lambda agent: agent.output.endswith(b"drawn 23;drawn 24;"))
    agent.say(wire.resize(80, 24))
    agent.say(wire.resize(80, 30, nudge=True))
    agent.until(lambda agent: agent.output.endswith(b"drawn 24;drawn 30;"))
    assert {moment[2:] for moment in agent.moments} == {(80, 24), (80, 30)}, "the recording has the true sizes"


def test_a_program_that_reads_lines_keeps_its_window(device: Device) -> None:
    agent = device.start("python3", "-c", DRAWS_ANOTHER_SIZE.replace("tty.setraw(0)", ""))
    agent.until(lambda agent: agent.output.endswith(b"ready;"))
    agent.say(wire.resize(80, 24, nudge=True))
    agent.say(wire.resize(80, 30))
    assert agent.until(lambda agent: b"drawn" in agent.output).output.endswith(b"ready;drawn 30;")
