"""The compare-and-set: whatever comes in whatever order, a prompt gets one answer, and whoever is late learns whose."""

from __future__ import annotations

import uuid

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from runlet.agent.answers import CONSOLE, MAX_BEHIND, MOST_MOVES, REMEMBERED, Answers, Candidate
from runlet.agent.prompts import Asking
from runlet.holder.waiting import BUSY, READING
from runlet.holder.wire import Look
from runlet.model.answer import Origin, Result
from runlet.protocol.messages import Answered

KEY = ("0b0e6c3c-6a0f-4d0e-9d5a-2f1f8a7f3c11", 1)


class Bench:
    """A program, its terminal and its agent's judge. What is typed waits for the terminal to take it."""

    def __init__(self, last: Answered | None = None) -> None:
        self.asking = Asking("key", last.asked if last else None)
        self.typed: list[Candidate] = []
        self.told: list[Answered] = []
        self.decided: list[str] = []
        self.answers = Answers(KEY, self.asking, self.typed.append, self.told.append, last)
        self.printed = b""

    def ask(self, question: bytes, **modes: bool) -> str:
        self.printed += b"\n" + question
        self.look(**modes)
        assert self.asking.prompt
        return self.asking.prompt.id

    def look(self, activity: int = READING, **modes: bool) -> None:
        seen = {"lines": True, "echo": True, "own_screen": False, "long": False} | modes
        self.asking.take(
            Look(len(self.printed), activity, columns=80, rows=24, silence=0.1, recent=self.printed, **seen)
        )

    def offer(self, prompt: str, data: bytes = b"y\r", by: str = "ann", id_: str = "", *, hidden: bool = False) -> str:
        id_ = id_ or str(uuid.uuid4())
        done = self.decided
        self.answers.offer(
            Candidate(id_, prompt, Origin.OPERATOR, by, data, hidden=hidden, done=lambda: done.append(id_))
        )
        return id_

    def console(self, data: bytes, words: str = "") -> None:
        self.answers.console_typed(self.answers.console_types(), data, words)


def test_the_first_is_taken_and_the_second_learns_whose_it_was() -> None:
    bench = Bench()
    prompt = bench.ask(b"Go on? ")
    first = bench.offer(prompt, b"y\r", "ann")
    second = bench.offer(prompt, b"n\r", "bob")
    assert bench.told == [], "nothing is known before the terminal has it"
    bench.answers.typed("")
    third = bench.offer(prompt, b"n\r", "eve")
    assert [one.data for one in bench.typed] == [b"y\r"]
    assert [(one.id, one.result) for one in bench.told] == [
        (first, Result.TAKEN),
        (second, Result.LATE),
        (third, Result.LATE),
    ]
    taken, late = bench.told[:2]
    assert (taken.text, taken.by, taken.asked and taken.asked.text) == ("y", "ann", "Go on?")
    assert late.first
    assert (late.first.answer, late.first.by, late.first.origin) == (first, "ann", Origin.OPERATOR)
    assert bench.decided == [first, second, third]


def test_an_answer_that_comes_twice_is_typed_once_and_told_twice() -> None:
    bench = Bench()
    prompt = bench.ask(b"Go on? ")
    first = bench.offer(prompt)
    bench.offer(prompt, id_=first)
    bench.answers.typed("")
    bench.offer(prompt, id_=first)
    assert len(bench.typed) == 1
    assert {one.id for one in bench.told} == {first}
    assert [one.result for one in bench.told] == [Result.TAKEN] * 3


def test_when_the_terminal_refuses_the_first_the_next_is_typed() -> None:
    bench = Bench()
    prompt = bench.ask(b"Go on? ")
    first, second = bench.offer(prompt, b"y\r"), bench.offer(prompt, b"n\r")
    bench.answers.typed("another console is typing")
    bench.answers.typed("")
    assert [one.data for one in bench.typed] == [b"y\r", b"n\r"]
    assert [(one.id, one.result, one.detail) for one in bench.told] == [
        (first, Result.REFUSED, "another console is typing"),
        (second, Result.TAKEN, ""),
    ]


def test_an_answer_to_what_is_no_longer_asked_is_stale() -> None:
    bench = Bench()
    prompt = bench.ask(b"Go on? ")
    other = bench.ask(b"Sure? ")
    bench.offer(prompt)
    bench.asking.printed(b"went on\n")
    bench.offer(other)
    assert len(bench.told) == 1, "another may have printed it"
    bench.look(BUSY)
    bench.answers.go_on()
    bench.offer(other)
    assert bench.typed == []
    assert [one.result for one in bench.told] == [Result.STALE] * 3


