"""What is typed for another moment is dropped, wherever it lay meanwhile, and told to whoever typed it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from pathlib import Path

import pytest

from runlet.client.attachment import Silence, SilenceEnded
from runlet.errors import ControllerUnavailable
from runlet.protocol.frames import Notice
from runlet.protocol.messages import CONTROL_TTL_SECONDS
from tests.brokers import PrivateBroker
from tests.harness import Fleet, Typist, attached, wait_until

READS = "echo ready; while read -r line; do echo got:$line; done"
# Longer than anything typed may be under way.
PAST = CONTROL_TTL_SECONDS + 1.5


def refusals(console: Typist) -> list[str]:
    return [event.message for event in console.events if isinstance(event, Notice) and event.refused]


async def let_pass(seconds: float) -> None:
    """What is tested is that time passes."""
    end = time.monotonic() + seconds
    await asyncio.to_thread(wait_until, lambda: time.monotonic() > end, "time to pass", 2 * seconds)


async def test_what_lay_in_the_socket_of_a_sleeping_agent_is_not_typed_and_told(fleet: Fleet, device: str):
    fleet.start_agent(device)
    run = fleet.sh(READS, device)
    execution = run.executions[0]
    agent = fleet.agents[device].popen
    async with attached(fleet, run) as attachment:
        console = Typist(attachment)
        await console.until_seen(b"ready")
        await console.type(b"before\r", execution)
        await console.until_seen(b"got:before")
        agent.send_signal(signal.SIGSTOP)
        await console.type(b"rm -rf /somewhere\r", execution)
        await let_pass(PAST)
        agent.send_signal(signal.SIGCONT)
        await console.until(refusals)
        assert re.fullmatch("not typed: it reached the device [0-9]+ s late", refusals(console)[0])
        await console.type(b"after\r\x04", execution)
        await console.rest()
    assert b"got:before\r\nafter\r\ngot:after" in console.seen[execution.id]


async def test_what_the_broker_dropped_is_told(fleet: Fleet, device: str):
    """The device has no connection: the broker keeps what is typed for 10 s."""
    fleet.start_agent(device, keep_programs=True)
    run = fleet.sh(READS, device)
    execution = run.executions[0]
    async with attached(fleet, run) as attachment:
        console = Typist(attachment)
        await console.until_seen(b"ready")
        fleet.agents.pop(device).stop()
        await console.type(b"nobody\r", execution)
        await console.until(refusals)
        assert refusals(console) == ["not typed: the device has not confirmed 7 bytes within 15 s"]
        fleet.start_agent(device)
        await console.type(b"\x04", execution)
        await console.rest()
    assert b"nobody" not in console.seen[execution.id]


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_a_controller_that_stands_still_is_told_of_and_types_nothing_late(tmp_path: Path):
    private = PrivateBroker(tmp_path)
    private.start()
    fleet = Fleet(tmp_path, private, ["pi-1"]).start()
    assert fleet.controller
    controller = fleet.controller.popen
    try:
        run = fleet.sh(READS)
        execution = run.executions[0]
        async with attached(fleet, run) as attachment:
            console = Typist(attachment)
            await console.until_seen(b"ready")
            os.kill(controller.pid, signal.SIGSTOP)
            await console.type(b"rm -rf /somewhere\r", execution)
            begin = time.monotonic()
            await console.until(lambda self: Silence() in self.events)
            assert time.monotonic() - begin < CONTROL_TTL_SECONDS
            with pytest.raises(ControllerUnavailable, match="does not answer"):
                await console.type(b"more\r", execution)
            await let_pass(PAST)
            os.kill(controller.pid, signal.SIGCONT)
            await console.until(refusals)
            assert "s late" in refusals(console)[0]
            await console.until(lambda self: SilenceEnded() in self.events)
            await console.type(b"after\r\x04", execution)
            await console.rest()
        assert b"somewhere" not in console.seen[execution.id]
        assert b"got:after" in console.seen[execution.id]
    finally:
        os.kill(controller.pid, signal.SIGCONT)
        fleet.stop()
        private.stop()
