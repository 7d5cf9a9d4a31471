"""Each rule of runlet.model.release by one small run. `Run` plays the store: it applies what was decided."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from runlet.errors import Conflict
from runlet.model.execution import State
from runlet.model.release import Decision, Elsewhere, Member, RunPlan, WaitsFor, decide
from runlet.model.rollout import (
    MOST_RERUNS,
    Abort,
    Action,
    Amount,
    Concurrency,
    Delays,
    Failure,
    Gate,
    Mode,
    OnInterrupted,
    Order,
    Retry,
    Rollout,
)
from runlet.model.rollout_state import RolloutState, approve, pause, resume

S = State
START = datetime(2026, 3, 2, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Run:
    """A run on devices called a, b, c and so on; those in capitals are away at first."""

    def __init__(self, devices: str, **plan: object) -> None:
        self.plan = RunPlan("7", **plan)  # type: ignore[arg-type]
        self.members = {d: Member(d.lower(), d.lower(), connected=d.islower()) for d in devices}
        self.members = {member.id: member for member in self.members.values()}
        self.state = RolloutState()
        self.now = START
        self.elsewhere = Elsewhere()

    def decide(self) -> Decision:
        decision = decide(self.plan, list(self.members.values()), self.now, self.state, self.elsewhere)
        self.apply(decision)
        again = decide(self.plan, list(self.members.values()), self.now, self.state, self.elsewhere)
        assert again == replace(decision, release=(), retry=(), cancel=(), pause=None), "deciding again does more"
        assert RolloutState.from_mapping(json.loads(json.dumps(self.state.to_mapping()))) == self.state
        return decision

    def apply(self, decision: Decision) -> None:
        for name, at in decision.retry:
            self.members[name] = self.members[name].again(at)
        for name in decision.release:
            assert self.members[name].state is State.QUEUED
            self.change(name, released_at=self.now)
        for name in decision.cancel:
            sent = self.members[name].released_at is not None
            self.change(name, **({"cancel_requested": True} if sent else {"state": S.CANCELLED, "ended_at": self.now}))
        self.state = decision.new_state

    def change(self, names: str, **fields: object) -> None:
        for name in names:
            self.members[name] = replace(self.members[name], **fields)  # type: ignore[arg-type]

    def end(self, names: str, state: State = S.SUCCEEDED, **fields: object) -> None:
        self.change(names, state=state, ended_at=self.now, **fields)

    def released(self) -> str:
        return "".join(self.decide().release)


def batches(*amounts: int | str, **fields: object) -> Rollout:
    return Rollout(tuple(Amount.parse(amount) for amount in amounts), **fields)  # type: ignore[arg-type]


def test_without_rollout_everything_is_released_at_once_and_commands_wait_for_who_is_away() -> None:
    run = Run("aBcD")
    assert sorted(run.released()) == list("abcd")
    assert run.decide().waits_for is None


def test_a_batch_begins_when_the_one_before_has_finished() -> None:
    run = Run("abcdef", rollout=batches(1, 2))
    assert run.released() == "a"
    run.change("a", state=S.RUNNING)
    assert run.decide().waits_for is WaitsFor.BATCH
    run.end("a")
    assert run.released() == "bc"
    run.end("b")
    assert run.released() == ""
    run.end("c", S.FAILED)
    assert run.released() == "de"
    run.end("de")
    assert run.released() == "f"


def test_the_first_batch_is_a_device_that_is_there() -> None:
    run = Run("ABcd", rollout=batches(1, "100%"))
    assert run.released() == "c"


def test_when_nobody_is_there_the_first_to_return_is_the_first_batch() -> None:
    run = Run("ABC", rollout=batches(1, "100%"))
    assert run.decide().waits_for is WaitsFor.DEVICE
    run.change("b", connected=True)
    assert run.released() == "b"
    run.change("c", connected=True)
    assert run.released() == ""
    run.end("b")
    assert sorted(run.released()) == list("ac")


def test_a_device_that_returns_takes_a_free_place_of_the_present_batch() -> None:
    run = Run("aBCDE", rollout=batches(2))
    assert run.released() == "a"
    run.change("d", connected=True)
    assert run.released() == "d"
    run.change("c", connected=True)
    assert run.released() == ""


def test_a_batch_that_nobody_fills_up_is_finished_without_who_is_away() -> None:
    run = Run("aBCDE", rollout=batches(2, gate=Gate((1,))))
    run.decide()
    run.end("a")
    assert run.decide().waits_for is WaitsFor.GATE


def test_who_goes_away_before_it_started_gives_its_place_to_the_next() -> None:
    run = Run("abc", rollout=batches(1))
    assert run.released() == "a"
    run.change("a", connected=False)
    assert run.released() == "b"


def test_who_goes_away_while_its_program_runs_keeps_its_place() -> None:
    run = Run("abc", rollout=batches(1))
    run.decide()
    run.change("a", state=S.RUNNING, connected=False)
    assert run.released() == ""


def test_a_straggler_that_returns_holds_the_next_release_until_there_is_room() -> None:
    run = Run("abcd", rollout=batches(1))
    run.decide()
    run.change("a", connected=False)
    assert run.released() == "b"
    run.change("a", connected=True)
    run.end("b")
    assert run.released() == ""
    run.end("a")
    assert run.released() == "c"


def test_a_batch_in_which_everybody_was_cancelled_has_shown_nothing() -> None:
    run = Run("abcd", rollout=batches(1, 2))
    run.decide()
    run.end("a", S.CANCELLED)
    assert run.released() == "b"


def test_a_window_releases_one_whenever_one_has_ended() -> None:
    run = Run("abcdef", rollout=batches(1, 3, mode=Mode.WINDOW))
    assert run.released() == "a"
    run.end("a")
    assert run.released() == "bcd"
    run.end("c")
    assert run.released() == "e"


def test_max_parallel_holds_within_a_batch() -> None:
    run = Run("abcde", rollout=batches("100%", max_parallel=2))
    assert run.released() == "ab"
    assert run.decide().waits_for is WaitsFor.SLOT
    run.end("a")
    assert run.released() == "c"


def test_max_parallel_is_not_passed_by_commands_that_wait_for_their_devices() -> None:
    run = Run("aBCD", rollout=batches("100%", max_parallel=2))
    assert run.released() == "a"
    run.change("b", connected=True)
    assert run.released() == "b"
    run.end("ab")
    assert run.released() == "cd"


def awaited(run: Run) -> str:
    return "".join(run.decide().awaited)


@pytest.mark.parametrize(
    "plan",
    [
        {"rollout": batches(1)},
        {"rollout": batches(1, "100%", gate=Gate(), pause=10 * MINUTE)},
        {"rollout": batches(1, mode=Mode.WINDOW)},
        {"rollout": batches("100%", max_parallel=1)},
        {"concurrency": Concurrency(max=1)},
    ],
)
def test_who_is_waited_for_by_nothing_else_is_awaited_and_not_released(plan: dict[str, object]) -> None:
    run = Run("aBC", **plan)
    assert run.released() == "a"
    assert awaited(run) == "", "a is under way"
    run.end("a", S.CANCELLED)
    assert awaited(run) == "bc"
    run.change("b", connected=True)
    assert run.released() == "b", "the limit holds for who returns"
    run.change("c", connected=True)
    assert run.decide().release == run.decide().awaited == ()
    run.change("c", connected=False)
    run.end("b", S.CANCELLED)
    assert [run.released(), awaited(run)] == ["c", ""], "there is room for all that are left"


def test_a_run_that_waits_for_a_person_a_pause_a_retry_or_another_run_awaits_nobody() -> None:
    gated = Run("aBC", rollout=batches(1, gate=Gate()))
    gated.decide()
    gated.end("a")
    assert (gated.decide().waits_for, awaited(gated)) == (WaitsFor.GATE, "")
    gated.state = approve(gated.plan.rollout, gated.state)
    assert awaited(gated) == "bc"
    gated.state = pause(gated.state, "ann: a look first")
    assert awaited(gated) == ""
    pausing = Run("aBC", rollout=batches(1, pause=10 * MINUTE))
    pausing.decide()
    pausing.end("a")
    assert (pausing.decide().waits_for, awaited(pausing)) == (WaitsFor.PAUSE, "")
    retried = Run("aBC", rollout=batches(1), retry=RETRY)
    retried.decide()
    retried.end("a", S.FAILED)
    assert awaited(retried) == ""
    full = Run("BC", concurrency=Concurrency(max=1))
    full.elsewhere = Elsewhere(running=1)
    assert (full.decide().waits_for, awaited(full)) == (WaitsFor.SLOT, "")
    full.elsewhere = Elsewhere()
    assert awaited(full) == "bc"


def test_a_next_attempt_whose_device_is_away_is_awaited_once_it_is_due() -> None:
    run = Run("aBC", rollout=batches(1, mode=Mode.WINDOW), retry=RETRY)
    run.decide()
    run.end("a", S.FAILED)
    run.change("a", connected=False)
    assert awaited(run) == ""
    run.now += MINUTE
    assert sorted(awaited(run)) == list("abc")


@pytest.mark.parametrize(
    ("order", "devices"), [(Order.INVENTORY, "cabd"), (Order.REVERSE, "dbac"), (Order.SORTED, "abcd")]
)
def test_the_order_of_devices(order: Order, devices: str) -> None:
    assert Run("cabd", rollout=Rollout(order=order)).released() == devices


def test_a_shuffled_order_is_of_the_run_not_of_the_moment() -> None:
    letters = "abcdefghijklmnop"
    run = Run(letters, rollout=Rollout(order=Order.SHUFFLE))
    other = Run(letters, rollout=Rollout(order=Order.SHUFFLE))
    other.plan = replace(other.plan, seed="8")
    first, second = run.released(), other.released()
    assert first == Run(letters[::-1], rollout=Rollout(order=Order.SHUFFLE)).released()
    assert sorted(first) == list(letters)
    assert letters != first != second


def test_the_pause_is_from_the_end_of_a_batch_to_the_begin_of_the_next() -> None:
    run = Run("ab", rollout=batches(1, pause=10 * MINUTE))
    run.decide()
    run.now += MINUTE
    run.end("a")
    decision = run.decide()
    assert (decision.waits_for, decision.wake_at) == (WaitsFor.PAUSE, START + 11 * MINUTE)
    run.now += 10 * MINUTE
    assert run.released() == "b"


def test_a_gate_is_opened_by_a_person_once_its_batch_has_finished() -> None:
    run = Run("abc", rollout=batches(1, gate=Gate((1,))))
    run.decide()
    with pytest.raises(Conflict, match="no batch of this run waits"):
        approve(run.plan.rollout, run.state)
    run.end("a")
    assert run.decide().waits_for is WaitsFor.GATE
    run.state = approve(run.plan.rollout, run.state)
    assert run.released() == "b"
    run.end("b")
    assert run.released() == "c"


def test_nobody_is_asked_after_the_last_batch() -> None:
    run = Run("a", rollout=batches(1, gate=Gate()))
    run.decide()
    run.end("a")
    assert run.decide().waits_for is None


RETRY = Retry(max=1, backoff=Delays(MINUTE, MINUTE))


def test_a_retry_is_the_next_attempt_after_its_delay_and_there_are_no_more_than_max() -> None:
    run = Run("a", retry=RETRY)
    run.decide()
    run.end("a", S.FAILED)
    decision = run.decide()
    [(name, at)] = decision.retry
    assert (name, decision.wake_at, decision.waits_for) == ("a", at, WaitsFor.RETRY)
    assert START + MINUTE / 2 <= at <= START + MINUTE
    assert run.released() == ""
    run.now = at
    assert run.released() == "a"
    run.end("a", S.FAILED)
    assert run.decide().retry == ()
    assert run.members["a"].attempt == 2


def test_what_was_interrupted_is_begun_again_so_often_and_uses_up_no_retry() -> None:
    run = Run("a", retry=RETRY, on_interrupted=OnInterrupted.RERUN)
    for attempt in range(1, MOST_RERUNS + 1):
        assert run.released() == "a"
        run.end("a", S.INTERRUPTED)
        [(_, run.now)] = run.decide().retry
        assert run.members["a"].attempt == attempt + 1
    assert run.released() == "a"
    run.end("a", S.FAILED)
    [(_, run.now)] = run.decide().retry
    assert run.released() == "a", "the one retry is left"
    run.end("a", S.FAILED)
    assert run.decide().retry == ()


def test_what_is_interrupted_each_time_is_given_up() -> None:
    run = Run("a", on_interrupted=OnInterrupted.RERUN)
    for _ in range(MOST_RERUNS):
        run.decide()
        run.end("a", S.INTERRUPTED)
        [(_, run.now)] = run.decide().retry
    assert run.released() == "a"
    run.end("a", S.INTERRUPTED)
    assert run.decide().retry == ()
    assert run.members["a"].attempt == MOST_RERUNS + 1


def test_a_person_is_asked_and_the_next_batch_does_not_wait_for_it() -> None:
    run = Run("ab", rollout=batches(1), on_interrupted=OnInterrupted.ASK)
    run.decide()
    run.end("a", S.INTERRUPTED)
    decision = run.decide()
    assert (decision.undecided, decision.retry, decision.release) == (("a",), (), ("b",))
    run.change("a", retry_at=run.now)  # a person says: again
    decision = run.decide()
    assert (decision.undecided, decision.retry) == ((), (("a", run.now),))


def test_nobody_is_asked_about_what_was_cancelled_or_aborted() -> None:
    run = Run("a", on_interrupted=OnInterrupted.ASK)
    run.decide()
    run.end("a", S.INTERRUPTED)
    run.change("a", cancel_requested=True)
    assert run.decide().undecided == ()
    aborted = Run("a", aborts=(Abort(Amount(1)),), on_interrupted=OnInterrupted.ASK)
    aborted.decide()
    aborted.end("a", S.INTERRUPTED)
    decision = aborted.decide()
    assert decision.new_state.aborted_by
    assert decision.undecided == ()


def test_a_retry_that_is_due_already_is_released_by_the_same_decision() -> None:
    run = Run("a", retry=RETRY)
    run.decide()
    run.end("a", S.TIMED_OUT)
    run.now += 2 * MINUTE
    assert run.released() == "a"


@pytest.mark.parametrize("state", [S.SUCCEEDED, S.INTERRUPTED, S.REJECTED, S.CANCELLED, S.EXPIRED])
def test_what_the_job_does_not_name_is_not_retried(state: State) -> None:
    run = Run("a", retry=RETRY)
    run.decide()
    run.end("a", state)
    assert run.decide().retry == ()


def test_what_an_operator_cancelled_is_not_retried() -> None:
    run = Run("a", retry=RETRY)
    run.decide()
    run.end("a", S.FAILED, cancel_requested=True)
    assert run.decide().retry == ()


def test_an_execution_that_waits_for_its_retry_keeps_its_batch_open_and_takes_no_slot() -> None:
    run = Run("abcd", rollout=batches(2, max_parallel=1), retry=RETRY)
    run.decide()
    run.end("a", S.FAILED)
    assert run.released() == "b"
    run.end("b")
    assert run.released() == ""
    run.now += MINUTE
    assert run.released() == "a"
    run.end("a")
    assert run.released() == "c"


def test_concurrency_counts_the_group_in_other_runs() -> None:
    run = Run("abcd", concurrency=Concurrency(max=3))
    run.elsewhere = Elsewhere(running=1)
    assert run.released() == "ab"
    assert run.decide().waits_for is WaitsFor.SLOT
    run.elsewhere = Elsewhere()
    assert run.released() == "c"


def test_a_device_that_is_at_its_limit_is_passed_over() -> None:
    run = Run("abc", rollout=batches(1), concurrency=Concurrency(per_device=1))
    run.elsewhere = Elsewhere(running=1, on_device={"a": 1})
    assert run.released() == "b"
    run.end("b")
    assert run.released() == "c"
    run.end("c")
    assert run.decide().waits_for is WaitsFor.SLOT
    run.elsewhere = Elsewhere()
    assert run.released() == "a"


def test_an_abort_cancels_what_has_not_started_and_lets_the_rest_end() -> None:
    run = Run("abcdef", rollout=batches(5), aborts=(Abort(Amount(50, percent=True), min_executed=2),), retry=RETRY)
    run.decide()
    run.change("c", state=S.RUNNING)
    run.change("d", state=S.DELIVERED)
    run.end("a", S.REJECTED)
    assert run.decide().cancel == ()
    run.end("b")
    decision = run.decide()
    assert decision.cancel == ("d", "e", "f")
    assert decision.new_state.aborted_by == "1 of 2 completed ended badly; the threshold is 50%"
    run.end("c", S.FAILED)
    assert run.decide().retry == (), "an aborted run retries nothing"
    with pytest.raises(Conflict, match="aborted"):
        resume(run.state)


def test_cancelled_and_expired_executions_count_nowhere() -> None:
    run = Run("abcd", aborts=(Abort(Amount(50, percent=True), min_executed=2),))
    run.decide()
    run.end("a", S.FAILED)
    run.end("b", S.CANCELLED)
    run.end("c", S.EXPIRED)
    assert run.decide().new_state.aborted_by is None


def test_an_end_that_is_retried_is_not_completed() -> None:
    run = Run("ab", aborts=(Abort(Amount(1)),), retry=RETRY)
    run.decide()
    run.end("a", S.FAILED)
    assert run.decide().new_state.aborted_by is None
    run.now += MINUTE
    run.decide()
    run.end("a", S.FAILED)
    assert run.decide().new_state.aborted_by == "1 of 1 completed ended badly; the threshold is 1"


@pytest.mark.parametrize(
    ("on", "state", "unanswered", "counts"),
    [
        (Failure.FAILED, S.FAILED, False, True),
        (Failure.FAILED, S.TIMED_OUT, False, False),
        (Failure.UNANSWERED, S.FAILED, False, False),
        (Failure.UNANSWERED, S.FAILED, True, True),
        (Failure.UNANSWERED, S.CANCELLED, True, True),
        (Failure.ANY, S.CANCELLED, True, True),
        (Failure.ANY, S.INTERRUPTED, False, True),
        (Failure.ANY, S.SUCCEEDED, False, False),
    ],
)
def test_the_ends_that_a_rule_counts(on: Failure, state: State, unanswered: bool, counts: bool) -> None:
    run = Run("ab", aborts=(Abort(Amount(1), on=on),))
    run.decide()
    run.end("a", state, unanswered=unanswered)
    assert (run.decide().new_state.aborted_by is not None) == counts


def test_a_rule_pauses_a_run_once_and_who_resumes_has_judged_it() -> None:
    run = Run("abcd", rollout=batches(1), aborts=(Abort(Amount(1), action=Action.PAUSE),))
    run.decide()
    run.end("a", S.FAILED)
    decision = run.decide()
    assert (decision.pause, decision.release) == ("1 of 1 completed ended badly; the threshold is 1", ())
    assert run.decide().waits_for is WaitsFor.RESUME
    run.state = resume(run.state)
    assert run.released() == "b"
    run.end("b", S.FAILED)
    assert run.released() == "c"


def test_a_person_pauses_and_resumes() -> None:
    run = Run("ab", rollout=batches(1))
    run.state = pause(run.state, "ann: a look first")
    assert run.released() == ""
    run.state = resume(run.state)
    assert run.released() == "a"
    with pytest.raises(Conflict, match="not paused"):
        resume(run.state)


def test_a_rule_that_cancels_wins_over_one_that_pauses() -> None:
    run = Run("ab", rollout=batches(1), aborts=(Abort(Amount(1), action=Action.PAUSE), Abort(Amount(1))))
    run.decide()
    run.end("a", S.FAILED)
    assert run.decide().cancel == ("b",)


def test_the_next_device_to_connect_is_released_at_once_for_its_command_waits() -> None:
    member = Member("x", None, connected=False)
    assert decide(RunPlan("1"), [member], START, RolloutState()).release == ("x",)


def test_a_pause_counts_from_now_when_the_clock_was_set_back() -> None:
    run = Run("ab", rollout=batches(1, pause=10 * MINUTE))
    run.decide()
    run.now += timedelta(days=1)
    run.end("a")
    run.decide()
    run.now = START + MINUTE
    assert run.decide().wake_at == START + 11 * MINUTE
    run.now = START + 11 * MINUTE
    assert run.released() == "b"


@pytest.mark.parametrize("begun", [False, True])
def test_a_retry_does_not_wait_longer_than_its_delay_when_the_clock_was_set_back(begun: bool) -> None:
    run = Run("a", retry=RETRY)
    run.decide()
    run.now += timedelta(days=1)
    run.end("a", S.FAILED)
    if begun:
        run.decide()
        assert run.members["a"].attempt == 2
    run.now = START + MINUTE
    run.decide()
    run.now = START + 2 * MINUTE
    run.decide()
    assert run.members["a"].released_at is not None
