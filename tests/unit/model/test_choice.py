from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.model.choice import (
    MOST_SKIPS,
    AskPerson,
    EndInput,
    Lapse,
    Refuse,
    Send,
    SendSecret,
    choose,
    lapse,
    quoted,
)
from runlet.model.declared_answers import Mode, Rule, Rules, Unanswered
from runlet.model.prompt import Kind, Prompt

HOUR = timedelta(hours=1)
QUESTION = Prompt(
    "1-a", 1, "Do you want to continue? [Y/n]", secret=False, kind=Kind.PROMPT, confidence=0.9, fingerprint="f"
)
HIDDEN = replace(QUESTION, text="Password:", secret=True)
SCREEN = replace(QUESTION, text="File Edit", kind=Kind.INTERACTIVE)


def rules(*answers: Rule, mode: Mode = Mode.ASK, unanswered: Unanswered = Unanswered.FAIL) -> Rules:
    return Rules(mode, HOUR, unanswered, answers)


def test_the_first_match_decides() -> None:
    declared = rules(Rule("nothing", send="0"), Rule("continue", send="1"), Rule("want", send="2"))
    assert choose(declared, QUESTION, {}, ()) == Send("1", 1)


def test_a_match_that_asks_hides_those_behind_it() -> None:
    declared = rules(Rule("continue", ask=True), Rule("want", send="2"))
    assert choose(declared, QUESTION, {}, ()) == AskPerson()


def test_a_rule_for_other_devices_only_asks_here() -> None:
    declared = rules(Rule("continue", devices={"pi-1": "y"})).on("pi-2")
    assert choose(declared, QUESTION, {}, ()) == AskPerson()


def test_a_rule_that_was_used_up_leaves_the_question_to_a_person() -> None:
    declared = rules(Rule("continue", send="1", max=2), Rule("want", send="2"))
    assert choose(declared, QUESTION, {0: 1}, ()) == Send("1", 0)
    assert choose(declared, QUESTION, {0: 2}, ()) == AskPerson("its declared answer was given 2 times")


def test_the_same_question_is_answered_in_turn() -> None:
    in_turn = rules(Rule("continue", send="1", then=("2", "3"))).on("pi-1")
    two_rules = rules(Rule("continue", send="1", max=1), Rule("other"), Rule("continue", send="2", max=1))
    assert [choose(in_turn, QUESTION, dict.fromkeys(range(used), 1), ()) for used in range(3)] == [
        Send("1", 0),
        Send("2", 1),
        Send("3", 2),
    ]
    assert choose(in_turn, QUESTION, {0: 1, 1: 1, 2: 1}, ()) == AskPerson("its declared answer was given 1 times")
    assert choose(two_rules, QUESTION, {0: 1}, ()) == Send("2", 2)


def test_an_agent_gets_plain_expressions() -> None:
    literal = Rule("Continue? [y/N]", send="y", literal=True, ignore_case=True)
    (plain,) = rules(literal).on("pi-1").answers
    assert plain == Rule(plain.match, send="y")
    assert plain.matches("CONTINUE? [Y/n]")
    assert literal.matches("continue? [Y/n]")
    assert not literal.matches("continue y")


def test_a_secret_is_sent_where_it_was_given_and_is_not_shown() -> None:
    declared = rules(Rule(":|continue", secret="SUDO"))
    assert choose(declared, HIDDEN, {}, {"SUDO"}) == SendSecret("SUDO", 0)
    assert choose(declared, HIDDEN, {}, ()) == AskPerson("the secret SUDO was not given at launch")
    assert choose(declared, QUESTION, {}, {"SUDO"}) == AskPerson("the terminal shows what is typed, and SUDO is secret")


def test_nobody_is_asked_where_that_is_forbidden() -> None:
    declared = rules(Rule("continue", send="y", max=1), mode=Mode.FORBID)
    assert choose(declared, QUESTION, {}, ()) == Send("y", 0)
    assert choose(declared, HIDDEN, {}, ()) == Refuse("its program asks, and nobody may be asked: Password:")
    assert choose(declared, QUESTION, {0: 1}, ()) == Refuse(
        "its program asks, and nobody may be asked (its declared answer was given 1 times): "
        "Do you want to continue? [Y/n]"
    )


