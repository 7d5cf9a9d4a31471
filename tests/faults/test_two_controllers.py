"""Two controllers on one PostgreSQL and one broker, one of them killed: nothing is lost, no fire time starts twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from runlet.cli import inbox
from runlet.cli.inbox import Question
from runlet.client.api import Api
from runlet.client.attachment import attach
from runlet.controller.answering import DECISION_SECONDS
from runlet.model.answer import Result
from runlet.model.execution import STARTED, State
from runlet.model.job import Job
from runlet.model.schedule import Misfire, Overlap, Schedule
from runlet.model.target import Target
from runlet.protocol.frames import Attach, Notice, Settled
from runlet.protocol.messages import TerminalSize
from tests.brokers import PrivateBroker
from tests.databases import PrivatePostgres
from tests.harness import TOKEN, Fleet, Typist, apply, attached, wait_until

_UNSETTLED = "SELECT count(*) FROM execution WHERE NOT settled"
_FIRINGS = "SELECT at, outcome, run FROM firing WHERE job = 'tick' ORDER BY at"


@pytest.fixture
def database(postgres: PrivatePostgres) -> str:
    return postgres.create()


@pytest.fixture
def controllers(
    postgres: PrivatePostgres, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Fleet, Fleet]]:
    """The first has the device and, having been there first, the queues. Both have one folder of transcripts."""
    broker = PrivateBroker(tmp_path_factory.mktemp("broker"))
    broker.start()
    homes = [tmp_path_factory.mktemp(name) for name in ("first", "second")]
    first = Fleet(homes[0], broker, ["pi-1"], database=postgres.url(database)).start()
    (homes[1] / "transcripts").symlink_to(homes[0] / "transcripts")
    second = Fleet(homes[1], broker, [], database=postgres.url(database))
    second.start_controller()
    yield first, second
    first.stop()
    second.stop()
    broker.stop()


async def test_a_console_sees_the_same_at_either_controller(controllers: tuple[Fleet, Fleet]):
    """The first collects what the device tells; the second is who is attached to."""
    first, second = controllers
    run = second.exec(["bash", "-c", "stty size; read -r -p name: name; echo hello $name"], on="pi-1")
    execution = run.executions[0]
    async with attached(second, run, Attach(terminal=TerminalSize(100, 30))) as attachment:
        console = Typist(attachment)
        await console.until_seen(b"name:")
        await console.until(lambda self: self.states[execution.id].state in STARTED)
        async with attached(first, run) as other:
            await Typist(other).type(b"A", execution)
            await console.until_seen(b"name:A")
            await console.type(b"b", execution)
            await console.until(lambda self: any(isinstance(event, Notice) for event in self.events))
            await other.send_input(execution.id, 1, b"da\r")
            await console.until_seen(b"hello Ada")
            await console.rest()
    assert Notice(execution.id, "not typed: a console is typing", refused=True) in console.events
    assert console.seen[execution.id] == second.transcript(run, "pi-1")
    assert isinstance(console.events[-1], Settled)


def test_questions_are_answered_at_either_controller(controllers: tuple[Fleet, Fleet]):
    """The first hears what the device says; who answered at the second is told at once, and knows who was first."""
    first, second = controllers
    run = second.exec(["bash", "-c", "read -p 'Where? ' a; echo got:$a; read -p 'Then? ' b; echo $b"], on="pi-1")
    with first.api() as one, second.api() as two:

        def asked(api: Api) -> list[Question]:
            return [question for group in inbox.groups(api.prompts(run.id)) for question in group.questions]

        questions = wait_until(lambda: asked(two), "the question")
        assert asked(one) == questions
        begin = time.monotonic()
        [taken] = two.answer(inbox.answers(questions, b"here\r", "ann"))
        assert time.monotonic() - begin < DECISION_SECONDS, "it was told, and did not look at the end"
        [late] = one.answer(inbox.answers(questions, b"there\r", "bob"))
        assert (taken.result, late.result, late.first, late.first_by) == (Result.TAKEN, Result.LATE, taken.id, "ann")
        [then] = wait_until(lambda: list(one.prompts(run.id)), "the next question")
        assert then.prompt.text.endswith("Then?")
        one.cancel(run.id)
    assert b"got:here" in second.transcript(run, "pi-1")


@pytest.mark.parametrize("dies", ["first", "second"])
async def test_a_console_goes_on_when_either_controller_is_killed(
    controllers: tuple[Fleet, Fleet], tmp_path: Path, dies: str
):
    first, second = controllers
    gates = [tmp_path / str(number) for number in range(2)]
    waits = "; ".join(f"until [ -e {gate} ]; do sleep 0.02; done; seq 1000" for gate in gates)
    run = second.exec(["bash", "-c", f"echo begun; {waits}; read -r -p name: name; echo hello $name"], on="pi-1")
    execution = run.executions[0]
    dead, alive = (first, second) if dies == "first" else (second, first)
    assert dead.controller
    async with attach(f"{second.url},{first.url}", TOKEN, run.id, Attach()) as attachment:
        console = Typist(attachment)
        await console.until_seen(b"begun")
        dead.controller.kill()
        for gate in gates:
            gate.touch()
        await console.until_seen(b"name:")
        await console.type(b"Ada\r", execution)
        await console.rest()
    assert console.seen[execution.id] == alive.transcript(run, "pi-1")
    assert console.seen[execution.id].count(b"\r\n1000\r\n") == 2
    with alive.api() as api:
        assert api.run(run.id).executions[0].state is State.SUCCEEDED


def test_a_command_finds_the_controller_that_answers(controllers: tuple[Fleet, Fleet]):
    first, second = controllers
    assert first.controller
    first.controller.kill()
    with Api(f"{first.url},{second.url}", TOKEN) as api:
        assert [device.name for device in api.devices()] == ["pi-1"]


def tick(file: Path, *, suspend: bool = False) -> Job:
    """Writes its run's number down, every second."""
    schedule = Schedule("1s", overlap=Overlap.ALLOW, misfire=Misfire.ALL, suspend=suspend)
    return Job("tick", f"echo $RUNLET_RUN >> {file}", target=Target.custom(["pi-1"]), schedule=schedule)


def test_each_fire_time_starts_once_though_one_is_killed(
    controllers: tuple[Fleet, Fleet], postgres: PrivatePostgres, database: str, tmp_path: Path
):
    first, second = controllers
    file = tmp_path / "ran"

    def until_fired(number: int) -> None:
        wait_until(lambda: len(postgres.ask(_FIRINGS, database)) >= number, f"{number} fire times", patience=60)

    with first.api() as api:
        apply(api, tick(file))
    until_fired(4)
    assert first.controller
    first.controller.kill()
    until_fired(9)
    first.start_controller()
    until_fired(14)
    with second.api() as api:
        apply(api, tick(file, suspend=True))
    wait_until(lambda: postgres.ask(_UNSETTLED, database) == [(0,)], "every execution to be settled", patience=60)

    fired = postgres.ask(_FIRINGS, database)
    instants = [at for at, _, _ in fired if isinstance(at, datetime)]
    assert instants == [instants[0] + number * timedelta(seconds=1) for number in range(len(fired))]
    assert {outcome for _, outcome, _ in fired} == {"launched"}
    assert postgres.ask("SELECT scheduled_for, id FROM run ORDER BY scheduled_for", database) == [
        (at, run) for at, _, run in fired
    ]
    assert sorted(map(int, file.read_text().split())) == sorted(run for _, _, run in fired if isinstance(run, int))
