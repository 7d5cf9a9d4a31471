"""The worked example of docs/explanation/rollouts.md, computed from the page's own playbook and a story."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from runlet.model.execution import State
from runlet.model.job import Job
from runlet.model.release import Decision, Member, RunPlan, decide
from runlet.model.rollout import ALL_AT_ONCE, UNLIMITED
from runlet.model.rollout_state import RolloutState, approve
from runlet.model.run import progress
from runlet.spec import tree
from tests.docs import pages

PAGE = "docs/explanation/rollouts.md"
S = State


def job() -> Job:
    """The job of the page's example."""
    (text,) = [block.text for block in pages.blocks(pages.read(PAGE)) if block.language == "yaml"]
    with TemporaryDirectory() as folder:
        file = Path(folder, "playbook.yaml")
        file.write_text(text)
        (declared,) = tree.load([file]).jobs
    return declared


class Story:
    """Run 1 of that job, on pi-1 to pi-12."""

    def __init__(self) -> None:
        declared = job()
        self.plan = RunPlan(
            "1", declared.rollout or ALL_AT_ONCE, declared.aborts, declared.retry, declared.concurrency or UNLIMITED
        )
        self.members = {n: Member(f"pi-{n}", f"pi-{n}", connected=n not in (3, 9)) for n in range(1, 13)}
        self.state = RolloutState()
        self.now = datetime(2026, 3, 2, 8, tzinfo=UTC)

    def rows(self) -> Iterator[str]:
        """What happens, row by row, and what is decided then."""
        yield self.row("the run is launched; `pi-3` and `pi-9` are away")
        self.end(1)
        yield self.row("`pi-1` succeeds")
        self.state = approve(self.plan.rollout, self.state)
        yield self.row("a person approves")
        yield self.row("the pause is over", wake=True)
        self.end(2, 4)
        self.end(5, state=S.TIMED_OUT)
        yield self.row("`pi-2` and `pi-4` succeed, `pi-5` times out")
        yield self.row("the retry is due", wake=True)
        self.end(5)
        yield self.row("`pi-5` succeeds")
        self.change(3, connected=True)
        yield self.row("`pi-3` returns")
        yield self.row("the pause is over", wake=True)
        self.change(*range(6, 9), 10, 11, 12, 3, state=S.RUNNING)
        self.end(6, state=S.FAILED)
        yield self.row("all who are there start; `pi-6` fails")
        self.end(7, state=S.FAILED)
        yield self.row("`pi-7` fails")
        self.end(3, 8, 10, 11, 12)
        yield self.row("the others succeed")

    def row(self, happens: str, *, wake: bool = False) -> str:
        if wake:
            assert self.wake is not None
            self.now = self.wake
        decision = decide(self.plan, list(self.members.values()), self.now, self.state)
        self.apply(decision)
        cells = (f"{self.now:%H:%M:%S}", happens, *_words(decision), self.progress())
        self.wake = decision.wake_at
        self.now += timedelta(minutes=1)
        return f"| {' | '.join(cells)} |"

    def apply(self, decision: Decision) -> None:
        by_id = {member.id: n for n, member in self.members.items()}
        for name, at in decision.retry:
            self.members[by_id[name]] = self.members[by_id[name]].again(at)
        self.change(*(by_id[name] for name in decision.release), released_at=self.now)
        self.change(*(by_id[name] for name in decision.cancel), state=S.CANCELLED)
        self.state = decision.new_state

    def end(self, *numbers: int, state: State = S.SUCCEEDED) -> None:
        assert all(self.members[n].released_at for n in numbers), "only what was released can end"
        self.change(*numbers, state=state, ended_at=self.now)

    def change(self, *numbers: int, **fields: object) -> None:
        for n in numbers:
            self.members[n] = replace(self.members[n], **fields)  # type: ignore[arg-type]

    def progress(self) -> str:
        here = [member.state for member in self.members.values() if member.connected]
        return progress(here, [member.state for member in self.members.values() if not member.connected])


def _words(decision: Decision) -> tuple[str, str]:
    released = " ".join(f"`{name}`" for name in decision.release)
    if decision.new_state.aborted_by:
        cancelled = f"cancelled: {' '.join(f'`{name}`' for name in decision.cancel)}" if decision.cancel else ""
        return cancelled, f"aborted: {decision.new_state.aborted_by}"
    waits = decision.waits_for.value if decision.waits_for else ""
    until = f" until {decision.wake_at:%H:%M:%S}" if decision.wake_at else ""
    return released, f"{waits}{until}"


def table() -> str:
    head = ["| at | what happens | released | the rest waits for | progress |", "|---|---|---|---|---|"]
    return "\n".join([*head, *Story().rows()])
