"""Real programs on real terminals: which of them wait for a person, and which do not.

One run of the corpus, several terminals at once, less than a minute.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from runlet.model.prompt import Kind
from tests.prompts.corpus import CASES, PROGRAMS
from tests.prompts.device import Seen
from tests.prompts.report import PAGE, misses

LEAST_RECALL = 0.97
MOST_FALSE_ALARMS = 0.01

# The run of the corpus takes most of a minute, on a machine that others work on longer.
pytestmark = pytest.mark.timeout(600)


def test_every_program_of_the_corpus_is_there() -> None:
    assert [program for program in PROGRAMS if not shutil.which(program)] == [], "run make test-tools"


def test_names_are_unique_and_there_are_enough_of_both() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    assert sum(case.expected is not None for case in CASES) >= 60
    assert sum(case.expected is None for case in CASES) >= 40


def test_programs_that_ask_are_found(corpus: list[Seen]) -> None:
    asking = [seen for seen in corpus if seen.case.expected is not None]
    found = [seen for seen in asking if seen.is_right]
    assert len(found) / len(asking) >= LEAST_RECALL, misses(asking)


def test_programs_that_work_are_left_alone(corpus: list[Seen]) -> None:
    working = [seen for seen in corpus if seen.case.expected is None]
    alarms = [seen for seen in working if not seen.is_right]
    assert len(alarms) / len(working) <= MOST_FALSE_ALARMS, misses(working)


def test_a_prompt_says_how_sure_it_is_and_where_it_stands(corpus: list[Seen]) -> None:
    for prompt in [prompt for seen in corpus for prompt in seen.prompts]:
        assert 0.5 <= prompt.confidence <= 1
        assert prompt.offset > 0 or not prompt.text


def test_what_is_typed_is_never_in_a_secret_question(corpus: list[Seen]) -> None:
    typed = [(piece, seen) for seen in corpus if seen.case.secret for piece in seen.case.typed]
    assert typed
    for piece, seen in typed:
        assert all(piece.strip() not in prompt.text for prompt in seen.prompts)


def test_a_question_asked_again_is_another_prompt(corpus: list[Seen]) -> None:
    [again] = [seen for seen in corpus if seen.case.name == "bash read after a wrong answer"]
    first, second = again.prompts
    assert first.id != second.id
    assert first.fingerprint == second.fingerprint
    assert first.offset < second.offset


def test_a_countdown_is_one_prompt(corpus: list[Seen]) -> None:
    [countdown] = [seen for seen in corpus if seen.case.name == "countdown that any key ends"]
    assert [prompt.kind for prompt in countdown.prompts] == [Kind.PROMPT]


def test_the_page_tells_of_every_case() -> None:
    rows = re.findall(r"^\| (.+?) \| ", Path(PAGE).read_text(), re.MULTILINE)
    names = {case.name.replace("|", "\\|") for case in CASES}
    assert names <= set(rows), "run: python -m tests.prompts.report"
    assert len([row for row in rows if row in names]) == len(names)
