"""Answers over a real broker, to real programs on real devices: who is first, who is late, and what is kept."""

from __future__ import annotations

import base64
import hashlib
import signal
import uuid
from collections.abc import Callable
from contextlib import suppress

import pytest

from runlet.cli import inbox
from runlet.client.api import Api
from runlet.errors import InvalidInput, UnknownName
from runlet.model.answer import Origin, Result
from runlet.model.execution import State
from runlet.protocol import names
from runlet.protocol.frames import Attach
from runlet.protocol.messages import Answer
from runlet.protocol.views import PromptView, RunView
from tests.brokers import PrivateBroker
from tests.harness import Fleet, Typist, attached, wait_until

SECRET = "correct-horse-8f3b"


def asked(api: Api, run: RunView, devices: int = 1) -> list[PromptView]:
    """What the programs of a run ask, once so many do."""
    return wait_until(
        lambda: found if len(found := list(api.prompts(run.id))) == devices else None, f"{devices} to ask"
    )


def answers(views: list[PromptView], text: str, by: str = "ann") -> list[Answer]:
    questions = [one for group in inbox.groups(views) for one in group.questions]
    return inbox.answers(questions, text.encode() + b"\r", by)


def unsealed(view: PromptView, text: str) -> Answer:
    content = base64.b64encode(text.encode()).decode()
    return Answer(str(uuid.uuid4()), view.execution, view.attempt, view.prompt.id, content, sealed=False, by="ann")


def test_one_answer_is_typed_and_the_loser_learns_whose(fleet: Fleet) -> None:
    run = fleet.sh("read -p 'Inbox: go on? ' a; echo got:$a; sleep 1")
    with fleet.api() as api:
        [view] = asked(api, run)
        assert (view.run, view.job, view.device, view.prompt.text) == (run.id, None, "pi-1", "Inbox: go on?")
        [first] = api.answer(answers([view], "yes", "ann"))
        assert (first.result, first.by, first.text) == (Result.TAKEN, "ann", "yes")
        assert list(api.prompts(run.id)) == [], "what is answered is open no longer, at once"
        [second] = api.answer(answers([view], "no", "bob"))
        assert (second.result, second.first, second.first_by) == (Result.LATE, first.id, "ann")
        fleet.settled(run)
        assert fleet.transcript(run).count(b"got:yes") == 1
        kept = list(api.answers(run.id))
        assert [(one.id, one.result) for one in kept] == [(first.id, Result.TAKEN), (second.id, Result.LATE)]
        assert kept[0].question == "Inbox: go on?"


def test_who_watches_is_answered_when_something_is_asked_and_when_it_is_answered(fleet: Fleet) -> None:
    def until(condition: Callable[[list[PromptView]], bool], mark: str) -> tuple[list[PromptView], str]:
        for _ in range(100):
            found, mark = api.prompts_since(mark)
            if condition([one for one in found if one.run == run.id]):
                break
        return [one for one in found if one.run == run.id], mark

    with fleet.api() as api:
        _, mark = api.prompts_since("")
        run = fleet.sh("read -p 'Watched? ' a")
        [view], mark = until(bool, mark)
        assert view.prompt.text == "Watched?"
        api.answer(answers([view], "y"))
        assert until(lambda found: not found, mark)[0] == []
    fleet.settled(run)


def test_the_same_answer_again_is_typed_once(fleet: Fleet) -> None:
    run = fleet.sh("read -p 'Again? ' a; read -p 'More? ' b; echo a:$a b:$b")
    with fleet.api() as api:
        [view] = asked(api, run)
        given = answers([view], "x")
        assert [one.result for one in api.answer(given) + api.answer(given)] == [Result.TAKEN] * 2
        wait_until(lambda: [one for one in api.prompts(run.id) if one.prompt.text.endswith("More?")], "the next")
        api.cancel(run.id)
    fleet.settled(run)


