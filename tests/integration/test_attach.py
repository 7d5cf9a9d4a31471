"""Attached consoles: what they see, what they may type, and what happens when they leave."""

from __future__ import annotations

import asyncio
import hashlib
import random
from dataclasses import replace
from pathlib import Path

import pytest

from runlet.client.attachment import Attachment, ConnectionLost, ConnectionRegained, attach
from runlet.errors import ControllerUnavailable, NotAuthorized, UnknownName
from runlet.model.execution import STARTED, State
from runlet.protocol.chunk import INPUT_PIECE_BYTES
from runlet.protocol.frames import Attach, Drained, ExecutionChanged, Notice, Position, Settled, WriterChanged
from runlet.protocol.messages import Cause, Step, TerminalSize
from tests.harness import PATIENCE_SECONDS, TOKEN, Fleet, Typist, attached, wait_until


def drop(attachment: Attachment) -> None:
    """Cut the connection under an attachment."""
    assert attachment._connection is not None
    attachment._connection.transport.abort()


ASK = 'read -r -p "Do you want to continue? [Y/n] " answer; echo "got $answer"'


async def test_a_question_is_seen_and_its_answer_reaches_the_program(fleet: Fleet):
    run = fleet.sh(ASK)
    async with attached(fleet, run) as attachment:
        console = Typist(attachment)
        await console.until_seen(b"[Y/n] ")
        await console.type(b"yes\r", run.executions[0])
        await console.rest()
    assert b"got yes" in console.seen[run.executions[0].id]
    assert console.events[-2:] == [Drained(run.executions[0].id, 1, is_over=True), Settled()]
    assert fleet.settled(run).state is State.SUCCEEDED


async def test_each_device_gets_its_own_answer(fleet: Fleet):
    run = fleet.sh(ASK, on="pi-1,pi-2,pi-3")
    async with attached(fleet, run) as attachment:
        console = Typist(attachment)
        for execution in run.executions:
            await console.until_seen(b"[Y/n] ", execution.id)
            await console.type(f"{execution.device}\r".encode(), execution)
        await console.rest()
    for execution in run.executions:
        assert f"got {execution.device}\r\n".encode() in console.seen[execution.id]


async def test_leaving_and_coming_back_shows_what_was_missed(fleet: Fleet, tmp_path):
    gate = tmp_path / "gate"
    run = fleet.sh(f"echo first; until [ -e {gate} ]; do sleep 0.02; done; echo second; {ASK}")
    async with attached(fleet, run) as attachment:
        console = Typist(attachment)
        await console.until_seen(b"first\r\n")
    gate.touch()
    fleet.until_printed(run, b"[Y/n]")
    execution = run.executions[0]
    async with attached(fleet, run, Attach(positions={execution.id: Position(1, len(b"first\r\n"))})) as attachment:
        again = Typist(attachment)
        await again.until_seen(b"[Y/n] ")
        assert again.seen[execution.id].startswith(b"second\r\n")
        await again.type(b"n\r", execution)
        await again.rest()


async def test_a_late_console_gets_the_tail(fleet: Fleet):
    run = fleet.settled(fleet.sh("seq 1 10000"))
    async with attached(fleet, run, Attach(tail=100)) as attachment:
        console = Typist(attachment)
        await console.rest()
    assert console.seen[run.executions[0].id] == fleet.transcript(run)[-100:]


async def test_a_transcript_that_fails_for_a_moment_ends_no_console(fleet: Fleet):
    run = fleet.sh(f"echo first; {ASK}")
    fleet.until_printed(run, b"[Y/n]")
    (transcript,) = fleet.home.glob(f"transcripts/*/{run.executions[0].id}.1")
    aside = transcript.rename(transcript.with_suffix(".aside"))
    transcript.mkdir()  # cannot be read as a file, even by root
    async with attached(fleet, run) as attachment:
        console = Typist(attachment)
        await console.until(lambda self: any(isinstance(event, ConnectionLost) for event in self.events))
        transcript.rmdir()
        aside.rename(transcript)
        await console.until_seen(b"[Y/n] ")
        await console.type(b"y\r", run.executions[0])
        await console.rest()
    assert console.seen[run.executions[0].id].startswith(b"first\r\n")
    assert b"got y" in console.seen[run.executions[0].id]


