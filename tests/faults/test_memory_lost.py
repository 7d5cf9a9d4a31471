"""One side lost its memory: the database is restored from an older backup, or a device lost its journal."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from runlet.errors import Conflict
from runlet.model.execution import State
from runlet.protocol.views import RunView
from tests.harness import Fleet, wait_until

WAIT = "until [ -e {gate} ]; do sleep 0.02; done"


def back_up(fleet: Fleet, backup: Path) -> None:
    with closing(sqlite3.connect(fleet.home / "controller.db")) as source, closing(sqlite3.connect(backup)) as copy:
        source.backup(copy)


def restore(fleet: Fleet, backup: Path) -> None:
    """Put the controller back to the time of the backup."""
    assert fleet.controller
    fleet.controller.kill()
    for path in fleet.home.glob("controller.db*"):
        path.unlink()
    shutil.copy(backup, fleet.home / "controller.db")
    fleet.start_controller()


def adopted(fleet: Fleet, original: RunView) -> RunView:
    """The run that was made of what its device reported."""

    def found() -> RunView | None:
        with fleet.api() as api:
            runs = [api.run(one.id) for page in api.runs(20) for one in page]
        return next((run for run in runs if run.executions[0].id == original.executions[0].id), None)

    return wait_until(found, "the execution to be adopted")


def test_what_a_restored_database_does_not_know_is_adopted(fleet: Fleet, tmp_path: Path):
    back_up(fleet, tmp_path / "backup.db")
    gate, ran = tmp_path / "gate", tmp_path / "ran"
    script = f"echo $RUNLET_RUN >> {ran}; echo before; {WAIT.format(gate=gate)}; echo after"
    original = fleet.sh(script)
    fleet.until_printed(original, b"before")
    restore(fleet, tmp_path / "backup.db")
    run = adopted(fleet, original)
    assert (run.adopted_from, run.job) == (original.id, "exec")
    gate.touch()
    (ended,) = fleet.settled(run).executions
    assert (ended.state, ended.device) == (State.SUCCEEDED, "pi-1")
    assert fleet.transcript(run) == b"before\r\nafter\r\n"
    assert ran.read_text() == f"{original.id}\n", "it was started once"
    with fleet.api() as api, pytest.raises(Conflict, match="what it ran is not known here"):
        api.rerun(run.id)


def test_what_was_settled_since_the_backup_is_not_started_again(fleet: Fleet, device: str, tmp_path: Path):
    """The backup is of a time at which one execution waited for its device and another was running there."""
    gate, ran = tmp_path / "gate", tmp_path / "ran"
    script = f"echo once >> {ran}; echo said"
    fleet.start_agent(device)
    running = fleet.sh(f"echo begun; {WAIT.format(gate=gate)}; {script}", device)
    fleet.until_printed(running, b"begun", device)
    fleet.agents[device].kill()
    waiting = fleet.sh(script, device)
    back_up(fleet, tmp_path / "backup.db")
    gate.touch()
    fleet.start_agent(device)
    ended = [fleet.settled(run).executions[0] for run in (running, waiting)]
    restore(fleet, tmp_path / "backup.db")
    again = [fleet.settled(run).executions[0] for run in (running, waiting)]
    assert [one.state for one in again] == [State.SUCCEEDED, State.SUCCEEDED]
    assert [one.output_length for one in again] == [one.output_length for one in ended]
    assert fleet.transcript(waiting, device) == b"said\r\n"
    assert ran.read_text() == "once\nonce\n"


def test_a_device_that_lost_its_journal_says_so(fleet: Fleet, device: str):
    fleet.start_agent(device)
    run = fleet.sh("echo begun; sleep 1000", device)
    fleet.until_printed(run, b"begun", device)
    fleet.agents[device].kill()
    os.kill(fleet.holder(run, device), signal.SIGKILL)
    shutil.rmtree(fleet.home / device)
    fleet.start_agent(device)
    (ended,) = fleet.settled(run).executions
    assert (ended.state, ended.detail) == (State.INTERRUPTED, "the device does not know of it: its journal was lost")
    assert fleet.transcript(run, device) == b"begun\r\n"


def test_output_that_both_lost_does_not_keep_an_execution_open(fleet: Fleet, device: str, tmp_path: Path):
    """The controller's machine lost power: bytes that it had acknowledged are missing from the transcript."""
    gate = tmp_path / "gate"
    fleet.start_agent(device)
    run = fleet.sh(f"seq 40000; {WAIT.format(gate=gate)}; seq 1000", device)
    fleet.until_printed(run, b"\r\n40000\r\n", device)
    assert fleet.controller
    fleet.controller.kill()
    (transcript,) = fleet.home.glob(f"transcripts/*/{run.executions[0].id}.1")
    os.truncate(transcript, 10)
    fleet.start_controller()
    gate.touch()
    ended = fleet.until(run, lambda view: view.output_length == 10)
    assert ended.state is State.SUCCEEDED
    assert "is lost from 10 on" in (fleet.home / "controller.log").read_text()
