"""A question is a state: what a controller knows of programs that wait for a person, on real devices."""

from __future__ import annotations

from runlet.model.execution import State
from runlet.model.prompt import Kind
from runlet.protocol.views import ExecutionView
from tests.harness import Fleet, Typist, attached, wait_until


def awaits(view: ExecutionView) -> bool:
    return view.state is State.AWAITING_INPUT


async def answer(typist: Typist, asked: ExecutionView, text: bytes) -> None:
    """Type it, and stay until something comes of that."""
    await typist.type(text, asked)
    await typist.until(lambda typist: typist.states and typist.states[asked.id].version > asked.version)


async def test_a_question_is_reported_answered_and_over(fleet: Fleet) -> None:
    run = fleet.sh("read -p 'Upgrade it? [Y/n] ' a; sleep 2; read -s -p 'Password: ' b; echo done")
    asked = fleet.until(run, awaits)
    assert asked.prompt
    assert (asked.prompt.text, asked.prompt.kind, asked.prompt.secret) == ("Upgrade it? [Y/n]", Kind.PROMPT, False)
    assert asked.prompt.confidence > 0.9
    assert asked.prompt.offset == len("Upgrade it? [Y/n] ")
    assert asked.asked_at
    assert asked.started_at
    async with attached(fleet, run) as attachment:
        typist = Typist(attachment)
        await answer(typist, asked, b"y\n")
        assert fleet.until(run, lambda view: view.state is State.RUNNING).prompt is None
        hidden = fleet.until(run, awaits)
        assert hidden.prompt
        assert (hidden.prompt.text, hidden.prompt.secret) == ("Password:", True)
        assert hidden.prompt.id != asked.prompt.id
        await answer(typist, hidden, b"s3cret\n")
    ended = fleet.settled(run).executions[0]
    assert (ended.state, ended.prompt, ended.asked_at) == (State.SUCCEEDED, None, None)


def test_a_program_that_works_stays_running(fleet: Fleet) -> None:
    run = fleet.sh("printf 'Continue? [y/N] '; sleep 3; read -p 'Now? ' a")
    fleet.until_printed(run, b"Continue?")
    asked = fleet.until(run, awaits)
    assert asked.prompt
    assert asked.prompt.text == "Continue? [y/N] Now?"
    assert asked.version == 3, "accept, start, ask: nothing in between"
    with fleet.api() as api:
        api.cancel(run.id)
    assert fleet.settled(run).executions[0].state is State.CANCELLED


async def test_a_question_outlives_its_agent_and_what_follows_is_newer(fleet: Fleet, device: str) -> None:
    fleet.start_agent(device, keep_programs=True)
    run = fleet.exec(["bash", "-c", "read -p 'One? ' a; read -p 'Two? ' b; echo over"], device)
    first = fleet.until(run, awaits)
    async with attached(fleet, run) as attachment:
        typist = Typist(attachment)
        await answer(typist, first, b"1\n")
        second = fleet.until(run, lambda view: view.prompt and view.prompt.text.endswith("Two?"))
        assert first.version < second.version
        fleet.agents.pop(device).kill()
        fleet.start_agent(device, keep_programs=True)
        again = fleet.until(run, lambda view: view.version > second.version and awaits(view))
        assert again.prompt == second.prompt
        await answer(typist, again, b"2\n")
    ended = fleet.settled(run).executions[0]
    assert ended.state is State.SUCCEEDED
    assert ended.version > again.version


async def test_devices_that_ask_the_same_share_a_fingerprint(fleet: Fleet) -> None:
    run = fleet.exec(["bash", "-c", 'read -p "Same everywhere, $RUNLET_DEVICE too? " a'], "pi-1,pi-2")
    with fleet.api() as api:
        view = wait_until(
            lambda: (
                view
                if (view := api.run(run.id)).state is State.AWAITING_INPUT
                and all(awaits(one) for one in view.executions)
                else None
            ),
            "both to ask",
        )
        prompts = [one.prompt for one in view.executions]
        assert len({prompt.fingerprint for prompt in prompts}) == 1
        api.cancel(run.id)
    fleet.settled(run)
