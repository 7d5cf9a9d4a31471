"""Programs outlive their agent: what they print is stored once, what is typed arrives once, how they end is told."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from runlet.controller.streams import ACKNOWLEDGE_BYTES
from runlet.holder.records import Started
from runlet.model.execution import State
from runlet.model.job import Job
from runlet.model.target import Target
from runlet.protocol.frames import Notice
from runlet.protocol.views import RunView
from tests.brokers import PrivateBroker
from tests.harness import Fleet, Typist, apply, attached, processes_marked, wait_until
from tests.proxy import Way, Wire

# Each kill costs the start of an agent. What an agent loses at any byte is tested a hundred times as often without one,
# in tests/integration/test_holder.py.
KILLS = 12


def starts(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0


def started(fleet: Fleet, device: str, run: RunView) -> Path:
    return fleet.home / device / "holders" / f"{run.executions[0].id}.1.started"


def kill_agent(fleet: Fleet, device: str) -> None:
    fleet.agents[device].kill()


def restart_agent(fleet: Fleet, device: str) -> None:
    kill_agent(fleet, device)
    fleet.start_agent(device)


async def test_a_question_outlives_the_agent_and_is_answered(fleet: Fleet, device: str, tmp_path: Path):
    count = tmp_path / "starts"
    fleet.start_agent(device)
    run = fleet.sh(f"echo x >> {count}; read -r -p 'Continue? ' answer; echo got $answer", on=device)
    (execution,) = run.executions
    async with attached(fleet, run) as attachment:
        console = Typist(attachment)
        await console.until_seen(b"Continue? ")
        await asyncio.to_thread(restart_agent, fleet, device)
        await console.type(b"yes\r", execution)
        await console.rest()
    assert console.seen[execution.id] == b"Continue? yes\r\ngot yes\r\n", "a short pause is all that is seen"
    assert fleet.settled(run).state is State.SUCCEEDED
    assert starts(count) == 1


async def test_what_is_typed_while_the_agent_is_away_waits_for_it(fleet: Fleet, device: str):
    fleet.start_agent(device)
    run = fleet.sh("read -r -p 'Continue? ' answer; echo got $answer", on=device)
    async with attached(fleet, run) as attachment:
        console = Typist(attachment)
        await console.until_seen(b"Continue? ")
        await asyncio.to_thread(kill_agent, fleet, device)
        await console.type(b"yes\r", run.executions[0])
        await asyncio.to_thread(fleet.start_agent, device)
        await console.rest()
    assert console.seen[run.executions[0].id].endswith(b"got yes\r\n")


async def test_every_key_arrives_once_whenever_the_agent_is_killed(fleet: Fleet, device: str, tmp_path: Path):
    """Keys of a number each, typed on and on while agents are killed; the program writes down what it reads."""
    seen = tmp_path / "seen"
    script = "import os, tty; tty.setraw(0); os.write(1, b'ready'); out = os.open('SEEN', os.O_WRONLY | os.O_CREAT)\n"
    script += "while not (data := os.read(0, 999)).endswith(b'!'): os.write(out, data)"
    fleet.start_agent(device)
    run = fleet.exec([sys.executable, "-c", script.replace("SEEN", str(seen))], on=device)
    (execution,) = run.executions
    draw = random.Random(20261125)
    async with attached(fleet, run) as attachment:
        console = Typist(attachment)
        await console.until_seen(b"ready")
        killing = asyncio.create_task(asyncio.to_thread(kill_at_random, fleet, device, draw, KILLS // 2))
        typed = []
        while not killing.done():
            typed.append(b"%d;" % len(typed))
            await console.type(typed[-1], execution)
            await asyncio.sleep(draw.uniform(0, 0.02))  # a person's pace, not a wait
        await killing
        await asyncio.to_thread(wait_until, lambda: seen.read_bytes().endswith(typed[-1]), "the last key")
        await console.type(b"!", execution)
        await console.rest()
    assert seen.read_bytes() == b"".join(typed)
    assert not [event for event in console.events if isinstance(event, Notice)]


def kill_at_random(fleet: Fleet, device: str, draw: random.Random, times: int) -> None:
    for _ in range(times):
        with pytest.raises(subprocess.TimeoutExpired):  # it lives for any time, and is killed
            fleet.agents[device].popen.wait(draw.uniform(0, 0.2))
        restart_agent(fleet, device)


def test_output_is_stored_once_whenever_the_agent_is_killed(fleet: Fleet, device: str, tmp_path: Path):
    """Random bytes through a raw terminal, as many as a transcript keeps whole, until the last agent is killed."""
    enough, digest = tmp_path / "enough", tmp_path / "digest"
    script = (
        "import hashlib, os, random, time, tty; tty.setraw(1); hash = hashlib.sha256(); length = 0\n"
        f"while not os.path.exists({str(enough)!r}):\n"
        "    data = random.randbytes(random.randint(1, 20000)); hash.update(data); length += len(data)\n"
        "    while data: data = data[os.write(1, data):]\n"
        "    time.sleep(random.random() / 100)\n"
        f"open({str(digest)!r}, 'w').write(hash.hexdigest())"
    )
    fleet.start_agent(device)
    run = fleet.exec([sys.executable, "-c", script], on=device)
    fleet.until(run, lambda view: view.state is State.RUNNING)
    kill_at_random(fleet, device, random.Random(20261126), KILLS)
    enough.touch()
    (execution,) = fleet.settled(run).executions
    assert execution.state is State.SUCCEEDED
    transcript = fleet.transcript(run, device)
    assert len(transcript) == execution.output_length > KILLS * 20_000
    assert hashlib.sha256(transcript).hexdigest() == digest.read_text()


async def test_what_is_not_stored_yet_outlives_the_agent(
    fleet: Fleet, broker: PrivateBroker, device: str, tmp_path: Path
):
    """It hears that the first part is stored when it has the second too, which never leaves it."""
    wire = Wire(broker)
    far = Fleet(tmp_path, wire, [device])
    far.start_agent(device)
    first, second, third, typed = (tmp_path / name for name in ("first", "second", "third", "typed"))
    large = 2 * ACKNOWLEDGE_BYTES  # that much is acknowledged at once
    script = f"""
        wait_for() {{ until [ -e "$1" ]; do sleep 0.05; done; }}
        wait_for {first}; printf %0{large}d 0; echo first
        wait_for {second}; echo second
        read -r line; touch {typed}
        wait_for {third}
    """
    try:
        run = fleet.sh(script, on=device)
        fleet.until(run, lambda view: view.state is State.RUNNING)
        async with attached(fleet, run) as attachment:
            console = Typist(attachment)
            wire.delay = 1.0
            first.touch()
            await console.until_seen(b"first")
            wire.blackhole(Way.UP)
            second.touch()
            await console.type(b"go on\r", run.executions[0])  # behind the word that the first is stored
            await asyncio.to_thread(wait_until, typed.exists, "what is typed to arrive")
            await asyncio.to_thread(kill_agent, far, device)
            wire.delay = 0.0
            wire.mend()
            await asyncio.to_thread(far.start_agent, device)
            third.touch()
            await console.rest()
        assert fleet.transcript(run, device) == large * b"0" + b"first\r\nsecond\r\ngo on\r\n"
    finally:
        far.agents[device].stop()
        wire.close()


def test_programs_start_once_whenever_the_agent_is_killed(fleet: Fleet, device: str, tmp_path: Path):
    """Killed while commands arrive, holders start and outcomes are told."""
    draw = random.Random(20261127)
    fleet.start_agent(device)
    runs = []
    for _ in range(KILLS // 2):
        runs += [fleet.sh(f"echo x >> {tmp_path}/{len(runs) + more}", on=device) for more in range(3)]
        kill_at_random(fleet, device, draw, 1)
    states = [fleet.settled(run).state for run in runs]
    assert states == [State.SUCCEEDED] * len(runs)
    assert [starts(tmp_path / str(number)) for number in range(len(runs))] == [1] * len(runs)


def test_how_a_program_ended_while_the_agent_was_away_is_told(fleet: Fleet, device: str, tmp_path: Path):
    gate = tmp_path / "gate"
    fleet.start_agent(device)
    run = fleet.sh(f"echo before; until [ -e {gate} ]; do sleep 0.02; done; echo after; exit 7", on=device)
    fleet.until_printed(run, b"before", device)
    kill_agent(fleet, device)
    pid = fleet.holder(run, device)
    gate.touch()
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the holder to end")
    fleet.start_agent(device)
    (execution,) = fleet.settled(run).executions
    assert (execution.state, execution.exit_code) == (State.FAILED, 7)
    assert fleet.transcript(run, device) == b"before\r\nafter\r\n"
    wait_until(lambda: not list((fleet.home / device / "holders").glob("*.1.*")), "the records to be forgotten")


def test_an_agent_that_stops_leaves_its_programs_alone(fleet: Fleet, device: str):
    fleet.start_agent(device, keep_programs=True)
    run = fleet.sh("echo ready; read -r answer; exit 5", on=device)
    fleet.until_printed(run, b"ready", device)
    assert fleet.agents[device].stop() == 0
    assert Path(f"/proc/{fleet.holder(run, device)}").exists()
    fleet.start_agent(device)
    with fleet.api() as api:
        api.cancel(run.id)
    assert fleet.settled(run).state is State.CANCELLED


def test_a_cancel_reaches_a_program_that_outlived_its_agent(fleet: Fleet, device: str):
    fleet.start_agent(device)
    run = fleet.sh("trap '' INT TERM; echo ready; while :; do sleep 1; done", on=device)
    fleet.until_printed(run, b"ready", device)
    with fleet.api() as api:
        api.cancel(run.id)
        kill_agent(fleet, device)  # the cancel may have reached it, or not
        fleet.start_agent(device)
    assert fleet.settled(run).state is State.CANCELLED
    wait_until(lambda: not processes_marked(f"RUNLET_EXECUTION={run.executions[0].id}"), "every process to end")


def test_a_time_limit_counts_while_the_agent_is_away(fleet: Fleet, device: str):
    fleet.start_agent(device)
    with fleet.api() as api:
        apply(api, Job("limited-away", "echo ready; exec sleep 1000", timeout=timedelta(seconds=1)))
        run = api.start_run(job="limited-away", target=Target.parse(device))
    fleet.until_printed(run, b"ready", device)
    kill_agent(fleet, device)
    pid = fleet.holder(run, device)
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the holder to end")
    fleet.start_agent(device)
    (execution,) = fleet.settled(run).executions
    assert (execution.state, execution.detail) == (State.TIMED_OUT, "ended after its time limit of 1s")


def test_a_lost_holder_is_told_with_what_runs_on(fleet: Fleet, device: str, tmp_path: Path):
    count = tmp_path / "starts"
    fleet.start_agent(device)
    run = fleet.sh(f"trap '' HUP; echo x >> {count}; echo $$; exec sleep 1000", on=device)
    pid = int(fleet.until_printed(run, b"\n", device))
    os.kill(fleet.holder(run, device), signal.SIGKILL)
    (execution,) = fleet.settled(run).executions
    os.kill(pid, signal.SIGKILL)
    assert execution.state is State.INTERRUPTED
    assert execution.detail == f"its holder was lost while the program ran; still running without a terminal: {pid}"
    restart_agent(fleet, device)
    fleet.settled(fleet.exec(["true"], on=device))
    assert starts(count) == 1


def test_agent_and_holder_lost_is_interrupted(fleet: Fleet, device: str, tmp_path: Path):
    count = tmp_path / "starts"
    fleet.start_agent(device)
    run = fleet.sh(f"echo x >> {count}; echo ready; exec sleep 1000", on=device)
    fleet.until_printed(run, b"ready", device)
    kill_agent(fleet, device)
    os.kill(fleet.holder(run, device), signal.SIGKILL)
    fleet.start_agent(device)
    (execution,) = fleet.settled(run).executions
    assert (execution.state, execution.detail) == (State.INTERRUPTED, "its holder was lost while the program ran")
    assert starts(count) == 1


def test_a_reboot_is_told(fleet: Fleet, device: str):
    fleet.start_agent(device)
    run = fleet.sh("echo ready; exec sleep 1000", on=device)
    fleet.until_printed(run, b"ready", device)
    kill_agent(fleet, device)
    os.kill(fleet.holder(run, device), signal.SIGKILL)
    record = started(fleet, device, run)
    before = Started.decode(record.read_bytes())
    record.write_bytes(Started(before.holder, before.program, before.since, b"another boot").encode())
    fleet.start_agent(device)
    (execution,) = fleet.settled(run).executions
    assert (execution.state, execution.detail) == (State.INTERRUPTED, "the device was restarted while the program ran")
