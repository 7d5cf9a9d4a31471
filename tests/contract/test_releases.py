"""Runs that roll out, through the database: two controllers take turns, and what they remember is in it alone."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlmodel import Session

from runlet.controller import attempts, declarations, launches, releases, runs, wall_clock
from runlet.controller.store import Store
from runlet.controller.tables import Run
from runlet.errors import Conflict, UnknownName
from runlet.model.declaration import Submission
from runlet.model.execution import Event, State
from runlet.model.inventory import Device, Inventory
from runlet.model.release import WaitsFor
from runlet.model.target import Target, Where
from runlet.protocol.messages import OFFLINE_SECONDS, Report
from runlet.protocol.views import Steering
from tests.contract.operations import NOON
from tests.contract.rollouts import Rolling, job

E = Event
FIVE = ["pi-1", "pi-2", "pi-3", "pi-4", "pi-5"]


async def waits_for(rolling: Rolling, run: int) -> WaitsFor | None:
    rollout = (await rolling.view(run)).rollout
    assert rollout
    return rollout.waits_for


# --- batches ----------------------------------------------------------------------------------------------------------


async def test_a_batch_begins_when_the_one_before_is_finished(rolling: Rolling):
    await rolling.enroll(*FIVE)
    run = await rolling.launch(job(rollout={"batches": [1, 2, "100%"]}))
    assert await rolling.released(run) == ["pi-1"]
    await rolling.happen(run, "pi-1", E.SUCCEED)
    assert await rolling.released(run) == FIVE[:3]
    await rolling.happen(run, "pi-3", E.START, E.SUCCEED)
    assert await rolling.released(run) == FIVE[:3]
    await rolling.happen(run, "pi-2", E.FAIL)
    view = await rolling.view(run)
    assert await rolling.released(run) == FIVE
    assert view.rollout
    assert (view.rollout.batch, view.rollout.batches, view.rollout.waits_for) == (3, 3, None)
    assert len(rolling.sent) == len(FIVE), "each command was sent once"


async def test_a_window_slides(rolling: Rolling):
    await rolling.enroll(*FIVE)
    run = await rolling.launch(job(rollout={"batches": [2], "mode": "window"}))
    await rolling.happen(run, "pi-2", E.SUCCEED)
    assert await rolling.released(run) == FIVE[:3]
    await rolling.happen(run, "pi-1", E.FAIL)
    assert await rolling.released(run) == FIVE[:4]


async def test_devices_that_are_away_block_nobody_and_come_last(rolling: Rolling):
    await rolling.enroll(*FIVE)
    await rolling.go("pi-1", "pi-4")
    run = await rolling.launch(job(rollout={"batches": [1, 1, "100%"]}))
    assert await rolling.released(run) == ["pi-2"]
    assert (await rolling.view(run)).away == {State.QUEUED: 2}
    await rolling.happen(run, "pi-2", E.SUCCEED)
    await rolling.come("pi-1")
    assert await rolling.released(run) == ["pi-2", "pi-3"]
    await rolling.go("pi-3")  # before its program starts: it gives its place away
    assert await rolling.released(run) == ["pi-1", "pi-2", "pi-3"]
    await rolling.happen(run, "pi-1", E.SUCCEED)
    assert await rolling.released(run) == FIVE, "there is room for all that are left, pi-4 too"
    assert "pi-4" not in {one.execution for one in rolling.sent}
    assert (await rolling.view(run)).away == {State.QUEUED: 2}


async def test_a_device_that_falls_silent_gives_its_place_away(rolling: Rolling):
    await rolling.enroll("pi-1", "pi-2")
    run = await rolling.launch(job(rollout={"batches": [1]}))
    for _ in range(4):
        await rolling.heartbeats("pi-2")
        await rolling.pass_time(seconds=OFFLINE_SECONDS / 3)
    await rolling.heartbeats("pi-2")
    await rolling.pass_time(seconds=OFFLINE_SECONDS)
    await rolling.heartbeats("pi-2")
    await rolling.pass_time(seconds=OFFLINE_SECONDS / 3)
    assert await rolling.released(run) == ["pi-1", "pi-2"]


async def test_a_run_on_any_device_rolls_out_to_the_first_that_comes(rolling: Rolling):
    await rolling.enroll("pi-1", connected=False)
    run = await rolling.launch(job(rollout={"batches": [1]}, target=Target(Where.ANY)))
    await rolling.come("pi-1")
    assert await rolling.released(run) == ["pi-1"]
    await rolling.happen(run, "pi-1", E.SUCCEED)
    assert (await rolling.view(run)).settled


async def test_a_run_without_rules_is_released_at_once_and_never_judged(rolling: Rolling):
    await rolling.enroll(*FIVE)
    run = await rolling.launch(job())
    await rolling.happen(run, "pi-1", E.FAIL)
    assert await rolling.released(run) == FIVE
    row = await rolling.ask(lambda session: session.get_one(Run, run))
    assert (row.plan, row.rollout_state, row.decide_at, row.concurrency_group) == (None, None, None, None)
    assert (await rolling.view(run)).rollout is None
    with pytest.raises(Conflict, match="does not roll out"):
        await rolling.steer(run, Steering.PAUSE)


# --- gates and pauses -------------------------------------------------------------------------------------------------


async def test_a_gate_waits_for_approval_and_a_pause_for_its_end(rolling: Rolling):
    await rolling.enroll("pi-1", "pi-2")
    run = await rolling.launch(job(rollout={"batches": [1], "gate": True, "pause": "5m"}))
    with pytest.raises(Conflict, match="waits for approval"):
        await rolling.steer(run, Steering.APPROVE)
    await rolling.happen(run, "pi-1", E.SUCCEED)
    assert await waits_for(rolling, run) is WaitsFor.GATE
    await rolling.pass_time(minutes=1)
    await rolling.steer(run, Steering.APPROVE)
    rollout = (await rolling.view(run)).rollout
    assert rollout
    assert (rollout.waits_for, rollout.until) == (WaitsFor.PAUSE, NOON + timedelta(minutes=5))
    await rolling.heartbeats("pi-2")
    await rolling.pass_time(minutes=3, seconds=59)
    assert await rolling.released(run) == ["pi-1"]
    await rolling.heartbeats("pi-2")
    await rolling.pass_time(seconds=1)
    assert await rolling.released(run) == ["pi-1", "pi-2"]


async def test_a_person_pauses_and_resumes(rolling: Rolling):
    await rolling.enroll("pi-1", "pi-2")
    run = await rolling.launch(job(rollout={"batches": [1]}))
    await rolling.steer(run, Steering.PAUSE, "the mirror is down")
    await rolling.happen(run, "pi-1", E.SUCCEED)
    rollout = (await rolling.view(run)).rollout
    assert rollout
    assert (rollout.paused_by, rollout.waits_for) == ("the mirror is down", WaitsFor.RESUME)
    assert await rolling.released(run) == ["pi-1"]
    await rolling.steer(run, Steering.RESUME)
    assert await rolling.released(run) == ["pi-1", "pi-2"]
    with pytest.raises(Conflict, match="not paused"):
        await rolling.steer(run, Steering.RESUME)
    await rolling.happen(run, "pi-2", E.SUCCEED)
    with pytest.raises(Conflict, match="has ended already"):
        await rolling.steer(run, Steering.PAUSE)


@pytest.mark.parametrize("action", Steering)
async def test_what_is_not_there_is_not_steered(rolling: Rolling, action: Steering):
    with pytest.raises(UnknownName, match="there is no run 9"):
        await rolling.steer(9, action)


# --- aborts -----------------------------------------------------------------------------------------------------------


async def test_an_abort_cancels_what_is_not_started_at_exactly_its_threshold(rolling: Rolling):
    await rolling.enroll(*FIVE, "pi-6")
    await rolling.go("pi-6")
    run = await rolling.launch(job(rollout={"batches": [5, 1]}, aborts=[{"on": "failed", "threshold": "50%"}]))
    await rolling.happen(run, "pi-1", E.SUCCEED)
    await rolling.happen(run, "pi-3", E.START)
    await rolling.happen(run, "pi-4", E.ACCEPT)
    await rolling.happen(run, "pi-2", E.TIME_OUT)  # 0 of 2 failed
    assert not (await rolling.view(run)).is_aborted
    await rolling.happen(run, "pi-5", E.FAIL)  # 1 of 3
    assert not (await rolling.view(run)).is_aborted
    await rolling.happen(run, "pi-3", E.FAIL)  # 2 of 4
    view = await rolling.view(run)
    assert view.is_aborted
    assert [(device, one.unless_started) for device, one in rolling.cancels] == [("pi-4", True)]
    assert await rolling.states(run) == {
        "pi-1": "succeeded",
        "pi-2": "timed_out",
        "pi-3": "failed",
        "pi-4": "delivered",
        "pi-5": "failed",
        "pi-6": "cancelled",
    }
    await rolling.happen(run, "pi-4", E.CANCEL)
    assert (await rolling.view(run)).settled
    assert await rolling.ask(releases_due) == []


def releases_due(session) -> list[int]:
    return releases.due(session, NOON + timedelta(days=365))


async def test_a_program_that_started_before_the_withdrawal_came_goes_on_and_can_be_cancelled(rolling: Rolling):
    await rolling.enroll("pi-1", "pi-2")
    run = await rolling.launch(job(aborts=[{"threshold": 1}]))
    await rolling.happen(run, "pi-2", E.ACCEPT)
    await rolling.happen(run, "pi-1", E.FAIL)
    assert (await rolling.on(run, "pi-2")).cancel_requested
    await rolling.happen(run, "pi-2", E.START)
    assert not (await rolling.on(run, "pi-2")).cancel_requested
    await rolling.cancel(run)
    assert [one.unless_started for _, one in rolling.cancels] == [True, False]
    await rolling.happen(run, "pi-2", E.SUCCEED)
    assert (await rolling.states(run))["pi-2"] == "succeeded"


async def test_an_abort_that_pauses_does_so_once(rolling: Rolling):
    await rolling.enroll(*FIVE)
    run = await rolling.launch(
        job(rollout={"batches": [1]}, aborts=[{"threshold": 1, "action": "pause"}, {"threshold": 3}])
    )
    await rolling.happen(run, "pi-1", E.FAIL)
    assert await waits_for(rolling, run) is WaitsFor.RESUME
    await rolling.steer(run, Steering.RESUME)
    await rolling.happen(run, "pi-2", E.FAIL)
    assert await rolling.released(run) == FIVE[:3]
    await rolling.happen(run, "pi-3", E.FAIL)
    assert (await rolling.view(run)).is_aborted
    with pytest.raises(Conflict):
        await rolling.steer(run, Steering.RESUME)


async def test_devices_take_their_places_in_the_order_of_the_inventory(rolling: Rolling):
    names = ["pi-10", "pi-9", "pi-2"]

    def declare(session: Session) -> None:
        inventory = Inventory({name: Device(name) for name in names})
        declarations.apply(session, Submission("fleet", "tests", tuple(inventory.declarations())), NOON)

    await rolling.ask(declare)
    await rolling.come(*names)
    one_by_one = {"batches": [1], "mode": "window"}
    run = await rolling.launch(job("listed", rollout=one_by_one))
    backwards = await rolling.launch(job("backwards", rollout={**one_by_one, "order": "reverse"}))
    assert await rolling.released(run) == ["pi-10"]
    assert await rolling.released(backwards) == ["pi-2"]
    await rolling.happen(run, "pi-10", E.SUCCEED)
    assert await rolling.released(run) == ["pi-9", "pi-10"], "named as people count"


# --- retries ----------------------------------------------------------------------------------------------------------


async def test_a_retry_is_the_next_attempt_after_its_delay(rolling: Rolling):
    await rolling.enroll("pi-1")
    run = await rolling.launch(job(retry={"max": 1, "backoff": {"from": "1m"}}))
    first = await rolling.on(run, "pi-1")
    await rolling.happen(run, "pi-1", E.START, E.FAIL, settle=False)
    failed, view = await rolling.on(run, "pi-1"), await rolling.view(run)
    assert (failed.state, failed.attempt, failed.is_over) == (State.FAILED, 1, False)
    assert (view.state, view.settled) == (State.QUEUED, False), "it is not over"
    await rolling.settle(failed)
    again = await rolling.on(run, "pi-1")
    assert (again.id, again.state, again.attempt, again.version) == (first.id, State.QUEUED, 2, 0)
    assert (again.exit_code, again.started_at, again.ended_at) == (None, None, None)
    assert again.retry_at
    assert NOON + timedelta(seconds=30) <= again.retry_at <= NOON + timedelta(seconds=60)
    await rolling.settle(failed)  # a commit whose confirmation was lost is done again
    await rolling.report(("pi-1", Report(first.id, 1, 2, E.FAIL, at=0.0)))  # the first attempt's agent was not told
    assert [(one.attempt, one.settled) for _, one in rolling.settled] == [(1, True)]
    assert await rolling.on(run, "pi-1") == again
    for _ in range(2):
        await rolling.pass_time(seconds=30)
        await rolling.heartbeats("pi-1")
    assert [one.attempt for one in rolling.sent] == [1, 2]
    await rolling.happen(run, "pi-1", E.START, E.FAIL)
    ended = await rolling.on(run, "pi-1")
    assert (ended.state, ended.attempt, ended.is_over) == (State.FAILED, 2, True)
    view = await rolling.view(run)
    assert view.settled
    [earlier] = view.earlier
    assert (earlier.device, earlier.attempt, earlier.state) == ("pi-1", 1, State.FAILED)
    assert (earlier.exit_code, earlier.seconds, earlier.ended_at) == (failed.exit_code, failed.seconds, failed.ended_at)


async def test_the_newest_of_many_attempts_are_kept(rolling: Rolling, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(attempts, "KEPT_ATTEMPTS", 2)
    await rolling.enroll("pi-1", "pi-2")
    run = await rolling.launch(job(retry={"max": 4, "on": ["failed"]}))
    assert (await rolling.view(run)).earlier == ()
    await rolling.happen(run, "pi-2", E.FAIL)
    for _ in range(5):
        await rolling.heartbeats("pi-1", "pi-2")
        await rolling.pass_time(hours=1)
        await rolling.heartbeats("pi-1", "pi-2")
        await rolling.happen(run, "pi-1", E.FAIL)
    assert [(one.device, one.attempt) for one in (await rolling.view(run)).earlier] == [
        ("pi-1", 3),
        ("pi-1", 4),
        ("pi-2", 1),
    ]


async def test_summaries_count_what_is_tried_again_as_queued(rolling: Rolling):
    await rolling.enroll("pi-1", "pi-2")
    run = await rolling.launch(job(retry={"max": 1}))
    await rolling.happen(run, "pi-1", E.FAIL, settle=False)
    [summary] = await rolling.ask(lambda session: runs.summaries(session, 5, NOON))
    view = await rolling.view(run)
    assert summary.counts == {State.QUEUED: 2}
    assert (summary.state, summary.settled) == (view.state, view.settled) == (State.QUEUED, False)


async def test_cancelled_executions_are_not_tried_again(rolling: Rolling):
    await rolling.enroll("pi-1", "pi-2", "pi-3")
    run = await rolling.launch(job(retry={"max": 3, "on": ["failed"]}))
    await rolling.happen(run, "pi-1", E.FAIL, settle=False)
    await rolling.happen(run, "pi-2", E.FAIL)
    await rolling.cancel(run, "pi-1", "pi-2")
    await rolling.settle(await rolling.on(run, "pi-1"))
    assert await rolling.states(run) == {"pi-1": "failed", "pi-2": "cancelled", "pi-3": "queued"}
    await rolling.cancel(run, "pi-3")
    await rolling.happen(run, "pi-3", E.FAIL)
    assert (await rolling.view(run)).settled


async def test_an_abort_ends_what_waits_for_its_next_attempt(rolling: Rolling):
    await rolling.enroll("pi-1", "pi-2", "pi-3")
    run = await rolling.launch(job(retry={"max": 1, "on": ["failed"]}, aborts=[{"on": "timed_out", "threshold": 1}]))
    await rolling.happen(run, "pi-1", E.FAIL)
    await rolling.happen(run, "pi-2", E.FAIL, settle=False)
    await rolling.happen(run, "pi-3", E.TIME_OUT)
    assert await rolling.states(run) == {"pi-1": "cancelled", "pi-2": "failed", "pi-3": "timed_out"}
    assert (await rolling.view(run)).settled


# --- concurrency ------------------------------------------------------------------------------------------------------


async def test_a_group_bounds_all_its_runs_and_the_older_goes_first(rolling: Rolling):
    await rolling.enroll(*FIVE)
    limited = {"group": "apt", "max": 2}
    first = await rolling.launch(job("first", target=Target.parse("pi-1"), concurrency={"group": "apt"}))
    second = await rolling.launch(job("second", target=Target.parse("pi-2,pi-3"), concurrency=limited))
    third = await rolling.launch(job("third", target=Target.parse("pi-4,pi-5"), concurrency=limited))
    assert [await rolling.released(run) for run in (first, second, third)] == [["pi-1"], ["pi-2"], []]
    assert await waits_for(rolling, third) is WaitsFor.SLOT
    await rolling.happen(first, "pi-1", E.SUCCEED)
    assert [await rolling.released(run) for run in (second, third)] == [["pi-2", "pi-3"], []]
    await rolling.cancel(second, "pi-2")
    await rolling.happen(second, "pi-2", E.CANCEL)
    assert await rolling.released(third) == ["pi-4"]
    await rolling.go("pi-3")  # before its program starts
    assert await rolling.released(third) == ["pi-4", "pi-5"]


async def test_a_device_at_its_limit_is_passed_over(rolling: Rolling):
    await rolling.enroll("pi-1", "pi-2")
    limited = {"perDevice": 1}
    first = await rolling.launch(job(target=Target.parse("pi-1"), concurrency=limited))
    second = await rolling.launch(job(target=Target.parse("pi-1,pi-2"), concurrency=limited))
    assert await rolling.released(second) == ["pi-2"]
    await rolling.happen(first, "pi-1", E.SUCCEED)
    assert await rolling.released(second) == ["pi-1", "pi-2"]


async def test_two_controllers_at_once_release_nothing_twice(url: str, store: Store):
    other = Store(url)
    await other.open()
    rolling = Rolling(store, other)
    await rolling.enroll(*FIVE)
    waiting = [
        await rolling.launch(job(f"job-{n}", concurrency={"group": "apt", "max": 3}, rollout={"batches": [2]}))
        for n in range(3)
    ]
    for _ in range(len(waiting) * len(FIVE)):
        under_way = [
            (run, view.device)
            for run in waiting
            for view in (await rolling.view(run)).executions
            if view.released_at is not None and not view.state.is_outcome
        ]
        if not under_way:
            break
        assert len(under_way) <= 3
        await asyncio.gather(*(rolling.happen(run, device or "", E.SUCCEED) for run, device in under_way))
    sent = [one.execution for one in rolling.sent]
    assert len(sent) == len(set(sent)) == 3 * len(FIVE)
    other.close()


# --- again ------------------------------------------------------------------------------------------------------------


async def test_a_rerun_is_the_same_content_where_it_did_not_succeed(rolling: Rolling):
    await rolling.enroll(*FIVE)
    run = await rolling.launch(job(rollout={"batches": ["100%", 1]}), "--full")
    with pytest.raises(Conflict, match="has ended not succeeded"):
        await rolling.ask(lambda session: launches.rerun(session, launches.Rerun(str(run)), NOON))
    for device, event in zip(FIVE, [E.SUCCEED, E.FAIL, E.TIME_OUT, E.INTERRUPT, E.START], strict=True):
        await rolling.happen(run, device, event)
    again = (await rolling.ask(lambda session: launches.rerun(session, launches.Rerun(str(run)), NOON))).run
    assert [view.device for view in again.executions] == ["pi-2", "pi-3", "pi-4"]
    assert (again.rerun_of, again.args, again.job) == (run, ("--full",), "upgrade")
    assert again.rollout
    timed_out = (
        await rolling.ask(lambda session: launches.rerun(session, launches.Rerun(str(run), [State.TIMED_OUT]), NOON))
    ).run
    assert await rolling.released(timed_out.id) == ["pi-3"]
    with pytest.raises(Conflict, match="has ended expired or rejected"):
        await rolling.ask(
            lambda session: launches.rerun(session, launches.Rerun(str(run), [State.REJECTED, State.EXPIRED]), NOON)
        )


async def test_who_was_not_answered_counts_as_such_and_as_failed(rolling: Rolling) -> None:
    await rolling.enroll("pi-1", "pi-2", "pi-3")
    rules = [{"on": "unanswered", "threshold": 2, "action": "pause"}, {"on": "failed", "threshold": 3}]
    run = await rolling.launch(job(rollout={"batches": [1]}, aborts=rules))
    await rolling.happen(run, "pi-1", Event.START, Event.FAIL)
    assert not (await rolling.view(run)).rollout.paused_by
    view = await rolling.on(run, "pi-2")
    await rolling.report(("pi-2", Report(view.id, 1, view.version + 1, Event.FAIL, at=0.0, unanswered=True)))
    assert not (await rolling.view(run)).rollout.paused_by, "one of two"
    assert (await rolling.on(run, "pi-2")).unanswered
    view = await rolling.on(run, "pi-3")
    await rolling.report(("pi-3", Report(view.id, 1, view.version + 1, Event.FAIL, at=0.0, unanswered=True)))
    assert (await rolling.view(run)).is_aborted


@pytest.mark.parametrize("step", [timedelta(days=1), timedelta(days=-1)])
@pytest.mark.parametrize("rules", [{"rollout": {"batches": [1]}}, {}])
async def test_a_clock_that_jumps_makes_nobody_absent(
    rolling: Rolling, monkeypatch: pytest.MonkeyPatch, rules: dict[str, object], step: timedelta
) -> None:
    """What follows an outcome or a launch is decided meanwhile: with `offline: fail`, for good."""
    await rolling.enroll("d-1", "d-2", "d-3")
    one = job(delivery={"offline": "fail"}, **rules)
    run = await rolling.launch(one)
    ahead = wall_clock._ahead
    monkeypatch.setattr(wall_clock, "_ahead", lambda: ahead() + step.total_seconds())
    rolling.now += step
    if rules:
        await rolling.happen(run, "d-1", Event.START, Event.SUCCEED)
    for number in (run, await rolling.launch(one)):
        view = await rolling.view(number)
        assert {execution.state for execution in view.executions} <= {State.QUEUED, State.SUCCEEDED}
    assert (await rolling.on(run, "d-2")).released_at is not None
