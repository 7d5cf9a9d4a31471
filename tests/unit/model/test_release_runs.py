"""Random runs, driven by `decide` to their ends, against a plain reading of the rules.

The fleet fails, comes and goes at random. After each event the world recounts everything from its members alone, and
asks: is nobody released whom a limit holds back, and is nobody held back whom no limit holds?
"""

from __future__ import annotations

import random
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from runlet.model.execution import State
from runlet.model.release import Decision, Elsewhere, Member, RunPlan, WaitsFor, decide
from runlet.model.rollout import ALL_AT_ONCE, Action, Failure, Mode
from runlet.model.rollout_state import RolloutState, approve, resume
from runlet.model.run import progress
from tests.unit.model.test_rollout import aborts, concurrencies, retries, rollouts

S = State
START = datetime(2026, 3, 2, 8, tzinfo=UTC)
ENDS = [S.SUCCEEDED] * 5 + [S.FAILED, S.FAILED, S.TIMED_OUT, S.INTERRUPTED, S.REJECTED, S.CANCELLED]
BAD = {S.FAILED, S.TIMED_OUT, S.REJECTED, S.INTERRUPTED}
# More steps than any run of 60 devices with three retries needs once all are back.
MOST_STEPS = 3_000

plans = st.builds(
    RunPlan,
    seed=st.sampled_from("abc"),
    rollout=rollouts,
    aborts=st.lists(aborts, max_size=2).map(tuple),
    retry=st.none() | retries,
    concurrency=concurrencies,
)


