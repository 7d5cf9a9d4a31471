from __future__ import annotations

import base64
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from runlet import sealing
from runlet.cli import answering, inbox
from runlet.cli.inbox import LEAST_ID_CHARACTERS
from runlet.cli.prompts import MOST_TEXTS, count, names, print_question
from runlet.errors import Conflict, InvalidInput, UnknownName
from runlet.model.answer import Origin, Result
from runlet.model.prompt import Kind, Prompt
from runlet.protocol.views import AnswerView, Presence, PromptView

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PRIVATE = sealing.make_key()
KEY = base64.b64encode(sealing.public_key(PRIVATE)).decode()
PROMPT = Prompt("8-abc", 8, "Go on?", secret=False, kind=Kind.PROMPT, confidence=0.9, fingerprint="abc")


def view(device: str, text: str = "Go on?", *, age: int = 0, **more: object) -> PromptView:
    prompt = replace(PROMPT, text=text, fingerprint=text.encode().hex(), **more)
    execution = str(uuid.uuid5(uuid.NAMESPACE_DNS, device))
    asked_at = NOON - timedelta(seconds=age)
    return PromptView(execution, 1, 1, "job", device, Presence.ONLINE, KEY, asked_at, prompt)


def test_what_is_the_same_is_one_group_by_its_oldest() -> None:
    found = inbox.groups([view("a", "One?", age=9), view("b", "Two?", age=8), view("c", "One?", age=7)])
    assert [(group.title, [one.view.device for one in group.questions]) for group in found] == [
        ("One?", ["a", "c"]),
        ("Two?", ["b"]),
    ]
    assert found[0].asked_at == NOON - timedelta(seconds=9)


def test_a_device_that_asks_in_several_runs_is_one_device() -> None:
    again = replace(view("a"), run=2, execution=str(uuid.uuid4()))
    (alone,) = inbox.groups([view("a"), again])
    assert (count(alone), names(alone, 5)) == ("2 programs on 1 device", "a")
    (several,) = inbox.groups([view("b"), view("a"), again])
    assert (count(several), names(several, 5)) == ("3 programs on 2 devices", "a, b")
    (usual,) = inbox.groups([view("b"), view("a")])
    assert (count(usual), names(usual, 5)) == ("2 devices", "a, b")


def test_a_group_shows_each_of_its_texts(capsys: pytest.CaptureFixture[str]) -> None:
    def asks(device: str, text: str) -> PromptView:
        return replace(view(device), prompt=replace(PROMPT, text=text))

    views = [asks("a", "Use 10.0.0.1?"), asks("b", "Use 10.0.0.2?"), asks("c", "Use 10.0.0.1?")]
    (group,) = inbox.groups(views)
    assert group.title == "Use 10.0.0.1? / Use 10.0.0.2?"
    print_question(group, NOON)
    assert capsys.readouterr().out.splitlines()[:4] == ["  Use 10.0.0.1?", "so on a, c", "  Use 10.0.0.2?", "so on b"]
    (many,) = inbox.groups(asks(f"d{number}", f"Use 10.0.0.{number}?") for number in range(MOST_TEXTS + 2))
    assert many.title == "Use 10.0.0.0? / Use 10.0.0.1? / Use 10.0.0.2? / ... (12 texts)"
    print_question(many, NOON)
    assert f"and 2 texts more: runlet prompts {many.id} --output json" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["two\nlines", "y\n", "y\r"])
def test_an_answer_of_several_lines_would_answer_what_is_asked_next(text: str) -> None:
    (group,) = inbox.groups([view("a")])
    with pytest.raises(InvalidInput, match="several lines"):
        answering._data(group, text, b"", None)
    assert answering._data(group, "one", b"", None) == b"one\r"


