"""While a program waits for a person: its time stands still, and others may run."""

from __future__ import annotations

from datetime import timedelta

from runlet.agent.config import DEFAULT_PARALLEL
from runlet.model.execution import State, turn_words
from runlet.model.job import Job
from runlet.model.target import Target
from tests.harness import Fleet, Typist, apply, attached


def awaits(view: object) -> bool:
    return getattr(view, "state", None) is State.AWAITING_INPUT


async def test_the_time_limit_stands_still_while_a_program_waits(fleet: Fleet) -> None:
    script = "read -p 'Go on? ' a; echo went on; while :; do sleep 0.05; done"
    with fleet.api() as api:
        apply(api, Job("waits-long", script, timeout=timedelta(seconds=1)))
        run = api.start_run(job="waits-long", target=Target.parse("pi-1"))
    asked = fleet.until(run, awaits)
    # Another program's time limit, twice as long, shows that this one's has passed.
    with fleet.api() as api:
        apply(api, Job("measures", "while :; do sleep 0.05; done", timeout=timedelta(seconds=2)))
        other = fleet.settled(api.start_run(job="measures", target=Target.parse("pi-1")))
    assert other.executions[0].state is State.TIMED_OUT
    assert fleet.until(run, awaits).version == asked.version
    async with attached(fleet, run) as attachment:
        await Typist(attachment).type(b"y\n", asked)
    (ended,) = fleet.settled(run).executions
    assert ended.state is State.TIMED_OUT
    assert b"went on" in fleet.transcript(run)
    assert ended.seconds is not None
    assert ended.started_at
    assert ended.ended_at
    assert (ended.ended_at - ended.started_at).total_seconds() - ended.seconds > 1.5


async def test_programs_that_wait_leave_their_places_to_others(fleet: Fleet, device: str) -> None:
    fleet.start_agent(device)
    waiting = [fleet.exec(["bash", "-c", "read -p 'Go on? '; echo over"], device) for _ in range(DEFAULT_PARALLEL + 1)]
    asked = [fleet.until(run, awaits) for run in waiting]
    assert fleet.settled(fleet.exec(["true"], device)).state is State.SUCCEEDED
    for run, one in zip(waiting, asked, strict=True):
        async with attached(fleet, run) as attachment:
            await Typist(attachment).type(b"y\n", one)
        assert fleet.settled(run).state is State.SUCCEEDED
    assert fleet.settled(fleet.exec(["true"], device)).state is State.SUCCEEDED


async def test_a_program_that_goes_on_takes_a_place_again(fleet: Fleet, device: str) -> None:
    fleet.start_agent(device)
    gone_on = fleet.exec(["bash", "-c", "read -p 'Go on? '; echo went on; exec sleep 1000"], device)
    asked = fleet.until(gone_on, awaits)
    working = [fleet.exec(["sh", "-c", "echo works; exec sleep 1000"], device) for _ in range(DEFAULT_PARALLEL)]
    for run in working:
        fleet.until_printed(run, b"works", device)
    async with attached(fleet, gone_on) as attachment:
        await Typist(attachment).type(b"y\n", asked)
    fleet.until(gone_on, lambda view: view.state is State.RUNNING)
    next_in_turn = fleet.exec(["true"], device)
    with fleet.api() as api:
        api.cancel(working[0].id)
        fleet.settled(working[0])
        # As many as may run at once do still.
        next_one = fleet.until(next_in_turn, lambda view: view.state is not State.QUEUED)
        assert (next_one.state, next_one.detail) == (State.DELIVERED, turn_words(DEFAULT_PARALLEL))
        api.cancel(gone_on.id)
        fleet.settled(gone_on)
        (over,) = fleet.settled(next_in_turn).executions
        assert (over.state, over.detail) == (State.SUCCEEDED, "")
        for run in working[1:]:
            api.cancel(run.id)
            fleet.settled(run)
