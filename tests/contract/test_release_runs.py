"""Random runs through the database, step by step beside the same run in memory, judged by `decide` alone."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session, select

from runlet.controller import database, devices, executions, launches, outbox, releases
from runlet.controller.tables import Execution, Run
from runlet.model.execution import Event, State
from runlet.model.job import Job
from runlet.model.release import Member, RunPlan, decide
from runlet.model.rollout import Abort, Retry, Rollout
from runlet.model.rollout_state import RolloutState
from runlet.model.target import Target, Where
from runlet.protocol.messages import Report
from tests.contract.conftest import NewDatabase
from tests.contract.operations import NOON, apply, request
from tests.unit.model.test_rollout import aborts, retries, rollouts

STEPS = 30
ENDS = [Event.SUCCEED, Event.SUCCEED, Event.FAIL, Event.TIME_OUT, Event.INTERRUPT, Event.CANCEL]


class Pair:
    """One run twice: in the database, and as members in memory. The same happens to both."""

    def __init__(self, engine: Engine, job: Job, names: list[str], draw: random.Random) -> None:
        self.engine, self.draw, self.now = engine, draw, NOON
        self.connected = {name: draw.random() < 0.7 for name in names}
        with Session(engine) as session, session.begin():
            devices.enroll(session, names)
            for name, there in self.connected.items():
                devices.seen(session, name, self.now, connected=there)
            apply(session, job)
            launched = launches.launch(session, replace(request("all", job.name), target=None), self.now)
            self.run = launched.run.id
        self.plan = RunPlan(str(self.run), job.rollout or Rollout(), job.aborts, job.retry)
        self.members = [
            Member(view.id, view.device, connected=self.connected[view.device or ""])
            for view in launched.run.executions
        ]
        self.state = RolloutState()
        self.judge()
        self.compare()

    def step(self) -> None:
        at = self.draw.randrange(len(self.members))
        member = self.members[at]
        match self.draw.randrange(5):
            case 0:
                self.presence(member)
            case 1:
                self.now += timedelta(minutes=self.draw.randrange(20))
                self.beat()
                with Session(self.engine) as session, session.begin():
                    releases.advance(session, releases.due(session, self.now), self.now)
            case _ if member.released_at and not member.state.is_outcome and member.connected:
                self.end(at)
            case _:
                return
        self.judge()
        self.compare()

    def beat(self) -> None:
        with Session(self.engine) as session, session.begin():
            for name, there in self.connected.items():
                devices.seen(session, name, self.now, connected=there)

    def presence(self, member: Member) -> None:
        assert member.device
        there = not member.connected
        self.connected[member.device] = there
        self.members = [replace(one, connected=there) if one.id == member.id else one for one in self.members]
        with Session(self.engine) as session, session.begin():
            devices.seen(session, member.device, self.now, connected=there)
            concerned = releases.concerned(session, ended=(), settled=(), moved=[member.device])
            releases.advance(session, concerned, self.now)

    def end(self, at: int) -> None:
        member, event = self.members[at], self.draw.choice(ENDS)
        with Session(self.engine) as session, session.begin():
            report = Report(member.id, member.attempt, 1, event, at=0.0)
            [view] = executions.record(session, [(member.device or "", report)], self.now).open
            outbox.answered(session, taken=(), ended=[view.id])
            concerned = releases.concerned(session, ended=[view.id], settled=(), moved=())
            releases.advance(session, concerned, self.now)
        with Session(self.engine) as session, session.begin():
            executions.settle(session, {(member.id, member.attempt): 0})
            concerned = releases.concerned(session, ended=(), settled=[member.id], moved=())
            releases.advance(session, concerned, self.now)
        self.members[at] = replace(member, state=view.state, ended_at=self.now)

    def judge(self) -> None:
        decision = decide(self.plan, self.members, self.now, self.state)
        retry = dict(decision.retry)
        self.members = [one.again(retry[one.id]) if one.id in retry else one for one in self.members]
        for one in decision.release:
            self.change(one, released_at=self.now, retry_at=None)
        rows = self.rows()
        for one in decision.cancel:  # what has left the controller is asked, and what has not is ended
            assert rows[one].cancel_requested or rows[one].state is State.CANCELLED
            self.change(one, state=rows[one].state, cancel_requested=rows[one].cancel_requested)
        self.state = decision.new_state

    def compare(self) -> None:
        rows = self.rows()
        for one in self.members:
            row = rows[one.id]
            assert (row.state, row.attempt, row.released_at) == (one.state, one.attempt, one.released_at)
            assert row.retry_at == (one.retry_at if one.released_at is None else None) or one.state.is_outcome
        with Session(self.engine) as session:
            kept = session.get_one(Run, self.run).rollout_state
        assert kept is not None
        assert RolloutState.from_mapping(kept) == self.state

    def rows(self) -> dict[str, Execution]:
        with Session(self.engine) as session:
            return {row.id: row for row in session.exec(select(Execution).where(Execution.run == self.run))}

    def change(self, execution: str, **changes: object) -> None:
        self.members = [replace(one, **changes) if one.id == execution else one for one in self.members]  # type: ignore[arg-type]


@settings(
    deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    rollouts,
    st.lists(aborts, max_size=1).map(tuple),
    st.none() | retries,
    st.integers(1, 8),
    st.integers(0, 2**32),
)
def test_the_database_does_what_the_judge_decides(
    new_database: NewDatabase,
    rollout: Rollout,
    rules: tuple[Abort, ...],
    retry: Retry | None,
    count: int,
    seed: int,
) -> None:
    engine = database.connect(new_database())
    try:
        job = Job("upgrade", "true", target=Target(Where.ENROLLED), rollout=rollout, aborts=rules, retry=retry)
        pair = Pair(engine, job, [f"d{n}" for n in range(count)], random.Random(seed))
        for _ in range(STEPS):
            pair.step()
    finally:
        engine.dispose()
