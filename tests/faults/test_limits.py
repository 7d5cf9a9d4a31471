"""An agent at its limits: names that are too long, full buffers, a start that is interrupted, a twin of itself."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pika
import pytest

from runlet.agent.session import login
from runlet.holder.terminal import Terminal
from runlet.model.execution import STARTED, State
from runlet.protocol import names
from tests.harness import PATIENCE_SECONDS, Fleet, wait_until

NOBODYS_UID = 54_321


@pytest.mark.parametrize("length", [2_000, 100_000])
def test_a_program_whose_name_is_too_long_fails_with_a_reason_that_is_not(fleet: Fleet, device: str, length: int):
    fleet.start_agent(device)
    (execution,) = fleet.settled(fleet.exec(["x" * length], on=device)).executions
    assert (execution.state, execution.exit_code) == (State.FAILED, 126)
    assert execution.detail.startswith("xxx")
    assert execution.detail.endswith("File name too long")


def test_a_stopped_agent_ends_even_if_nobody_takes_its_output(fleet: Fleet, device: str):
    """The buffer is full and the controller away: what the ended program left in the terminal is kept beyond it."""
    fleet.start_agent(device)
    run = fleet.sh("exec seq 1 100000000", on=device)
    fleet.until_printed(run, b"1\r\n", device)
    assert fleet.controller
    fleet.controller.stop()
    agent = fleet.agents.pop(device)
    try:
        _wait_until_idle(agent.popen.pid)
        agent.stop()
    finally:
        fleet.start_controller()
    fleet.start_agent(device)
    (execution,) = fleet.settled(run).executions
    assert execution.state is State.INTERRUPTED
    printed = wait_until(
        lambda: stored if len(stored := fleet.transcript(run, device)) == execution.output_length else None,
        "all of its output",
    )
    lines = printed.split(b"\r\n")[:-1]
    assert lines == [b"%d" % number for number in range(1, len(lines) + 1)]


def _wait_until_idle(pid: int) -> None:
    """Until the process reads nothing any more: its buffer is full."""
    counts = [-1, -2]

    def is_idle() -> bool:
        counts.append(int(Path(f"/proc/{pid}/io").read_text().split()[1]))
        return len(set(counts[-20:])) == 1

    wait_until(is_idle, "a full buffer")


def test_a_second_agent_on_the_same_state_does_not_start(fleet: Fleet, device: str):
    """It would take the first one's programs for lost, and start again what waits there."""
    fleet.start_agent(device)
    run = fleet.sh("echo ready; read -r line", on=device)
    fleet.until_printed(run, b"ready", device)
    command = [sys.executable, "-m", "runlet.agent", "--config", str(fleet.home / f"{device}.json")]
    twin = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert twin.returncode == 1
    assert "another agent works with" in twin.stderr
    assert fleet.until(run, lambda view: True).state in STARTED
    with fleet.api() as api:
        api.cancel(run.id)
    fleet.settled(run)


async def test_signals_to_a_program_that_has_not_begun_are_not_its_parents():
    """Between fork and exec the child is a copy of its parent, its way to be told of signals included."""
    loop = asyncio.get_running_loop()
    heard = []
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, heard.append, number)
    loop.add_signal_handler(signal.SIGCHLD, ended.set)
    try:
        terminal = Terminal([b"true"], dict(os.environb), b"/", 80, 24)
        wait_until(lambda: os.getsid(terminal.pid) == terminal.pid, "the child to have its terminal")
        wait_until(lambda: os.tcgetpgrp(terminal.master) == terminal.pid, "the child to be in the foreground")
        terminal.write(b"\x03")
        async with asyncio.timeout(PATIENCE_SECONDS):
            await ended.wait()
        assert _exit_code(terminal) == -signal.SIGINT
        terminal.release()  # too late, and harmless
        terminal.close()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
            loop.remove_signal_handler(number)
    assert heard == []


def _exit_code(terminal: Terminal) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(terminal.pid, os.WNOHANG)[1])


def test_a_user_without_an_account_can_run_programs():
    """In a container, an agent often runs under a number that no user has."""
    assert login(NOBODYS_UID) == ("/", str(NOBODYS_UID), "/bin/sh")


def test_a_command_that_the_journal_cannot_take_stays_with_the_broker(fleet: Fleet, device: str):
    """The agent ends, and who is started in its place takes it: nobody else would send a cancel or an answer again."""
    fleet.start_agent(device)
    agent = fleet.agents.pop(device)
    with closing(sqlite3.connect(fleet.home / device / "journal.db", isolation_level=None)) as journal:
        journal.execute("CREATE TRIGGER full BEFORE INSERT ON execution BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        run = fleet.sh("echo hello", on=device)
        assert wait_until(agent.popen.poll, "the agent to end") == agent.stop() == 1
        journal.execute("DROP TRIGGER full")
    with closing(pika.BlockingConnection(pika.URLParameters(str(fleet.broker.controller_url)))) as connection:
        channel, queue = connection.channel(), names.device_queue("default", device)
        wait_until(lambda: channel.queue_declare(queue, passive=True).method.message_count, "the command to be there")
    fleet.start_agent(device)
    assert fleet.settled(run).state is State.SUCCEEDED