def test_an_answer_is_found_by_the_id_that_its_question_had() -> None:
    (group,) = inbox.groups([view("a")])
    asked = group.first

    def given(result: Result) -> AnswerView:
        prompt = asked.prompt
        return AnswerView(
            id="1",
            run=asked.run,
            execution=asked.execution,
            device=asked.device,
            attempt=asked.attempt,
            prompt=prompt.id,
            question=prompt.text,
            fingerprint=prompt.fingerprint,
            secret=prompt.secret,
            origin=Origin.OPERATOR,
            by="ann",
            text="y",
            result=result,
            first=None,
            first_by=None,
            first_origin=None,
            detail="",
            given_at=NOON,
            answered_at=NOON,
        )

    taken = given(Result.TAKEN)
    for word in (group.id, group.questions[0].id.upper()):
        assert inbox.answered([given(Result.LATE), taken], word) == taken
    assert inbox.answered([given(Result.STALE)], group.id) is None
    assert inbox.answered([taken], group.id[:3]) is None, "too short for an id"
    assert inbox.answered([taken], "0000000") is None


def test_what_is_not_found_is_told_as_it_was_typed() -> None:
    with pytest.raises(UnknownName, match="'None'"):
        inbox.named([], "None")


def test_a_secret_is_never_in_a_group_with_what_is_none_whatever_its_device_tells() -> None:
    forged = replace(view("b"), prompt=replace(view("a").prompt, secret=True, text="Password:"))
    assert len(inbox.groups([view("a"), forged])) == 2


def test_ids_are_as_long_as_they_must_be_and_found_again() -> None:
    found = inbox.groups([view(f"d{number}", f"Question {number % 40}?") for number in range(400)])
    ids = [group.id for group in found] + [one.id for group in found for one in group.questions]
    assert len(set(ids)) == len(ids)
    assert all(len(id_) >= LEAST_ID_CHARACTERS for id_ in ids)
    for group in found:
        assert inbox.named(found, group.id.upper()) == group
        for one in group.questions:
            assert inbox.named(found, one.id).questions == (one,)


def test_an_id_that_was_longer_is_found_and_one_that_is_too_short_is_not() -> None:
    many = inbox.groups([view(f"d{number}", f"Question {number}?") for number in range(2000)])
    longest = many[0]
    alone = inbox.groups([many[0].first])
    assert inbox.named(alone, longest.id).first == longest.first
    with pytest.raises(Conflict, match="too short"):
        inbox.named(alone, alone[0].id[:2])


def test_the_id_of_a_question_that_is_gone_names_no_other() -> None:
    before = inbox.groups([view("a", "One?"), view("b", "One?")])
    after = inbox.groups([view("a", "Two?"), view("b", "Two?")])
    for id_ in (before[0].id, *(one.id for one in before[0].questions)):
        with pytest.raises(UnknownName, match="no open question"):
            inbox.named(after, id_)


@pytest.mark.parametrize(
    ("text", "kind", "title"),
    [
        ("Really?", Kind.PROMPT, "Really?"),
        ("1) sda\n2) sdb\n#?", Kind.PROMPT, "1) sda ... #?"),
        ("After this 3 MB are used.\nDo you want to continue? [Y/n]", Kind.PROMPT, "Do you want to continue? [Y/n]"),
        ("Really?\n<Yes> <No>", Kind.INTERACTIVE, "Really?"),
        ("", Kind.PROMPT, ""),
    ],
)
def test_the_title_is_the_line_that_asks(text: str, kind: Kind, title: str) -> None:
    [group] = inbox.groups([view("a", text, kind=kind)])
    assert group.title == title


def test_devices_are_chosen_within_groups() -> None:
    found = inbox.within(inbox.groups([view("a"), view("b"), view("c", "Two?")]), {"b", "x"})
    assert [[one.view.device for one in group.questions] for group in found] == [["b"]]


def test_secrets_are_sealed_one_by_one_and_other_answers_are_not() -> None:
    [group] = inbox.groups([view("a", secret=True), view("b", secret=True)])
    first, second = inbox.answers(group.questions, b"s3cret\r", "ann")
    assert first.sealed
    assert first.data != second.data
    assert sealing.open_(first.typed, PRIVATE, first.context) == b"s3cret\r"
    [group] = inbox.groups([view("a")])
    [plain] = inbox.answers(group.questions, b"y\r", "ann")
    assert (plain.sealed, plain.typed, plain.by) == (False, b"y\r", "ann")


def test_a_secret_for_a_device_without_a_key_is_refused() -> None:
    [group] = inbox.groups([replace(view("a", secret=True), sealing_key=None)])
    with pytest.raises(Conflict, match="a has told no key"):
        inbox.answers(group.questions, b"s3cret\r", "ann")
