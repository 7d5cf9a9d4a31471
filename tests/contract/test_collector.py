"""The collector without a broker: what it makes of deliveries when answers were lost on the way."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlmodel import Session, col

from runlet.amqp.consumer import Consumer, Delivery
from runlet.amqp.publisher import Publisher
from runlet.controller import answers, devices, outbox
from runlet.controller.collector import Collector
from runlet.controller.dispatcher import Dispatcher
from runlet.controller.hub import Hub
from runlet.controller.questions import Questions
from runlet.controller.releaser import Releaser
from runlet.controller.store import Store
from runlet.controller.streams import Streams
from runlet.controller.tables import Execution
from runlet.controller.telling import Telling
from runlet.controller.topology import for_workspace
from runlet.controller.transcripts import Transcripts
from runlet.model.answer import Origin, Result
from runlet.model.execution import Event, State
from runlet.model.prompt import Kind, Prompt
from runlet.protocol import names
from runlet.protocol.chunk import Chunk
from runlet.protocol.messages import Answer, Answered, Goodbye, Heartbeat, Hello, Message, encode
from runlet.protocol.views import RunView
from tests.contract.operations import NOON, launched, record, report, shown
from tests.harness import PATIENCE_SECONDS

# Nobody listens there: what is published is dropped or stays in the outbox.
NO_BROKER = ["amqp://127.0.0.1:9/"]


class Collecting:
    """A collector that works, and the streams it tells."""

    def __init__(self, store: Store, folder: Path) -> None:
        publisher = Publisher(NO_BROKER, "test", names.exchange("default"))
        consumer = Consumer(NO_BROKER, "test", for_workspace("default", "test", []))
        dispatcher = Dispatcher(store, publisher, consumer, "default", "test")
        self.store, self.dispatcher = store, dispatcher
        self.transcripts = Transcripts(folder)
        self.streams = Streams(self.transcripts, dispatcher.tell)
        hub = Hub(dispatcher.tell, Telling(publisher), Questions())
        releaser = Releaser(store, dispatcher, hub, store.clock)
        self.collector = Collector(store, self.transcripts, dispatcher, self.streams, hub, releaser)
        self.streams.on_complete, self.streams.on_unknown = self.collector.on_complete, self.collector.on_unknown

    async def deliver(self, messages: Iterable[tuple[str, Message]]) -> None:
        """As one batch; returns when all are acknowledged."""
        acknowledged = []
        for device, one in messages:
            done = asyncio.Event()
            acknowledged.append(done)
            self.collector.on_delivery(Delivery(names.key(device, names.EVENT), encode(one), done.set))
        async with asyncio.timeout(PATIENCE_SECONDS):
            for done in acknowledged:
                await done.wait()

    def print(self, run: RunView, data: bytes) -> None:
        """The bytes arrive as the first execution's output."""
        [view, *_] = run.executions
        body = Chunk(view.id, view.attempt, 0, data).encode()
        self.streams.on_delivery(Delivery(names.key(view.device or "", names.OUTPUT), body, lambda: None))

    async def settled(self, but: int = 0) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self.store.transact(_unsettled) > but:
                pass  # asking takes the time that the collector needs


def _unsettled(session: Session) -> int:
    return session.scalar(select(func.count()).where(col(Execution.settled).is_(False))) or 0


@pytest.fixture
async def collecting(store: Store, tmp_path: Path) -> AsyncIterator[Collecting]:
    made = Collecting(store, tmp_path / "transcripts")
    tasks = [asyncio.create_task(work) for work in (made.collector.run(), made.dispatcher.run())]
    yield made
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_an_execution_whose_launch_was_committed_unheard_is_followed_to_its_end(
    store: Store, collecting: Collecting
):
    """The launch was told to have failed, so nobody opened the stream; its command went out with a later sweep."""
    run = await launched(store, "pi-1")
    [view] = run.executions
    await collecting.deliver([report(view, Event.START, 1)])
    collecting.print(run, b"hello")
    await collecting.deliver([report(view, Event.SUCCEED, 2, output_length=5)])
    await collecting.settled()
    assert collecting.transcripts.read(view.id, view.attempt, 0, 100) == (0, b"hello")


async def test_an_outcome_whose_commit_was_not_confirmed_is_settled_all_the_same(store: Store, collecting: Collecting):
    """The connection was lost after the commit: done again, the same reports change nothing in the database."""
    run = await launched(store, "pi-1")
    ended = report(run.executions[0], Event.SUCCEED, 1)
    await record(store, ended)
    await collecting.deliver([ended])
    await collecting.settled()