async def test_resizing_reaches_the_program(fleet: Fleet):
    # Not a shell: bash forgets a SIGWINCH that comes while its trap acts on another.
    script = "import os, signal; show = lambda *_: print(*os.get_terminal_size()[::-1], flush=True)\n"
    script += "signal.signal(signal.SIGWINCH, show); show()\nwhile True: signal.pause()"
    run = fleet.exec(["python3", "-c", script])
    async with attached(fleet, run, Attach(terminal=TerminalSize(100, 30))) as attachment:
        console = Typist(attachment)
        await console.until_seen(b"30 100")
        await attachment.resize(run.executions[0].id, TerminalSize(200, 50))
        await console.until_seen(b"50 200")
        await console.type(b"\x03", run.executions[0])
        await console.rest()


async def test_a_read_only_console_cannot_type(fleet: Fleet):
    run = fleet.sh(ASK)
    async with attached(fleet, run, Attach(read_only=True)) as attachment:
        console = Typist(attachment)
        await console.until_seen(b"[Y/n] ")
        await console.type(b"no\r", run.executions[0])
        await console.until(lambda self: any(isinstance(event, Notice) for event in self.events))
        notice = next(event for event in console.events if isinstance(event, Notice))
        assert notice == Notice(run.executions[0].id, "not typed: this console only reads", refused=True)
    async with attached(fleet, run) as attachment:
        await attachment.send_input(run.executions[0].id, 1, b"ok\r")
    assert fleet.settled(run).state is State.SUCCEEDED
    assert b"got ok" in fleet.until_printed(run, b"got ok")


ALICE, BOB = Attach(who="alice@desk"), Attach(who="bob@sofa")


def writer(console: Typist) -> WriterChanged | None:
    """What the console was told last of who may type."""
    told = [event for event in console.events if isinstance(event, WriterChanged)]
    return told[-1] if told else None


def who(console: Typist) -> str | None:
    told = writer(console)
    return told and told.who


async def test_one_console_types_and_the_other_is_told_who(fleet: Fleet):
    run = fleet.sh(ASK)
    execution = run.executions[0]
    async with attached(fleet, run, ALICE) as first, attached(fleet, run, BOB) as second:
        one, other = Typist(first), Typist(second)
        await one.until_seen(b"[Y/n] ")
        await one.type(b"a", execution)
        await one.until_seen(b"[Y/n] a")
        await other.type(b"b", execution)
        await other.until(lambda self: any(isinstance(event, Notice) for event in self.events))
        assert Notice(execution.id, "not typed: alice@desk is typing", refused=True) in other.events
        await other.until(who)
        told = writer(other)
        assert told
        assert (told.who, told.is_you, told.answers, told.cause) == ("alice@desk", False, False, Cause.TYPED)
        await one.type(b"\r", execution)
        await one.rest()
    assert b"got a\r\n" in one.seen[execution.id]


async def test_typing_is_handed_over(fleet: Fleet):
    """Asked for and given; then taken back; each told to both."""
    run = fleet.sh(ASK)
    execution = run.executions[0]
    async with attached(fleet, run, ALICE) as first, attached(fleet, run, BOB) as second:
        one, other = Typist(first), Typist(second)
        await one.until_seen(b"[Y/n] ")
        await one.type(b"a", execution)
        await other.until(lambda self: who(self) == "alice@desk")
        await second.hand_over(execution.id, Step.ASK)
        await one.until(lambda self: (told := writer(self)) and told.asker == "bob@sofa")
        await first.hand_over(execution.id, Step.GIVE)
        for console in (one, other):
            await console.until(lambda self: who(self) == "bob@sofa")
        told = writer(other)
        assert told
        assert (told.is_you, told.asker, told.cause) == (True, "", Cause.GIVEN)
        await other.type(b"b", execution)
        await one.until_seen(b"[Y/n] ab")
        await first.hand_over(execution.id, Step.TAKE)
        await one.type(b"c\r", execution)  # in one stroke: nothing waits for the answer
        await other.until(lambda self: who(self) == "alice@desk")
        await one.rest()
    assert b"got abc\r\n" in one.seen[execution.id]


async def test_who_leaves_lets_the_next_type(fleet: Fleet):
    run = fleet.sh(ASK)
    execution = run.executions[0]
    async with attached(fleet, run, BOB) as second:
        other = Typist(second)
        async with attached(fleet, run, ALICE) as first:
            await other.until_seen(b"[Y/n] ")
            await Typist(first).type(b"a", execution)
            await other.until(lambda self: who(self) == "alice@desk")
        await other.until(lambda self: who(self) == "")
        await other.type(b"b\r", execution)
        await other.rest()
    assert b"got ab\r\n" in other.seen[execution.id]