def test_an_answer_waits_for_another_look_when_the_terminal_has_moved() -> None:
    bench = Bench()
    prompt = bench.ask(b"Go on? ")
    bench.offer(prompt)
    bench.answers.moved()
    assert bench.told == []
    bench.look()
    bench.answers.go_on()
    assert len(bench.typed) == 2, "the question stands"
    bench.answers.moved()
    bench.ask(b"Erase? ")
    bench.answers.go_on()
    assert [one.result for one in bench.told] == [Result.STALE]
    assert len(bench.typed) == 2


def test_an_answer_to_a_terminal_that_never_rests_is_refused() -> None:
    bench = Bench()
    prompt = bench.ask(b"Go on? ")
    bench.offer(prompt)
    for _ in range(MOST_MOVES + 1):
        bench.answers.moved()
        bench.look()
        bench.answers.go_on()
    assert [one.detail for one in bench.told] == ["what is on the terminal changes all the time: attach to it"]
    assert len(bench.typed) == MOST_MOVES + 1


def test_a_secret_is_not_typed_where_it_would_be_shown() -> None:
    bench = Bench()
    prompt = bench.ask(b"Password: ", echo=False)
    assert bench.asking.look
    bench.asking.look.echo = True
    bench.offer(prompt, hidden=True)
    assert bench.typed == []
    assert [one.detail for one in bench.told] == ["the terminal would show the secret"]


def test_an_answer_that_comes_before_the_first_look_waits_for_it() -> None:
    bench = Bench()
    prompt = bench.ask(b"Go on? ")
    again = Bench()
    again.printed = bench.printed
    again.offer(prompt)
    again.answers.go_on()
    assert (again.told, again.typed) == ([], [])
    again.look()
    again.answers.go_on()
    assert len(again.typed) == 1
    ended = Bench()
    ended.offer(prompt)
    ended.asking.end()
    ended.answers.go_on()
    assert [one.result for one in ended.told] == [Result.STALE]


def test_an_agent_that_was_started_again_knows_the_answer_that_was_taken() -> None:
    bench = Bench()
    prompt = bench.ask(b"Go on? ")
    first = bench.offer(prompt)
    bench.answers.typed("")
    again = Bench(last=bench.told[0])
    again.offer(prompt, b"n\r", "bob")
    [late] = again.told
    assert late.result is Result.LATE
    assert late.first
    assert late.first.answer == first


def test_what_a_console_types_until_enter_is_an_answer() -> None:
    bench = Bench()
    prompt = bench.ask(b"Name: ")
    for piece in (b"anm", b"\x7f", b"n", b"a\rwhat follows"):
        bench.console(piece)
    [taken] = bench.told
    assert (taken.result, taken.origin, taken.by, taken.text) == (Result.TAKEN, Origin.CONSOLE, CONSOLE, "anna")
    bench.offer(prompt)
    assert bench.told[-1].result is Result.LATE
    assert bench.typed == []


def test_what_a_console_has_begun_keeps_answers_out_until_it_is_erased() -> None:
    bench = Bench()
    prompt = bench.ask(b"Go on? ")
    bench.console(b"ye")
    bench.offer(prompt)
    assert bench.told[-1].detail == "somebody has begun to type an answer on an attached console"
    bench.console(b"\x15")
    bench.offer(prompt)
    assert len(bench.typed) == 1


def test_an_answer_waits_for_what_becomes_of_a_consoles_keys() -> None:
    bench = Bench()
    prompt = bench.ask(b"Go on? ")
    open_then = bench.answers.console_types()
    bench.offer(prompt)
    assert bench.typed == []
    bench.answers.console_typed(open_then, b"n\r", "")
    assert [(one.origin, one.result) for one in bench.told] == [
        (Origin.CONSOLE, Result.TAKEN),
        (Origin.OPERATOR, Result.LATE),
    ]


def test_what_a_console_types_counts_though_its_echo_and_more_come_first() -> None:
    bench = Bench()
    bench.ask(b"Go on? ")
    first, second = bench.answers.console_types(), bench.answers.console_types()
    bench.asking.printed(b"y\r\nwent on\r\n")
    bench.answers.console_typed(first, b"y", "")
    bench.answers.console_typed(second, b"\r", "")
    assert [(one.origin, one.text) for one in bench.told] == [(Origin.CONSOLE, "y")]


