"""The holder of a terminal is killed while its program runs: what the job says follows."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from pathlib import Path

from runlet.model.execution import State
from runlet.model.job import Job
from runlet.model.rollout import Delays, OnInterrupted, Retry
from runlet.model.target import Target
from runlet.protocol.views import RunView, Steering
from tests.harness import Fleet, apply

SOON = Delays(timedelta(seconds=1), timedelta(seconds=1))


def interrupted(fleet: Fleet, device: str, name: str, says: OnInterrupted, tmp_path: Path) -> RunView:
    """A run whose first attempt lost its terminal. The second ends at once."""
    fleet.start_agent(device)
    script = f'mkdir "{tmp_path}/once" 2>/dev/null || exit 0\necho ready; sleep 1000'
    job = Job(name, script, target=Target.parse(device), retry=Retry(1, backoff=SOON), on_interrupted=says)
    with fleet.api() as api:
        apply(api, job)
        run = api.start_run(job=name)
    fleet.until_printed(run, b"ready", device)
    os.kill(fleet.holder(run, device), signal.SIGKILL)
    return run


def test_it_is_begun_again_when_the_job_says_so(fleet: Fleet, device: str, tmp_path: Path):
    run = interrupted(fleet, device, "interrupted-rerun", OnInterrupted.RERUN, tmp_path)
    (ended,) = fleet.settled(run).executions
    assert (ended.state, ended.attempt) == (State.SUCCEEDED, 2)


def test_a_person_decides_when_the_job_says_so(fleet: Fleet, device: str, tmp_path: Path):
    run = interrupted(fleet, device, "interrupted-ask", OnInterrupted.ASK, tmp_path)
    undecided = fleet.until(run, lambda view: view.state is State.INTERRUPTED)
    assert (undecided.standing, undecided.attempt) == (State.AWAITING_INPUT, 1)
    with fleet.api() as api:
        assert not api.run(run.id).settled
        api.steer(run.id, Steering.RERUN)
    (ended,) = fleet.settled(run).executions
    assert (ended.state, ended.attempt) == (State.SUCCEEDED, 2)
