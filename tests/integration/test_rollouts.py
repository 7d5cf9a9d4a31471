"""Runs that roll out on a real fleet: attempts, withdrawals and limits as agents and consoles meet them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from runlet.errors import UnknownName
from runlet.model.execution import State
from runlet.model.job import Job
from runlet.model.release import WaitsFor
from runlet.model.rollout import Abort, Amount, Concurrency, Delays, Retry, Rollout
from runlet.model.target import Target
from runlet.protocol.frames import Attach, Drained, Position, RolloutChanged
from runlet.protocol.views import RunView
from tests.harness import Fleet, Typist, apply, attached, wait_until

SOON = Delays(timedelta(seconds=1), timedelta(seconds=1))
ALL = Target.parse("pi-1,pi-2,pi-3")


def launch(fleet: Fleet, job: Job) -> RunView:
    with fleet.api() as api:
        apply(api, job)
        return api.start_run(job=job.name)


def fails_at_first(folder: Path) -> str:
    """A script that fails where it is started for the first time."""
    return f'mkdir "{folder}/$RUNLET_DEVICE" 2>/dev/null && echo first && exit 3\necho second'


async def test_the_second_attempt_succeeds_and_both_transcripts_are_kept(fleet: Fleet, tmp_path: Path):
    job = Job("two-attempts", fails_at_first(tmp_path), target=Target.parse("pi-1"), retry=Retry(1, backoff=SOON))
    run = launch(fleet, job)
    async with attached(fleet, run) as attachment:
        typist = Typist(attachment)
        await typist.rest()
    settled = fleet.settled(run)
    [ended], [earlier] = settled.executions, settled.earlier
    assert (ended.state, ended.attempt, ended.exit_code) == (State.SUCCEEDED, 2, 0)
    assert (earlier.device, earlier.attempt, earlier.state, earlier.exit_code) == ("pi-1", 1, State.FAILED, 3)
    assert earlier.seconds is not None
    assert earlier.output_length == len(b"first\r\n")
    assert typist.seen[ended.id] == b"first\r\nsecond\r\n", "a console sees both, the first one whole"
    ends = [(event.attempt, event.is_over) for event in typist.events if isinstance(event, Drained)]
    assert ends == [(1, False), (2, True)]
    async with attached(fleet, run) as attachment:
        late = Typist(attachment)
        await late.rest()
    assert late.seen == typist.seen, "one that comes after the end too"
    async with attached(fleet, run, Attach(tail=100)) as attachment:
        late = Typist(attachment)
        await late.rest()
    assert late.seen[ended.id] == b"second\r\n", "a tail is of the present attempt"
    async with attached(fleet, run, Attach(positions={ended.id: Position(1, 3)})) as attachment:
        late = Typist(attachment)
        await late.rest()
    assert late.seen[ended.id] == b"st\r\nsecond\r\n", "a console that was away comes back to where it was"
    with fleet.api() as api:
        transcripts = [
            b"".join(page.data for page in api.transcript(run.id, "pi-1", attempt=attempt)) for attempt in (None, 1, 2)
        ]
        with pytest.raises(UnknownName, match="has had 2 attempts on 'pi-1', not 3"):
            list(api.transcript(run.id, "pi-1", attempt=3))
    assert transcripts == [b"second\r\n", b"first\r\n", b"second\r\n"]


def test_a_controller_that_starts_again_goes_on_with_the_rollout(fleet: Fleet, tmp_path: Path):
    job = Job(
        "restarted",
        fails_at_first(tmp_path),
        target=ALL,
        rollout=Rollout(batches=(Amount(1),), pause=timedelta(seconds=1)),
        retry=Retry(1, backoff=SOON),
    )
    run = launch(fleet, job)
    with fleet.api() as api:
        wait_until(lambda: any(one.attempt == 2 for one in api.run(run.id).executions), "the first retry")
    assert fleet.controller
    fleet.controller.kill()
    fleet.start_controller()
    ended = fleet.settled(run)
    assert {(one.state, one.attempt) for one in ended.executions} == {(State.SUCCEEDED, 2)}


def _is_aborted(typist: Typist) -> bool:
    """By the snapshot, or by what was told since."""
    told = [event.rollout for event in typist.events if isinstance(event, RolloutChanged)]
    rollouts = [*told, *([typist.run.rollout] if typist.run else [])]
    return any(rollout is not None and rollout.aborted_by for rollout in rollouts)


async def test_an_abort_leaves_alone_what_runs(fleet: Fleet, tmp_path: Path):
    script = f"case $RUNLET_DEVICE in pi-2) until [ -e {tmp_path}/go ]; do sleep 0.05; done;; *) exit 1;; esac"
    job = Job("aborted", script, target=ALL, rollout=Rollout(batches=(Amount(2),)), aborts=(Abort(Amount(1)),))
    run = launch(fleet, job)
    async with attached(fleet, run) as attachment:
        typist = Typist(attachment)
        await typist.until(_is_aborted)
        (tmp_path / "go").touch()
        await typist.rest()
    states = {one.device: one.state for one in fleet.settled(run).executions}
    assert states == {"pi-1": State.FAILED, "pi-2": State.SUCCEEDED, "pi-3": State.CANCELLED}


def test_a_device_runs_as_many_of_a_group_as_it_may(fleet: Fleet, tmp_path: Path):
    script = f"until [ -e {tmp_path}/go ]; do sleep 0.05; done"
    job = Job("one-by-one", script, target=Target.parse("pi-1"), concurrency=Concurrency(per_device=1))
    first, second = launch(fleet, job), launch(fleet, job)
    assert second.rollout
    assert second.rollout.waits_for is WaitsFor.SLOT
    fleet.until(first, lambda view: view.state is State.RUNNING)
    with fleet.api() as api:
        assert api.run(second.id).executions[0].released_at is None
    (tmp_path / "go").touch()
    assert fleet.settled(second).state is fleet.settled(first).state is State.SUCCEEDED
