"""What the controller does with its database, the same on each: enroll, apply, launch, record, cancel, settle, page."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlmodel import Session

from runlet.controller import devices, executions, jobs, launches, outbox, runs
from runlet.controller.deliveries import Effects
from runlet.controller.store import Store
from runlet.errors import Conflict, UnknownName
from runlet.model.declaration import ChangeKind
from runlet.model.execution import Event, State
from runlet.model.job import Job
from runlet.model.logs import Logs, Overflow
from runlet.model.target import Target
from runlet.protocol.messages import MAX_COUNT, MAX_DETAIL, Execute, Hello, Report, Stored
from runlet.protocol.views import Presence, RunView
from tests.contract.operations import NOON, apply, connect, launched, record, report, request, shown

NAMES = ["pi-1", "pi-2", "pi-3"]


# --- devices and jobs ------------------------------------------------------------------------------------------------


async def test_devices_are_enrolled_once_and_seen(store: Store):
    assert await store.transact(lambda session: devices.enroll(session, ["b", "a"])) == ["a", "b"]
    assert await store.transact(lambda session: devices.enroll(session, ["c"])) == ["a", "b", "c"]
    assert await store.transact(lambda session: devices.seen(session, "a", NOON, hello=Hello("hello", "0.1.0")))
    assert not await store.transact(lambda session: devices.seen(session, "stranger", NOON))
    [first, second, _] = await store.transact(lambda session: devices.views(session, NOON))
    assert (first.presence, first.last_seen, first.agent_version) == (Presence.ONLINE, NOON, "0.1.0")
    assert (second.presence, second.last_seen) == (Presence.OFFLINE, None)


async def test_jobs_are_applied_and_found(store: Store):
    first, second = Job("hello", "echo hi \N{SNOWMAN}"), Job("hello", "echo ho", description="x" * 100_000)
    for job, change in ((first, "created"), (first, "unchanged"), (second, "changed")):
        [told] = await store.transact(lambda session, job=job: apply(session, job))
        assert told.change is ChangeKind(change)
    assert await store.transact(lambda session: jobs.find(session, "hello")) == second
    with pytest.raises(UnknownName, match="did you mean hello"):
        await store.transact(lambda session: jobs.find(session, "helo"))
    [view] = await store.transact(jobs.views)
    assert (view.revision, view.applied_at) == (second.revision, NOON)


async def test_an_apply_that_fails_changes_nothing(store: Store):
    def work(session: Session) -> None:
        apply(session, Job("hello", "true"))
        raise Conflict("on second thoughts")

    with pytest.raises(Conflict):
        await store.transact(work)
    assert await store.transact(jobs.views) == []


# --- a run from its launch to its end -------------------------------------------------------------------------------


async def test_a_launch_writes_executions_and_their_commands(store: Store):
    def work(session: Session) -> launches.Launched:
        apply(session, Job("greet", "echo {{ args[1] }}"))
        connect(session, *NAMES)
        return launches.launch(session, request("all", "greet", "Ada"), NOON)

    started = await store.transact(work)
    assert [view.device for view in started.run.executions] == NAMES
    assert {view.state for view in started.run.executions} == {State.QUEUED}
    assert (started.run.state, started.run.settled, started.run.args) == (State.QUEUED, False, ("Ada",))
    assert started.run.created_at == NOON
    assert [one.device for one in started.outgoing] == NAMES
    assert all(isinstance(one.message, Execute) and one.message.script == "echo Ada" for one in started.outgoing)
    assert await shown(store, started.run) == started.run


async def test_a_launch_under_an_id_is_launched_once(store: Store):
    await store.transact(lambda session: connect(session, *NAMES))
    asked = replace(request("all", None, "true"), id="mine")
    first, second = [await store.transact(lambda session: launches.launch(session, asked, NOON)) for _ in range(2)]
    assert (first.run.id, len(first.outgoing)) == (second.run.id, 3)
    assert second.outgoing == []
    for other in (
        replace(asked, command=("false",)),
        replace(asked, target=Target.custom(["pi-1"])),
        replace(asked, variables={"release": "2"}),
        replace(asked, secrets={"pi-1": {"PASSWORD": "box"}}),
        replace(asked, no_input=True),
    ):
        with pytest.raises(Conflict, match=f"is of run {first.run.id}, which is another"):
            await store.transact(lambda session, other=other: launches.launch(session, other, NOON))


async def test_what_is_not_answered_is_due_again(store: Store):
    run = await launched(store, "pi-1", "pi-2")
    assert await store.transact(lambda session: outbox.due(session, NOON + timedelta(seconds=4))) == []
    due = await store.transact(lambda session: outbox.due(session, NOON + timedelta(seconds=6)))
    assert [one.device for one in due] == ["pi-1", "pi-2"]
    ids = [run.executions[0].id]
    await store.transact(lambda session: outbox.answered(session, taken=ids, ended=()))
    assert await store.transact(lambda session: outbox.for_device(session, "pi-1", NOON)) == []
    assert len(await store.transact(lambda session: outbox.for_device(session, "pi-2", NOON))) == 1


async def test_reports_move_executions_and_late_ones_do_not(store: Store):
    run = await launched(store, "pi-1")
    [view] = run.executions
    later = NOON + timedelta(seconds=1, microseconds=123456)
    [running] = (await record(store, report(view, Event.ACCEPT, 1), report(view, Event.START, 2), now=later)).open
    assert (running.state, running.version, running.started_at) == (State.RUNNING, 2, later)
    [again] = (await record(store, report(view, Event.ACCEPT, 1), report(view, Event.ASK, 2))).open
    assert again == running
    assert (await shown(store, run)).executions == (running,)
    failed = report(view, Event.FAIL, 3, exit_code=7, detail="no", output_length=9, seconds=0.25)
    [ended] = (await record(store, failed)).open
    assert (ended.state, ended.exit_code, ended.detail) == (State.FAILED, 7, "no")
    assert (ended.output_length, ended.seconds, ended.ended_at) == (9, 0.25, NOON)
    [after] = (await record(store, report(view, Event.START, 4))).open
    assert after == ended, "outcomes are absorbing"


async def test_a_whole_life_in_one_batch(store: Store):
    run = await launched(store, *NAMES)
    events = [Event.ACCEPT, Event.START, Event.SUCCEED]
    batch = [report(view, event, at) for at, event in enumerate(events, 1) for view in run.executions]
    assert len((await record(store, *batch)).open) == len(NAMES)
    view = await shown(store, run)
    assert (view.state, view.settled) == (State.SUCCEEDED, True)
    assert {one.version for one in view.executions} == {3}


async def test_the_largest_numbers_and_texts_a_report_may_hold_are_kept(store: Store):
    run = await launched(store, "pi-1")
    [view] = run.executions
    detail = "\N{SNOWMAN}\x1b\x01" + "x" * (MAX_DETAIL - 3)
    most = {"exit_code": MAX_COUNT, "signal": MAX_COUNT, "output_length": MAX_COUNT, "seconds": 1e300}
    await record(store, report(view, Event.FAIL, MAX_COUNT, detail=detail, **most))
    [kept] = (await shown(store, run)).executions
    assert {name: getattr(kept, name) for name in most} == most
    assert (kept.version, kept.detail) == (MAX_COUNT, detail)


async def test_reports_on_what_is_not_the_device_s_are_dropped(store: Store):
    run = await launched(store, "pi-1", "pi-2")
    mine, other = run.executions
    _, stolen = report(mine, Event.START, 1)
    wrong_attempt = Report(mine.id, 2, 1, Event.START, at=0.0)
    unknown = Report("00000000-0000-0000-0000-000000000000", 1, 1, Event.START, at=0.0)
    reports = [("pi-2", stolen), ("pi-1", wrong_attempt), ("pi-1", unknown), report(other, Event.START, 1)]
    [recorded] = (await record(store, *reports)).open
    assert recorded.id == other.id
    assert {one.state for one in (await shown(store, run)).executions} == {State.QUEUED, State.RUNNING}


async def test_settled_executions_are_forgotten_by_those_who_wait(store: Store):
    run = await launched(store, "pi-1", "pi-2")
    first, second = run.executions
    await record(store, report(first, Event.SUCCEED, 1, output_length=3))
    await store.transact(lambda session: executions.settle(session, {(first.id, 1): 5}))
    assert [
        view.id for view in await store.transact(lambda session: executions.unsettled(session, [first.id, second.id]))
    ] == [second.id]
    again = await record(store, report(first, Event.SUCCEED, 1, output_length=3))
    assert (again.open, again.settled) == ([], [("pi-1", Stored(first.id, 1, 5, settled=True))])


@pytest.mark.parametrize("overflow", Overflow)
async def test_a_program_that_waits_at_its_limit_says_so_until_its_outcome(store: Store, overflow: Overflow):
    def work(session: Session) -> RunView:
        connect(session, "pi-1", "pi-2")
        apply(session, Job("chatty", "yes", logs=Logs(64 * 1024, overflow)))
        return launches.launch(session, request("pi-1,pi-2", "chatty"), NOON).run

    run = await store.transact(work)
    first, second = run.executions
    assert first.output_limit == 64 * 1024
    await record(store, report(second, Event.SUCCEED, 1))
    blocked = await store.transact(lambda session: executions.block(session, [first.id, second.id]))
    words = "printed 64KiB, all that its job keeps; waits until it is cancelled" if overflow is Overflow.BLOCK else ""
    assert [view.detail for view in blocked] == ([words] if words else [])
    await record(store, report(first, Event.START, 1))  # overtaken by its output
    assert [view.detail for view in (await shown(store, run)).executions] == [words, ""]
    await record(store, report(first, Event.CANCEL, 2, detail="ended"))
    assert [view.detail for view in (await shown(store, run)).executions] == ["ended", ""]


async def test_a_run_again_keeps_as_much_as_the_first(store: Store):
    def work(session: Session) -> RunView:
        connect(session, "pi-1")
        apply(session, Job("short", "yes", logs=Logs(64 * 1024, Overflow.STOP)))
        return launches.launch(session, request("pi-1", "short"), NOON).run

    run = await store.transact(work)
    await record(store, report(run.executions[0], Event.FAIL, 1))
    again = await store.transact(lambda session: launches.rerun(session, launches.Rerun(str(run.id)), NOON))
    assert again.run.executions[0].output_limit == 64 * 1024
    [command] = [one.message for one in again.outgoing]
    assert isinstance(command, Execute)
    assert command.logs == Logs(64 * 1024, Overflow.STOP)


async def test_a_rerun_that_is_asked_for_twice_is_launched_once(store: Store):
    first = await launched(store, "pi-1", "pi-2")
    await record(store, *(report(view, Event.FAIL, 1) for view in first.executions))
    asked = launches.Rerun("latest", id="ours")
    again = await store.transact(lambda session: launches.rerun(session, asked, NOON))
    same = await store.transact(lambda session: launches.rerun(session, asked, NOON))  # another run is the latest now
    assert same.run == again.run
    assert (len(again.outgoing), same.outgoing) == (2, [])
    with pytest.raises(Conflict, match="'ours' is of run 2, which is another"):
        await store.transact(lambda session: launches.rerun(session, launches.Rerun("1", id="ours"), NOON))
    with pytest.raises(Conflict, match="'ours' is of run 2"):
        await store.transact(lambda session: launches.launch(session, replace(request("pi-1"), id="ours"), NOON))


async def test_cancel_ends_what_was_not_sent_and_asks_the_rest(store: Store):
    def work(session: Session) -> launches.Launched:
        connect(session, "pi-1")
        devices.enroll(session, ["away"])
        return launches.launch(session, request("pi-1,away"), NOON)

    run = (await store.transact(work)).run
    cancelled = await store.transact(lambda session: runs.cancel(session, run.id, None, NOON))
    assert [view.device for view in cancelled.effects.ended] == ["away"]
    assert [one.device for one in cancelled.effects.outgoing] == ["pi-1"]
    states = {view.device: (view.state, view.cancel_requested) for view in cancelled.run.executions}
    assert states == {"away": (State.CANCELLED, False), "pi-1": (State.QUEUED, True)}
    assert await store.transact(lambda session: outbox.for_device(session, "away", NOON)) == []
    await record(store, report(cancelled.run.executions[1], Event.CANCEL, 1))
    with pytest.raises(Conflict, match="has ended already"):
        await store.transact(lambda session: runs.cancel(session, run.id, None, NOON))
    with pytest.raises(UnknownName, match="no execution on 'pi-9'"):
        await store.transact(lambda session: runs.cancel(session, run.id, ["pi-9"], NOON))


async def test_a_run_for_any_device_is_taken_by_the_first_to_come(store: Store):
    await store.transact(lambda session: devices.enroll(session, NAMES))
    run = (await store.transact(lambda session: launches.launch(session, request("any"), NOON))).run
    assert [view.device for view in run.executions] == [None]
    assert await store.transact(lambda session: runs.page(session, run.id, 10)) == list(run.executions)
    [taken] = await store.transact(lambda session: launches.assign_waiting(session, "pi-2", NOON, Effects()))
    assert (taken.id, taken.device) == (run.executions[0].id, "pi-2")
    assert await store.transact(lambda session: launches.assign_waiting(session, "pi-1", NOON, Effects())) == []


# --- pages ----------------------------------------------------------------------------------------------------------


async def test_runs_are_paged_from_the_newest(store: Store):
    await store.transact(lambda session: connect(session, *NAMES))
    for _ in range(7):
        await store.transact(lambda session: launches.launch(session, request("all"), NOON))
    seen: list[int] = []
    while page := await store.transact(partial(runs.summaries, limit=3, now=NOON, before=seen[-1] if seen else None)):
        assert all(one.counts == {State.QUEUED: 3} for one in page)
        seen += [one.id for one in page]
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 7


async def test_a_summary_counts_as_the_run_stands(store: Store):
    run = await launched(store, *NAMES)
    first, second, _ = run.executions
    await record(store, report(first, Event.SUCCEED, 1), report(second, Event.START, 1))
    [summary] = await store.transact(lambda session: runs.summaries(session, 20, NOON))
    view = await shown(store, run)
    assert summary.counts == {State.SUCCEEDED: 1, State.RUNNING: 1, State.QUEUED: 1}
    assert (summary.state, summary.settled) == (view.state, view.settled) == (State.RUNNING, False)


async def test_executions_are_paged_in_order_of_device(store: Store):
    names = [f"dev-{number}" for number in range(25)]
    run = await launched(store, *names)
    ended = [report(view, Event.SUCCEED, 1) for view in run.executions[::2]]
    await record(store, *ended)

    async def walked(state: State | None) -> list[str]:
        found: list[str] = []
        after = None
        while page := await store.transact(partial(runs.page, run_id=run.id, limit=4, after=after, state=state)):
            after = page[-1].device
            found += [view.device or "" for view in page]
        return found

    assert await walked(None) == names
    assert await walked(State.SUCCEEDED) == names[::2]
    assert await walked(State.FAILED) == []
    assert (await store.transact(lambda session: runs.on_device(session, run.id, "dev-7"))).device == "dev-7"
    with pytest.raises(UnknownName, match="no execution on 'dev-999'"):
        await store.transact(lambda session: runs.on_device(session, run.id, "dev-999"))


@pytest.mark.parametrize("number", [0, 999, 10**18 - 1])
async def test_a_run_that_is_not_there_is_unknown(store: Store, number: int):
    with pytest.raises(UnknownName, match="there is no run"):
        await store.transact(lambda session: runs.view(session, runs.number(session, str(number)), NOON))
    assert await store.transact(lambda session: runs.summaries(session, 5, NOON, 2**63 - 1)) == []
