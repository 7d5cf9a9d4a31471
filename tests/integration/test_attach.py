"""Attached consoles: what they see, what they may type, and what happens when they leave."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from runlet.client.attachment import Attachment, ConnectionLost, ConnectionRegained, attach
from runlet.errors import ControllerUnavailable, NotAuthorized, UnknownName
from runlet.model.execution import STARTED, State
from runlet.protocol.frames import Attach, Drained, ExecutionChanged, Notice, Position, Settled
from runlet.protocol.messages import TerminalSize
from tests.harness import TOKEN, Fleet, Typist, attached, wait_until


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
        assert notice == Notice(run.executions[0].id, "not typed: this console only reads")
    async with attached(fleet, run) as attachment:
        await attachment.send_input(run.executions[0].id, 1, b"ok\r")
    assert fleet.settled(run).state is State.SUCCEEDED
    assert b"got ok" in fleet.until_printed(run, b"got ok")


async def test_two_consoles_cannot_interleave_keys(fleet: Fleet):
    run = fleet.sh(ASK)
    execution = run.executions[0]
    async with attached(fleet, run) as first, attached(fleet, run) as second:
        one, other = Typist(first), Typist(second)
        await one.until_seen(b"[Y/n] ")
        await one.type(b"a", execution)
        await one.until_seen(b"[Y/n] a")
        await other.type(b"b", execution)
        await other.until(lambda self: any(isinstance(event, Notice) for event in self.events))
        assert Notice(execution.id, "not typed: another console is typing") in other.events
        await one.type(b"\r", execution)
        await one.rest()
    assert b"got a\r\n" in one.seen[execution.id]


async def test_typing_before_the_start_is_told(fleet: Fleet):
    blockers = [fleet.sh(ASK) for _ in range(4)]
    run = fleet.sh(ASK)
    fleet.until(run, lambda view: view.state is State.DELIVERED)
    async with attached(fleet, run) as attachment:
        console = Typist(attachment)
        await console.until(lambda self: self.run)
        await console.type(b"y\r", run.executions[0])
        await console.until(lambda self: any(isinstance(event, Notice) for event in self.events))
        assert Notice(run.executions[0].id, "not typed: the program has not started") in console.events
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
