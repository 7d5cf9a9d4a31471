"""What runs tell others: noticed once, however many controllers look, and told at least once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from runlet.controller import declarations, notifications
from runlet.controller.notifications import (
    CLAIM_SECONDS,
    GATHER_SECONDS,
    MOST_DEVICES,
    MOST_GATHER_SECONDS,
    RETRY_SECONDS,
    Claimed,
)
from runlet.controller.reach import Reach, networks
from runlet.controller.store import Store
from runlet.errors import Conflict, InvalidDeclarations
from runlet.model.declaration import Submission
from runlet.model.execution import Event, State
from runlet.model.job import Job
from runlet.model.notify import Notify
from runlet.model.prompt import Kind, Prompt
from runlet.model.rollout import Abort, Amount
from runlet.protocol.messages import Report
from tests.contract.conftest import NewDatabase
from tests.contract.operations import NOON
from tests.contract.rollouts import Rolling, job

ASKS = Notify(frozenset({State.AWAITING_INPUT}), webhook="http://a.example/")
ENDS = Notify(frozenset({State.SUCCEEDED, State.FAILED}), command=("tell", "me"))
QUESTION = Prompt("10-a", 10, "Go on?", secret=False, kind=Kind.PROMPT, confidence=0.9, fingerprint="f")


@pytest.fixture
async def rolling(store: Store) -> Rolling:
    return Rolling(store)


async def asked(rolling: Rolling, run: int, *names: str, prompt: Prompt = QUESTION) -> None:
    views = [await rolling.on(run, name) for name in names]
    await rolling.report(
        *(
            (name, Report(view.id, 1, view.version + 1, Event.ASK, 0.0, prompt=prompt))
            for name, view in zip(names, views, strict=True)
        )
    )


async def claimed(rolling: Rolling, *always: Notify, seconds: float = GATHER_SECONDS) -> list[Claimed]:
    rolling.now += timedelta(seconds=seconds)
    await rolling.ask(lambda session: notifications.notice(session, always, rolling.now))
    return await rolling.ask(lambda session: notifications.claim(session, rolling.now))


async def done(rolling: Rolling, told: list[Claimed], failed: list[Claimed]) -> None:
    await rolling.ask(lambda session: notifications.done(session, told, failed, rolling.now))


async def test_a_burst_of_questions_is_one_notification(rolling: Rolling) -> None:
    names = [f"pi-{number:03}" for number in range(200)]
    await rolling.enroll(*names)
    run = await rolling.launch(replace(job("burst"), notify=(ASKS,)))
    await asked(rolling, run, *names[:120])
    assert await claimed(rolling, seconds=GATHER_SECONDS / 2) == []
    await asked(rolling, run, *names[120:197])
    await asked(rolling, run, *names[197:], prompt=replace(QUESTION, text="Replace it?", fingerprint="g"))
    assert await claimed(rolling, seconds=GATHER_SECONDS / 2) == [], "more may be coming"
    (one,) = await claimed(rolling)
    assert one.notify == ASKS
    assert (one.payload["event"], one.payload["run"], one.payload["job"]) == ("awaiting_input", run, "burst")
    assert one.payload["counts"] == {"awaiting_input": 200}
    assert one.payload["questions"] == [
        {"text": "Go on?", "secret": False, "count": 197, "devices": names[:MOST_DEVICES]},
        {"text": "Replace it?", "secret": False, "count": 3, "devices": names[197:]},
    ]
    await done(rolling, [one], [])
    assert await claimed(rolling, seconds=CLAIM_SECONDS) == [], "each question is told once"


async def test_questions_that_keep_coming_are_told_after_a_while(rolling: Rolling) -> None:
    names = [f"pi-{number:02}" for number in range(12)]
    await rolling.enroll(*names)
    run = await rolling.launch(replace(job("drips"), notify=(ASKS,)))
    found: list[Claimed] = []
    for name in names:
        await asked(rolling, run, name)
        found += await claimed(rolling, seconds=MOST_GATHER_SECONDS / 10)
    assert [one.payload["questions"][0]["count"] for one in found] == [10]


async def test_an_end_is_told_once_by_its_state(rolling: Rolling) -> None:
    await rolling.enroll("pi-1", "pi-2")
    run = await rolling.launch(replace(job("ends"), notify=(ENDS, ASKS)))
    await rolling.happen(run, "pi-1", Event.START, Event.SUCCEED)
    assert await claimed(rolling) == []
    await rolling.happen(run, "pi-2", Event.START, Event.FAIL, exit_code=100)
    (one,) = await claimed(rolling)
    assert one.notify == ENDS
    assert one.payload["event"] == "failed"
    assert one.payload["counts"] == {"succeeded": 1, "failed": 1}
    assert one.payload["executions"] == [
        {"device": "pi-2", "state": "failed", "exit_code": 100, "signal": None, "detail": ""}
    ]
    assert one.payload["id"] == one.key


async def test_what_is_configured_is_told_of_every_run(rolling: Rolling) -> None:
    await rolling.enroll("pi-1")
    run = await rolling.launch(job("plain"))
    await rolling.cancel(run)
    await rolling.happen(run, "pi-1", Event.CANCEL)
    always = Notify(frozenset({State.CANCELLED}), webhook="http://b.example/")
    (one,) = await claimed(rolling, always)
    assert (one.notify, one.payload["event"]) == (always, "cancelled")
    other = await rolling.launch(job("plain"))
    await rolling.happen(other, "pi-1", Event.SUCCEED)
    assert await claimed(rolling, always) == []


async def test_who_is_configured_later_is_told_of_nothing_before(rolling: Rolling) -> None:
    await rolling.enroll("pi-1")
    for notify in ((), (ASKS,)):
        run = await rolling.launch(replace(job("earlier"), notify=notify))
        await rolling.happen(run, "pi-1", Event.SUCCEED)
    assert await claimed(rolling) == []
    always = Notify(frozenset({State.SUCCEEDED}), webhook="http://b.example/")
    assert await claimed(rolling, always) == []


async def test_two_controllers_do_not_both_tell(new_database: NewDatabase) -> None:
    url = new_database()
    stores = [Store(url), Store(url)]
    for store in stores:
        await store.open()
    try:
        rolling = Rolling(*stores)
        await rolling.enroll("pi-1")
        run = await rolling.launch(replace(job("both"), notify=(ENDS,)))
        await rolling.happen(run, "pi-1", Event.SUCCEED)
        for _ in range(3):  # one and the other
            await rolling.ask(lambda session: notifications.notice(session, (), rolling.now))
        (one,) = await rolling.ask(lambda session: notifications.claim(session, rolling.now))
        assert await rolling.ask(lambda session: notifications.claim(session, rolling.now)) == []
        rolling.now += timedelta(seconds=CLAIM_SECONDS)  # the first one died
        (again,) = await rolling.ask(lambda session: notifications.claim(session, rolling.now))
        assert (again.key, again.tries) == (one.key, 2)
    finally:
        for store in stores:
            store.close()


async def test_what_fails_is_tried_again_and_given_up(rolling: Rolling) -> None:
    await rolling.enroll("pi-1")
    run = await rolling.launch(replace(job("fails"), notify=(ENDS,)))
    await rolling.happen(run, "pi-1", Event.SUCCEED)
    found = await claimed(rolling)
    for seconds in RETRY_SECONDS:
        assert len(found) == 1
        await done(rolling, [], found)
        assert await claimed(rolling, seconds=seconds - 1) == []
        found = await claimed(rolling, seconds=1)
    assert notifications.is_last(found[0])
    await done(rolling, [], found)
    assert await claimed(rolling, seconds=2 * CLAIM_SECONDS) == []


async def test_a_command_that_the_controller_does_not_start_is_a_mistake_of_the_job(store: Store):
    await refused_but_in(
        store,
        Notify(frozenset({State.FAILED}), command=("mail", "ann")),
        "the controller starts no commands",
        Reach(True),
    )


LOOPBACK_TOO = Reach(networks=networks(["127.0.0.0/8", "::1"]))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "[::1]:8080", "localhost", "a.LOCALHOST"]
)
async def test_a_webhook_to_a_barred_address_is_a_mistake_of_the_job(store: Store, host: str):
    told = Notify(frozenset({State.FAILED}), f"http://{host}/hook")
    await refused_but_in(store, told, "webhooks may not go to .*notify_networks", LOOPBACK_TOO)


async def test_a_webhook_to_the_metadata_of_a_cloud_is_no_loopback(store: Store):
    told = Notify(frozenset({State.FAILED}), "http://[::ffff:169.254.169.254]/latest")
    submission = Submission("tests", "ann", (Job("upgrade", "true", notify=(told,)).declaration(),))
    with pytest.raises(InvalidDeclarations, match="webhooks may not go to ::ffff:"):
        await store.transact(lambda session: declarations.plan(session, submission, NOON, LOOPBACK_TOO))


async def refused_but_in(store: Store, told: Notify, words: str, reach: Reach) -> None:
    """By plan, apply and rollback, with whatever the configuration says but `reach`."""
    named, bare = ((Job("upgrade", "true", notify=notify).declaration(),) for notify in ((told,), ()))
    for work in (declarations.plan, declarations.apply):
        with pytest.raises(InvalidDeclarations, match=words):
            await store.transact(lambda session, work=work: work(session, Submission("tests", "ann", named), NOON))
    await store.transact(lambda session: declarations.apply(session, Submission("tests", "ann", named), NOON, reach))
    await store.transact(lambda session: declarations.apply(session, Submission("tests", "ann", bare), NOON))
    with pytest.raises(Conflict, match=words):
        await store.transact(lambda session: declarations.rollback(session, 1, "ann", NOON))


async def test_a_share_of_one_is_warned_of(store: Store):
    share = Amount(10, percent=True)
    said = (Abort(share, min_executed=5), Abort(share, min_executed=1), Abort(Amount(1)))
    for rule, warned in ((Abort(share), True), *((rule, False) for rule in said)):
        submission = Submission("tests", "ann", (Job("upgrade", "true", aborts=(rule,)).declaration(),))
        plan = await store.transact(lambda session, submission=submission: declarations.plan(session, submission, NOON))
        assert any("say minExecuted" in words for words in plan.outlooks[0].warnings) is warned
