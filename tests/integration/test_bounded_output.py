"""Programs that print more than their job keeps, on real terminals; and readers that come to what is missing."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

import pytest

from runlet.client.api import Page
from runlet.model.execution import STARTED, State
from runlet.model.job import Job
from runlet.model.logs import Logs, Overflow
from runlet.model.target import Target
from runlet.protocol.chunk import Chunk
from runlet.protocol.frames import Attach, Gap, Notice
from runlet.protocol.views import RunView
from tests.harness import Fleet, Typist, apply, attached, processes_marked, stored_bytes, wait_until

LIMIT = 256 * 1024
# Lines that tell where they stand; as many bytes as 40 limits.
LINE_BYTES = 16
LINES = 40 * LIMIT // LINE_BYTES
PRINTER = f"python3 -c 'import tty; tty.setraw(1); [print(f\"{{n:015}}\") for n in range({LINES})]'"


def whole_stream() -> bytes:
    return b"".join(b"%015d\n" % number for number in range(LINES))


def started(fleet: Fleet, name: str, script: str, overflow: Overflow, limit: int = LIMIT) -> RunView:
    with fleet.api() as api:
        apply(api, Job(name, script, logs=Logs(limit, overflow)))
        return api.start_run(job=name, target=Target.parse("pi-1"))


def pages(fleet: Fleet, run: RunView) -> list[Page]:
    with fleet.api() as api:
        return list(api.transcript(run.id, "pi-1"))


def test_the_ends_are_kept_and_what_is_between_is_told(fleet: Fleet):
    run = fleet.settled(started(fleet, "chatty", PRINTER, Overflow.KEEP_ENDS))
    whole, (execution,) = whole_stream(), run.executions
    assert (execution.state, execution.exit_code) == (State.SUCCEEDED, 0)
    assert (execution.output_length, execution.output_limit) == (len(whole), LIMIT)
    assert stored_bytes(fleet, run) <= LIMIT
    head, tail = pages(fleet, run)
    assert head == Page(0, whole[: LIMIT // 2])
    assert tail == Page(len(whole) - LIMIT // 2 - len(tail.data), whole[-len(tail.data) :])
    assert len(tail.data) > LIMIT // 8 * 3


async def test_a_late_console_is_told_of_the_gap_once_and_goes_on_behind_it(fleet: Fleet):
    run = fleet.settled(started(fleet, "chatty-late", PRINTER, Overflow.KEEP_ENDS))
    (execution,) = run.executions
    _, tail = pages(fleet, run)
    async with attached(fleet, run) as attachment:
        console = Typist(attachment)
        await console.rest()
    assert [event for event in console.events if isinstance(event, Gap)] == [
        Gap(execution.id, 1, LIMIT // 2, tail.left_out)
    ]
    kept = whole_stream()
    assert console.seen[execution.id] == kept[: LIMIT // 2] + tail.data
    first = next(event for event in console.events if isinstance(event, Chunk) and event.position > LIMIT // 2)
    assert first.position == LIMIT // 2 + tail.left_out


async def test_a_console_that_keeps_up_sees_every_byte_that_is_no_longer_kept(fleet: Fleet, tmp_path: Path):
    """It lets the program go on whenever it has seen what there is."""
    portion, portions = 32 * 1024, 40
    script = f"""
        stty raw -echo
        for n in $(seq {portions}); do head -c {portion} /dev/urandom | tee -a {tmp_path}/copy; read x; done
    """
    run = started(fleet, "watched", script, Overflow.KEEP_ENDS)
    (execution,) = run.executions
    async with attached(fleet, run) as attachment:
        console = Typist(attachment)
        for number in range(1, portions + 1):
            await console.until(lambda self, n=number: len(self.seen.get(execution.id, b"")) >= n * portion)
            await console.type(b"\n", execution)
        await console.rest()
    assert not [event for event in console.events if isinstance(event, Gap)]
    assert (
        hashlib.sha256(console.seen[execution.id]).digest() == hashlib.sha256((tmp_path / "copy").read_bytes()).digest()
    )
    assert stored_bytes(fleet, run) <= LIMIT < portion * portions


@pytest.mark.parametrize("overflow", Overflow)
def test_within_the_limit_every_byte_is_kept(fleet: Fleet, tmp_path: Path, overflow: Overflow):
    data = os.urandom(LIMIT)
    (tmp_path / "data").write_bytes(data)
    run = started(fleet, f"exact-{overflow.lower()}", f"stty raw; cat {tmp_path}/data", overflow)
    (execution,) = fleet.settled(run).executions
    assert (execution.state, execution.output_length) == (State.SUCCEEDED, LIMIT)
    assert fleet.transcript(run) == data


async def test_a_program_that_may_print_no_more_waits_and_says_so_until_it_is_cancelled(fleet: Fleet):
    run = started(fleet, "waits", PRINTER, Overflow.BLOCK)
    words = "printed 256KiB, all that its job keeps; waits until it is cancelled"
    assert fleet.until(run, lambda view: view.detail).detail == words
    async with attached(fleet, run, Attach(tail=0)) as attachment:
        console = Typist(attachment)
        await console.until(lambda self: any(isinstance(event, Notice) for event in self.events))
        assert Notice(run.executions[0].id, words) in console.events
        await asyncio.to_thread(cancel, fleet, run)
        await console.rest()
    (execution,) = fleet.settled(run).executions
    assert (execution.state, execution.output_length) == (State.CANCELLED, LIMIT)
    assert execution.detail == "printed 256KiB, all that its job keeps"
    assert fleet.transcript(run) == whole_stream()[:LIMIT]


def cancel(fleet: Fleet, run: RunView) -> None:
    with fleet.api() as api:
        api.cancel(run.id)


async def test_an_attached_console_is_told_once_that_a_program_waits(fleet: Fleet):
    run = started(fleet, "waits-watched", f"read x; {PRINTER}", Overflow.BLOCK)
    async with attached(fleet, run) as attachment:
        console = Typist(attachment)
        await console.until(lambda self: any(view.state in STARTED for view in self.states.values()))
        await console.type(b"\n", run.executions[0])
        await console.until(lambda self: any(isinstance(event, Notice) for event in self.events))
        await asyncio.to_thread(cancel, fleet, run)
        await console.rest()
    assert len([event for event in console.events if isinstance(event, Notice)]) == 1


def test_a_program_that_prints_more_than_it_may_is_ended_and_has_failed(fleet: Fleet):
    run = fleet.settled(started(fleet, "stopped", "setsid sleep 1000 & exec yes", Overflow.STOP))
    (execution,) = run.executions
    assert (execution.state, execution.detail) == (State.FAILED, "printed more than 256KiB")
    assert execution.output_length > LIMIT
    assert stored_bytes(fleet, run) <= LIMIT
    wait_until(lambda: not processes_marked(f"RUNLET_EXECUTION={execution.id}"), "every process to end")


def test_a_program_that_ends_by_itself_right_behind_its_limit_has_failed_too(fleet: Fleet):
    script = f"stty raw; head -c {LIMIT + 1} /dev/zero"
    (execution,) = fleet.settled(started(fleet, "one-more", script, Overflow.STOP)).executions
    assert (execution.state, execution.detail) == (State.FAILED, "printed more than 256KiB")


async def test_a_transcript_that_was_removed_is_a_gap_that_is_told_and_ends(fleet: Fleet):
    run = fleet.settled(fleet.sh("echo hello"))
    (path,) = fleet.home.glob(f"transcripts/*/{run.executions[0].id}.1")
    path.unlink()
    assert pages(fleet, run) == [Page(len(b"hello\r\n"), b"")]
    for request in (Attach(), Attach(tail=3)):
        async with attached(fleet, run, request) as attachment:
            typist = Typist(attachment)
            await typist.rest()
        assert [event.length for event in typist.events if isinstance(event, Gap)] == [len(b"hello\r\n")]


async def test_a_transcript_that_is_removed_while_its_program_runs_keeps_no_reader_waiting(fleet: Fleet):
    run = fleet.sh("echo before; read -r line; echo after")
    fleet.until_printed(run, b"before")
    (path,) = fleet.home.glob(f"transcripts/*/{run.executions[0].id}.1")
    path.unlink()
    async with attached(fleet, run) as attachment:
        typist = Typist(attachment)
        await typist.until(lambda self: any(isinstance(event, Gap) for event in self.events))
        await typist.type(b"x\n", run.executions[0])
        await typist.rest()
    assert b"after" in typist.seen[run.executions[0].id]
    assert fleet.settled(run).state is State.SUCCEEDED
