from __future__ import annotations

import re

from runlet import errors
from runlet.errors import InvalidFiles, Problem, RunletError


def _all(kind: type[RunletError]) -> list[type[RunletError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in _all(child))]


def test_problems_are_told_in_order_of_position() -> None:
    error = InvalidFiles(
        [Problem("b.yaml", 0, 0, "empty"), Problem("a.yaml", 10, 1, "late"), Problem("a.yaml", 9, 4, "early")]
    )
    assert str(error) == "a.yaml:9:4: early\na.yaml:10:1: late\nb.yaml: empty"
    assert error.message == str(error)


def test_the_drawn_tree_is_that_of_the_classes() -> None:
    above: list[str] = []
    drawn = {}
    for indent, name in re.findall(
        r"^    ([│├└─ ]*)(\w+)", (errors.__doc__ or "").partition("`message`")[0], re.MULTILINE
    ):
        depth = len(indent) // len("├── ")
        above[depth:] = [name]
        drawn[name] = above[depth - 1] if depth else None
    kinds = [kind for kind in _all(RunletError) if kind.__module__ == errors.__name__]
    assert drawn == {kind.__name__: None if kind is RunletError else kind.__bases__[0].__name__ for kind in kinds}


def test_a_hint_is_kept_apart_from_the_message() -> None:
    error = RunletError("no broker", "start it with: runlet up")
    assert (str(error), error.hint) == ("no broker", "start it with: runlet up")


def test_a_file_s_name_stays_on_its_line() -> None:
    told = str(Problem("x\n::set-output name=q::r\x1b[31m\udcff.yaml", 3, 4, "wrong"))
    assert told == "x\\n::set-output name=q::r\\x1b[31m\\udcff.yaml:3:4: wrong"
