"""Deadlines with a real broker: what was not accepted in time never starts, wherever its command was meanwhile.

How often a program started is counted by the program itself, in a file it appends to.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pika
import pytest

from runlet.model.delivery import Delivery
from runlet.model.execution import State
from runlet.model.job import Job
from runlet.model.target import Target
from runlet.protocol import names
from runlet.protocol.messages import HEARTBEAT_SECONDS, STALE_SECONDS
from runlet.protocol.views import ExecutionView, RunView
from tests.brokers import PrivateBroker
from tests.harness import Fleet, apply, wait_until
from tests.proxy import Wire

# Long enough for a launch and its command's way to the broker on a busy machine.
WITHIN = timedelta(seconds=4)

# An agent notices that it slept when it is this long behind; it looks with each heartbeat.
SLEEP_SECONDS = STALE_SECONDS + HEARTBEAT_SECONDS

Launch = Callable[..., RunView]


@pytest.fixture
def launch(fleet: Fleet, device: str, tmp_path: Path) -> Iterator[Launch]:
    """Launches a job on the device that counts its starts; what is left open at the end is cancelled."""

    def launched(name: str, within: timedelta = WITHIN, *, supersede: bool = False) -> RunView:
        script = f"echo {name} >> {tmp_path}/starts"
        delivery = Delivery(deliver_within=within, supersede=supersede)
        with fleet.api() as api:
            apply(api, Job(name, script, target=Target.parse(device), delivery=delivery))
            return api.start_run(job=name)

    yield launched
    fleet.settled(fleet.exec(["true"], on=device))  # its agent is there, and has answered everything before


def starts(tmp_path: Path) -> list[str]:
    path = tmp_path / "starts"
    return path.read_text().split() if path.exists() else []


def expired(fleet: Fleet, run: RunView) -> ExecutionView:
    """The run's only execution once that is expired for good."""
    return fleet.until(run, lambda view: view.state is State.EXPIRED)


def queued_at_the_broker(fleet: Fleet, device: str) -> int:
    connection = pika.BlockingConnection(pika.URLParameters(fleet.broker.controller_url))
    queue = connection.channel().queue_declare(names.device_queue("default", device), passive=True)
    connection.close()
    return int(queue.method.message_count)


def pass_deadline(run: RunView) -> None:
    [execution] = run.executions
    assert execution.expires_at
    deadline = execution.expires_at
    wait_until(lambda: datetime.now(UTC) > deadline, "the deadline to pass")


def test_a_device_that_returns_too_late_runs_nothing(fleet: Fleet, device: str, launch: Launch, tmp_path: Path):
    late, patient = launch("late"), launch("patient", timedelta(days=1))
    assert expired(fleet, late).detail == "not delivered before its deadline"
    fleet.start_agent(device)
    assert fleet.settled(patient).state is State.SUCCEEDED
    assert starts(tmp_path) == ["patient"]


def test_a_command_that_lies_in_the_broker_never_starts_after_its_deadline(
    fleet: Fleet, device: str, launch: Launch, tmp_path: Path
):
    fleet.start_agent(device)
    fleet.agents[device].kill()  # without a goodbye: it is taken for connected
    run = launch("in-the-broker")
    wait_until(lambda: queued_at_the_broker(fleet, device), "the command to be in the device's queue")
    assert fleet.until(run, lambda view: view.counts_as).counts_as is State.EXPIRED
    assert fleet.settled(run).executions[0].state is State.QUEUED, "its device may still say otherwise"
    fleet.start_agent(device)
    assert expired(fleet, run).counts_as is None
    assert starts(tmp_path) == []


def test_a_deadline_that_passes_while_the_controller_is_down(fleet: Fleet, device: str, launch: Launch, tmp_path: Path):
    never_sent = launch("never-sent")
    fleet.start_agent(device)
    fleet.settled(never_sent)
    fleet.agents[device].kill()
    sent = launch("sent-before")
    wait_until(lambda: queued_at_the_broker(fleet, device), "the command to be in the device's queue")
    assert fleet.controller
    fleet.controller.kill()
    pass_deadline(sent)
    fleet.start_controller()
    fleet.start_agent(device)
    expired(fleet, sent)
    assert starts(tmp_path) == ["never-sent"]


