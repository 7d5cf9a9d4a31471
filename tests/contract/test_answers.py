"""What a controller keeps of questions and answers, whatever devices tell it."""

from __future__ import annotations

import base64
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlmodel import Session, col

from runlet.controller import answers, inbox
from runlet.controller.answers import MAX_TOLD
from runlet.controller.pages import Place
from runlet.controller.store import Store
from runlet.controller.tables import Answer as Row
from runlet.errors import InvalidInput, UnknownName
from runlet.model.answer import First, Origin, Result
from runlet.model.execution import Event
from runlet.model.prompt import Kind, Prompt
from runlet.protocol.messages import MAX_ATTEMPT, Answer, Answered
from runlet.protocol.views import AnswerView, ExecutionView, PromptView, RunView
from tests.contract.operations import NOON, launched, record, report

PROMPT = Prompt("8-abc", 8, "Go on?", secret=False, kind=Kind.PROMPT, confidence=0.9, fingerprint="abc")
SECRET = replace(PROMPT, id="9-def", text="Password:", secret=True, fingerprint="def")


async def asking(store: Store, *names: str, prompt: Prompt = PROMPT) -> RunView:
    """A run whose programs all ask, one second after another."""
    run = await launched(store, *names)
    for number, view in enumerate(run.executions):
        await record(store, report(view, Event.ASK, 3, prompt=prompt), now=NOON + timedelta(seconds=number))
    return run


def given(view: ExecutionView, text: str = "y", prompt: Prompt = PROMPT, *, sealed: bool = False) -> Answer:
    data = base64.b64encode(text.encode() + b"\r").decode()
    return Answer(str(uuid.uuid4()), view.id, 1, prompt.id, data, sealed, by="ann")


def told(one: Answer, result: Result, prompt: Prompt | None = None, **more: object) -> Answered:
    origin = Origin.OPERATOR
    return Answered(one.id, one.execution, one.attempt, one.prompt, result, origin, "ann", 0.0, prompt, **more)  # type: ignore[arg-type]


def typed(view: ExecutionView, text: str | None = "y", prompt: Prompt = PROMPT) -> Answered:
    """On a console."""
    return Answered(
        str(uuid.uuid4()), view.id, 1, prompt.id, Result.TAKEN, Origin.CONSOLE, "a console", 0.0, prompt, text
    )


async def give(store: Store, *all_given: Answer) -> list[str]:
    """The ids of those that are to be sent."""
    return [one.id for _, one in await store.transact(lambda session: answers.give(session, all_given, NOON))]


async def tell(store: Store, *all_told: Answered, device: str = "a") -> list[str]:
    return await store.transact(lambda session: answers.record(session, [(device, one) for one in all_told], NOON))


async def kept(store: Store, run: RunView) -> list[AnswerView]:
    return await store.transact(lambda session: answers.of_run(session, run.id, 1000))


async def opened(store: Store) -> list[PromptView]:
    return (await store.transact(lambda session: inbox.page(session, NOON, 1000)))[0]


async def test_an_answer_is_kept_with_what_became_of_it(store: Store) -> None:
    run = await asking(store, "a")
    one, two = given(run.executions[0], "y"), given(run.executions[0], "n")
    assert await give(store, one, two) == [one.id, two.id]
    assert {(view.result, view.text, view.question) for view in await kept(store, run)} == {
        (None, "y", "Go on?"),
        (None, "n", "Go on?"),
    }
    first = First(one.id, "ann", Origin.OPERATOR)
    assert await tell(store, told(one, Result.TAKEN, PROMPT), told(two, Result.LATE, first=first)) == [one.id, two.id]
    found = {view.id: view for view in await kept(store, run)}
    assert (found[one.id].result, found[one.id].first) == (Result.TAKEN, None)
    assert (found[two.id].result, found[two.id].first, found[two.id].first_by) == (Result.LATE, one.id, "ann")


