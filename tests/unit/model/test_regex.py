from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runlet.model.regex import MAX_WAYS, NAME_CHARACTERS, RefusedRegex, compile_bounded

# Far above what a loaded machine needs for one name, far below what an unbounded expression takes.
PATIENCE_SECONDS = 5.0


@pytest.mark.parametrize(
    "text",
    ["pi-[0-9]+", "web|db", "(?:web|db)-\\d+$", ".*-x", "[]a]", "[^]]", "a{2,3}?", "a*+b", "(ab)*", "^pi\\.x", "a{,3}"],
)
def test_what_is_compiled(text: str) -> None:
    assert compile_bounded(text).pattern == text


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("(a+)+", 4, "a repetition of something with"),
        ("(a|a)*x", 5, "a repetition of something with"),
        ("(a?){2,}", 4, "a repetition of something with"),
        (".*.*.*x", 4, "too many ways"),
        ("a?" * 20, 26, "too many ways"),
        ("(a|b){20}", 0, "too many ways"),
        ("pi-1,pi-2", 4, "no name holds a ','"),
        ("a{64}", 1, "a name has 63 characters"),
        ("(?i)a", 0, "'(?' is not supported"),
        ("(?=a)", 0, "'(?' is not supported"),
        ("(a)\\1", 3, "'\\1' is not supported"),
        ("*a", 0, "'*' repeats nothing"),
        ("x{", 1, "'{' repeats nothing"),
        ("(a", 0, "this '(' is not closed"),
        ("a)", 1, "this ')' closes nothing"),
        ("a[b", 1, "this '[' is not closed"),
        ("a\\", 1, "nothing stands behind"),
        ("[[a]", 1, "write \\[ for the character"),
        ("[a&&b]", 2, "write \\& for the character"),
        ("(" * 11 + ")" * 11, 10, "nested deeper"),
        ("[b-a]", 1, "bad character range"),
        ("a{3,2}", 2, "min repeat greater"),
    ],
)
def test_what_is_refused_and_where(text: str, position: int, message: str) -> None:
    with pytest.raises(RefusedRegex) as caught:
        compile_bounded(text)
    assert message in caught.value.message
    assert caught.value.position == position


@settings(deadline=None)
@given(st.text("ab.*+?{}(),|[]\\^$-12", max_size=24))
def test_no_expression_runs_away(text: str) -> None:
    """Nor is any accepted that Python means otherwise, nor does any crash."""
    try:
        pattern = compile_bounded(text)
    except RefusedRegex:
        return
    assert pattern.pattern == text
    began = time.process_time()
    for name in ("a" * NAME_CHARACTERS, "ab" * 31, "1-" * 31, "b" * 62 + "!"):
        pattern.match(name)
    assert time.process_time() - began < PATIENCE_SECONDS


def test_the_slowest_that_are_accepted_are_fast() -> None:
    began = time.process_time()
    for text in (".*.*!", "a?" * 13 + "!", "(a|a)" * 13 + "!", "(a{0,20}){3}!", "(?:aa|a){13}!"):
        compile_bounded(text).match("a" * NAME_CHARACTERS)
    assert time.process_time() - began < PATIENCE_SECONDS


def test_the_bound_leaves_room_for_two_repetitions() -> None:
    assert (NAME_CHARACTERS + 1) ** 2 <= MAX_WAYS < (NAME_CHARACTERS + 1) ** 3
    assert isinstance(compile_bounded("\\w+-\\d+"), re.Pattern)
