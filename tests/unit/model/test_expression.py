from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.model.declared_answers import QUESTION, match_mistake
from runlet.model.expression import caseless, literal, misses_itself
from runlet.model.regex import RefusedRegex, compile_bounded

TEXTS = st.text("abYZ09 .^$*+?{}[]|()/\\\\-&é", max_size=12)


@given(TEXTS, TEXTS)
def test_a_literal_matches_its_text_alone(text: str, other: str) -> None:
    assert match_mistake(literal(text)) is None
    assert (re.search(literal(text), other) is not None) == (text in other)


@given(TEXTS, TEXTS)
def test_where_capitals_do_not_count(expression: str, text: str) -> None:
    try:
        compile_bounded(expression, QUESTION)
    except RefusedRegex:
        return
    ours = compile_bounded(caseless(expression), QUESTION)
    theirs = re.compile(expression, re.IGNORECASE)
    for one in (text, text.swapcase()):
        assert (ours.search(one) is None) == (theirs.search(one) is None), (caseless(expression), one)


AS_IT_IS = ["Continue? [y/N]", "^Really delete? ", "Sure (y/n)? [y/n]", "Overwrite? [y/n/a]$"]
MEANT = [r"Continue\? \[y/N\]", "password for", "[0-9]+ packages", "^Name:", "colou?r", "."]


@pytest.mark.parametrize("expression", AS_IT_IS)
def test_a_question_written_down_as_it_is(expression: str) -> None:
    assert misses_itself(expression)


@pytest.mark.parametrize("expression", MEANT)
def test_an_expression_that_is_meant(expression: str) -> None:
    assert not misses_itself(expression)
