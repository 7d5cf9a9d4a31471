from __future__ import annotations

import re
import time
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runlet.model.declared_answers import (
    MATCHED_CHARACTERS,
    MATCHED_WAYS,
    MOST_SECRET_USES,
    MOST_USES,
    QUESTION,
    Mode,
    Rule,
    Rules,
    Unanswered,
    device_mistake,
    match_mistake,
)
from runlet.model.regex import RefusedRegex, compile_bounded

# Far above what a loaded machine needs for one question, far below what an unbounded expression takes.
PATIENCE_SECONDS = 5.0


@pytest.mark.parametrize(
    ("match", "question", "found"),
    [
        (r"\[Y/n\]", "After this, 3 MB are used.\nDo you want to continue? [Y/n]", True),
        (r"^Do you want", "3 MB are used.\nDo you want to continue? [Y/n]", True),
        (r"used\.$", "3 MB are used.\nDo you want to continue? [Y/n]", True),
        (r"used\.\Z", "3 MB are used.\nDo you want to continue? [Y/n]", False),
        (r"continue", "Do you want to CONTINUE?", False),
        (r"a, b", "Install a, b? [y]", True),
        (r"begin", "begin" + "x" * MATCHED_CHARACTERS, False),
    ],
)
def test_a_match_is_searched_in_the_end_of_the_question(match: str, question: str, found: bool) -> None:
    assert Rule(match, send="y").matches(question) is found


@settings(deadline=None)
@given(st.text("ab.*+?{}(),|[]\\^$-12", max_size=24))
def test_no_expression_for_questions_runs_away(text: str) -> None:
    try:
        pattern = compile_bounded(text, QUESTION, re.MULTILINE)
    except RefusedRegex:
        return
    for question in ("a" * MATCHED_CHARACTERS, "ab" * 200, "1-\n" * 133, "b" * 399 + "!"):
        begin = time.process_time()
        pattern.search(question)
        assert time.process_time() - begin < PATIENCE_SECONDS


def test_two_repetitions_fit_into_an_expression_and_three_do_not() -> None:
    assert match_mistake(r"Replace .* with .*\?") is None
    assert "too many ways" in str(match_mistake(r".*.*.*"))
    assert (MATCHED_CHARACTERS + 1) ** 2 <= MATCHED_WAYS < (MATCHED_CHARACTERS + 1) ** 3


@pytest.mark.parametrize(
    ("device", "sent"),
    [("pi-3", "exact"), ("pi-4", "glob"), ("pi-42", "longer"), ("lab-1", "regex"), ("mac", "all others")],
)
def test_a_device_has_the_answer_of_its_name_or_of_the_longest_pattern(device: str, sent: str) -> None:
    rule = Rule(
        "q", send="all others", devices={"pi-3": "exact", "pi-*": "glob", "pi-4?": "longer", "~lab-[0-9]+": "regex"}
    )
    assert rule.on(device) == Rule("q", send=sent)


def test_the_order_of_devices_says_nothing() -> None:
    devices = {"pi-*": "a", "p*-1": "b", "*i-1": "c"}
    backwards = dict(reversed(devices.items()))
    assert Rule("q", devices=devices).on("pi-1") == Rule("q", devices=backwards).on("pi-1")


def test_a_device_may_answer_what_is_left_to_a_person_elsewhere() -> None:
    rule = Rule("q", ask=True, devices={"pi-1": "y"})
    assert rule.on("pi-1") == Rule("q", send="y")
    assert rule.on("pi-2") == Rule("q", ask=True)


@pytest.mark.parametrize("key", ["room=attic", "!pi-1", "&web", "all", "pi 1", ""])
def test_what_names_no_device_is_refused(key: str) -> None:
    assert device_mistake(key)


def test_rules_and_their_mapping() -> None:
    rules = Rules(
        Mode.REQUIRED,
        timedelta(hours=2),
        Unanswered.SKIP,
        (Rule("a", send="", devices={"pi-1": "n"}, max=3), Rule("b", secret="S"), Rule("c", ask=True)),
    )
    assert Rules.from_mapping(rules.to_mapping()) == rules
    assert rules.secrets == {"S"}
    assert Rules().to_mapping() == {}
    assert [rule.most for rule in rules.answers] == [3, MOST_SECRET_USES, MOST_USES]


def test_unattended_keeps_what_is_declared() -> None:
    answers = (Rule("a", send="y"),)
    rules = Rules(Mode.ASK, timedelta(hours=1), Unanswered.DEFAULT, answers)
    assert rules.unattended() == Rules(Mode.FORBID, answers=answers)
