"""The controller's operations, shortened for tests: a run is launched, reported on, looked at."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlmodel import Session

from runlet.controller import declarations, devices, executions, launches, runs
from runlet.controller.reach import LOOPBACK, Reach
from runlet.controller.store import Store
from runlet.model.declaration import Change, Submission
from runlet.model.execution import Event
from runlet.model.job import Job
from runlet.model.target import Target
from runlet.protocol.messages import Hello, Report, TerminalSize
from runlet.protocol.views import ExecutionView, RunView

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def request(target: str = "all", job: str | None = None, *args: str) -> launches.Request:
    command = None if job else ("true",)
    return launches.Request(job, command, args, Target.parse(target), None, TerminalSize(80, 24), "xterm")


def apply(session: Session, *jobs: Job, source: str = "tests") -> list[Change]:
    """Declare jobs."""
    submission = Submission(source, "tests", tuple(job.declaration() for job in jobs))
    return list(declarations.apply(session, submission, NOON, Reach(commands=True, networks=LOOPBACK)).changes)


def connect(session: Session, *names: str) -> None:
    devices.enroll(session, names)
    for name in names:
        assert devices.seen(session, name, NOON, hello=Hello("hello", "0.1.0"))


async def launched(store: Store, *names: str, target: str = "all") -> RunView:
    """A run on these devices, all of them connected."""

    def work(session: Session) -> RunView:
        connect(session, *names)
        return launches.launch(session, request(target), NOON).run

    return await store.transact(work)


def report(view: ExecutionView, event: Event, version: int, **more: object) -> tuple[str, Report]:
    assert view.device
    return view.device, Report(view.id, view.attempt, version, event, at=0.0, **more)  # type: ignore[arg-type]


async def record(store: Store, *reports: tuple[str, Report], now: datetime = NOON) -> executions.Recorded:
    return await store.transact(lambda session: executions.record(session, reports, now))


async def shown(store: Store, run: RunView, now: datetime = NOON) -> RunView:
    return await store.transact(lambda session: runs.view(session, run.id, now))
