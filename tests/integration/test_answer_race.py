"""Sixteen operators race for the same questions: each program gets one answer, and every loser learns whose."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runlet.cli import inbox
from runlet.cli.inbox import Question
from runlet.model.answer import Result
from runlet.model.target import Target
from runlet.protocol.views import AnswerView
from tests.fleets import CROWD_PARALLEL
from tests.harness import Fleet, wait_until

OPERATORS = 16
# Answers of one operator that are on their way at once: the operators meet all over the fleet, not one after another.
AT_ONCE = 50
# Every line that it is given; it never says so, nor that it reads on.
SCRIPT = 'printf "Race? "; while read -r line; do echo "$line" >> {folder}/$RUNLET_DEVICE.$RUNLET_RUN; done'


def race(fleet: Fleet, name: str, questions: list[Question]) -> list[AnswerView]:
    """One operator answers all, in an order of their own."""
    mine = random.sample(questions, len(questions))
    with fleet.api() as api:
        found = []
        for start in range(0, len(mine), AT_ONCE):
            found += api.answer(inbox.answers(mine[start : start + AT_ONCE], name.encode() + b"\r", name))
    return found


@pytest.mark.parametrize("on_each", [10, pytest.param(CROWD_PARALLEL, marks=pytest.mark.long)])
def test_sixteen_operators_race_and_each_program_has_one_answer(
    fleet: Fleet, crowd: list[str], tmp_path: Path, on_each: int
) -> None:
    programs = len(crowd) * on_each
    command = ["bash", "-c", SCRIPT.format(folder=tmp_path)]
    with fleet.api() as api:
        runs = [api.start_run(command=command, target=Target.parse(",".join(crowd))).id for _ in range(on_each)]

        def asked() -> list[Question]:
            known = inbox.groups(one for one in api.prompts() if one.run in runs)
            return [one for group in known for one in group.questions]

        questions = wait_until(lambda: found if len(found := asked()) == programs else None, "all to ask", 90)
        names = [f"op-{number}" for number in range(OPERATORS)]
        with ThreadPoolExecutor(OPERATORS) as pool:
            told = [one for found in pool.map(lambda name: race(fleet, name, questions), names) for one in found]

        kept = [one for run in runs for one in api.answers(run)]
        wait_until(lambda: len(list(tmp_path.iterdir())) == programs, "all to have read", 60)
        for run in runs:
            api.cancel(run)
        wait_until(lambda: all(api.run(run).settled for run in runs), "all to be cancelled", 60)
    typed = {path.name: path.read_text().splitlines() for path in tmp_path.iterdir()}
    assert len(typed) == programs
    assert {len(lines) for lines in typed.values()} == {1}, "each program was given one answer"

    number = {view.execution: view.run for view in (one.view for one in questions)}
    winner = {one.execution: one for one in kept if one.result is Result.TAKEN}
    assert len(winner) == programs == sum(one.result is Result.TAKEN for one in kept)
    for one in winner.values():
        assert typed[f"{one.device}.{number[one.execution]}"] == [one.by], "and that of whom it is told"
    assert Counter(one.result for one in told) == {Result.TAKEN: programs, Result.LATE: (OPERATORS - 1) * programs}
    assert all(one.first == winner[one.execution].id for one in told if one.result is Result.LATE)