def test_an_agent_that_stood_still_over_the_deadline_starts_nothing_that_came_before(
    fleet: Fleet, device: str, launch: Launch, tmp_path: Path
):
    """The command lies in its socket; the withdrawal, which the broker drops or holds, comes behind it."""
    fleet.start_agent(device)
    fleet.settled(fleet.exec(["true"], on=device))  # it has been welcomed for good
    agent = fleet.agents[device]
    os.kill(agent.popen.pid, signal.SIGSTOP)
    run = launch("stopped")
    fleet.until(run, lambda view: view.counts_as)
    os.kill(agent.popen.pid, signal.SIGCONT)
    settled = fleet.until(run, lambda view: view.state.is_outcome)
    assert (settled.state, starts(tmp_path)) == (State.EXPIRED, [])


def test_a_connection_that_stalled_over_the_deadline_brings_nothing_to_start(
    fleet: Fleet, broker: PrivateBroker, device: str, launch: Launch, tmp_path: Path
):
    """For a time that no AMQP heartbeat finds."""
    wire = Wire(broker)
    far = Fleet(tmp_path, wire, [device])
    far.start_agent(device)
    try:
        fleet.settled(fleet.exec(["true"], on=device))
        wire.pause()
        run = launch("stalled")
        fleet.until(run, lambda view: view.counts_as)
        wire.mend()
        settled = fleet.until(run, lambda view: view.state.is_outcome)
        assert (settled.state, starts(tmp_path)) == (State.EXPIRED, [])
    finally:
        far.agents[device].stop()
        wire.close()
        fleet.start_agent(device)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_an_agent_that_slept_starts_nothing_that_was_superseded_meanwhile(
    fleet: Fleet, device: str, launch: Launch, tmp_path: Path
):
    fleet.start_agent(device)
    fleet.settled(fleet.exec(["true"], on=device))
    agent = fleet.agents[device]
    os.kill(agent.popen.pid, signal.SIGSTOP)
    asleep_at = time.monotonic()
    older = launch("asleep", timedelta(days=1), supersede=True)
    wait_until(lambda: queued_at_the_broker(fleet, device) == 0, "the command to be in its socket")
    newer = launch("asleep", timedelta(days=1), supersede=True)
    wait_until(lambda: time.monotonic() - asleep_at > SLEEP_SECONDS, "a sleep that is noticed", 2 * SLEEP_SECONDS)
    os.kill(agent.popen.pid, signal.SIGCONT)
    assert fleet.settled(newer).state is State.SUCCEEDED
    assert fleet.until(older, lambda view: view.state.is_outcome).state is State.SKIPPED
    assert starts(tmp_path) == ["asleep"]


def test_the_newest_run_alone_runs_when_the_device_returns(fleet: Fleet, device: str, launch: Launch, tmp_path: Path):
    runs = [launch("newest-wins", timedelta(days=1), supersede=True) for _ in range(3)]
    fleet.start_agent(device)
    assert [fleet.settled(run).state for run in runs] == [State.SKIPPED, State.SKIPPED, State.SUCCEEDED]
    assert starts(tmp_path) == ["newest-wins"]


def test_a_command_that_lies_in_the_broker_is_superseded(fleet: Fleet, device: str, launch: Launch, tmp_path: Path):
    fleet.start_agent(device)
    fleet.agents[device].kill()
    older = launch("superseded", timedelta(days=1), supersede=True)
    wait_until(lambda: queued_at_the_broker(fleet, device), "the command to be in the device's queue")
    newer = launch("superseded", timedelta(days=1), supersede=True)
    fleet.start_agent(device)
    assert fleet.settled(newer).state is State.SUCCEEDED
    assert fleet.until(older, lambda view: view.state.is_outcome).state is State.SKIPPED
    assert starts(tmp_path) == ["superseded"]
