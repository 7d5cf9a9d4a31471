"""Nothing is told before it is on the disk: the system calls of a healthy run, in their order.

A power cut cannot be made here, and a killed process loses nothing that it wrote; so that a sync is missing shows in
the order of the calls only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.brokers import PrivateBroker
from tests.faults import strace
from tests.harness import Fleet, Typist, attached, wait_until

pytestmark = pytest.mark.timeout(600)

# Class 60, methods 60 and 80 of AMQP 0-9-1, as they begin in a frame: behind its kind, its channel and its length.
_DELIVER, _ACK = b"\x00\x3c\x00\x3c", b"\x00\x3c\x00\x50"
# A frame of the holder's wire that has no content: the outcome is in the journal.
_TAKEN = b"\x05\x00\x00\x00\x00"
# The begin of a frame that says what became of something that was typed.
_ANSWER = b"\x12\x00\x00\x00"


@dataclass(frozen=True)
class Call:
    """One system call: its name, the file it is about, and the bytes it moved."""

    name: str
    file: str
    data: bytes


def calls(log: Path) -> list[Call]:
    """What strace wrote with -y and -xx; calls that other threads interrupted are put together again."""
    found = []
    unfinished: dict[str, str] = {}
    for line in log.read_text().splitlines():
        thread, _, text = line.partition(" ") if line[:1].isdigit() else ("", "", line)
        text = text.strip()
        if text.endswith("<unfinished ...>"):
            unfinished[thread] = text.removesuffix("<unfinished ...>")
            continue
        if resumed := re.match(r"<\.\.\. \w+ resumed>(.*)", text):
            text = unfinished.pop(thread, "") + resumed[1]
        if match := re.match(r'(\w+)\(\d+<((?:[^>"\\]|->|\\.)*)>(?:, "((?:\\x[0-9a-f]{2})*)")?', text):
            file = bytes.fromhex(match[2].replace("\\x", "")).decode() if match[2].startswith("\\x") else match[2]
            found.append(Call(match[1], file, bytes.fromhex((match[3] or "").replace("\\x", ""))))
        elif match := re.match(r'(\w+)\("((?:\\x[0-9a-f]{2})*)"', text):
            found.append(Call(match[1], bytes.fromhex(match[2].replace("\\x", "")).decode(), b""))
    return found


def index(found: list[Call], what: str, name: str, *, file: str = "", data: bytes = b"", after: int = -1) -> int:
    """The first such call behind another one."""
    names = name.split("|")
    for number, call in enumerate(found):
        if number > after and call.name in names and file in call.file and data in call.data:
            return number
    raise AssertionError(f"no {what}: no {name} of {file!r} with {data!r} behind call {after} of {len(found)}")


def acknowledgement(found: list[Call], delivery: int, text: bytes) -> int:
    """The call that acknowledges the message with this text, which the call `delivery` received."""
    data = found[delivery].data
    at = data.rindex(_DELIVER, 0, data.index(text))
    channel, tag_at = data[at - 6 : at - 4], at + 5 + data[at + 4]  # behind the consumer's tag, after its length
    tag = int.from_bytes(data[tag_at : tag_at + 8], "big")
    for number, call in enumerate(found):
        if number > delivery and call.name == "sendto":
            for one in re.finditer(re.escape(b"\x01" + channel + b"\x00\x00\x00\x0d" + _ACK), call.data):
                if int.from_bytes(call.data[one.end() : one.end() + 8], "big") >= tag:
                    return number
    raise AssertionError(f"{text!r} is not acknowledged")


def test_an_agent_s_journal_is_synced_before_anybody_is_told(fleet: Fleet, device: str, tmp_path: Path) -> None:
    log = tmp_path / "agent.strace"
    fleet.start_agent(device)
    names = ("recvfrom", "sendto", "fdatasync", "fsync", "unlink")
    with strace.attached(fleet.agents[device].popen.pid, log, names, bytes_shown=100_000, forks=False):
        run = fleet.exec(["true"], on=device)
        fleet.settled(run)
        journal = fleet.home / device / "journal.db"
        wait_until(lambda: not list((fleet.home / device / "holders").glob("*.started")), "the holder to be let go")
    found, [execution] = calls(log), run.executions
    id_ = execution.id.encode()

    command = index(found, "command", "recvfrom", data=b'"execute.v1"')
    accepted = index(found, "commit of it", "fdatasync|fsync", file=f"{journal}-wal", after=command)
    assert accepted < acknowledgement(found, command, b'"execute.v1"')
    assert accepted < index(found, "report", "sendto", data=b'"event":"accept"', after=command)

    ended = index(found, "end", "recvfrom", data=b"\x13\x00\x00\x00", after=accepted)
    taken = index(found, "commit of the outcome", "fdatasync|fsync", file=f"{journal}-wal", after=ended)
    assert taken < index(found, "word to the holder", "sendto", data=_TAKEN, after=ended)
    assert taken < index(found, "removal of the record", "unlink", file=".start", after=ended)
    assert taken < index(found, "report of the outcome", "sendto", data=b'"event":"succeed"', after=ended)
    assert id_ in found[command].data


def test_a_holder_s_record_is_synced_before_its_program_runs(fleet: Fleet, device: str, tmp_path: Path) -> None:
    log = tmp_path / "holder.strace"
    fleet.start_agent(device)
    fleet.settled(fleet.exec(["true"], on=device))
    spawner = strace.child(fleet.agents[device].popen.pid)
    with strace.attached(spawner, log, ("write", "fsync")):
        run = fleet.exec(["true"], on=device)
        fleet.settled(run)
    found, name = calls(log), f"{run.executions[0].id}.1.started"
    written = index(found, "record", "write", file=name)
    synced = index(found, "sync of it", "fsync", file=name, after=written)
    folder = index(found, "sync of its name", "fsync", file=f"{device}/holders", after=synced)
    assert folder < index(found, "release", "write", file="pipe:", data=b"\n")


def test_a_holder_s_outcome_is_synced_before_it_leaves(fleet: Fleet, device: str, tmp_path: Path) -> None:
    log, gate = tmp_path / "holder.strace", tmp_path / "gate"
    fleet.start_agent(device)
    fleet.settled(fleet.exec(["true"], on=device))
    spawner = strace.child(fleet.agents[device].popen.pid)
    with strace.attached(spawner, log, ("write", "fsync", "rename", "unlink")):
        run = fleet.sh(f"echo ready; until [ -e {gate} ]; do sleep 0.02; done", on=device)
        fleet.until_printed(run, b"ready", device)
        fleet.agents[device].kill()
        gate.touch()
        record = fleet.home / device / "holders" / f"{run.executions[0].id}.1.ended"
        socket = record.with_suffix(".socket")
        wait_until(lambda: record.exists() and not socket.exists(), "the holder to leave")
    fleet.start_agent(device)
    fleet.settled(run)
    found = calls(log)
    written = index(found, "outcome", "write", file=f"{record.name}.new")
    synced = index(found, "sync of it", "fsync", file=f"{record.name}.new", after=written)
    index(found, "sync of its name", "fsync", file=f"{device}/holders", after=synced)


async def test_a_key_is_acknowledged_once_the_terminal_has_it(fleet: Fleet, device: str, tmp_path: Path) -> None:
    log = tmp_path / "agent.strace"
    fleet.start_agent(device)
    run = fleet.sh("echo ready; read -r line; echo got $line", on=device)
    async with attached(fleet, run) as attachment:
        console = Typist(attachment)
        await console.until_seen(b"ready")
        agent = fleet.agents[device].popen.pid
        with strace.attached(agent, log, ("recvfrom", "sendto"), bytes_shown=100_000, forks=False):
            await console.type(b"a line to be read\r", run.executions[0])
            await console.rest()
    found = calls(log)
    typed = index(found, "input", "recvfrom", data=b"a line to be read")
    answer = index(found, "answer of the holder", "recvfrom", data=_ANSWER, after=typed)
    assert answer < acknowledgement(found, typed, b"a line to be read")


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Fleet]:
    with PrivateBroker(tmp_path) as broker, Fleet(tmp_path, broker, ["pi-1"]) as fleet:
        yield fleet


def test_a_controller_s_database_is_synced_before_anybody_is_told(own: Fleet, tmp_path: Path) -> None:
    log = tmp_path / "controller.strace"
    assert own.controller
    names = ("recvfrom", "sendto", "write", "fdatasync", "fsync")
    with strace.attached(own.controller.popen.pid, log, names, bytes_shown=100_000):
        run = own.sh("echo hello; sleep 1")  # that it started is recorded by then: what is committed next is its end
        own.settled(run)
        own.settled(own.exec(["true"]))  # by now the agent was told of the first
    found, [execution] = calls(log), run.executions
    id_, wal = execution.id.encode(), f"{own.home}/controller.db-wal"

    asked = index(found, "request", "recvfrom", data=b"POST /v1/runs")
    launched = index(found, "commit of it", "fdatasync|fsync", file=wal, after=asked)
    assert launched < index(found, "answer", "sendto", data=b'"executions"', after=asked)
    assert launched < index(found, "command", "sendto", data=b'"execute.v1"', after=asked)

    report = index(found, "outcome", "recvfrom", data=b'"event":"succeed"', after=launched)
    recorded = index(found, "commit of it", "fdatasync|fsync", file=wal, after=report)
    assert recorded < acknowledgement(found, report, b'"event":"succeed"')
    stored = index(found, "sync of the transcript", "fdatasync|fsync", file=f"{execution.id}.1", after=launched)
    settled = index(found, "commit of that", "fdatasync|fsync", file=wal, after=stored)
    settling = [call.name == "sendto" and re.search(rb'"stored.v1"[^{]*"settled":true', call.data) for call in found]
    told = next(number for number, match in enumerate(settling) if match)
    assert settled < told
    assert id_ in found[told].data