async def test_a_writer_whose_connection_is_made_again_is_still_the_writer(fleet: Fleet):
    run = fleet.sh(ASK)
    execution = run.executions[0]
    async with attached(fleet, run, ALICE) as first, attached(fleet, run, BOB) as second:
        one, other = Typist(first), Typist(second)
        await one.until_seen(b"[Y/n] ")
        await one.type(b"a", execution)
        await one.until_seen(b"[Y/n] a")
        drop(first)
        await one.until(lambda self: any(isinstance(event, ConnectionLost) for event in self.events))
        await other.type(b"b", execution)
        await other.until(lambda self: any(isinstance(event, Notice) for event in self.events))
        assert Notice(execution.id, "not typed: alice@desk is typing", refused=True) in other.events
        await one.until(lambda self: isinstance(self.events[-1], ConnectionRegained))
        await one.type(b"c\r", execution)
        await one.rest()
    assert b"got ac\r\n" in one.seen[execution.id]


async def test_a_writer_is_still_the_writer_when_the_agent_is_another(fleet: Fleet, device: str):
    fleet.start_agent(device)
    run = fleet.exec(["bash", "-c", ASK], on=device)
    execution = run.executions[0]
    async with attached(fleet, run, ALICE) as first, attached(fleet, run, BOB) as second:
        one, other = Typist(first), Typist(second)
        await one.until_seen(b"[Y/n] ")
        await one.type(b"a", execution)
        await one.until_seen(b"[Y/n] a")
        await other.until(who)
        before = writer(other)
        fleet.agents[device].kill()
        await asyncio.to_thread(fleet.start_agent, device)
        await other.type(b"b", execution)
        await other.until(lambda self: any(isinstance(event, Notice) for event in self.events))
        assert Notice(execution.id, "not typed: alice@desk is typing", refused=True) in other.events
        await second.hand_over(execution.id, Step.TAKE)
        await one.until(lambda self: who(self) == "bob@sofa")
        await other.type(b"c\r", execution)
        await other.rest()
        after = writer(other)
    assert before
    assert after
    assert (before.who, after.who) == ("alice@desk", "bob@sofa")
    assert b"got ac\r\n" in one.seen[execution.id] + other.seen[execution.id]


async def test_the_writers_window_counts(fleet: Fleet):
    script = "import os, signal; show = lambda *_: print(*os.get_terminal_size()[::-1], flush=True)\n"
    script += "signal.signal(signal.SIGWINCH, show); show()\nwhile True: signal.pause()"
    run = fleet.exec(["python3", "-c", script])
    execution = run.executions[0]
    mine, theirs = (
        replace(ALICE, terminal=TerminalSize(100, 30)),
        replace(BOB, terminal=TerminalSize(200, 50), late=True),
    )
    async with attached(fleet, run, mine) as first:
        one = Typist(first)
        await one.until_seen(b"30 100")
        await one.type(b"a", execution)
        await one.until(who)
        async with attached(fleet, run, theirs) as second:
            other = Typist(second)
            await other.until(lambda self: self.seen.get(execution.id, b"").count(b"30 100") > 1)  # drawn again
            assert b"50 200" not in other.seen[execution.id]
            await second.hand_over(execution.id, Step.TAKE)
            await other.until_seen(b"50 200")
            await first.resize(execution.id, TerminalSize(10, 10))
            await other.type(b"\x03", execution)
            await other.rest()
    assert b"10 10" not in other.seen[execution.id]


async def test_one_terminal_of_three_answers_a_question(fleet: Fleet):
    """All three answer, as terminals do: one reply reaches the program, before somebody types and after."""
    script = "stty raw -echo; echo ready; for i in 1 2; do head -c 3 | od -An -c; done; head -c 9 | od -An -c"
    run = fleet.exec(["sh", "-c", script])
    execution = run.executions[0]
    async with (
        attached(fleet, run, ALICE) as first,
        attached(fleet, run, BOB) as second,
        attached(fleet, run, Attach(read_only=True)) as third,
    ):
        console = Typist(second)
        await console.until_seen(b"ready")
        for attachment, reply in (
            (second, b"(2)"),
            (first, b"(1)"),
            (third, b"(3)"),
            (first, b"(1)"),
            (second, b"[2]"),
        ):
            await attachment.send_input(execution.id, 1, reply, is_reply=True)
            if reply == b"(2)":
                await console.until(writer)  # in one order, wherever they are attached
        await console.until(lambda self: self.seen[execution.id].count(b"\n") >= 3)
        await Typist(first).type(b"typed", execution)
        await console.until(lambda self: who(self) == "alice@desk")
        await second.send_input(execution.id, 1, b"(2)", is_reply=True)
        await third.send_input(execution.id, 1, b"(3)", is_reply=True)
        await first.send_input(execution.id, 1, b"(1)x", is_reply=True)
        await console.rest()
    seen = "".join(console.seen[execution.id].decode().split())
    assert seen == "ready(2)[2]typed(1)x"
    assert not any(isinstance(event, Notice) for event in console.events), "nobody typed: nobody is told"