class World:
    """A fleet and the store's part in one run. Its checks know the plan and the members, not the judge."""

    def __init__(self, plan: RunPlan, devices: int, seed: int) -> None:
        self.plan = plan
        self.draw = random.Random(seed)
        self.members = [Member(f"e{n}", f"d{n}", connected=self.draw.random() < 0.6) for n in range(devices)]
        self.now = START
        self.state = RolloutState()
        self.elsewhere = Elsewhere()
        self.fired: set[int] = set()
        self.awaited: set[str] = set()  # those whose deadlines go on though they are not released

    def run(self) -> None:
        for _ in range(self.draw.randrange(8 * len(self.members))):
            self.happen()
            self.decide()
        if self.draw.random() < 0.5:  # else who is away stays away
            self.members = [replace(member, connected=True) for member in self.members]
        self.elsewhere = Elsewhere()
        for _ in range(MOST_STEPS):
            decision = self.decide()
            if all(member.state.is_outcome for member in self.members) and not decision.retry:
                return
            self.go_on(decision)
        raise AssertionError("the run does not end")

    def happen(self) -> None:
        """Something: a device comes or goes, a program starts or ends, time passes, another run ends, a person acts."""
        at = self.draw.randrange(len(self.members))
        member = self.members[at]
        under_way = member.released_at is not None and not member.state.is_outcome
        match self.draw.randrange(8):
            case 0:
                self.members[at] = replace(member, connected=not member.connected)
            case 1 | 2 if under_way and member.connected:
                self.members[at] = replace(member, state=self.draw.choice([S.DELIVERED, S.RUNNING, S.AWAITING_INPUT]))
            case 3 | 4 | 5 if under_way and member.connected:
                self.end(at, self.draw.choice(ENDS))
            case 6:
                self.now += timedelta(minutes=self.draw.randrange(30))
                busy = {f"d{self.draw.randrange(len(self.members))}": self.draw.randrange(3)}
                self.elsewhere = Elsewhere(sum(busy.values()), busy)
            case 7:
                self.person()
            case 4 if member.id in self.awaited:
                self.end(at, S.EXPIRED)
            case _:
                pass

    def end(self, at: int, state: State) -> None:
        unanswered = state in BAD and self.draw.random() < 0.2
        self.members[at] = replace(self.members[at], state=state, ended_at=self.now, unanswered=unanswered)

    def person(self) -> None:
        gate = self.plan.rollout.gate
        if self.state.finished_at and gate and self.state.batch not in self.state.approved:
            named = not gate.after or self.state.batch in gate.after
            self.state = approve(self.plan.rollout, self.state) if named else self.state
        if self.state.paused_by and not self.state.aborted_by:
            self.state = resume(self.state)

    def go_on(self, decision: Decision) -> None:
        """Take away what the run says it waits for, or let one of its programs end."""
        under_way = [n for n, one in enumerate(self.members) if one.released_at and not one.state.is_outcome]
        away = [n for n, one in enumerate(self.members) if self.has_deadline(one) and not one.connected]
        if decision.waits_for in (WaitsFor.GATE, WaitsFor.RESUME):
            self.person()
        elif away:
            self.end(self.draw.choice(away), S.EXPIRED)
        elif under_way:
            self.end(self.draw.choice(under_way), self.draw.choice(ENDS))
        else:
            assert decision.wake_at is not None, "nothing is under way, and nothing will wake the run"
            assert decision.wake_at > self.now
            self.now = decision.wake_at

    def has_deadline(self, member: Member) -> bool:
        if member.released_at is None:
            return member.id in self.awaited
        return member.state is S.QUEUED

    def decide(self) -> Decision:
        before = self.members
        decision = decide(self.plan, before, self.now, self.state, self.elsewhere)
        self.apply(decision)
        again = decide(self.plan, self.members, self.now, self.state, self.elsewhere)
        assert again == replace(decision, release=(), retry=(), cancel=(), pause=None), "deciding again does more"
        self.check_attempts()
        self.check_abort(decision)
        self.check_limits(decision)
        self.check_nobody_is_forgotten(decision)
        self.check_awaited(decision)
        self.check_words()
        return decision

    def apply(self, decision: Decision) -> None:
        at = {member.id: n for n, member in enumerate(self.members)}
        self.members = list(self.members)
        for name, instant in decision.retry:
            self.members[at[name]] = self.members[at[name]].again(instant)
        for name in decision.release:
            assert self.members[at[name]].released_at is None, "released twice"
            self.members[at[name]] = replace(self.members[at[name]], released_at=self.now)
        for name in decision.cancel:
            self.members[at[name]] = replace(self.members[at[name]], state=S.CANCELLED, ended_at=self.now)
        self.began = decision.new_state.batch != self.state.batch
        self.state = decision.new_state
        self.awaited = set(decision.awaited)

    # --- the plain reading ---

    def completed(self) -> list[Member]:
        return [one for one in self.members if one.state in BAD | {S.SUCCEEDED}]

    def under_way(self) -> list[Member]:
        """What is or may soon be running: commands that wait for devices which are away are not."""
        is_open = [one for one in self.members if one.released_at is not None and not one.state.is_outcome]
        return [one for one in is_open if one.connected or one.state in (S.RUNNING, S.AWAITING_INPUT)]

    def check_attempts(self) -> None:
        most = 1 + (self.plan.retry.max if self.plan.retry else 0)
        assert all(one.attempt <= most for one in self.members)
        for one in self.members:
            assert one.released_at is None or one.retry_at is None or one.released_at >= one.retry_at

    def check_abort(self, decision: Decision) -> None:
        """Outcomes come one by one, so that a rule which is reached now was not before."""
        completed = self.completed()
        for index, rule in enumerate(self.plan.aborts):
            bad = sum(counts(one, rule.on) for one in completed)
            share = Fraction(100 * bad, max(1, len(completed))) if rule.threshold.percent else bad
            if len(completed) >= (rule.min_executed or 1) and bad and share >= rule.threshold.number:
                self.fired.add(index)
        acted = self.fired if not self.state.aborted_by else set(self.state.fired) & self.fired
        assert set(self.state.fired) == acted
        cancels = any(self.plan.aborts[index].action is Action.CANCEL for index in self.fired)
        assert (self.state.aborted_by is not None) == cancels
        if cancels:
            assert not decision.release
            assert not decision.retry
            assert not [one for one in self.members if one.state in (S.QUEUED, S.DELIVERED)]

    def check_limits(self, decision: Decision) -> None:
        released = [one for one in self.members if one.id in decision.release]
        if not released:
            return
        rollout, limits = self.plan.rollout, self.plan.concurrency
        assert not self.state.paused_by
        under_way = len(self.under_way())
        if any(one.connected for one in released):
            assert rollout.max_parallel is None or under_way <= rollout.max_parallel
            assert limits.max is None or under_way + self.elsewhere.running <= limits.max
        for one in released:
            busy = self.elsewhere.on_device.get(one.device or "", 0)
            assert limits.per_device is None or busy < limits.per_device
        first = [one for one in released if one.attempt == 1 and one.connected]
        sizes = rollout.batches
        amount = sizes[min(self.state.batch, len(sizes)) - 1]
        size = max(1, len(self.members) * amount.number // 100) if amount.percent else amount.number
        if first:
            again = sum(one.connected and one.attempt > 1 and not one.released_at for one in self.open())
            done = len(self.completed()) - self.state.completed_before
            sliding = rollout.mode is Mode.WINDOW and self.state.batch >= len(sizes)
            assert under_way + again + (0 if sliding else done) <= size
        if any(not one.connected for one in released):
            assert not [one for one in self.waiting() if one.connected and one.attempt == 1], "the away ones go last"
        if self.began and self.state.batch > 1 and rollout.gate is not None:
            gated = not rollout.gate.after or self.state.batch - 1 in rollout.gate.after
            assert not gated or self.state.batch - 1 in self.state.approved

    def open(self) -> list[Member]:
        return [one for one in self.members if not one.state.is_outcome]

    def waiting(self) -> list[Member]:
        """Who could be released now, were there room."""
        limit = self.plan.concurrency.per_device
        return [
            one
            for one in self.open()
            if one.released_at is None
            and (one.retry_at is None or one.retry_at <= self.now)
            and (limit is None or self.elsewhere.on_device.get(one.device or "", 0) < limit)
        ]

    def check_nobody_is_forgotten(self, decision: Decision) -> None:
        """A device that is away never blocks: with nothing under way, who is there goes on or waits for a reason."""
        ready = [one for one in self.waiting() if one.connected]
        tried_again = [one for one in self.open() if one.connected and one.attempt > 1]
        if not ready or self.under_way() or tried_again or self.state.paused_by or self.state.aborted_by:
            return
        full = self.plan.concurrency.max is not None and self.elsewhere.running >= self.plan.concurrency.max
        assert full or decision.waits_for in (WaitsFor.GATE, WaitsFor.PAUSE)
        if decision.waits_for is WaitsFor.PAUSE:
            assert decision.wake_at is not None
            assert decision.wake_at > self.now

    def check_awaited(self, decision: Decision) -> None:
        """Deadlines begin for who is away, all at once, and only when nothing else is waited for."""
        awaited = {one.id for one in self.members if one.id in decision.awaited}
        assert all(not one.connected and one.released_at is None for one in self.members if one.id in awaited)
        unreleased = [one for one in self.open() if one.released_at is None]
        full = self.plan.concurrency.max is not None and self.elsewhere.running >= self.plan.concurrency.max
        stopped = self.state.paused_by or self.state.aborted_by or full
        waits_for_others = self.under_way() or len(self.waiting()) < len(unreleased) or self.state.finished_at
        if stopped or waits_for_others or any(one.connected for one in unreleased):
            assert not awaited
        else:
            assert awaited == {one.id for one in unreleased}

    def check_words(self) -> None:
        here = [one.state for one in self.members if one.connected]
        away = [one.state for one in self.members if not one.connected]
        told = progress(here, away)
        assert sum(int(number) for number in re.findall(r"(\d+) ", told)) == len(self.members)


def counts(member: Member, on: Failure) -> bool:
    if on is Failure.ANY:
        return member.state in BAD
    return member.unanswered if on is Failure.UNANSWERED else member.state.value == on.value


@settings(max_examples=150)
@given(plans, st.integers(1, 60), st.integers(0, 2**32))
def test_a_run_keeps_its_limits_forgets_nobody_and_ends(plan: RunPlan, devices: int, seed: int) -> None:
    world = World(plan, devices, seed)
    world.run()
    if not world.state.aborted_by:
        assert all(one.released_at or one.state is S.EXPIRED for one in world.members), "each was released, or expired"


@given(st.integers(1, 60), st.integers(0, 2**32))
def test_without_limits_every_execution_is_released_by_the_first_decision(devices: int, seed: int) -> None:
    world = World(RunPlan("1", ALL_AT_ONCE), devices, seed)
    assert len(world.decide().release) == devices