@pytest.mark.parametrize(
    ("script", "typed", "printed"),
    [
        # dialog wants arrows as applications do.
        ("o=$(dialog --stdout --menu Pick 12 40 3 a 1st b 2nd c 3rd); clear; echo got:$o", "\x1b[B", b"got:b"),
        ("read -e -i 192.168.1.10 -p 'Address: ' x; echo got:$x", "10.0.0.5", b"got:10.0.0.5\r"),
        ("set -o vi; read -e -i 192.168.1.10 -p 'Address: ' x; echo got:$x", "10.0.0.5", b"got:10.0.0.5\r"),
        ("read -e -i 192.168.1.10 -p 'Address: ' x; echo got:$x", "", b"got:192.168.1.10\r"),
        ("read -e -p 'Address: ' x; echo got:$x", "10.0.0.5", b"got:10.0.0.5\r"),
        ("stty kill @; read -p 'Address: ' x; echo got:$x", "10.0.0.5", b"got:10.0.0.5\r"),
    ],
)
def test_an_answer_is_typed_as_its_program_wants_it(fleet: Fleet, script: str, typed: str, printed: bytes) -> None:
    run = fleet.sh(script)
    with fleet.api() as api:
        [view] = asked(api, run)
        [one] = api.answer(answers([view], typed))
        assert (one.result, one.text) == (Result.TAKEN, typed)
    fleet.settled(run)
    assert printed in fleet.transcript(run)


def test_an_answer_to_a_question_that_is_gone_is_stale(fleet: Fleet) -> None:
    run = fleet.sh("read -t 2 -p 'Quick? ' a; echo; read -p 'Slow? ' b; echo b:$b")
    with fleet.api() as api:
        [view] = asked(api, run)
        given = answers([view], "y")
        fleet.until_printed(run, b"Slow?")
        [gone] = api.answer(given)
        assert (gone.result, gone.first) == (Result.STALE, None)
        [view] = wait_until(
            lambda: found if (found := list(api.prompts(run.id))) and "Slow" in found[0].prompt.text else None, "Slow?"
        )
        assert [one.result for one in api.answer(answers([view], "z"))] == [Result.TAKEN]
    fleet.settled(run)
    assert b"b:z" in fleet.transcript(run)


def test_two_secrets_without_a_word_between_are_two_questions(fleet: Fleet) -> None:
    run = fleet.sh("read -s -p 'PIN: ' a; read -s b; [ $a = 1111 ] && [ $b = 2222 ] && echo right")
    with fleet.api() as api:
        [first] = asked(api, run)
        assert [one.result for one in api.answer(answers([first], "1111"))] == [Result.TAKEN]
        [second] = wait_until(
            lambda: found if (found := list(api.prompts(run.id))) else None, "it to ask again in silence"
        )
        assert second.prompt.id != first.prompt.id
        assert [one.result for one in api.answer(answers([second], "2222"))] == [Result.TAKEN]
    fleet.settled(run)
    assert b"right" in fleet.transcript(run)


async def test_what_is_typed_on_a_console_is_an_answer_too(fleet: Fleet) -> None:
    run = fleet.sh("read -p 'Console? ' a; echo got:$a; sleep 1")
    with fleet.api() as api:
        [view] = asked(api, run)
        async with attached(fleet, run, Attach(who="ann@desk")) as attachment:
            typist = Typist(attachment)
            await typist.until(lambda typist: typist.run)
            assert typist.run
            await typist.type(b"yess\x7f\r", typist.run.executions[0])
            await typist.until_seen(b"got:yes")
        [late] = api.answer(answers([view], "no"))
        assert (late.result, late.first_origin, late.first_by) == (Result.LATE, Origin.CONSOLE, "ann@desk")
        [console] = [one for one in api.answers(run.id) if one.origin is Origin.CONSOLE]
        assert (console.result, console.text, console.question) == (Result.TAKEN, "yes", "Console?")
    fleet.settled(run)


def test_a_secret_is_nowhere_but_in_its_program(fleet: Fleet, broker: PrivateBroker) -> None:
    expected = hashlib.sha256(SECRET.encode()).hexdigest()
    run = fleet.sh(f"read -s -p 'Passphrase: ' a; printf %s \"$a\" | sha256sum; echo {expected} expected")
    with fleet.api() as api:
        [view] = asked(api, run)
        assert view.prompt.secret
        with pytest.raises(InvalidInput, match="asks for a secret"):
            api.answer([unsealed(view, "open\r")])
        [taken] = api.answer(answers([view], SECRET))
        assert (taken.result, taken.secret, taken.text) == (Result.TAKEN, True, None)
    fleet.settled(run)
    assert fleet.transcript(run).count(expected.encode()) == 2, "the program has it"
    files = [path for folder in (fleet.home, broker.folder) for path in folder.rglob("*") if path.is_file()]
    assert {"controller.db", "controller.log", "journal.db", "pi-1.log"} <= {path.name for path in files}
    assert any(path.name.endswith("rdq") or "msg_stores" in str(path) for path in files), "the broker's own are there"
    for path in files:
        with suppress(FileNotFoundError):  # the broker's come and go
            content = path.read_bytes()
            assert SECRET.encode() not in content, path
            assert base64.b64encode(SECRET.encode()) not in content, path