async def test_typing_before_the_start_is_told(fleet: Fleet):
    blockers = [fleet.sh("sleep 1000") for _ in range(4)]  # what waits for a person leaves its place to others
    run = fleet.sh(ASK)
    fleet.until(run, lambda view: view.state is State.DELIVERED)
    async with attached(fleet, run) as attachment:
        console = Typist(attachment)
        await console.until(lambda self: self.run)
        await console.type(b"y\r", run.executions[0])
        refused = Notice(run.executions[0].id, "not typed: the program has not started", refused=True)
        await console.until(lambda self: refused in self.events)
    with fleet.api() as api:
        for other in (*blockers, run):
            api.cancel(other.id)
            fleet.settled(other)


async def test_bytes_typed_arrive_unharmed(fleet: Fleet):
    """Every byte value, typed into a terminal in raw mode."""
    data = bytes(range(256)) * 16
    run = fleet.exec(["sh", "-c", f"stty raw -echo; echo ready; head -c {len(data)} | sha256sum"])
    async with attached(fleet, run) as attachment:
        console = Typist(attachment)
        await console.until_seen(b"ready")
        await console.type(data, run.executions[0])
        await console.rest()
    assert hashlib.sha256(data).hexdigest().encode() in console.seen[run.executions[0].id]


async def test_a_large_paste_waits_for_a_program_that_reads_slowly(fleet: Fleet):
    """The program reads after all has been typed, or would have been: nothing is refused, lost or doubled."""
    data = random.Random(9).randbytes(1_000_000)
    run = fleet.exec(["sh", "-c", f"stty raw -echo; echo ready; sleep 0.5; head -c {len(data)} | sha256sum"])
    execution = run.executions[0]
    async with attached(fleet, run) as attachment:
        console = Typist(attachment)
        await console.until_seen(b"ready")
        typing = asyncio.create_task(console.type(data, execution))
        await console.rest()
        await typing
    assert hashlib.sha256(data).hexdigest().encode() in console.seen[execution.id]
    assert not any(isinstance(event, Notice) for event in console.events)


async def test_what_a_program_does_not_read_stays_with_the_console(fleet: Fleet):
    run = fleet.exec(["sh", "-c", "stty raw -echo; echo ready; exec sleep 1000"])
    execution = run.executions[0]
    async with attached(fleet, run) as attachment:
        console = Typist(attachment)
        await console.until_seen(b"ready")
        typing = asyncio.create_task(console.type(bytes(1_000_000), execution))
        listening = asyncio.create_task(console.rest())
        async with asyncio.timeout(PATIENCE_SECONDS):
            while attachment.has_room(execution.id, INPUT_PIECE_BYTES):  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.01)
        assert not typing.done()
        with fleet.api() as api:
            api.cancel(run.id)
        await listening
        typing.cancel()
    assert not any(isinstance(event, Notice) for event in console.events)
    assert fleet.settled(run).state is State.CANCELLED


async def test_a_console_that_vanishes_leaves_the_run_alone(fleet: Fleet):
    run = fleet.sh(ASK)
    async with attached(fleet, run) as attachment:
        console = Typist(attachment)
        await console.until_seen(b"[Y/n] ")
        drop(attachment)  # no close frame: the terminal's machine is gone
    assert fleet.until(run, lambda view: True).state in STARTED
    async with attached(fleet, run) as attachment:
        await attachment.send_input(run.executions[0].id, 1, b"y\r")
    fleet.settled(run)