def test_secrets_are_told_without_their_text() -> None:
    bench = Bench()
    prompt = bench.ask(b"Password: ", echo=False)
    bench.console(b"s3cr")
    assert b"s3cr" not in bench.answers._line.text
    bench.console(b"\x7f\x7f\x7f\x7f")
    bench.offer(prompt, b"s3cret\r", hidden=True)
    bench.answers.typed("")
    bench.ask(b"Password again: ", echo=False)
    bench.console(b"s3cret\r")
    assert [one.result for one in bench.told] == [Result.TAKEN] * 2
    assert [one.text for one in bench.told] == [None, None]


def test_an_operators_secret_that_is_not_hidden_is_not_typed() -> None:
    bench = Bench()
    prompt = bench.ask(b"Password: ", echo=False)
    bench.offer(prompt, b"s3cret\r")
    assert bench.typed == []
    [refused] = bench.told
    assert (refused.detail, refused.text) == ("the program asks for a secret, which must be sealed", None)


def test_nothing_is_collected_of_keys_for_a_full_screen() -> None:
    bench = Bench()
    prompt = bench.ask(b"\x1b[?1049h\x1b[HChoose one", lines=False, echo=False, own_screen=True)
    bench.console(b"jj\r")
    assert bench.told == []
    bench.offer(prompt, b"\r")
    assert len(bench.typed) == 1


def test_a_crowd_is_refused() -> None:
    bench = Bench()
    prompt = bench.ask(b"Go on? ")
    for _ in range(MAX_BEHIND + 2):
        bench.offer(prompt)
    assert [one.detail for one in bench.told] == ["too many answers at once"]


class Race(RuleBasedStateMachine):
    """Operators, consoles, a terminal that may refuse, and a program that asks on."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.prompts = [self.bench.ask(b"0? ")]
        self.offered: dict[str, str] = {}
        self.accepted: dict[str, int] = {}  # by prompt: answers that the terminal took

    @rule(back=st.integers(0, REMEMBERED - 2), by=st.sampled_from(["ann", "bob", "eve"]))
    def offer(self, back: int, by: str) -> None:
        prompt = self.prompts[-1 - min(back, len(self.prompts) - 1)]
        self.offered[self.bench.offer(prompt, by=by)] = prompt

    @rule(data=st.data())
    @precondition(lambda self: self.offered)
    def offer_again(self, data: st.DataObject) -> None:
        id_ = list(self.offered)[data.draw(st.integers(0, len(self.offered) - 1))]  # ids are drawn by lot
        self.bench.offer(self.offered[id_], id_=id_)

    @rule(words=st.sampled_from(["", "", "", "another console is typing"]))
    @precondition(lambda self: self.bench.answers._typing is not None)
    def terminal_takes_it(self, words: str) -> None:
        prompt = self.bench.answers._typing[1].id
        if not words:
            self.accepted[prompt] = self.accepted.get(prompt, 0) + 1
        self.bench.answers.typed(words)

    @rule(data=st.sampled_from([b"y", b"y\r", b"\x15", b"\r"]))
    @precondition(lambda self: self.bench.answers._typing is None)
    def console_types(self, data: bytes) -> None:
        self.bench.console(data)

    @rule()
    @precondition(lambda self: self.bench.answers._typing is None)
    def program_asks_on(self) -> None:
        self.prompts.append(self.bench.ask(b"%d? " % len(self.prompts)))

    @rule()
    def program_is_looked_at(self) -> None:
        self.bench.look()
        assert self.bench.asking.prompt
        if self.bench.asking.prompt.id != self.prompts[-1]:
            self.prompts.append(self.bench.asking.prompt.id)

    @invariant()
    def no_prompt_has_two_answers(self) -> None:
        taken = {(one.prompt, one.id) for one in self.bench.told if one.result is Result.TAKEN}
        assert len({prompt for prompt, _ in taken}) == len(taken)
        assert all(count == 1 for count in self.accepted.values())

    @invariant()
    def whoever_is_late_learns_who_was_first(self) -> None:
        taken = {one.prompt: one.id for one in self.bench.told if one.result is Result.TAKEN}
        for one in self.bench.told:
            if one.result is Result.LATE:
                assert one.first
                assert one.first.answer == taken[one.prompt]

    def teardown(self) -> None:
        if self.bench.answers._typing is not None:
            self.terminal_takes_it("")
        while self.bench.answers._typing is not None:
            self.terminal_takes_it("")
        assert {one.id for one in self.bench.told} >= set(self.offered), "every answer is told of"


TestRace = Race.TestCase
TestRace.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
