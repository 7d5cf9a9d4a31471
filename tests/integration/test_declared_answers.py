"""What a job declares for questions, and what becomes of those that nobody answers, on real devices."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from runlet.model.declared_answers import Mode, Rule, Rules, Unanswered
from runlet.model.execution import State
from runlet.model.job import Job
from runlet.model.target import Target
from runlet.protocol.views import ExecutionView, RunView
from tests.harness import Fleet, Typist, apply, attached

SHORTLY = timedelta(seconds=1)


def start(fleet: Fleet, name: str, script: str, rules: Rules, on: str = "pi-1", **more: object) -> RunView:
    with fleet.api() as api:
        apply(api, Job(name, script, input=rules))
        return api.start_run(job=name, target=Target.parse(on), **more)  # type: ignore[arg-type]


def ended(fleet: Fleet, run: RunView) -> ExecutionView:
    (execution,) = fleet.settled(run).executions
    return execution


def awaits(view: ExecutionView) -> bool:
    return view.state is State.AWAITING_INPUT


def test_what_is_declared_is_typed_and_nobody_is_asked(fleet: Fleet) -> None:
    script = "read -p 'Install 3 MB? [Y/n] ' a; read -p 'Which disk? ' b; echo \"<$a> <$b>\""
    rules = Rules(answers=(Rule(r"Install .* MB\?", send="y"), Rule("disk", send="sda", devices={"pi-2": "mmcblk0"})))
    run = fleet.settled(start(fleet, "declares", script, rules, "pi-1,pi-2"))
    assert run.state is State.SUCCEEDED
    assert b"<y> <sda>" in fleet.transcript(run, "pi-1")
    assert b"<y> <mmcblk0>" in fleet.transcript(run, "pi-2")
    assert [one.version for one in run.executions] == [3, 3], "accept, start, succeed: nothing waited"


def test_an_empty_answer_is_enter_alone(fleet: Fleet) -> None:
    rules = Rules(answers=(Rule("Go on", send=""),))
    run = start(fleet, "enter", "read -p 'Go on? ' a && echo \"<$a>\"", rules)
    assert ended(fleet, run).state is State.SUCCEEDED
    assert b"<>" in fleet.transcript(run)


async def test_a_loop_ends_at_a_person(fleet: Fleet) -> None:
    script = "until [ \"$a\" = 7 ]; do read -p 'How many? ' a; n=$((n + 1)); done; echo asked $n times"
    run = start(fleet, "loops", script, Rules(answers=(Rule("How many", send="5", max=3),)))
    asked = fleet.until(run, awaits)
    assert asked.detail == "its declared answer was given 3 times"
    async with attached(fleet, run) as attachment:
        await Typist(attachment).type(b"7\n", asked)
    over = ended(fleet, run)
    assert (over.state, over.detail) == (State.SUCCEEDED, "")
    assert b"asked 4 times" in fleet.transcript(run)


async def test_what_was_answered_by_a_person_may_be_followed_by_what_is_declared(fleet: Fleet) -> None:
    script = "read -p 'Who? ' a; read -p 'Sure? ' b; sleep 1; echo \"<$a> <$b>\""
    run = start(fleet, "both-answer", script, Rules(answers=(Rule("Sure", send="y"),)))
    asked = fleet.until(run, awaits)
    async with attached(fleet, run) as attachment:
        await Typist(attachment).type(b"me\n", asked)
        fleet.until(run, lambda view: view.state is State.RUNNING)
    assert ended(fleet, run).state is State.SUCCEEDED
    assert b"<me> <y>" in fleet.transcript(run)


@pytest.mark.parametrize(("mode", "no_input"), [(Mode.FORBID, False), (Mode.ASK, True)])
def test_where_nobody_may_be_asked_a_question_fails_at_once(fleet: Fleet, mode: Mode, no_input: bool) -> None:
    rules = Rules(mode, answers=(Rule("First", send="y"),))
    script = "read -p 'First? ' a; read -p 'Replace /etc/x? [y/N] ' b; echo never"
    run = start(fleet, f"forbids-{mode}", script, rules, no_input=no_input)
    over = ended(fleet, run)
    assert (over.state, over.unanswered) == (State.FAILED, True)
    assert over.detail == "its program asks, and nobody may be asked: Replace /etc/x? [y/N]"
    assert b"never" not in fleet.transcript(run)


def test_a_command_without_input_fails_when_it_asks(fleet: Fleet) -> None:
    over = ended(fleet, fleet.exec(["bash", "-c", "read -p 'Go on? '"], no_input=True))
    assert (over.state, over.detail) == (State.FAILED, "its program asks, and nobody may be asked: Go on?")
    assert ended(fleet, fleet.exec(["true"], no_input=True)).state is State.SUCCEEDED


@pytest.mark.parametrize(
    ("unanswered", "answers", "printed", "state"),
    [
        (Unanswered.FAIL, (), b"", State.FAILED),
        (Unanswered.DEFAULT, (), b"<>", State.SUCCEEDED),
        (Unanswered.DEFAULT, (Rule("Go on", ask=True, default="n"),), b"<n>", State.SUCCEEDED),
        (Unanswered.SKIP, (), b"no answer", State.SUCCEEDED),
    ],
)
def test_what_follows_when_nobody_answers(
    fleet: Fleet, unanswered: Unanswered, answers: tuple[Rule, ...], printed: bytes, state: State
) -> None:
    rules = Rules(timeout=SHORTLY, unanswered=unanswered, answers=answers)
    script = "if read -p 'Go on? ' a; then echo \"<$a>\"; else echo no answer; fi"
    run = start(fleet, f"unanswered-{unanswered}-{len(answers)}", script, rules)
    assert fleet.until(run, awaits).prompt
    over = ended(fleet, run)
    assert over.state is state
    assert printed in fleet.transcript(run)
    assert over.unanswered is (state is State.FAILED)
    assert over.detail == ("nobody answered within 1s: Go on?" if over.unanswered else "")


def test_a_program_that_asks_on_when_its_input_has_ended_is_ended(fleet: Fleet) -> None:
    rules = Rules(timeout=SHORTLY, unanswered=Unanswered.SKIP)
    with_reads = "n=0; until read -p 'Again? ' a; do echo; n=$((n + 1)); done"
    over = ended(fleet, start(fleet, "asks-on", with_reads, rules))
    assert (over.state, over.detail) == (State.FAILED, "nobody answered within 1s: Again?")


def test_the_time_of_a_question_goes_on_without_its_agent(fleet: Fleet, device: str) -> None:
    fleet.start_agent(device, keep_programs=True)
    patience = timedelta(seconds=12)
    run = start(fleet, "outlives", "read -p 'Go on? '", Rules(timeout=patience), device)
    asked = fleet.until(run, awaits)
    fleet.agents.pop(device).kill()
    # Most of the time passes; another question that waits shows how much.
    rules = Rules(timeout=patience - timedelta(seconds=2))
    assert ended(fleet, start(fleet, "measures-time", "read -p 'Go on? '", rules)).unanswered
    fleet.start_agent(device, keep_programs=True)
    returned = datetime.now(UTC)
    over = ended(fleet, run)
    assert over.unanswered
    assert asked.asked_at
    assert over.ended_at
    assert over.ended_at - asked.asked_at > patience - timedelta(seconds=1)
    assert over.ended_at - returned < patience - timedelta(seconds=2)
