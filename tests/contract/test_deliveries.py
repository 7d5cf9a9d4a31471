"""Deadlines of executions whose devices are away, and what newer runs supersede; two controllers take turns."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlmodel import Session

from runlet.controller import deliveries, executions, launches, portions, runs
from runlet.controller.deliveries import Effects
from runlet.model.delivery import DELIVER_WITHIN
from runlet.model.execution import Event, State
from runlet.model.run import ExitCode, exit_code
from runlet.model.target import Target, Where
from runlet.protocol.messages import Cancel, Execute, Report
from runlet.protocol.views import ExecutionView, RunView, Steering
from tests.contract.operations import NOON
from tests.contract.rollouts import Rolling, job

E = Event
SOON = {"deliverWithin": "10m"}


def code(run: RunView) -> ExitCode:
    return exit_code(one.standing for one in run.executions)


async def given_back(rolling: Rolling, run: int, device: str) -> ExecutionView:
    """The agent answers a withdrawal: it has not started, and never will."""
    await rolling.happen(run, device, E.CANCEL)
    return await rolling.on(run, device)


# --- never sent -------------------------------------------------------------------------------------------------------


async def test_what_was_never_sent_expires_at_its_deadline_and_not_before(rolling: Rolling):
    await rolling.enroll("pi-1", connected=False)
    run = await rolling.launch(job(delivery=SOON))
    waiting = await rolling.view(run)
    assert waiting.executions[0].expires_at == waiting.expires_at == NOON + timedelta(minutes=10)
    await rolling.pass_time(minutes=9, seconds=59)
    assert await rolling.states(run) == {"pi-1": "queued"}
    await rolling.pass_time(seconds=1)
    expired = await rolling.view(run)
    assert (expired.executions[0].state, expired.executions[0].detail) == (State.EXPIRED, deliveries.EXPIRED)
    assert expired.settled
    assert code(expired) is ExitCode.SOME_NEVER_DELIVERED
    assert await rolling.hello("pi-1") == []
    assert rolling.sent == []


async def test_a_device_that_returns_in_time_gets_its_executions_in_the_order_of_launch(rolling: Rolling):
    await rolling.enroll("pi-1", connected=False)
    numbers = [await rolling.launch(job(f"job-{number}", delivery=SOON)) for number in range(3)]
    await rolling.pass_time(minutes=9)
    sent = await rolling.hello("pi-1")
    assert [one.run for one in sent if isinstance(one, Execute)] == numbers


async def test_a_hello_after_the_deadline_brings_nothing_even_before_it_is_noticed(rolling: Rolling):
    await rolling.enroll("pi-1", connected=False)
    run = await rolling.launch(job(delivery=SOON))
    rolling.now += timedelta(minutes=10)  # and no sweep: the controller was down
    assert await rolling.hello("pi-1") == []
    await rolling.pass_time(seconds=1)
    assert await rolling.states(run) == {"pi-1": "expired"}


async def test_a_week_is_given_when_nothing_is_said(rolling: Rolling):
    await rolling.enroll("pi-1", connected=False)
    run = await rolling.launch(job())
    assert (await rolling.view(run)).expires_at == NOON + DELIVER_WITHIN


async def test_a_run_that_waits_for_any_device_has_a_deadline(rolling: Rolling):
    run = await rolling.launch(job(target=Target(Where.ANY), delivery=SOON))
    rolling.now += timedelta(minutes=10)
    await rolling.enroll("pi-1")
    assert await rolling.hello("pi-1") == []
    await rolling.pass_time(seconds=1)
    [expired] = (await rolling.view(run)).executions
    assert (expired.device, expired.state) == (None, State.EXPIRED)


async def test_what_a_device_has_accepted_does_not_expire(rolling: Rolling):
    await rolling.enroll("pi-1")
    run = await rolling.launch(job(delivery=SOON))
    await rolling.happen(run, "pi-1", E.ACCEPT)
    await rolling.go("pi-1")
    assert (await rolling.view(run)).expires_at is None, "it is away, and nothing of it can expire"
    await rolling.pass_time(days=30)
    assert await rolling.states(run) == {"pi-1": "delivered"}


async def test_many_expire_some_at_a_time(rolling: Rolling, monkeypatch):
    monkeypatch.setattr(deliveries, "EXPIRE_LIMIT", 2)
    names = [f"pi-{number}" for number in range(5)]
    await rolling.enroll(*names, connected=False)
    run = await rolling.launch(job(delivery=SOON))
    await rolling.pass_time(minutes=10)
    counts = []
    for _ in range(4):
        counts.append(list((await rolling.states(run)).values()).count("expired"))
        await rolling.pass_time(seconds=1)
    assert counts == [2, 4, 5, 5]


# --- sent, and not accepted -------------------------------------------------------------------------------------------


async def test_what_was_sent_is_asked_back_and_expires_when_its_agent_has_not_started_it(rolling: Rolling):
    await rolling.enroll("pi-1")
    run = await rolling.launch(job(delivery=SOON))
    await rolling.go("pi-1")
    await rolling.pass_time(minutes=10)
    asked = await rolling.on(run, "pi-1")
    assert (asked.state, asked.counts_as, asked.detail) == (State.QUEUED, State.EXPIRED, deliveries.EXPIRED)
    view = await rolling.view(run)
    assert view.settled, "the run does not wait for a device that may never return"
    assert code(view) is ExitCode.SOME_NEVER_DELIVERED
    assert view.away == {}
    assert await rolling.hello("pi-1") == [Cancel(asked.id, 1, unless_started=True)], "and not the Execute again"
    answered = await given_back(rolling, run, "pi-1")
    assert (answered.state, answered.counts_as, answered.detail) == (State.EXPIRED, None, deliveries.EXPIRED)
    assert await rolling.hello("pi-1") == []


async def test_an_acceptance_that_was_on_its_way_at_the_deadline_is_given_back(rolling: Rolling):
    await rolling.enroll("pi-1")
    run = await rolling.launch(job(delivery=SOON))
    await rolling.pass_time(minutes=10)
    await rolling.happen(run, "pi-1", E.ACCEPT)
    accepted = await rolling.on(run, "pi-1")
    assert (accepted.state, accepted.standing) == (State.DELIVERED, State.EXPIRED)
    assert (await given_back(rolling, run, "pi-1")).state is State.EXPIRED


async def test_what_had_started_before_it_could_be_asked_back_goes_on(rolling: Rolling):
    await rolling.enroll("pi-1")
    run = await rolling.launch(job(delivery=SOON))
    await rolling.go("pi-1")
    await rolling.pass_time(minutes=10)
    await rolling.come("pi-1")
    await rolling.happen(run, "pi-1", E.START)
    started = await rolling.on(run, "pi-1")
    assert (started.state, started.counts_as, started.cancel_requested) == (State.RUNNING, None, False)
    assert not (await rolling.view(run)).settled
    assert await rolling.hello("pi-1") == [], "the withdrawal came too late, and is not repeated"
    await rolling.happen(run, "pi-1", E.SUCCEED)
    assert await rolling.states(run) == {"pi-1": "succeeded"}


async def test_a_program_that_ran_and_was_cancelled_did_not_expire(rolling: Rolling):
    await rolling.enroll("pi-1")
    run = await rolling.launch(job(delivery=SOON))
    await rolling.pass_time(minutes=10)
    view = await rolling.on(run, "pi-1")
    await rolling.report(("pi-1", Report(view.id, 1, 3, E.CANCEL, at=0.0, signal=2, seconds=1.5)))
    assert await rolling.states(run) == {"pi-1": "cancelled"}


async def test_what_was_cancelled_while_away_counts_as_cancelled_at_its_deadline(rolling: Rolling):
    await rolling.enroll("pi-1")
    run = await rolling.launch(job(delivery=SOON))
    await rolling.go("pi-1")
    await rolling.cancel(run)
    assert not (await rolling.view(run)).settled
    await rolling.pass_time(minutes=10)
    assert [one.standing for one in (await rolling.view(run)).executions] == [State.CANCELLED]
    assert (await given_back(rolling, run, "pi-1")).state is State.CANCELLED


async def test_lists_count_what_was_asked_back_as_the_run_does(rolling: Rolling):
    await rolling.enroll("pi-1", "pi-2")
    run = await rolling.launch(job(delivery=SOON))
    await rolling.happen(run, "pi-2", E.SUCCEED)
    await rolling.go("pi-1")
    await rolling.pass_time(minutes=10)
    [listed] = await rolling.ask(lambda session: runs.summaries(session, 10, rolling.now))
    assert listed.counts == {State.SUCCEEDED: 1, State.EXPIRED: 1}
    assert (listed.state, listed.settled, listed.away, listed.expires_at) == (State.EXPIRED, True, {}, None)


async def test_what_expired_can_be_run_again(rolling: Rolling):
    await rolling.enroll("pi-1", "pi-2")
    run = await rolling.launch(job(delivery=SOON))
    await rolling.happen(run, "pi-2", E.SUCCEED)
    await rolling.go("pi-1")
    await rolling.pass_time(minutes=10)
    again = await rolling.ask(
        lambda session: launches.rerun(session, launches.Rerun(str(run), {State.EXPIRED}), rolling.now)
    )
    assert [(one.device, one.expires_at) for one in again.run.executions] == [
        ("pi-1", rolling.now + timedelta(minutes=10))
    ]


async def test_the_database_and_the_views_agree_on_what_is_open(rolling: Rolling):
    names = ["accepted", "ended", "lost", "never-sent", "retried", "undecided"]
    await rolling.enroll(*names)
    await rolling.go("never-sent")
    one = job(delivery=SOON, retry={"max": 1, "on": ["failed"]}, on_interrupted="ask")
    run = await rolling.launch(one)
    await rolling.happen(run, "accepted", E.ACCEPT)
    await rolling.happen(run, "ended", E.SUCCEED)
    await rolling.happen(run, "undecided", E.INTERRUPT)
    await rolling.pass_time(minutes=10)
    await rolling.happen(run, "retried", E.START, E.FAIL, settle=False)

    def open_devices(session: Session) -> set[str | None]:
        return set(session.scalars(select(executions.TABLE.c.device).where(executions.IS_OPEN)))

    views = (await rolling.view(run)).executions
    assert await rolling.ask(open_devices) == {view.device for view in views if not view.is_over}
    assert {view.device for view in views if view.is_over} == {"ended", "lost", "never-sent"}


# --- offline: fail ----------------------------------------------------------------------------------------------------


async def test_a_device_that_is_not_there_fails_at_once_when_the_job_says_so(rolling: Rolling):
    await rolling.enroll("pi-1")
    await rolling.enroll("pi-2", connected=False)
    run = await rolling.launch(job(delivery={"offline": "fail"}))
    assert await rolling.states(run) == {"pi-1": "queued", "pi-2": "expired"}
    assert (await rolling.on(run, "pi-2")).detail == deliveries.NOT_THERE
    await rolling.happen(run, "pi-1", E.SUCCEED)
    assert code(await rolling.view(run)) is ExitCode.SOME_NEVER_DELIVERED
    assert await rolling.hello("pi-2") == []


async def test_any_device_is_none_when_nobody_is_there(rolling: Rolling):
    await rolling.enroll("pi-1", connected=False)
    run = await rolling.launch(job(target=Target(Where.ANY), delivery={"offline": "fail"}))
    [expired] = (await rolling.view(run)).executions
    assert (expired.state, expired.detail) == (State.EXPIRED, deliveries.NOBODY_THERE)


async def test_who_is_away_fails_when_its_turn_comes_and_not_before(rolling: Rolling):
    await rolling.enroll("pi-1", "pi-2", "pi-3")
    await rolling.go("pi-1", "pi-3")
    run = await rolling.launch(job(rollout={"batches": [1, "100%"]}, delivery={"offline": "fail"}))
    assert await rolling.states(run) == {"pi-1": "queued", "pi-2": "queued", "pi-3": "queued"}
    await rolling.come("pi-1")
    await rolling.happen(run, "pi-2", E.SUCCEED)
    assert await rolling.states(run) == {"pi-1": "queued", "pi-2": "succeeded", "pi-3": "expired"}


LIMITED = [
    {"rollout": {"batches": [1]}},
    {"rollout": {"batches": [1, "100%"], "gate": True, "pause": "1h"}},
    {"rollout": {"maxParallel": 1}},
    {"rollout": {"batches": [1], "mode": "window"}},
    {"concurrency": {"max": 1}},
]


@pytest.mark.parametrize("limits", LIMITED)
async def test_a_run_whose_devices_stay_away_ends_at_its_deadline(rolling: Rolling, limits: dict[str, object]):
    await rolling.enroll("pi-1", "pi-2", "pi-3", connected=False)
    run = await rolling.launch(job(delivery=SOON, **limits))
    assert await rolling.released(run) == []
    await rolling.pass_time(minutes=9)
    assert await rolling.states(run) == dict.fromkeys(["pi-1", "pi-2", "pi-3"], "queued")
    await rolling.pass_time(minutes=1)
    view = await rolling.view(run)
    assert view.settled
    assert code(view) is ExitCode.SOME_NEVER_DELIVERED
    assert view.rollout
    assert view.rollout.waits_for is None
    assert await rolling.hello("pi-1") == []


async def test_a_run_that_does_not_wait_ends_at_once_when_nobody_is_there(rolling: Rolling):
    await rolling.enroll("pi-1", "pi-2", connected=False)
    run = await rolling.launch(job(rollout={"batches": [1]}, delivery={"offline": "fail"}))
    view = await rolling.view(run)
    assert view.settled
    assert {(one.state, one.detail) for one in view.executions} == {(State.EXPIRED, deliveries.NOT_THERE)}
    assert view.rollout
    assert view.rollout.waits_for is None


@pytest.mark.parametrize("limits", LIMITED)
async def test_of_awaited_devices_that_return_together_no_more_start_than_there_are_places(
    rolling: Rolling, limits: dict[str, object]
):
    await rolling.enroll("pi-1", "pi-2", "pi-3", connected=False)
    run = await rolling.launch(job(delivery=SOON, **limits))
    await rolling.pass_time(minutes=5)
    await rolling.come("pi-2", "pi-3")
    assert await rolling.released(run) == ["pi-2"]
    assert (await rolling.on(run, "pi-2")).expires_at == rolling.now + timedelta(minutes=10)
    assert (await rolling.on(run, "pi-3")).expires_at is None, "who is back waits for its place, without a limit"
    await rolling.happen(run, "pi-2", E.START)
    await rolling.pass_time(minutes=5)
    assert await rolling.states(run) == {"pi-1": "expired", "pi-2": "running", "pi-3": "queued"}
    assert len(rolling.sent) == 1


async def test_an_awaited_device_that_returns_too_late_starts_nothing(rolling: Rolling):
    await rolling.enroll("pi-1", "pi-2", connected=False)
    run = await rolling.launch(job(rollout={"batches": [1]}, delivery=SOON))
    rolling.now += timedelta(minutes=10)  # and nobody has looked yet
    assert await rolling.hello("pi-1") == []
    assert await rolling.released(run) == []
    await rolling.pass_time()
    assert await rolling.states(run) == {"pi-1": "expired", "pi-2": "expired"}


async def test_a_run_on_any_device_that_waits_for_a_slot_ends_too(rolling: Rolling):
    await rolling.enroll("pi-1")
    shared = {"concurrency": {"max": 1, "group": "disk"}}
    first = await rolling.launch(job("first", **shared))
    await rolling.happen(first, "pi-1", E.START)
    await rolling.go("pi-1")
    second = await rolling.launch(job("second", target=Target(Where.ANY), delivery=SOON, **shared))
    await rolling.pass_time(minutes=10)
    assert not (await rolling.view(second)).settled, "it waits for a slot"
    await rolling.come("pi-1")
    await rolling.happen(first, "pi-1", E.SUCCEED)
    assert await rolling.released(second) == ["pi-1"]
    await rolling.happen(second, "pi-1", E.SUCCEED)
    await rolling.go("pi-1")
    third = await rolling.launch(job("third", target=Target(Where.ANY), delivery=SOON, **shared))
    await rolling.pass_time(minutes=10)
    assert (await rolling.view(third)).settled


# --- with a rollout ---------------------------------------------------------------------------------------------------


async def test_a_deadline_begins_with_the_release(rolling: Rolling):
    await rolling.enroll("pi-1", "pi-2")
    run = await rolling.launch(job(rollout={"batches": [1], "gate": True}, delivery=SOON))
    await rolling.happen(run, "pi-1", E.SUCCEED)
    await rolling.go("pi-2")
    await rolling.pass_time(days=2)
    assert await rolling.states(run) == {"pi-1": "succeeded", "pi-2": "queued"}
    assert (await rolling.on(run, "pi-2")).expires_at is None
    await rolling.steer(run, Steering.APPROVE)
    assert (await rolling.on(run, "pi-2")).expires_at == rolling.now + timedelta(minutes=10)
    await rolling.pass_time(minutes=10)
    assert await rolling.states(run) == {"pi-1": "succeeded", "pi-2": "expired"}


async def test_what_expires_gives_its_place_to_the_next_and_aborts_nothing(rolling: Rolling):
    await rolling.enroll("pi-1", "pi-2")
    rules = [{"threshold": 1}]
    run = await rolling.launch(job(rollout={"batches": [1]}, aborts=rules, delivery=SOON))
    assert await rolling.released(run) == ["pi-1"]
    rolling.now += timedelta(minutes=10)
    await rolling.heartbeats("pi-1", "pi-2")  # it is there, and does not answer
    await rolling.pass_time()
    await given_back(rolling, run, "pi-1")
    assert await rolling.released(run) == ["pi-1", "pi-2"]
    rollout = (await rolling.view(run)).rollout
    assert rollout
    assert rollout.aborted_by is None


async def test_the_next_attempt_has_a_deadline_of_its_own(rolling: Rolling):
    await rolling.enroll("pi-1")
    retry = {"max": 1, "backoff": {"from": "20m", "to": "20m"}}
    run = await rolling.launch(job(retry=retry, delivery=SOON))
    await rolling.happen(run, "pi-1", E.FAIL)
    assert (await rolling.on(run, "pi-1")).expires_at is None
    await rolling.go("pi-1")
    await rolling.pass_time(minutes=20)
    second = await rolling.on(run, "pi-1")
    assert (second.attempt, second.expires_at) == (2, rolling.now + timedelta(minutes=10))
    await rolling.pass_time(minutes=10)
    assert await rolling.states(run) == {"pi-1": "expired"}


# --- supersede --------------------------------------------------------------------------------------------------------

NEWEST = {"supersede": True}


async def test_the_newest_run_wins_on_each_device(rolling: Rolling):
    await rolling.enroll("pi-1", "pi-2", connected=False)
    older = [await rolling.launch(job(delivery=NEWEST)) for _ in range(2)]
    newest = await rolling.launch(job(delivery=NEWEST, target=Target.parse("pi-1")))
    assert await rolling.states(older[0]) == {"pi-1": "skipped", "pi-2": "skipped"}
    assert await rolling.states(older[1]) == {"pi-1": "skipped", "pi-2": "queued"}
    assert (await rolling.on(older[1], "pi-1")).detail == f"superseded by run {newest}"
    assert (await rolling.on(older[0], "pi-1")).detail == f"superseded by run {older[1]}"
    sent = await rolling.hello("pi-1")
    assert [one.run for one in sent if isinstance(one, Execute)] == [newest]


async def test_more_may_be_superseded_than_one_statement_takes(rolling: Rolling, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(portions, "PORTION", 2)
    devices = [f"pi-{number}" for number in range(1, 6)]
    await rolling.enroll(*devices, connected=False)
    older = await rolling.launch(job(delivery=NEWEST))
    newest = await rolling.launch(job(delivery=NEWEST))
    assert await rolling.states(older) == dict.fromkeys(devices, "skipped")
    for device in devices:
        sent = await rolling.hello(device)
        assert [one.run for one in sent if isinstance(one, Execute)] == [newest]


async def test_other_jobs_and_what_is_accepted_are_left_alone(rolling: Rolling):
    await rolling.enroll("pi-1")
    other = await rolling.launch(job("other", delivery=NEWEST))
    accepted = await rolling.launch(job(delivery=NEWEST))
    await rolling.happen(accepted, "pi-1", E.ACCEPT)
    await rolling.launch(job(delivery=NEWEST))
    assert await rolling.states(other) == await rolling.states(accepted) | {"pi-1": "queued"}
    assert await rolling.states(accepted) == {"pi-1": "delivered"}


async def test_what_was_sent_is_asked_back_for_a_newer_run(rolling: Rolling):
    await rolling.enroll("pi-1")
    older = await rolling.launch(job(delivery=NEWEST))
    newer = await rolling.launch(job(delivery=NEWEST))
    asked = await rolling.on(older, "pi-1")
    assert (asked.state, asked.standing) == (State.QUEUED, State.SKIPPED)
    assert rolling.cancels == [("pi-1", Cancel(asked.id, 1, unless_started=True))]
    answered = await given_back(rolling, older, "pi-1")
    assert (answered.state, answered.detail) == (State.SKIPPED, f"superseded by run {newer}")


async def test_what_waits_for_its_next_attempt_is_not_tried_again(rolling: Rolling):
    await rolling.enroll("pi-1")
    older = await rolling.launch(job(retry={"max": 1}, delivery=NEWEST))
    await rolling.happen(older, "pi-1", E.FAIL, settle=False)
    assert (await rolling.on(older, "pi-1")).retry_at is not None
    await rolling.launch(job(retry={"max": 1}, delivery=NEWEST))
    failed = await rolling.on(older, "pi-1")
    await rolling.settle(failed)
    await rolling.pass_time(hours=1)
    assert await rolling.states(older) == {"pi-1": "failed"}


async def test_the_device_that_takes_a_run_on_any_skips_what_it_had(rolling: Rolling):
    await rolling.enroll("pi-1", connected=False)
    older = await rolling.launch(job(delivery=NEWEST))
    newer = await rolling.launch(job(delivery=NEWEST, target=Target(Where.ANY)))
    assert await rolling.states(older) == {"pi-1": "queued"}
    sent = await rolling.hello("pi-1")
    assert [one.run for one in sent if isinstance(one, Execute)] == [newer]
    assert await rolling.states(older) == {"pi-1": "skipped"}


async def test_a_run_that_is_superseded_everywhere_goes_on_with_its_rollout(rolling: Rolling):
    await rolling.enroll("pi-1", "pi-2")
    older = await rolling.launch(job(rollout={"batches": [1]}, delivery=NEWEST))
    await rolling.launch(job(delivery=NEWEST))
    assert await rolling.states(older) == {"pi-1": "queued", "pi-2": "skipped"}
    await given_back(rolling, older, "pi-1")
    view = await rolling.view(older)
    assert view.settled
    assert view.rollout
    assert view.rollout.waits_for is None


async def test_expiring_twice_is_expiring_once(rolling: Rolling):
    await rolling.enroll("pi-1")
    run = await rolling.launch(job(delivery=SOON))
    rolling.now += timedelta(minutes=10)
    await rolling.heartbeats("pi-1")
    await rolling.pass_time()
    await rolling.pass_time(seconds=1)
    assert len(rolling.cancels) == 1
    effects = Effects()
    assert await rolling.ask(lambda session: deliveries.expire(session, rolling.now, effects)) == set()
    assert (await rolling.on(run, "pi-1")).standing is State.EXPIRED