async def test_the_answers_of_all_runs_are_listed_in_pages_the_newest_first(store: Store) -> None:
    runs = [await asking(store, "a", "b") for _ in range(2)]
    for number, view in enumerate(view for run in runs for view in run.executions):
        at = NOON + timedelta(seconds=number // 2)  # two at a time
        await store.transact(lambda session, view=view, at=at: answers.give(session, [given(view)], at))
    found: list[AnswerView] = []
    after = None
    for _ in range(4):
        [one] = await store.transact(lambda session, after=after: answers.newest(session, 1, after))
        after = Place(one.given_at, one.id)
        found.append(one)
    assert await store.transact(lambda session: answers.newest(session, 1, after)) == []
    assert sorted(found, key=lambda one: (one.given_at, one.id), reverse=True) == found
    assert [one.run for one in found] == [runs[1].id, runs[1].id, runs[0].id, runs[0].id]
    assert sorted(one.device or "" for one in found) == ["a", "a", "b", "b"]


async def test_what_was_given_before_is_not_sent_again(store: Store) -> None:
    run = await asking(store, "a")
    one = given(run.executions[0])
    assert await give(store, one, one) == [one.id]
    assert await give(store, one) == []


async def test_what_is_told_once_holds_but_taken_holds_against_everything(store: Store) -> None:
    run = await asking(store, "a")
    one = given(run.executions[0])
    await give(store, one)
    assert await tell(store, told(one, Result.STALE)) == [one.id]
    assert await tell(store, told(one, Result.REFUSED, detail="late news")) == []
    assert await tell(store, told(one, Result.TAKEN, PROMPT)) == [one.id]
    assert await tell(store, told(one, Result.STALE)) == []
    assert [view.result for view in await kept(store, run)] == [Result.TAKEN]


async def test_what_is_stale_because_another_was_taken_was_late(store: Store) -> None:
    run = await asking(store, "a")
    one, two, three = (given(run.executions[0]) for _ in range(3))
    await give(store, one, two)
    await tell(store, told(two, Result.STALE), told(one, Result.TAKEN, PROMPT))
    await record(store, report(run.executions[0], Event.RESUME, 4))
    assert await give(store, three) == [], "its question is gone: it need not be sent"
    by_id = {view.id: view for view in await kept(store, run)}
    assert {(by_id[late.id].result, by_id[late.id].first) for late in (two, three)} == {(Result.LATE, one.id)}


async def test_what_is_typed_elsewhere_is_kept_once(store: Store) -> None:
    run = await asking(store, "a")
    one = typed(run.executions[0], "yes")
    assert await tell(store, one, one) == [one.id]
    assert await tell(store, one) == []
    [view] = await kept(store, run)
    assert (view.origin, view.by, view.text, view.question) == (Origin.CONSOLE, "a console", "yes", "Go on?")


async def test_a_device_tells_of_its_own_executions_only(store: Store) -> None:
    run = await asking(store, "a", "b")
    one = given(run.executions[0])
    await give(store, one)
    of_another_attempt = replace(typed(run.executions[0]), attempt=MAX_ATTEMPT)
    assert await tell(store, told(one, Result.TAKEN, PROMPT), typed(run.executions[0]), device="b") == []
    assert await tell(store, replace(told(one, Result.TAKEN, PROMPT), prompt="1-x"), of_another_attempt) == []
    assert [view.result for view in await kept(store, run)] == [None]


async def test_a_device_cannot_fill_the_table(store: Store) -> None:
    run = await asking(store, "a")
    await tell(store, *(typed(run.executions[0]) for _ in range(MAX_TOLD)))
    await tell(store, *(typed(run.executions[0]) for _ in range(10)))

    def count(session: Session) -> int:
        return session.execute(select(func.count(col(Row.id)))).scalar_one()

    assert await store.transact(count) == MAX_TOLD


async def test_secrets_are_sealed_and_have_no_text(store: Store) -> None:
    run = await asking(store, "a", prompt=SECRET)
    [view] = run.executions
    with pytest.raises(InvalidInput, match="asks for a secret"):
        await give(store, given(view, "s3cret", SECRET))
    sealed = given(view, "pretend that this is a box", SECRET, sealed=True)
    assert await give(store, sealed) == [sealed.id]
    await tell(store, typed(view, None, SECRET))
    assert [(one.secret, one.text) for one in await kept(store, run)] == [(True, None)] * 2


async def test_the_inbox_has_what_is_open_the_oldest_first(store: Store) -> None:
    run = await asking(store, "a", "b", "c")
    first, second, third = await opened(store)
    assert [one.device for one in (first, second, third)] == ["a", "b", "c"]
    assert (first.run, first.prompt, first.asked_at) == (run.id, PROMPT, NOON)
    answered = given(run.executions[0])
    await give(store, answered)
    assert len(await opened(store)) == 3
    await tell(store, told(answered, Result.TAKEN, PROMPT))
    assert [one.device for one in await opened(store)] == ["b", "c"], "though its program has not gone on yet"
    await record(store, report(run.executions[1], Event.RESUME, 4))
    assert [one.device for one in await opened(store)] == ["c"]


async def test_pages_of_the_inbox_leave_nothing_out(store: Store) -> None:
    await asking(store, *(f"d{number}" for number in range(7)))
    found: list[str] = []
    place: Place | None = None
    for _ in range(4):
        after = None if place is None else Place.parse(str(place))
        page, place = await store.transact(lambda session, after=after: inbox.page(session, NOON, 2, after))
        found += [one.device for one in page]
    assert found == [f"d{number}" for number in range(7)]
    assert place is None


async def test_an_answer_to_nothing_is_refused(store: Store) -> None:
    run = await asking(store, "a")
    nowhere = replace(given(run.executions[0]), execution=str(uuid.uuid4()))
    with pytest.raises(UnknownName, match="no execution"):
        await give(store, nowhere)


@pytest.mark.parametrize("text", ["", "x", "2026-01-01T00:00:00/a", "2026-01-01T00:00:00+00:00", "/a"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="where a page ended"):
        Place.parse(text)
