"""Whichever devices are away, come and go, every run ends: there is always what moves it on. Random, without agents."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from runlet.controller import database, devices, executions, launches, outbox, releases
from runlet.controller.tables import Execution, Run
from runlet.errors import Conflict
from runlet.model.delivery import Delivery, Offline
from runlet.model.execution import Event
from runlet.model.job import Job
from runlet.model.rollout import Abort, Concurrency, Retry, Rollout
from runlet.model.target import Target, Where
from runlet.protocol.messages import Report
from runlet.protocol.views import Steering
from tests.contract.conftest import NewDatabase
from tests.contract.operations import NOON, apply, request
from tests.unit.model.test_rollout import aborts

STEPS = 5
# Each step ends an attempt or a pause, or passes a deadline: of 3 devices, 2 runs and 2 attempts each.
MOST_STEPS = 200
ENDS = [Event.SUCCEED, Event.SUCCEED, Event.FAIL, Event.TIME_OUT, Event.INTERRUPT]

# Each keeps devices that are there waiting for others, where it can.
SHAPES = [
    Rollout.from_mapping(content)
    for content in (
        {"batches": [1]},
        {"batches": [1], "mode": "window"},
        {"batches": [2, "50%"], "pause": "60s", "gate": True},
        {"maxParallel": 1},
        {},
    )
]
deliveries = st.sampled_from([Delivery(deliver_within=timedelta(minutes=10)), Delivery(Offline.FAIL)])
limits = st.sampled_from([None, Concurrency(max=1), Concurrency(per_device=1)])


class Walk:
    """Runs of a job on devices that come and go, in the database alone."""

    def __init__(self, engine: Engine, job: Job, names: list[str], draw: random.Random) -> None:
        self.engine, self.draw, self.now = engine, draw, NOON
        self.connected = {name: draw.random() < 0.4 for name in names}
        with Session(engine) as session, session.begin():
            devices.enroll(session, names)
            self.beat(session)
            apply(session, job)
            for _ in range(1 if job.concurrency is None else 2):
                launches.launch(session, replace(request("all", job.name), target=None), self.now)

    def beat(self, session: Session) -> None:
        for name, there in self.connected.items():
            devices.seen(session, name, self.now, connected=there)

    def happen(self) -> None:
        match self.draw.randrange(4):
            case 0 | 1:
                name = self.draw.choice(list(self.connected))
                self.connected[name] = not self.connected[name]
                with Session(self.engine) as session, session.begin():
                    self.beat(session)
                    moved = releases.concerned(session, ended=(), settled=(), moved=[name])
                    releases.advance(session, moved, self.now)
            case 2:
                self.look(timedelta(minutes=self.draw.randrange(15)))
            case _:
                self.end_one()

    def look(self, later: timedelta) -> None:
        """Time passes, and the releaser looks."""
        self.now += later
        with Session(self.engine) as session, session.begin():
            self.beat(session)
            releases.look(session, self.now)

    def open(self) -> list[Execution]:
        with Session(self.engine) as session:
            rows = session.exec(select(Execution).order_by(col(Execution.run), col(Execution.position))).all()
        return [row for row in rows if row.retry_at is not None or not (row.counts_as or row.state.is_outcome)]

    def end_one(self) -> bool:
        """A device that is there tells how a program ended, and that its output is whole."""
        there = [row for row in self.open() if row.released_at and self.connected[row.device or ""]]
        under_way = [row for row in there if not row.state.is_outcome]
        if not under_way:
            return False
        row = self.draw.choice(under_way)
        with Session(self.engine) as session, session.begin():
            report = Report(row.id, row.attempt, 1, self.draw.choice(ENDS), at=0.0)
            executions.record(session, [(row.device or "", report)], self.now)
            outbox.answered(session, taken=(), ended=[row.id])
            ended = releases.concerned(session, ended=[row.id], settled=(), moved=())
            releases.advance(session, ended, self.now)
        with Session(self.engine) as session, session.begin():
            executions.settle(session, {(row.id, row.attempt): 0})
            settled = releases.concerned(session, ended=(), settled=[row.id], moved=())
            releases.advance(session, settled, self.now)
        return True

    def ask_a_person(self) -> bool:
        """Somebody approves or resumes what waits for it."""
        with Session(self.engine) as session, session.begin():
            for run in session.exec(select(Run).where(col(Run.waits_for).in_(["gate", "resume"]))).all():
                for steering in (Steering.RESUME, Steering.APPROVE):
                    try:
                        releases.steer(session, run.id or 0, steering, "a test", self.now)
                    except Conflict:
                        continue
                    return True
        return False

    def end(self) -> None:
        """With nobody coming or going any more, until nothing is open."""
        for _ in range(MOST_STEPS):
            rows = self.open()
            if not rows:
                return
            if self.end_one() or self.ask_a_person():
                continue
            with Session(self.engine) as session:
                due = [at for at in session.exec(select(Run.decide_at)).all() if at is not None]
            due += [row.expires_at for row in rows if row.expires_at is not None]
            assert due, f"nothing will ever end {[(row.run, row.device, row.state, row.released_at) for row in rows]}"
            self.look(max(min(due) - self.now, timedelta(seconds=1)))
        raise AssertionError(f"{len(self.open())} executions are open still")


@settings(
    deadline=None, max_examples=5, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(SHAPES),
    st.lists(aborts, max_size=1).map(tuple),
    st.sampled_from([None, Retry(max=1)]),
    limits,
    deliveries,
    st.integers(2, 3),
    st.integers(0, 2**32),
)
def test_every_run_ends_whoever_is_away(
    new_database: NewDatabase,
    rollout: Rollout,
    rules: tuple[Abort, ...],
    retry: Retry | None,
    concurrency: Concurrency | None,
    delivery: Delivery,
    count: int,
    seed: int,
) -> None:
    engine = database.connect(new_database())
    try:
        job = Job(
            "upgrade",
            "true",
            target=Target(Where.ENROLLED),
            rollout=rollout,
            aborts=rules,
            retry=retry,
            concurrency=concurrency,
            delivery=delivery,
        )
        walk = Walk(engine, job, [f"d-{n}" for n in range(count)], random.Random(seed))
        for _ in range(STEPS):
            walk.happen()
        walk.end()
    finally:
        engine.dispose()