@pytest.mark.parametrize(
    ("declared", "prompt", "skips", "expected"),
    [
        (rules(), QUESTION, 0, Refuse("nobody answered within 1h: Do you want to continue? [Y/n]")),
        (rules(unanswered=Unanswered.DEFAULT), QUESTION, 0, Send("", None)),
        (rules(unanswered=Unanswered.DEFAULT), HIDDEN, 0, Refuse("nobody answered within 1h: Password:")),
        (rules(unanswered=Unanswered.DEFAULT), SCREEN, 0, Refuse("nobody answered within 1h: File Edit")),
        (rules(Rule("continue", ask=True, default="n"), unanswered=Unanswered.DEFAULT), QUESTION, 0, Send("n", 0)),
        (
            rules(Rule("continue", ask=True, default="n"), unanswered=Unanswered.DEFAULT, mode=Mode.REQUIRED),
            QUESTION,
            0,
            Refuse("nobody answered within 1h: Do you want to continue? [Y/n]"),
        ),
        (rules(unanswered=Unanswered.SKIP), QUESTION, 0, EndInput()),
        (rules(unanswered=Unanswered.SKIP), HIDDEN, MOST_SKIPS - 1, EndInput()),
        (rules(unanswered=Unanswered.SKIP), HIDDEN, MOST_SKIPS, Refuse("nobody answered within 1h: Password:")),
        (rules(unanswered=Unanswered.SKIP), SCREEN, 0, Refuse("nobody answered within 1h: File Edit")),
    ],
)
def test_what_follows_when_nobody_answers(declared: Rules, prompt: Prompt, skips: int, expected: Lapse) -> None:
    assert lapse(declared, prompt, skips) == expected


def test_a_question_is_told_in_one_line() -> None:
    assert quoted(replace(QUESTION, text=" 1) a\n\n 2) b\n#? ")) == "1) a / 2) b / #?"
    assert quoted(replace(QUESTION, text="")) == "it shows no question"
    assert len(quoted(replace(QUESTION, text="x" * 1000))) == 300


@st.composite
def _declared(draw: st.DrawFn) -> Rules:
    words = st.sampled_from(["continue", "want", "Password", "nothing", "."])
    one = st.builds(
        lambda match, answer, most: Rule(match, max=most, **answer),
        words,
        st.sampled_from([{"send": "y"}, {"send": ""}, {"ask": True}, {"secret": "S"}, {}]),
        st.none() | st.integers(1, 3),
    )
    return rules(*draw(st.lists(one, max_size=6)), mode=draw(st.sampled_from(Mode)))


@given(_declared(), st.sampled_from([QUESTION, HIDDEN, SCREEN]), st.dictionaries(st.integers(0, 5), st.integers(0, 12)))
def test_the_choice_is_that_of_the_first_match_and_keeps_its_limits(
    declared: Rules, prompt: Prompt, used: dict[int, int]
) -> None:
    choice = choose(declared, prompt, used, {"S"})
    matching = [
        number for number, rule in enumerate(declared.answers) if rule.match == "." or rule.match in prompt.text
    ]
    if isinstance(choice, Send | SendSecret):
        alike = [number for number in matching if declared.answers[number].match == declared.answers[matching[0]].match]
        left = [number for number in alike if used.get(number, 0) < declared.answers[number].most]
        assert choice.rule == left[0], "of rules with one match, each is used up before the next"
    if isinstance(choice, SendSecret):
        assert prompt.secret
    assert isinstance(choice, Refuse) == (
        declared.mode is Mode.FORBID
        and isinstance(choose(replace(declared, mode=Mode.ASK), prompt, used, {"S"}), AskPerson)
    )


@given(_declared(), st.sampled_from([QUESTION, HIDDEN]))
def test_a_program_that_asks_for_ever_gets_to_a_person(declared: Rules, prompt: Prompt) -> None:
    used: dict[int, int] = {}
    most = sum(rule.most for rule in declared.answers)
    for _ in range(most + 1):
        choice = choose(declared, prompt, used, {"S"})
        if not isinstance(choice, Send | SendSecret):
            return
        assert choice.rule is not None
        used[choice.rule] = used.get(choice.rule, 0) + 1
    raise AssertionError(f"answered {most + 1} times")
