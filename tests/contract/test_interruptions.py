"""What follows when an execution was interrupted, through the database; two controllers take turns."""

from __future__ import annotations

from datetime import timedelta

import pytest

from runlet.controller import launches, runs
from runlet.errors import Conflict
from runlet.model.execution import Event, State
from runlet.model.rollout import MOST_RERUNS
from runlet.model.run import ExitCode, exit_code
from runlet.protocol.views import Steering
from tests.contract.operations import NOON
from tests.contract.rollouts import Rolling, job

E = Event


async def interrupted(rolling: Rolling, says: str, **content: object) -> int:
    """A run on two devices: one succeeded, the other was interrupted."""
    await rolling.enroll("pi-1", "pi-2")
    run = await rolling.launch(job(on_interrupted=says, **content))
    await rolling.happen(run, "pi-2", E.SUCCEED)
    await rolling.happen(run, "pi-1", E.START, E.INTERRUPT)
    return run


async def test_it_has_failed_when_nothing_is_said(rolling: Rolling):
    run = await interrupted(rolling, "fail")
    view = await rolling.view(run)
    assert (view.state, view.settled, view.rollout) == (State.INTERRUPTED, True, None)


async def test_it_is_begun_again_and_not_for_ever(rolling: Rolling):
    run = await interrupted(rolling, "rerun")
    for attempt in range(2, MOST_RERUNS + 2):
        assert not (await rolling.view(run)).settled
        rolling.now += timedelta(hours=1)
        await rolling.heartbeats("pi-1")
        await rolling.pass_time()
        assert (await rolling.on(run, "pi-1")).attempt == attempt
        assert rolling.sent[-1].attempt == attempt
        await rolling.happen(run, "pi-1", E.START, E.INTERRUPT)
    view = await rolling.view(run)
    assert (view.state, view.settled) == (State.INTERRUPTED, True)


async def test_a_person_has_it_begun_again(rolling: Rolling):
    run = await interrupted(rolling, "ask")
    undecided = await rolling.view(run)
    assert (undecided.state, undecided.settled) == (State.AWAITING_INPUT, False)
    assert exit_code(one.standing for one in undecided.executions) is ExitCode.AWAITING_INPUT
    [listed] = await rolling.ask(lambda session: runs.summaries(session, 10, rolling.now))
    assert listed.counts == {State.SUCCEEDED: 1, State.AWAITING_INPUT: 1}
    await rolling.pass_time(days=2)
    await rolling.heartbeats("pi-1")
    assert (await rolling.on(run, "pi-1")).attempt == 1, "nobody has decided"
    await rolling.steer(run, Steering.RERUN)
    again = await rolling.on(run, "pi-1")
    assert (again.state, again.attempt, again.counts_as) == (State.QUEUED, 2, None)
    assert again.released_at == rolling.now
    await rolling.happen(run, "pi-1", E.START, E.INTERRUPT)
    assert (await rolling.on(run, "pi-1")).standing is State.AWAITING_INPUT, "and is asked again"
    await rolling.steer(run, Steering.RERUN)
    await rolling.happen(run, "pi-1", E.SUCCEED)
    assert (await rolling.view(run)).state is State.SUCCEEDED


async def test_a_decision_holds_until_the_output_of_the_attempt_before_is_stored(rolling: Rolling):
    await rolling.enroll("pi-1")
    run = await rolling.launch(job(on_interrupted="ask"))
    await rolling.happen(run, "pi-1", E.INTERRUPT, settle=False)
    await rolling.steer(run, Steering.RERUN)
    waiting = await rolling.on(run, "pi-1")
    assert (waiting.state, waiting.attempt, waiting.standing) == (State.INTERRUPTED, 1, State.QUEUED)
    await rolling.settle(waiting)
    assert (await rolling.on(run, "pi-1")).attempt == 2


async def test_a_person_leaves_it(rolling: Rolling):
    run = await interrupted(rolling, "ask")
    await rolling.cancel(run, "pi-1")
    left = await rolling.view(run)
    assert (left.state, left.settled) == (State.INTERRUPTED, True)
    with pytest.raises(Conflict, match="has ended already"):
        await rolling.steer(run, Steering.RERUN)


async def test_there_must_be_something_to_decide(rolling: Rolling):
    await rolling.enroll("pi-1")
    run = await rolling.launch(job(on_interrupted="ask"))
    with pytest.raises(Conflict, match=f"nothing of run {run} waits for a decision"):
        await rolling.steer(run, Steering.RERUN)


async def test_a_rerun_passes_over_what_is_undecided(rolling: Rolling):
    run = await interrupted(rolling, "ask")
    with pytest.raises(Conflict, match="no execution"):
        await rolling.ask(lambda session: launches.rerun(session, launches.Rerun(str(run)), NOON))


async def test_the_device_is_asked_about_and_the_others_go_on(rolling: Rolling):
    await rolling.enroll("pi-1", "pi-2")
    run = await rolling.launch(job(rollout={"batches": [1]}, on_interrupted="ask"))
    await rolling.happen(run, "pi-1", E.INTERRUPT)
    assert await rolling.released(run) == ["pi-1", "pi-2"]