def test_an_answer_to_a_device_that_is_away_is_not_typed_later(
    fleet: Fleet, device: str, broker: PrivateBroker
) -> None:
    fleet.start_agent(device, keep_programs=True)
    run = fleet.exec(["bash", "-c", "read -p 'Away? ' a; echo got:$a"], device)
    with fleet.api() as api:
        [view] = asked(api, run)
        fleet.agents.pop(device).stop()
        [unheard] = api.answer(answers([view], "late"))
        assert unheard.result is None
        empty = f"{names.control_queue('default', device)}\t0"
        wait_until(lambda: empty in broker.ctl("list_queues", "name", "messages"), "the broker to drop it", 60)
        fleet.start_agent(device, keep_programs=True)
        [view] = asked(api, run)
        assert [one.result for one in api.answer(answers([view], "now"))] == [Result.TAKEN]
        fleet.settled(run)
        assert [one.result for one in api.answers(run.id)] == [None, Result.TAKEN]
    assert b"got:now" in fleet.transcript(run, device)


def test_an_answer_taken_by_an_agent_that_was_killed_is_known_all_the_same(fleet: Fleet, device: str) -> None:
    """It is killed while the answers wait for it: what was taken is told once it is back, and typed once."""
    fleet.start_agent(device, keep_programs=True)
    run = fleet.exec(["bash", "-c", "read -p 'Killed? ' a; echo got:$a; read -p 'Then? ' b; echo b:$b"], device)
    with fleet.api() as api:
        [view] = asked(api, run)
        fleet.agents[device].popen.send_signal(signal.SIGSTOP)
        given = [answers([view], f"{number}", f"op-{number}")[0] for number in range(5)]
        assert [one.result for one in api.answer(given)] == [None] * 5
        fleet.agents.pop(device).kill()
        fleet.start_agent(device, keep_programs=True)
        kept = wait_until(
            lambda: None if None in [one.result for one in api.answers(run.id)] else list(api.answers(run.id)),
            "all to be decided",
        )
        assert sorted(one.result or "" for one in kept) == [Result.LATE] * 4 + [Result.TAKEN]
        [taken] = [one for one in kept if one.result is Result.TAKEN]
        assert {one.first for one in kept if one is not taken} == {taken.id}
        wait_until(lambda: [one for one in api.prompts(run.id) if "Then?" in one.prompt.text], "the next")
        api.cancel(run.id)
    fleet.settled(run)
    assert fleet.transcript(run, device).count(b"got:") == 1


def test_the_inbox_is_of_the_whole_fleet_and_the_oldest_first(fleet: Fleet) -> None:
    first = fleet.sh("read -p 'First? ' a", "pi-2")
    with fleet.api() as api:
        asked(api, first)
        second = fleet.exec(["bash", "-c", "read -p 'Second? ' a"], "pi-1,pi-3")
        asked(api, second, 2)
        found = list(api.prompts())
        assert next((one.run, one.device) for one in found if one.run in (first.id, second.id)) == (first.id, "pi-2")
        assert {one.device for one in found if one.run == second.id} == {"pi-1", "pi-3"}
        for run in (first, second):
            api.cancel(run.id)
    for run in (first, second):
        assert fleet.settled(run).state is State.CANCELLED


def test_who_answers_what_there_is_not_is_told(fleet: Fleet) -> None:
    nowhere = Answer(str(uuid.uuid4()), str(uuid.uuid4()), 1, "1-a", "eQ==", sealed=False, by="ann")
    with fleet.api() as api, pytest.raises(UnknownName, match="no execution"):
        api.answer([nowhere])