async def test_a_dropped_connection_is_made_again_and_nothing_is_missed(fleet: Fleet, tmp_path: Path):
    gate = tmp_path / "gate"
    script = f"seq 1 1000; read -r line; until [ -e {gate} ]; do sleep 0.02; done; echo got $line; seq 1001 2000"
    run = fleet.sh(script)
    execution = run.executions[0]
    async with attached(fleet, run) as attachment:
        console = Typist(attachment)
        await console.until_seen(b"1000\r\n")
        await console.type(b"this\r", execution)
        await console.until_seen(b"this\r\n")
        for _ in range(3):
            drop(attachment)
            lost = sum(isinstance(event, ConnectionLost) for event in console.events)
            await console.until(
                lambda self, n=lost: sum(isinstance(event, ConnectionLost) for event in self.events) > n
            )
            await console.until(lambda self: isinstance(self.events[-1], ConnectionRegained))
        drop(attachment)
        assert attachment._connection is not None
        await attachment._connection.wait_closed()
        with pytest.raises(ControllerUnavailable):
            await console.type(b"too late", execution)
        gate.touch()
        await console.rest()
    assert console.seen[execution.id] == fleet.transcript(run)
    changes = [event.execution for event in console.events if isinstance(event, ExecutionChanged)]
    assert changes[-1].state is State.SUCCEEDED


async def test_a_console_gives_up_when_its_patience_ends(fleet: Fleet):
    run = fleet.sh(ASK)
    async with attach(fleet.url, TOKEN, run.id, Attach(), patience=0.0) as attachment:
        console = Typist(attachment)
        await console.until_seen(b"[Y/n] ")
        drop(attachment)
        with pytest.raises(ControllerUnavailable, match="was lost"):
            await console.rest()
    with fleet.api() as api:
        api.cancel(run.id)
    fleet.settled(run)


async def test_attaching_to_nothing_is_an_error(fleet: Fleet):
    with pytest.raises(UnknownName, match="there is no run 424242"):
        async with attach(fleet.url, "token-of-the-tests", 424242, Attach()):
            pass


async def test_attaching_needs_the_token(fleet: Fleet):
    with pytest.raises(NotAuthorized):
        async with attach(fleet.url, "wrong", 1, Attach()):
            pass


async def test_a_slow_console_does_not_slow_the_program(fleet: Fleet):
    """A console that never reads: the transcript grows all the same, and the console gets everything in the end."""
    size = 30_000_000
    run = fleet.exec(["sh", "-c", f"stty raw; exec head -c {size} /dev/zero"])
    async with attached(fleet, run) as attachment:
        wait_until(lambda: fleet.settled(run), "the program to end")
        console = Typist(attachment)
        await console.rest()
    assert len(console.seen[run.executions[0].id]) == size


async def test_a_program_learns_of_true_colour_whether_or_not_somebody_looks(fleet: Fleet):
    """As neovim asks: it sets a colour and asks which is set."""
    script = "import os, tty\ntty.setraw(0)\n"
    script += "os.write(1, b'\\x1b[48;2;1;2;3m\\x1bP$qm\\x1b\\\\\\x1b[0m')\nprint(os.read(0, 100), flush=True)\n"
    run = fleet.exec(["python3", "-c", script])
    assert fleet.settled(run).state is State.SUCCEEDED
    assert rb"b'\x1bP1$r0;48:2:1:2:3m\x1b\\'" in fleet.transcript(run)


# Asks where the cursor is, and prints all that is typed within 1.5 s.
WHERE = """
import os, select, sys, tty
tty.setraw(0); os.write(1, b"some words \\x1b[6n"); told = b""
while select.select([0], [], [], 1.5)[0]: told += os.read(0, 100)
print("told", told, flush=True)
"""


async def test_a_program_that_asks_where_its_cursor_is_is_answered_once_when_nobody_looks(fleet: Fleet):
    run = fleet.exec(["python3", "-c", WHERE])
    assert fleet.settled(run).state is State.SUCCEEDED
    assert rb"told b'\x1b[1;12R'" in fleet.transcript(run)


async def test_a_console_in_front_is_the_one_that_answers(fleet: Fleet):
    run = fleet.exec(["sh", "-c", f"read go; exec python3 -c '{WHERE}'"])
    execution = run.executions[0]
    async with attached(fleet, run) as attachment:
        console = Typist(attachment)
        await attachment.resize(execution.id, TerminalSize(80, 25))
        await console.type(b"\r", execution)
        await console.until_seen(b"\x1b[6n")
        await attachment.send_input(execution.id, 1, b"\x1b[7;7R", is_reply=True)
        await console.rest()
    assert rb"told b'\x1b[7;7R'" in fleet.transcript(run)