async def test_a_transcript_that_cannot_be_synced_is_settled_later_and_keeps_nothing_else_waiting(
    store: Store, collecting: Collecting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("runlet.controller.collector.SYNC_AGAIN_SECONDS", 0.05)
    run = await launched(store, "pi-1", "pi-2")
    first, second = run.executions
    await collecting.deliver([report(first, Event.START, 1)])
    collecting.print(run, b"hello")
    tail = tmp_path / "transcripts" / first.id[:2] / f"{first.id}.1.tail"
    tail.touch()  # a file where a folder is: every look at it fails
    await collecting.deliver([report(first, Event.SUCCEED, 2, output_length=5), report(second, Event.SUCCEED, 1)])
    await collecting.settled(but=1)
    assert "Not a directory" in collecting.transcripts.failure
    tail.unlink()
    await collecting.settled()
    assert collecting.transcripts.read(first.id, 1, 0, 100) == (0, b"hello")


async def test_a_stream_whose_transcript_cannot_be_used_is_opened_when_its_outcome_is_told_again(
    store: Store, collecting: Collecting, tmp_path: Path
):
    run = await launched(store, "pi-1")
    [view] = run.executions
    folder = tmp_path / "transcripts" / view.id[:2]
    folder.touch()
    await collecting.deliver([report(view, Event.START, 1)])
    ended = report(view, Event.SUCCEED, 2, output_length=5)
    await collecting.deliver([ended])
    folder.unlink()
    await collecting.deliver([ended])
    collecting.print(run, b"hello")
    await collecting.settled()
    assert collecting.transcripts.read(view.id, 1, 0, 100) == (0, b"hello")


async def test_a_late_report_does_not_answer_a_command_that_was_not_taken(store: Store, collecting: Collecting):
    run = await launched(store, "pi-1", "pi-2")
    first, second = run.executions
    await collecting.deliver([report(first, Event.ACCEPT, 0), report(second, Event.ACCEPT, 1)])
    states = {view.device: view.state for view in (await shown(store, run)).executions}
    assert states == {"pi-1": State.QUEUED, "pi-2": State.DELIVERED}


async def test_a_thousand_reports_are_one_batch_and_none_is_lost(store: Store, collecting: Collecting):
    run = await launched(store, *(f"dev-{number:03}" for number in range(250)))
    events = [Event.ACCEPT, Event.START, Event.ASK, Event.SUCCEED]
    await collecting.deliver([report(view, event, at) for at, event in enumerate(events, 1) for view in run.executions])
    view = await shown(store, run)
    assert {(one.state, one.version) for one in view.executions} == {(State.SUCCEEDED, 4)}
    await collecting.settled()


async def test_a_device_that_came_and_left_in_one_batch_is_away(store: Store, collecting: Collecting):
    await launched(store, "pi-1", "pi-2")
    await collecting.deliver(
        [("pi-1", Hello("a", "1")), ("pi-1", Goodbye()), ("pi-2", Goodbye()), ("pi-2", Hello("b", "1"))]
    )
    now = datetime.now(UTC)
    connected = await store.transact(lambda session: devices.connected(session, now))
    assert (connected["pi-1"], connected["pi-2"]) == (False, True)


async def test_an_answer_whose_message_was_lost_is_known_by_the_next_report(store: Store, collecting: Collecting):
    run = await launched(store, "pi-1")
    [view] = run.executions
    prompt = Prompt("8-abc", 8, "Go on?", secret=False, kind=Kind.PROMPT, confidence=0.9, fingerprint="abc")
    one = Answer(str(uuid.uuid4()), view.id, 1, prompt.id, "eQ0=", sealed=False, by="ann")
    await collecting.deliver([report(view, Event.ASK, 3, prompt=prompt)])
    await store.transact(lambda session: answers.give(session, [one], datetime.now(UTC)))
    told = Answered(one.id, view.id, 1, prompt.id, Result.TAKEN, Origin.OPERATOR, "ann", 0.0, prompt, "y")
    decided: list[str] = []
    collecting.collector.on_answered = decided.extend
    await collecting.deliver([report(view, Event.RESUME, 4, answered=told)])
    assert decided == [one.id]
    await collecting.deliver([report(view, Event.SUCCEED, 5, answered=told), ("pi-1", told)])
    kept = await store.transact(lambda session: answers.of_run(session, run.id, 10))
    assert [(answer.id, answer.result) for answer in kept] == [(one.id, Result.TAKEN)]
    assert decided == [one.id], "told again, it is no news"


async def test_a_command_that_has_just_left_is_not_repeated_for_the_time_that_it_waited_here(
    store: Store, collecting: Collecting
):
    run = await launched(store, "pi-1", "pi-2")
    first, second = run.executions
    late = NOON + timedelta(seconds=6)
    due = await store.transact(lambda session: outbox.due(session, late, {first.id}))
    assert [one.message.execution for one in due] == [second.id]
    due = await store.transact(lambda session: outbox.due(session, late))
    assert [one.message.execution for one in due] == [first.id], "it was not counted as sent"


async def test_heartbeats_of_many_devices_are_recorded_together(store: Store, collecting: Collecting):
    names_ = [f"dev-{number:04}" for number in range(2500)]
    await store.transact(lambda session: devices.enroll(session, names_))
    await collecting.deliver([(name, Heartbeat()) for name in names_] + [("stranger", Heartbeat())])
    connected = await store.transact(lambda session: devices.connected(session, datetime.now(UTC)))
    assert connected == dict.fromkeys(names_, True)
    await collecting.deliver([("dev-0001", Heartbeat()), ("dev-0001", Goodbye()), ("dev-0002", Heartbeat())])
    connected = await store.transact(lambda session: devices.connected(session, datetime.now(UTC)))
    assert (connected["dev-0001"], connected["dev-0002"]) == (False, True)
