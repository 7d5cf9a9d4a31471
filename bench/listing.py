"""How long a page of a long history takes: from the request to the controller's application to the answer's last byte.

The history: 1,000 runs on 1,000 devices each, then 1,000,000 runs on one device each; 2,000,000 executions. Every
page is asked of the application itself, without a socket between.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
from sqlalchemy import text

from bench import records
from bench.figures import Figure, spread, tell
from runlet.amqp.consumer import Consumer
from runlet.amqp.publisher import Publisher
from runlet.controller import api, database
from runlet.controller.attach import Attaching
from runlet.controller.dispatcher import Dispatcher
from runlet.controller.health import Vitals
from runlet.controller.hub import Hub
from runlet.controller.releaser import Releaser
from runlet.controller.scheduler import Scheduler
from runlet.controller.store import Store
from runlet.controller.streams import Streams
from runlet.controller.telling import Telling
from runlet.controller.topology import for_workspace
from runlet.controller.transcripts import Transcripts
from runlet.controller.wall_clock import WallClock
from runlet.protocol import names

PAGES = 50
WIDE_RUNS, DEVICES, NARROW_RUNS = 1000, 1000, 1_000_000
HOLD = 50.0  # milliseconds

_NO_BROKER = ["amqp://127.0.0.1:9/"]
_WORKSPACE = "bench"
# An id as long, and as far from its neighbours, as a UUID.
_ID = {"sqlite": "lower(hex(randomblob(18)))", "postgresql": "CAST(gen_random_uuid() AS text)"}

# Each page: what it is, and a random address of such a one.
_PAGES: dict[str, Callable[[], str]] = {
    "100 runs, on a device each": lambda: (
        f"/v1/runs?limit=100&before={random.randint(WIDE_RUNS + 101, WIDE_RUNS + NARROW_RUNS)}"
    ),
    "100 runs, on 1,000 devices each": lambda: f"/v1/runs?limit=100&before={random.randint(101, WIDE_RUNS)}",
    "100 executions of a run": lambda: _executions(100),
    "1,000 executions of a run": lambda: _executions(1000),
    "100 executions in one state": lambda: f"{_executions(100)}&state=failed",
}


def figures() -> Iterator[Figure]:
    for name, empty in records.BOTH.items():
        with empty() as url:
            tell(f"writing {WIDE_RUNS * DEVICES + NARROW_RUNS:,} executions into {name}")
            _fill(url)
            for page, seconds in asyncio.run(_measure(url)).items():
                yield Figure(
                    f"page of {page}, {name}",
                    statistics.median(seconds) * 1000,
                    "ms",
                    samples=PAGES,
                    spread=tuple(value * 1000 for value in spread(seconds)),  # type: ignore[arg-type]
                    goal=HOLD,
                )


def _executions(limit: int) -> str:
    after = random.randint(1000, 1000 + DEVICES - limit)
    return f"/v1/runs/{random.randint(1, WIDE_RUNS)}/executions?limit={limit}&after=dev-{after}"


def _fill(url: str) -> None:
    engine = database.connect(url)
    new_id = _ID[engine.dialect.name]
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
    execution = (
        "INSERT INTO execution (id, run, device, attempt, state, version, exit_code, detail, cancel_requested, "
        "queued_at, started_at, ended_at, seconds, output_length, settled) "
    )
    # Nine of ten succeeded.
    ended = (
        "CASE WHEN (run.id + device.rowno) % 10 = 0 THEN 'failed' ELSE 'succeeded' END, 3, 0, '', false, "
        "run.created_at, run.created_at, run.created_at, 1.5, 1000, true"
    )
    devices = "(SELECT name, row_number() OVER (ORDER BY name) AS rowno FROM device) AS device"
    statements = [
        numbers.format(DEVICES) + "INSERT INTO device (name, connected) SELECT 'dev-' || (999 + i), true FROM n",
        numbers.format(WIDE_RUNS + NARROW_RUNS)
        + 'INSERT INTO run (id, job, revision, script, args, "where", where_custom, barred, show_duration, columns, '
        "rows, term, created_at) SELECT i, 'job-' || (i % 50), 'ab', 'echo hello', '[\"x\"]', 'all', '[]', '[]', "
        "false, 80, 24, 'xterm', '2026-03-01 12:00:00.000000' FROM n",
        f"{execution} SELECT {new_id}, run.id, device.name, 1, {ended} FROM run, {devices} WHERE run.id <= {WIDE_RUNS}",
        f"{execution} SELECT {new_id}, run.id, device.name, 1, {ended} FROM run JOIN {devices} "
        f"ON device.rowno = 1 + run.id % {DEVICES} WHERE run.id > {WIDE_RUNS}",
    ]
    with engine.begin() as connection:
        if engine.dialect.name == database.POSTGRESQL:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
        for statement in statements:
            connection.execute(text(statement))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == database.POSTGRESQL:
            connection.execute(text("SET statement_timeout = 0"))
            connection.execute(text("VACUUM ANALYZE"))  # which a server does by itself after so many rows
    engine.dispose()


async def _measure(url: str) -> dict[str, list[float]]:
    with tempfile.TemporaryDirectory(prefix="runlet-bench-") as folder:
        store, transcripts = Store(url), Transcripts(Path(folder))
        await store.open()
        publisher = Publisher(_NO_BROKER, "bench", names.exchange(_WORKSPACE))
        consumer = Consumer(_NO_BROKER, "bench", for_workspace(_WORKSPACE, "bench", []))
        dispatcher = Dispatcher(store, publisher, consumer, _WORKSPACE, "test")
        streams, hub = Streams(transcripts, dispatcher.tell), Hub(dispatcher.tell, Telling(publisher))
        attaching = Attaching(store, hub, streams, transcripts, dispatcher)
        vitals = Vitals(store, publisher, consumer)
        clock = WallClock(None)
        releaser = Releaser(store, dispatcher, hub, clock)
        application = api.build(
            store, releaser, Scheduler(store, releaser, clock), False, streams, transcripts, attaching, vitals
        )
        seconds: dict[str, list[float]] = {name: [] for name in _PAGES}
        transport = httpx2.ASGITransport(app=application)
        async with httpx2.AsyncClient(transport=transport, base_url="http://bench") as client:
            for number in range(PAGES + 1):  # in turn, so that all see the same moods of the machine
                for name, address in _PAGES.items():
                    begin = time.perf_counter()
                    answer = await client.get(address())
                    elapsed = time.perf_counter() - begin
                    assert answer.status_code == 200, answer.text
                    if number:  # the first is for warmth
                        seconds[name].append(elapsed)
        store.close()
    return seconds
