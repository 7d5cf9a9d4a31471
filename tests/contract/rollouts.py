"""A fleet without agents: devices come, go and report, time passes, and the controller's rules judge the runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import cycle
from typing import TypeVar

from sqlmodel import Session

from runlet.controller import deliveries, devices, executions, launches, outbox, releases, runs
from runlet.controller.deliveries import Effects
from runlet.controller.store import Store
from runlet.model.delivery import Delivery
from runlet.model.execution import Event
from runlet.model.job import Job
from runlet.model.rollout import Abort, Concurrency, OnInterrupted, Retry, Rollout
from runlet.model.target import Target, Where
from runlet.protocol.messages import Cancel, Execute, Report, Stored
from runlet.protocol.views import ExecutionView, RunView, Steering
from tests.contract.operations import NOON, apply, request

T = TypeVar("T")


def job(name: str = "upgrade", **content: object) -> Job:
    """A job for the enrolled devices; its rollout rules in playbook spelling."""
    target = content.pop("target", Target(Where.ENROLLED))
    readers = {
        "rollout": Rollout.from_mapping,
        "aborts": lambda rules: tuple(Abort.from_mapping(rule) for rule in rules),
        "retry": Retry.from_mapping,
        "concurrency": Concurrency.from_mapping,
        "delivery": Delivery.from_mapping,
        "on_interrupted": OnInterrupted,
    }
    return Job(name, "true", target=target, **{key: readers[key](value) for key, value in content.items()})  # type: ignore[arg-type]


class Rolling:
    """Each step is one transaction, of one controller after the other: what a run needs is in the database alone."""

    def __init__(self, *stores: Store) -> None:
        self._stores = cycle(stores)
        self.now = NOON
        self.sent: list[Execute] = []
        self.cancels: list[tuple[str, Cancel]] = []
        self.settled: list[tuple[str, Stored]] = []

    async def ask(self, work: Callable[[Session], T]) -> T:
        return await next(self._stores).transact(work)

    async def enroll(self, *names: str, connected: bool = True) -> None:
        await self.ask(lambda session: devices.enroll(session, names) and None)
        if connected:
            await self.come(*names)

    async def launch(self, one: Job, *args: str) -> int:
        def work(session: Session) -> launches.Launched:
            apply(session, one)
            asked = launches.Request(**{**_fields(request("all", one.name, *args)), "target": None})
            return launches.launch(session, asked, self.now)

        launched = await self.ask(work)
        self._take(launched.effects)
        return launched.run.id

    async def come(self, *names: str) -> None:
        await self._presence(names, connected=True)

    async def go(self, *names: str) -> None:
        await self._presence(names, connected=False)

    async def heartbeats(self, *names: str) -> None:
        """Signs of life that change nobody's presence."""
        await self.ask(lambda session: [devices.seen(session, name, self.now) for name in names] and None)

    async def pass_time(self, **time: float) -> None:
        """The clock goes on, and the releaser looks."""
        self.now += timedelta(**time)
        self._take(await self.ask(lambda session: releases.look(session, self.now)))

    async def happen(
        self, run: int, device: str, *events: Event, settle: bool = True, exit_code: int | None = None
    ) -> None:
        """A device reports, and if its program ended the last of its output is stored."""
        view = await self.on(run, device)
        reports = [
            (device, Report(view.id, view.attempt, view.version + more, event, at=0.0, exit_code=exit_code))
            for more, event in enumerate(events, 1)
        ]
        await self.report(*reports)
        if settle and (await self.on(run, device)).state.is_outcome:
            await self.settle(view)

    async def report(self, *reports: tuple[str, Report]) -> None:
        def work(session: Session) -> tuple[executions.Recorded, Effects]:
            recorded = executions.record(session, reports, self.now)
            ended = [view.id for view in recorded.open if view.state.is_outcome]
            taken = [view.id for view in recorded.open]
            deliveries.spare(session, recorded.open)
            outbox.answered(session, taken=taken, ended=ended)
            concerned = releases.concerned(session, ended=ended, settled=(), moved=())
            return recorded, releases.advance(session, concerned, self.now)

        recorded, effects = await self.ask(work)
        self.settled += recorded.settled
        self._take(effects)

    async def settle(self, view: ExecutionView) -> None:
        def work(session: Session) -> Effects:
            executions.settle(session, {(view.id, view.attempt): 0})
            concerned = releases.concerned(session, ended=(), settled=[view.id], moved=())
            return releases.advance(session, concerned, self.now)

        self._take(await self.ask(work))

    async def steer(self, run: int, action: Steering, reason: str = "a test") -> None:
        self._take(await self.ask(lambda session: releases.steer(session, run, action, reason, self.now)))

    async def cancel(self, run: int, *names: str) -> None:
        cancelled = await self.ask(lambda session: runs.cancel(session, run, names or None, self.now))
        self._take(cancelled.effects)

    async def hello(self, device: str) -> list[Execute | Cancel]:
        """A device connects: the commands that precede its Welcome."""
        await self.come(device)
        sent = await self.ask(lambda session: outbox.for_device(session, device, self.now))
        return [one.message for one in sent]

    async def view(self, run: int) -> RunView:
        return await self.ask(lambda session: runs.view(session, run, self.now))

    async def on(self, run: int, device: str) -> ExecutionView:
        return await self.ask(lambda session: runs.on_device(session, run, device))

    async def released(self, run: int) -> list[str | None]:
        """The devices whose command may leave now."""
        return [one.device for one in (await self.view(run)).executions if one.released_at is not None]

    async def states(self, run: int) -> dict[str, str]:
        return {str(one.device): one.state.value for one in (await self.view(run)).executions}

    async def _presence(self, names: tuple[str, ...], *, connected: bool) -> None:
        def work(session: Session) -> Effects:
            moved, effects = [], Effects()
            for name in names:
                before = devices.is_reachable(session, name, self.now)
                devices.seen(session, name, self.now, connected=connected)
                if connected:
                    launches.assign_waiting(session, name, self.now, effects)
                moved += [name] if before != connected else []
            concerned = releases.concerned(session, ended=(), settled=(), moved=moved)
            effects.add(releases.advance(session, concerned, self.now))
            return effects

        self._take(await self.ask(work))

    def _take(self, effects: Effects) -> None:
        for one in effects.outgoing:
            if isinstance(one.message, Execute):
                self.sent.append(one.message)
            else:
                self.cancels.append((one.device, one.message))


def _fields(asked: launches.Request) -> dict[str, object]:
    return {name: getattr(asked, name) for name in asked.__dataclass_fields__}
