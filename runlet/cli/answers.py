"""Answers in words: what became of each, who gave it."""

from __future__ import annotations

from collections.abc import Sequence

from runlet.cli import keyboard
from runlet.cli.inert import plain
from runlet.cli.render import print_rows
from runlet.model.answer import Origin, Result
from runlet.protocol.messages import CONTROL_TTL_SECONDS
from runlet.protocol.views import AnswerView, Presence

_HEADINGS = ("ANSWERED", "DEVICE", "BY", "ANSWER", "RESULT", "QUESTION")


def print_answers(answers: Sequence[AnswerView]) -> None:
    """A table of who answered what in a run, when, and what became of it."""
    print_rows(_HEADINGS, [_row(one) for one in answers])


def print_answers_of_runs(answers: Sequence[AnswerView]) -> None:
    """The same of several runs."""
    print_rows(("RUN", *_HEADINGS), [(str(one.run), *_row(one)) for one in answers])


def _row(one: AnswerView) -> tuple[str, ...]:
    text = "(secret)" if one.secret else "(not kept)" if one.text is None else keyboard.told(one.text) or "(Enter)"
    question = (one.question.splitlines() or [""])[-1].strip()
    given = one.given_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return given, one.device or "", who(one.by, one.origin), text, outcome_words(one), question


def outcome_words(one: AnswerView, presence: Presence | None = None) -> str:
    """What became of an answer."""
    match one.result:
        case Result.TAKEN:
            return "taken"
        case Result.LATE:
            return f"late: {who(one.first_by, one.first_origin)} was first"
        case Result.STALE:
            return "stale: the program went on and no longer asks that"
        case Result.REFUSED:
            return f"refused: {plain(one.detail)}"
        case _:
            away = f", which is {presence.value}" if presence is not None and presence is not Presence.ONLINE else ""
            return f"no word from the device{away}: after {CONTROL_TTL_SECONDS:g} s it is not typed any more"


def who(by: str | None, origin: Origin | None) -> str:
    """Whose answer it is."""
    match origin:
        case Origin.DECLARED:
            return "the job's answer"
        case Origin.DEFAULT:
            return "the job's timeout"
        case _:
            return plain(by or "somebody")
