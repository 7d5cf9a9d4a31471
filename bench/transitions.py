"""How many transitions a second the controller records: reports as the broker delivers them, to the last commit.

The whole way but the broker itself: decoding, judging, the transaction, streams and consoles, acknowledging. Each
execution is accepted, starts and succeeds, and is then settled, which is a write more and not counted.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from sqlmodel import Session

from bench import records
from bench.figures import Figure, spread
from runlet.amqp.consumer import Consumer, Delivery
from runlet.amqp.publisher import Publisher
from runlet.controller import devices, launches, runs
from runlet.controller.app import EVENT_PREFETCH
from runlet.controller.collector import Collector
from runlet.controller.dispatcher import Dispatcher
from runlet.controller.hub import Hub
from runlet.controller.releaser import Releaser
from runlet.controller.store import Store
from runlet.controller.streams import Streams
from runlet.controller.telling import Telling
from runlet.controller.topology import for_workspace
from runlet.controller.transcripts import Transcripts
from runlet.controller.wall_clock import WallClock
from runlet.model.execution import Event, State
from runlet.model.target import Target
from runlet.protocol import names
from runlet.protocol.messages import Report, TerminalSize, encode
from runlet.protocol.views import RunView

ROUNDS = 5
DEVICES = 1000
HOLD = 5000.0  # a second, on SQLite, as batches

# What the broker would be asked to carry has nobody to take it here.
_NO_BROKER = ["amqp://127.0.0.1:9/"]
_WORKSPACE = "bench"
_EVENTS = (Event.ACCEPT, Event.START, Event.SUCCEED)
# A commit each takes a flush of the disk each: fewer of them tell as much.
_DEVICES_ONE_BY_ONE = 50


def figures() -> Iterator[Figure]:
    for name, database in records.BOTH.items():
        for prefetch, batched in ((EVENT_PREFETCH, "as the controller does"), (1, "a commit for each")):
            with database() as url:
                rates = asyncio.run(_rates(url, prefetch))
            yield Figure(
                f"transitions recorded, {name}, {batched}",
                statistics.median(rates),
                "a second",
                samples=ROUNDS,
                spread=spread(rates),
                goal=HOLD if name == "SQLite" and prefetch > 1 else None,
                more_is_better=True,
            )


async def _rates(url: str, prefetch: int) -> list[float]:
    chosen = [f"dev-{number:04}" for number in range(DEVICES if prefetch > 1 else _DEVICES_ONE_BY_ONE)]
    with tempfile.TemporaryDirectory(prefix="runlet-bench-") as folder:
        store, transcripts = Store(url), Transcripts(Path(folder))
        publisher = Publisher(_NO_BROKER, "bench", names.exchange(_WORKSPACE))
        consumer = Consumer(_NO_BROKER, "bench", for_workspace(_WORKSPACE, "bench", []))
        dispatcher = Dispatcher(store, publisher, consumer, _WORKSPACE, "test")
        streams, hub = Streams(transcripts, dispatcher.tell), Hub(dispatcher.tell, Telling(publisher))
        collector = Collector(
            store, transcripts, dispatcher, streams, hub, Releaser(store, dispatcher, hub, WallClock(None))
        )
        streams.on_complete = collector.on_complete
        await store.open()
        await store.transact(lambda session: _connect(session, chosen))
        collecting = asyncio.create_task(collector.run())
        rates = [await _rate(store, streams, collector, prefetch) for _ in range(1 + ROUNDS)]
        collecting.cancel()
        await asyncio.gather(collecting, return_exceptions=True)
        store.close()
    return rates[1:]  # the first was for warmth


def _connect(session: Session, chosen: list[str]) -> None:
    devices.enroll(session, chosen)
    for name in chosen:
        devices.seen(session, name, datetime.now(UTC))


async def _rate(store: Store, streams: Streams, collector: Collector, prefetch: int) -> float:
    """Transitions a second of one run on all devices, `prefetch` deliveries unacknowledged at most."""
    request = launches.Request(None, ("true",), (), Target.parse("all"), None, TerminalSize(), "xterm")
    run = (await store.transact(lambda session: launches.launch(session, request, datetime.now(UTC)))).run
    for view in run.executions:
        assert view.device
        streams.open(view.id, view.attempt, view.device, view.output_limit)
    waiting = deque(_reports(run))
    count, acknowledged, done = len(waiting), 0, asyncio.Event()

    def deliver() -> None:
        key, body = waiting.popleft()
        collector.on_delivery(Delivery(key, body, on_ack))

    def on_ack() -> None:
        nonlocal acknowledged
        acknowledged += 1
        if waiting:
            deliver()
        if acknowledged == count:
            done.set()

    begin = time.perf_counter()
    for _ in range(min(prefetch, count)):
        deliver()
    await done.wait()
    elapsed = time.perf_counter() - begin
    [summary] = await store.transact(lambda session: runs.summaries(session, 1, datetime.now(UTC)))
    assert summary.counts == {State.SUCCEEDED: len(run.executions)}
    return count / elapsed


def _reports(run: RunView) -> Iterator[tuple[str, bytes]]:
    """Every report of the run's life, all devices in turn, as their agents write them."""
    for version, event in enumerate(_EVENTS, 1):
        for view in run.executions:
            assert view.device
            ended = {"exit_code": 0, "seconds": 0.01} if event is Event.SUCCEED else {}
            report = Report(view.id, view.attempt, version, event, time.time(), **ended)  # type: ignore[arg-type]
            yield names.key(view.device, names.EVENT), encode(report)
