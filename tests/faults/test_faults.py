"""What is lost when parts die, messages come twice or never, and peers lie: nothing that was accepted.

How often a program started is counted by the program itself, in a file it appends to.
"""

from __future__ import annotations

import signal
import sqlite3
import uuid
from pathlib import Path

import pika
import pytest

from runlet.model.execution import STARTED, Event, State
from runlet.model.job import Job
from runlet.model.target import Target
from runlet.protocol import names
from runlet.protocol.chunk import Chunk
from runlet.protocol.messages import Cancel, Execute, Heartbeat, Report, TerminalSize, encode
from runlet.protocol.views import Presence
from tests.harness import Fleet, apply, wait_until


def publish(fleet: Fleet, lane: str, device: str, *bodies: bytes) -> None:
    """Put messages on the broker with the controller's rights."""
    connection = pika.BlockingConnection(pika.URLParameters(fleet.broker.controller_url))
    channel = connection.channel()
    for body in bodies:
        channel.basic_publish("runlet.default", names.key(device, lane), body)
    connection.close()


def command(script: str) -> Execute:
    """A command of no run that the controller knows."""
    return Execute(
        execution=str(uuid.uuid4()),
        attempt=1,
        run=0,
        job="fault",
        script=script,
        entrypoint=None,
        arguments=(),
        cwd=None,
        terminal=TerminalSize(),
        term="dumb",
    )


