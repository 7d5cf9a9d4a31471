"""Schedules with a moved clock: `now` is a parameter, a restart is another session on the same database."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import Session, col, select

from runlet.controller import (
    declarations,
    devices,
    executions,
    firings,
    launches,
    outbox,
    releases,
    runs,
    schedules,
    tables,
)
from runlet.controller.deliveries import Effects
from runlet.controller.firings import KEPT_FIRINGS, Fired, fire_due
from runlet.controller.store import Store
from runlet.controller.tables import Firing
from runlet.errors import InvalidDeclarations, UnknownName
from runlet.model.declaration import Kind, Submission
from runlet.model.execution import Event, State
from runlet.model.job import Job
from runlet.model.rollout import Retry, Rollout
from runlet.model.schedule import FiringOutcome, Fold, Misfire, Overlap, Schedule
from runlet.model.target import Target, Where
from runlet.protocol.messages import Execute
from runlet.protocol.views import FiringView, ScheduleView
from runlet.timetable.due import delay
from tests.contract.conftest import NewDatabase
from tests.contract.operations import NOON, connect, record, report, shown

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ALL = Target(Where.ALL)
ENROLLED = Target(Where.ENROLLED)
LAUNCHED, MISSED, SKIPPED, QUEUED, FAILED = (
    FiringOutcome.LAUNCHED,
    FiringOutcome.MISSED,
    FiringOutcome.SKIPPED,
    FiringOutcome.QUEUED,
    FiringOutcome.FAILED,
)


def job(every: str = "1h", name: str = "tick", target: Target = ENROLLED, **keys: object) -> Job:
    return Job(name, "true", target=target, schedule=Schedule(every, **keys))  # type: ignore[arg-type]


async def apply(store: Store, *jobs: Job, now: datetime = NOON) -> None:
    """Declare these jobs and no others."""
    declared = tuple(one.declaration() for one in jobs)
    submission = Submission("tests", "tests", declared, prune=True)
    await store.transact(lambda session: declarations.apply(session, submission, now))


async def fire(store: Store, now: datetime) -> Fired:
    return await store.transact(lambda session: fire_due(session, now))


async def fired(store: Store, now: datetime) -> list[datetime | None]:
    """The fire times that were launched."""
    return [launched.run.scheduled_for for launched in (await fire(store, now)).launched]


async def told(store: Store, name: str = "tick", limit: int = 100) -> list[FiringView]:
    """The firings, the oldest first."""
    view = await store.transact(lambda session: schedules.view(session, name, NOON, limit))
    return list(reversed(view.firings))


async def outcomes(store: Store, name: str = "tick") -> list[FiringOutcome]:
    return [one.outcome for one in await told(store, name)]


async def row(store: Store, name: str = "tick") -> ScheduleView:
    [found] = [one for one in await store.transact(lambda session: schedules.views(session, NOON)) if one.job == name]
    return found


async def settle(store: Store, run_id: int) -> None:
    """Every execution of a run succeeds."""
    run = await store.transact(lambda session: runs.view(session, run_id, NOON))
    await record(store, *(report(one, Event.SUCCEED, one.version + 1) for one in run.executions))


async def first_sent(store: Store) -> list[datetime | None]:
    """When the commands that wait may leave."""
    return await store.transact(lambda session: list(session.exec(select(tables.Outbox.not_before))))


async def zoned(store: Store, **zones: str) -> None:
    """Connected devices, each with the time zone that its agent tells."""

    def work(session: Session) -> None:
        connect(session, *zones)
        for name, zone in zones.items():
            devices.observed(session, name, {"timezone": zone}, NOON)

    await store.transact(work)


@pytest.fixture(autouse=True)
async def enrolled(store: Store) -> None:
    await store.transact(lambda session: devices.enroll(session, ["pi-1"]))


# --- firing ---------------------------------------------------------------------------------------------------------


async def test_a_fire_time_starts_a_run_once(store: Store):
    await apply(store, job("1h"))
    assert await fired(store, NOON + HOUR - timedelta(microseconds=1)) == []
    done = await fire(store, NOON + HOUR)
    [launched] = done.launched
    assert (launched.run.job, launched.run.scheduled_for, launched.run.zone) == ("tick", NOON + HOUR, "UTC")
    assert done.next_at == NOON + 2 * HOUR
    assert await fired(store, NOON + HOUR + MINUTE) == []
    [firing] = await told(store)
    assert (firing.at, firing.outcome, firing.run) == (NOON + HOUR, LAUNCHED, launched.run.id)
    assert (await row(store)).last == firing


async def test_looking_early_tells_when_to_look_again(store: Store):
    assert (await fire(store, NOON)).next_at is None
    await apply(store, job("2h", "later"), job("1h", "sooner"))
    assert (await fire(store, NOON)).next_at == NOON + HOUR


@pytest.mark.parametrize(
    ("misfire", "launched"),
    [
        ({"misfire": Misfire.SKIP}, []),
        ({"misfire": Misfire.ONCE}, [3]),
        ({"misfire": Misfire.ALL, "misfire_max": 2}, [2, 3]),
        ({"misfire": Misfire.ALL}, [1, 2, 3]),
        ({"misfire": Misfire.ALL, "start_deadline": 30 * HOUR}, [2, 3]),
    ],
)
async def test_three_days_down(store: Store, misfire: dict[str, object], launched: list[int]):
    await apply(store, job("daily at noon", overlap=Overlap.ALLOW, **misfire))
    assert await fired(store, NOON + 3 * DAY + HOUR) == [NOON + day * DAY for day in launched]
    missed = [one.at for one in await told(store) if one.outcome is MISSED]
    assert missed == [NOON + day * DAY for day in (1, 2, 3) if day not in launched]


async def test_a_schedule_that_is_silent_since_the_clock_was_set_back_says_so(store: Store):
    await apply(store, job("1h"))
    assert (await row(store)).silent_until is None
    await fire(store, NOON + DAY)
    assert (await row(store)).silent_until == NOON + DAY


async def test_a_clock_that_is_set_back_repeats_nothing(store: Store):
    await apply(store, job("1h", overlap=Overlap.ALLOW))
    assert await fired(store, NOON + HOUR) == [NOON + HOUR]
    assert await fired(store, NOON - DAY) == []
    assert await fired(store, NOON + HOUR + MINUTE) == []
    assert await fired(store, NOON + 2 * HOUR) == [NOON + 2 * HOUR]


async def test_a_schedule_that_begins_anew_under_a_clock_that_was_set_back_repeats_nothing(store: Store):
    await apply(store, job("0 * * * *", overlap=Overlap.ALLOW))
    assert await fired(store, NOON + HOUR) == [NOON + HOUR]
    await apply(store, now=NOON + MINUTE)
    await apply(store, job("0 * * * *", overlap=Overlap.ALLOW), now=NOON + MINUTE)
    assert await fired(store, NOON + HOUR) == []
    assert await fired(store, NOON + 2 * HOUR) == [NOON + 2 * HOUR]


@pytest.mark.parametrize(
    ("day", "fold", "instants"),
    [
        (datetime(2026, 3, 29, tzinfo=UTC), Fold.FIRST, ["01:00"]),  # 02:30 does not exist: 03:00+02:00
        (datetime(2026, 10, 25, tzinfo=UTC), Fold.FIRST, ["00:30"]),
        (datetime(2026, 10, 25, tzinfo=UTC), Fold.BOTH, ["00:30", "01:30"]),
    ],
)
async def test_changes_of_clocks(store: Store, day: datetime, fold: Fold, instants: list[str]):
    keys = {"timezone": "Europe/Zurich", "overlap": Overlap.ALLOW, "fold": fold}
    await apply(store, job("daily at 02:30", **keys), now=day)
    looks = [day + step * 10 * MINUTE for step in range(20)]
    found = [at for look in looks for at in await fired(store, look)]
    assert [f"{at:%H:%M}" for at in found if at] == instants


async def test_what_cannot_be_launched_is_told_and_the_others_go_on(store: Store):
    jobs = [
        job("1h", "nobody", ALL),
        replace(job("1h", "needy"), script="echo {{ args[1] }}"),
        job("1h", "works"),
    ]
    await apply(store, *jobs)
    done = await fire(store, NOON + HOUR)
    assert [launched.run.job for launched in done.launched] == ["works"]
    for name, words in (("nobody", "no device is connected"), ("needy", "args[1] is not given")):
        [firing] = await told(store, name)
        assert (firing.outcome, firing.run) == (FAILED, None)
        assert words in firing.detail
    assert [summary.job for summary in await store.transact(lambda session: runs.summaries(session, 10, NOON))] == [
        "works"
    ]


@pytest.mark.parametrize("timezone", ["UTC", "device"])
async def test_a_job_that_says_no_where_runs_on_the_device_that_declared_it(store: Store, timezone: str):
    await zoned(store, **{"pi-1": "UTC", "pi-2": "Asia/Tokyo"})
    local = job("1h", target=Target(), timezone=timezone).declaration()
    await store.transact(
        lambda session: declarations.apply(session, Submission("tests", "ann", (local,), origin="pi-2"), NOON)
    )
    await store.transact(  # from elsewhere, and nothing is changed
        lambda session: declarations.apply(session, Submission("tests", "ann", (local,)), NOON)
    )
    assert (await row(store)).zone == ("UTC" if timezone == "UTC" else "Asia/Tokyo")
    [launched] = (await fire(store, NOON + HOUR)).launched
    assert [one.device for one in launched.run.executions] == ["pi-2"]


@pytest.mark.parametrize("origin", [None, "pi-9"])
async def test_a_schedule_whose_device_nobody_knows_is_refused(store: Store, origin: str | None):
    local = Submission("tests", "ann", (job("1h", target=Target()).declaration(),), origin=origin)
    with pytest.raises(InvalidDeclarations, match="on the device that declares it; say where"):
        await store.transact(lambda session: declarations.plan(session, local, NOON))


@pytest.mark.parametrize("made", ['{{ "a\\0b" }}', '{{ "\\ud83d" }}'])
async def test_a_script_that_no_database_keeps_is_one_failed_firing(store: Store, made: str):
    await apply(store, replace(job("1h", "broken"), script=f"ls\necho {made}"), job("1h", "works"))
    for hours in (1, 2):
        done = await fire(store, NOON + hours * HOUR)
        assert [launched.run.job for launched in done.launched] == ["works"]
        for view in done.launched:
            await settle(store, view.run.id)
    newest, _ = await told(store, "broken")
    assert newest.outcome is FAILED
    assert "rendered" in newest.detail


async def test_a_schedule_that_cannot_be_read_is_told_and_the_others_go_on(store: Store):
    await apply(store, job("1h", "broken"), job("1h", "works"), job("1h", "zoned", timezone="device"))

    def spoil(session: Session) -> None:
        """As a version that knew more phrases may have left it."""
        for name in ("broken", "zoned"):
            declared = session.get_one(tables.Declared, (Kind.JOB, name))
            content = session.get_one(tables.Content, declared.revision)
            content.content = content.content | {"every": "when the moon is full"}

    await store.transact(spoil)
    await store.transact(lambda session: schedules.sync_zones(session, NOON + HOUR))
    done = await fire(store, NOON + HOUR)
    assert [launched.run.job for launched in done.launched] == ["works"]
    firings_of = lambda name: store.transact(  # noqa: E731
        lambda session: list(session.exec(select(Firing).where(Firing.job == name)))
    )
    [firing] = await firings_of("broken")
    assert (firing.outcome, firing.at) == (FAILED, NOON + HOUR)
    assert "see the controller's log" in firing.detail
    assert done.next_at == NOON + HOUR + firings.BROKEN
    for looks in range(1, 4):  # each is at a time that is no fire time
        await fire(store, NOON + HOUR + looks * firings.BROKEN)
    assert [firing.at for firing in await firings_of("broken")] == [NOON + HOUR]


async def test_what_waits_for_a_schedule_that_cannot_be_read_does_not_wait_for_ever(store: Store):
    await apply(store, job("1h", overlap=Overlap.QUEUE))
    [first] = (await fire(store, NOON + HOUR)).launched
    assert (await fire(store, NOON + 2 * HOUR)).queued

    def spoil(session: Session) -> None:
        content = session.get_one(tables.Content, session.get_one(tables.Declared, (Kind.JOB, "tick")).revision)
        content.content = content.content | {"every": "when the moon is full"}

    await store.transact(spoil)
    await settle(store, first.run.id)
    assert not (await fire(store, NOON + 2 * HOUR + MINUTE)).queued
    [last] = await store.transact(lambda session: list(session.exec(select(Firing).where(Firing.run == None))))  # noqa: E711
    assert (last.outcome, last.at, last.detail) == (FAILED, NOON + 2 * HOUR, firings.UNREADABLE)


async def test_more_than_one_call_fires_are_fired_by_the_next(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(firings, "FIRE_LIMIT", 2)
    await apply(store, *(job("1h", f"job-{number}") for number in range(3)))
    first = await fire(store, NOON + HOUR)
    assert (len(first.launched), first.next_at) == (2, NOON + HOUR)
    second = await fire(store, NOON + HOUR)
    assert (len(second.launched), second.next_at) == (1, NOON + 2 * HOUR)


async def test_what_an_outage_left_behind_starts_little_by_little_and_holds_nothing_up(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(firings, "LATE_STARTS", 2)
    back = NOON + DAY
    missed = [job("daily at 13:00", f"late-{number}") for number in range(5)]
    await apply(store, *missed, job("daily at noon", "on-time"))
    looks = [await fire(store, back) for _ in range(4)]
    assert [[launched.run.job for launched in look.launched] for look in looks] == [
        ["on-time", "late-0", "late-1"],
        ["late-2", "late-3"],
        ["late-4"],
        [],
    ]
    assert [look.held_back for look in looks] == [True, True, False, False]
    assert [await outcomes(store, one.name) for one in missed] == [[LAUNCHED]] * 5


# --- overlap --------------------------------------------------------------------------------------------------------


async def test_forbid_skips_while_the_earlier_run_is_not_settled(store: Store):
    await apply(store, job("1h"))
    [first] = (await fire(store, NOON + HOUR)).launched
    assert await fired(store, NOON + 2 * HOUR) == []
    await settle(store, first.run.id)
    assert await fired(store, NOON + 3 * HOUR) == [NOON + 3 * HOUR]
    assert await outcomes(store) == [LAUNCHED, SKIPPED, LAUNCHED]
    assert (await told(store))[1].detail == f"run {first.run.id} is not settled"


async def test_an_operator_s_run_is_in_nobody_s_way(store: Store):
    await apply(store, job("1h"))
    request = launches.Request(job="tick")
    await store.transact(lambda session: launches.launch(session, request, NOON))
    assert await fired(store, NOON + HOUR) == [NOON + HOUR]


async def test_allow_starts_beside_the_earlier_run(store: Store):
    await apply(store, job("1h", overlap=Overlap.ALLOW))
    assert [len(await fired(store, NOON + hour * HOUR)) for hour in (1, 2, 3)] == [1, 1, 1]


async def test_replace_cancels_the_earlier_run(store: Store):
    await store.transact(lambda session: connect(session, "pi-1"))
    await apply(store, job("1h", overlap=Overlap.REPLACE))
    [first] = (await fire(store, NOON + HOUR)).launched
    second = await fire(store, NOON + 2 * HOUR)
    assert [cancelled.run.id for cancelled in second.cancelled] == [first.run.id]
    assert [launched.run.scheduled_for for launched in second.launched] == [NOON + 2 * HOUR]
    [execution] = (await shown(store, first.run)).executions
    assert execution.cancel_requested or execution.state is State.CANCELLED


async def test_replace_keeps_the_earlier_run_when_the_new_one_cannot_start(store: Store):
    await store.transact(lambda session: connect(session, "pi-1"))
    await apply(store, job("30s", target=ALL, overlap=Overlap.REPLACE))
    assert len((await fire(store, NOON + timedelta(seconds=30))).launched) == 1
    later = await fire(store, NOON + HOUR)  # nobody is connected by then
    assert (later.launched, later.cancelled) == ([], [])
    assert (await outcomes(store))[-1] is FAILED


async def test_of_several_at_once_that_replace_each_other_the_newest_starts(store: Store):
    await apply(store, job("1h", overlap=Overlap.REPLACE, misfire=Misfire.ALL))
    assert await fired(store, NOON + 3 * HOUR) == [NOON + 3 * HOUR]
    assert await outcomes(store) == [SKIPPED, SKIPPED, LAUNCHED]


async def test_queue_lets_the_newest_wait_for_the_earlier_run(store: Store):
    await apply(store, job("1h", overlap=Overlap.QUEUE))
    [first] = (await fire(store, NOON + HOUR)).launched
    assert (await fire(store, NOON + 2 * HOUR)).queued
    assert (await fire(store, NOON + 3 * HOUR)).launched == []
    assert await outcomes(store) == [LAUNCHED, SKIPPED, QUEUED]
    await settle(store, first.run.id)
    done = await fire(store, NOON + 3 * HOUR + MINUTE)
    assert [launched.run.scheduled_for for launched in done.launched] == [NOON + 3 * HOUR]
    assert not done.queued
    assert await outcomes(store) == [LAUNCHED, SKIPPED, LAUNCHED]


async def test_what_waited_past_its_start_deadline_is_missed(store: Store):
    await apply(store, job("1h", overlap=Overlap.QUEUE, start_deadline=30 * MINUTE))
    [first] = (await fire(store, NOON + HOUR)).launched
    await fire(store, NOON + 2 * HOUR)
    await settle(store, first.run.id)
    assert await fired(store, NOON + 2 * HOUR + 31 * MINUTE) == []
    assert await outcomes(store) == [LAUNCHED, MISSED]


async def test_a_deleted_job_s_queued_fire_time_never_starts(store: Store):
    await apply(store, job("1h", overlap=Overlap.QUEUE))
    [first] = (await fire(store, NOON + HOUR)).launched
    await fire(store, NOON + 2 * HOUR)
    await apply(store)
    await settle(store, first.run.id)
    done = await fire(store, NOON + 3 * HOUR)
    assert (done.launched, done.queued, done.next_at) == ([], False, None)


# --- declaring ------------------------------------------------------------------------------------------------------


async def test_what_does_not_change_the_fire_times_keeps_their_place(store: Store):
    await apply(store, job("1h"))
    changed = replace(job("1h", overlap=Overlap.ALLOW, splay=MINUTE), script="false", description="new")
    await apply(store, changed, now=NOON + HOUR + MINUTE)  # while the first is due and nobody has looked yet
    assert await fired(store, NOON + HOUR + MINUTE) == [NOON + HOUR]
    assert (await row(store)).next_at == NOON + 2 * HOUR


async def test_another_spelling_is_no_change(store: Store):
    await apply(store, job("every 60 minutes"))
    await apply(store, job("1h"), now=NOON + 30 * MINUTE)
    assert (await row(store)).next_at == NOON + HOUR


async def test_other_fire_times_begin_anew(store: Store):
    await apply(store, job("1h"))
    await apply(store, job("2h"), now=NOON + 90 * MINUTE)
    assert (await row(store)).next_at == NOON + 90 * MINUTE + 2 * HOUR
    assert await fired(store, NOON + 2 * HOUR) == []


async def test_suspended_fire_times_pass(store: Store):
    await apply(store, job("1h"))
    await apply(store, job("1h", suspend=True), now=NOON + 30 * MINUTE)
    assert ((await row(store)).suspended, (await row(store)).next_at) == (True, None)
    assert await fired(store, NOON + 3 * HOUR) == []
    await apply(store, job("1h"), now=NOON + 3 * HOUR + MINUTE)
    assert await fired(store, NOON + 3 * HOUR + MINUTE) == []
    assert await fired(store, NOON + 4 * HOUR) == [NOON + 4 * HOUR]
    assert await outcomes(store) == [LAUNCHED]


async def test_a_deleted_job_fires_no_more(store: Store):
    await apply(store, job("1h"))
    await apply(store, now=NOON + MINUTE)
    assert await store.transact(lambda session: schedules.views(session, NOON)) == []
    assert (await fire(store, NOON + HOUR)).next_at is None


async def test_a_job_that_loses_its_schedule_fires_no_more(store: Store):
    await apply(store, job("1h"))
    await apply(store, replace(job(), schedule=None), now=NOON + MINUTE)
    assert (await fire(store, NOON + HOUR)).launched == []
    with pytest.raises(UnknownName, match="has no schedule"):
        await told(store)


async def test_the_next_fire_times_and_the_last_firings_are_told(store: Store):
    await apply(store, job("1h"))
    await fire(store, NOON + HOUR)
    view = await store.transact(lambda session: schedules.view(session, "tick", NOON + 90 * MINUTE, 3))
    assert [one.at for one in view.next] == [NOON + hour * HOUR for hour in (2, 3, 4)]
    assert [one.at for one in view.firings] == [NOON + HOUR]
    assert list(view.schedules) == await store.transact(lambda session: schedules.views(session, NOON + 90 * MINUTE))


# --- devices' own zones ---------------------------------------------------------------------------------------------


async def test_each_zone_s_devices_start_at_their_own_time(store: Store):
    await zoned(store, zh="Europe/Zurich", ny="America/New_York", odd="Mars/Olympus")
    await apply(store, job("daily at 08:00", timezone="device", overlap=Overlap.ALLOW), now=NOON)
    zones = {view.zone: view.next_at for view in await store.transact(lambda session: schedules.views(session, NOON))}
    day = NOON + 12 * HOUR
    expected = {"Europe/Zurich": day + 7 * HOUR, "UTC": day + 8 * HOUR, "America/New_York": day - DAY + 13 * HOUR}
    assert zones == expected
    started = {
        launched.run.zone: [one.device for one in launched.run.executions]
        for hour in range(24)
        for launched in (await fire(store, NOON + hour * HOUR)).launched
    }
    assert started == {"America/New_York": ["ny"], "Europe/Zurich": ["zh"], "UTC": ["odd", "pi-1"]}


async def test_zones_follow_the_devices(store: Store):
    await zoned(store, pi="Europe/Zurich")
    await apply(store, job("1h", target=Target.custom(["pi"]), timezone="device"))
    assert (await row(store)).zone == "Europe/Zurich"
    await zoned(store, pi="America/New_York")
    await store.transact(lambda session: schedules.sync_zones(session, NOON + MINUTE))
    assert (await row(store)).zone == "America/New_York"


async def test_an_interval_beats_alike_in_a_zone_that_comes_later(store: Store):
    await zoned(store, pi="Europe/Zurich")
    await apply(store, job("1h", timezone="device"))
    await zoned(store, new="America/New_York")
    await store.transact(lambda session: schedules.sync_zones(session, NOON + 30 * MINUTE))
    assert {view.next_at for view in await store.transact(lambda session: schedules.views(session, NOON))} == {
        NOON + HOUR
    }


async def test_any_waits_for_a_device_of_the_zone(store: Store):
    await zoned(store, zh="Europe/Zurich")
    await store.transact(lambda session: devices.enroll(session, ["other"]))
    await apply(store, job("3h", target=Target(Where.ANY), timezone="device"))
    runs_of = {one.run.zone: one.run for one in (await fire(store, NOON + 3 * HOUR)).launched}
    [waiting] = runs_of["Europe/Zurich"].executions
    assert waiting.device is None
    assert waiting.id not in [
        one.id for one in await store.transact(lambda s: launches.assign_waiting(s, "other", NOON, Effects()))
    ]
    assert waiting.id in [
        one.id for one in await store.transact(lambda s: launches.assign_waiting(s, "zh", NOON, Effects()))
    ]


# --- splay ----------------------------------------------------------------------------------------------------------


async def test_a_device_gets_its_command_after_its_delay(store: Store):
    splayed = job("30s", target=Target.custom(["pi-1"]), splay=HOUR)
    await store.transact(lambda session: connect(session, "pi-1"))
    await apply(store, splayed)
    at = NOON + timedelta(seconds=30)
    [launched] = (await fire(store, at)).launched
    assert launched.outgoing == []
    assert splayed.schedule is not None
    first = at + delay(splayed.schedule.splay, "tick", "pi-1")
    assert first > at + MINUTE

    def hello(now: datetime) -> Callable[[Session], list[outbox.Outgoing]]:
        def work(session: Session) -> list[outbox.Outgoing]:
            devices.seen(session, "pi-1", now)
            return [*outbox.due(session, now), *outbox.for_device(session, "pi-1", now)]

        return work

    moment = timedelta(microseconds=1)
    assert await store.transact(hello(first - moment)) == []
    assert await store.transact(hello(at - DAY)) == [], "nor under a clock that was set back"
    assert len(await store.transact(hello(first))) == 2  # once because it is due, once because the device asks


async def test_what_is_made_up_for_is_spread_from_its_launch(store: Store):
    await store.transact(lambda session: connect(session, "pi-1"))
    await apply(store, job("daily at 13:00", splay=HOUR))
    back = NOON + DAY
    assert (await fire(store, back)).launched[0].outgoing == []
    assert await first_sent(store) == [back + delay(HOUR, "tick", "pi-1")]


async def test_batches_wait_for_the_delays_of_their_devices_and_retries_do_not(store: Store):
    await store.transact(lambda session: connect(session, "pi-1", "pi-2"))
    rollout = Rollout.from_mapping({"batches": [1, "100%"]})
    await apply(store, replace(job("30s", splay=HOUR), rollout=rollout, retry=Retry(max=1)))
    at = NOON + timedelta(seconds=30)
    [launched] = (await fire(store, at)).launched
    assert launched.outgoing == []
    first = at + delay(HOUR, "tick", "pi-1")
    assert await first_sent(store) == [first]

    def fail(session: Session) -> None:
        devices.seen(session, "pi-1", first)
        execution, _ = runs.view(session, launched.run.id, first).executions
        executions.record(session, [report(execution, Event.FAIL, 1)], first)
        executions.settle(session, {(execution.id, 1): 0})
        releases.advance(session, [launched.run.id], first)

    def again(session: Session) -> list[outbox.Outgoing]:
        devices.seen(session, "pi-1", first + HOUR)
        return releases.advance(session, [launched.run.id], first + HOUR).outgoing

    await store.transact(fail)
    [retry] = await store.transact(again)
    assert isinstance(retry.message, Execute)
    assert (retry.device, retry.message.attempt) == ("pi-1", 2)


async def test_what_waits_for_its_delay_is_cancelled_at_once(store: Store):
    await store.transact(lambda session: connect(session, "pi-1"))
    await apply(store, job("30s", splay=DAY))
    [launched] = (await fire(store, NOON + timedelta(seconds=30))).launched
    cancelled = await store.transact(lambda session: runs.cancel(session, launched.run.id, None, NOON + MINUTE))
    assert cancelled.run.state is State.CANCELLED
    assert cancelled.effects.outgoing == []


# --- bounds ---------------------------------------------------------------------------------------------------------


async def test_the_newest_firings_are_kept_and_those_that_are_waited_for(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(firings, "KEPT_FIRINGS", 5)
    await apply(store, job("1h"))
    for hour in range(1, 20):
        await fire(store, NOON + hour * HOUR)
    kept = await told(store)
    assert [one.outcome for one in kept] == [LAUNCHED, *[SKIPPED] * 5]
    assert kept[0].at == NOON + HOUR, "its run is not settled"
    assert kept[-1].at == NOON + 19 * HOUR


async def test_a_year_away_is_told_as_far_as_it_is_kept(store: Store):
    await apply(store, job("1m"))
    assert await fired(store, NOON + 365 * DAY) == [NOON + 365 * DAY]
    kept = await told(store, limit=2 * KEPT_FIRINGS)
    assert len(kept) == KEPT_FIRINGS
    assert "older ones" in kept[0].detail


# --- several who look -----------------------------------------------------------------------------------------------


async def test_controllers_that_look_at_once_fire_once(store: Store, url: str):
    others = [store, Store(url), Store(url)]
    await apply(store, *(job("1m", f"job-{number}", overlap=Overlap.ALLOW) for number in range(5)))
    looks = [NOON + minute * MINUTE for minute in range(1, 9)]
    done = await asyncio.gather(*(fire(one, look) for look in looks for one in others))
    launched = [(one.run.job, one.run.scheduled_for) for look in done for one in look.launched]
    assert len(launched) == len(set(launched))
    kept = await store.transact(lambda session: [(row.job, row.at) for row in session.exec(select(Firing))])
    assert sorted(kept) == [(f"job-{number}", look) for number in range(5) for look in looks]
    for one in others[1:]:
        one.close()


async def test_a_claim_that_comes_second_does_nothing(store: Store):
    await apply(store, job("1h"))

    def work(session: Session) -> list[int]:
        seen = session.exec(select(tables.Schedule)).one()
        session.expunge(seen)  # as another controller has read it
        first, second = Fired(), Fired()
        firings._fire(session, session.exec(select(tables.Schedule)).one(), NOON + HOUR, first)
        firings._fire(session, seen, NOON + 2 * HOUR, second)
        return [len(first.launched), len(second.launched)]

    assert await store.transact(work) == [1, 0]
    assert await outcomes(store) == [LAUNCHED]


_names = (f"job-{number}" for number in itertools.count())
_STEPS = st.lists(
    st.one_of(
        st.integers(-600, 7200),  # the clock goes on, or is set back
        st.sampled_from(["look", "other looks", "restart", "apply", "change the script"]),
    ),
    max_size=25,
)


@given(
    misfire=st.sampled_from([{"misfire": Misfire.SKIP}, {"misfire": Misfire.ONCE}, {"misfire": Misfire.ALL}]),
    every=st.sampled_from([60, 420, 3600]),
    steps=_STEPS,
)
@settings(max_examples=25, deadline=None)
def test_nothing_fires_twice_and_nothing_that_should_is_lost(
    shared: str, misfire: dict[str, Misfire], every: int, steps: list[int | str]
):
    """Against plain arithmetic on the fire times of an interval."""
    asyncio.run(_walk(shared, job(f"{every}s", next(_names), overlap=Overlap.ALLOW, **misfire), every, steps))


@pytest.fixture(scope="module")
def shared(new_database: NewDatabase) -> str:
    return new_database()


async def _walk(url: str, declared: Job, every: int, steps: list[int | str]) -> None:
    assert declared.schedule is not None
    callers = [Store(url), Store(url)]
    now, handled = NOON, 0  # of the oracle, seconds after NOON
    expected: list[datetime] = []
    await callers[0].transact(lambda session: devices.enroll(session, ["pi-1"]))
    await apply(callers[0], declared, now=NOON)
    for step in [*steps, "look", "other looks"]:
        if isinstance(step, int):
            now += timedelta(seconds=step)
        elif step == "restart":
            callers[0].close()
            callers[0] = Store(url)
        elif step in ("apply", "change the script"):
            changed = declared if step == "apply" else replace(declared, script=f"exit {len(expected)}")
            await apply(callers[1], changed, now=now)
        else:
            elapsed = int((now - NOON).total_seconds())
            passed = [at for at in range(every, elapsed + 1, every) if at > handled]
            if declared.schedule.misfire is Misfire.SKIP:
                wanted = [at for at in passed if elapsed - at <= 60]
            else:
                wanted = passed[-1:] if declared.schedule.misfire is Misfire.ONCE else passed[-10:]
            handled = max(handled, elapsed) if passed else handled
            expected += [NOON + timedelta(seconds=at) for at in wanted]
            assert len(await fired(callers[step == "other looks"], now)) == len(wanted)
    launched = await callers[1].transact(
        lambda session: list(
            session.exec(
                select(Firing.at)
                .where(Firing.job == declared.name, Firing.outcome == LAUNCHED)
                .order_by(col(Firing.at))
            )
        )
    )
    assert launched == expected
    for one in callers:
        one.close()