def starts(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0


def presence(fleet: Fleet, device: str) -> Presence:
    with fleet.api() as api:
        return next(view.presence for view in api.devices() if view.name == device)


def test_an_offline_device_gets_its_executions_in_order_when_it_returns(fleet: Fleet, device: str, tmp_path: Path):
    order = tmp_path / "order"
    runs = [fleet.sh(f"echo {number} >> {order}", on=device) for number in range(3)]
    assert fleet.until(runs[0], lambda view: True).state is State.QUEUED
    fleet.start_agent(device)
    for run in runs:
        assert fleet.settled(run).state is State.SUCCEEDED
    assert sorted(order.read_text().split()) == ["0", "1", "2"]


def test_a_run_on_any_waits_for_the_next_device(fleet: Fleet, device: str):
    """Every connected device is barred, so the run waits for one that is not."""
    with fleet.api() as api:
        barred = frozenset(fleet.devices + fleet.enrolled) - {device}
        apply(api, Job("anyone", "true", target=Target.parse("any"), barred=barred))
        run = api.start_run(job="anyone")
        assert run.executions[0].device is None
        fleet.start_agent(device)
        settled = fleet.settled(run)
        assert (settled.executions[0].device, settled.state) == (device, State.SUCCEEDED)


def test_cancelling_what_never_left_the_controller(fleet: Fleet, device: str, tmp_path: Path):
    run = fleet.sh(f"echo x >> {tmp_path}/starts", on=device)
    with fleet.api() as api:
        assert api.cancel(run.id).state is State.CANCELLED
    fleet.start_agent(device)
    fleet.settled(fleet.exec(["true"], on=device))
    assert starts(tmp_path / "starts") == 0


def test_an_agent_that_stops_says_so_and_its_device_is_offline_at_once(fleet: Fleet, device: str):
    fleet.start_agent(device)
    wait_until(lambda: presence(fleet, device) is Presence.ONLINE, "the device to be online")
    fleet.agents.pop(device).stop()
    wait_until(lambda: presence(fleet, device) is Presence.OFFLINE, "the device to be offline", patience=10)


def test_a_stopped_agent_ends_its_programs_and_keeps_their_output(fleet: Fleet, device: str):
    fleet.start_agent(device)
    run = fleet.sh("trap 'echo last words; exit 1' TERM; echo ready; while :; do sleep 0.05; done", on=device)
    fleet.until_printed(run, b"ready", device)
    fleet.agents.pop(device).stop()
    (execution,) = fleet.settled(run).executions
    assert execution.state is State.INTERRUPTED
    assert execution.detail == "the agent was stopped while the program ran"
    assert b"last words" in fleet.until_printed(run, b"last words", device)


def test_a_killed_agent_runs_what_it_had_accepted_and_not_started(fleet: Fleet, device: str, tmp_path: Path):
    count = tmp_path / "starts"
    fleet.start_agent(device)
    gate = tmp_path / "gate"
    blockers = [fleet.sh(f"until [ -e {gate} ]; do sleep 0.02; done", on=device) for _ in range(4)]
    waiting = fleet.sh(f"echo x >> {count}", on=device)
    fleet.until(waiting, lambda view: view.state is State.DELIVERED)
    fleet.agents[device].kill()
    fleet.start_agent(device)
    assert starts(count) == 0, "those that went on still take their places"
    gate.touch()
    assert fleet.settled(waiting).state is State.SUCCEEDED
    assert starts(count) == 1
    assert {fleet.settled(run).state for run in blockers} == {State.SUCCEEDED}


def test_a_command_delivered_many_times_starts_once(fleet: Fleet, device: str, tmp_path: Path):
    count = tmp_path / "starts"
    execute = encode(command(f"echo x >> {count}"))
    fleet.start_agent(device)
    publish(fleet, names.COMMAND, device, *[execute] * 5)
    wait_until(lambda: starts(count), "the first start")
    publish(fleet, names.COMMAND, device, *[execute] * 5)
    fleet.settled(fleet.exec(["true"], on=device))  # behind them in the same queue
    assert starts(count) == 1


def test_a_cancel_that_overtakes_its_command_wins(fleet: Fleet, device: str, tmp_path: Path):
    execute = command(f"echo x >> {tmp_path}/starts")
    fleet.start_agent(device)
    publish(fleet, names.COMMAND, device, encode(Cancel(execute.execution, 1)), encode(execute))
    fleet.settled(fleet.exec(["true"], on=device))
    assert starts(tmp_path / "starts") == 0


def test_a_withdrawal_leaves_a_started_program_alone_and_keeps_others_from_starting(
    fleet: Fleet, device: str, tmp_path: Path
):
    fleet.start_agent(device)
    run = fleet.sh("read -r answer; exit 7", on=device)
    execution = fleet.until(run, lambda view: view.state in STARTED)
    withdraw = encode(Cancel(execution.id, 1, unless_started=True))
    publish(fleet, names.COMMAND, device, withdraw, withdraw)
    other = command(f"echo x >> {tmp_path}/starts")
    publish(fleet, names.COMMAND, device, encode(Cancel(other.execution, 1, unless_started=True)), encode(other))
    fleet.settled(fleet.exec(["true"], on=device))  # behind them in the same queue
    assert fleet.until(run, lambda view: True).state in STARTED
    assert starts(tmp_path / "starts") == 0
    with fleet.api() as api:
        api.cancel(run.id)
    assert fleet.settled(run).state is State.CANCELLED


def test_nonsense_is_dropped_by_both_sides(fleet: Fleet, device: str):
    fleet.start_agent(device)
    nonsense = [b"", b"\xff\x00", b"{}", b"[]", b'{"type":"execute.v1"}', b'{"type":"report.v1","execution":7}']
    for lane in (names.COMMAND, names.CONTROL, names.INPUT, names.EVENT, names.OUTPUT, names.HEARTBEAT):
        publish(fleet, lane, device, *nonsense)
    publish(fleet, names.COMMAND, device, encode(Heartbeat()))
    assert fleet.settled(fleet.exec(["true"], on=device)).state is State.SUCCEEDED


def test_a_device_cannot_speak_for_another(fleet: Fleet, device: str):
    """Reports and output under another device's key do not touch the execution."""
    run = fleet.sh("read -r answer; echo genuine", on="pi-1")
    execution = fleet.until(run, lambda view: view.state in STARTED)
    forged = Report(execution.id, 1, version=99, event=Event.SUCCEED, at=0.0, exit_code=0)
    publish(fleet, names.EVENT, device, encode(forged))
    publish(fleet, names.OUTPUT, device, Chunk(execution.id, 1, 0, b"forged").encode())
    fleet.settled(fleet.exec(["true"], on="pi-2"))  # behind them in the same queue
    assert fleet.until(run, lambda view: True).state in STARTED
    with fleet.api() as api:
        api.cancel(run.id)
    fleet.settled(run)
    assert b"forged" not in fleet.transcript(run)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_restarted_controller_goes_on_with_everything(fleet: Fleet, tmp_path: Path, number: int):
    """Programs run on meanwhile, and what they printed and became is there afterwards."""
    gate = tmp_path / "gate"
    running = fleet.sh(f"echo before; until [ -e {gate} ]; do sleep 0.02; done; seq 1 50000; echo after")
    fleet.until_printed(running, b"before")
    assert fleet.controller
    fleet.controller.stop(number)
    gate.touch()
    fleet.start_controller()
    settled = fleet.settled(running)
    assert settled.state is State.SUCCEEDED
    lines = fleet.until_printed(running, b"after").split()
    assert lines == [b"before", *(str(n).encode() for n in range(1, 50001)), b"after"]


def test_what_the_controller_settled_the_agent_forgets(fleet: Fleet, device: str):
    fleet.start_agent(device)
    fleet.settled(fleet.sh("seq 1 1000", on=device))
    journal = sqlite3.connect(f"file:{fleet.home}/{device}/journal.db?mode=ro", uri=True)
    try:
        wait_until(lambda: journal.execute("SELECT count(*) FROM execution").fetchone() == (0,), "an empty journal")
        assert journal.execute("SELECT count(*) FROM settled").fetchone() == (1,)
    finally:
        journal.close()
