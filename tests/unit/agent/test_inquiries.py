"""runlet/agent/inquiries.py: what programs ask of a terminal's settings and capabilities, as neovim and vim ask."""

from __future__ import annotations

import pytest

from runlet.agent.inquiries import Inquiries
from runlet.holder import waiting
from runlet.holder.wire import Look


def answered(*parts: bytes) -> list[tuple[int, bytes]]:
    inquiries, end, found = Inquiries(), 0, []
    for part in parts:
        end += len(part)
        found += inquiries.answers(end, part)
    return found


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (b"\x1b[0m\x1b[48;2;1;2;3m\x1bP$qm\x1b\\", b"\x1bP1$r0;48:2:1:2:3m\x1b\\"),
        (b"\x1b[1;31m\x1b[4m\x1b[32m\x1bP$qm\x1b\\", b"\x1bP1$r0;1;31;4;32m\x1b\\"),
        (b"\x1b[38;5;200;1m\x1bP$qm\x1b\\", b"\x1bP1$r0;38:5:200;1m\x1b\\"),
        (b"\x1b[48:2::9:8:7m\x1bP$qm\x1b\\", b"\x1bP1$r0;48:2::9:8:7m\x1b\\"),
        (b"\x1b[38;2;1m\x1b[m\x1bP$qm\x1b\\", b"\x1bP1$r0m\x1b\\"),
        (b'\x1bP$q"p\x1b\\', b'\x1bP1$r64;1"p\x1b\\'),
        (b"\x1bP$q?\x1b\\", b"\x1bP0$r\x1b\\"),
        (b"\x1bP+q5463\x1b\\", b"\x1bP1+r5463\x1b\\"),
        (b"\x1bP+q436F;6b75\x1b\\", b"\x1bP1+r436F=323536\x1b\\\x1bP0+r6b75\x1b\\"),
        (b"\x1bP+q123\x1b\\", b"\x1bP0+r123\x1b\\"),
        (b"\x1bP+qff;80\x1b\\", b"\x1bP0+rff\x1b\\\x1bP0+r80\x1b\\"),
    ],
)
def test_a_question_is_answered_once_however_it_is_cut(question: bytes, answer: bytes) -> None:
    assert answered(question) == [(len(question), answer)]
    for cut in range(len(question)):
        assert answered(question[:cut], question[cut:], b"more" * 1000) == [(len(question), answer)]


def test_two_questions_have_two_places() -> None:
    question = b"\x1bP+q5463\x1b\\"
    assert [place for place, _ in answered(question, b"x", question + question)] == [10, 21, 31]


NONE = [b"\x1bPq#0\x1b\\", b"\x1bP$qm", b"\x1bP+qzz\x1b\\", b"$qm\x1b\\", b"\x1bP+q" + b"61" * 300 + b"\x1b\\"]


@pytest.mark.parametrize("other", NONE)
def test_what_is_no_question_is_not_answered(other: bytes) -> None:
    assert answered(other, b"\n") == []


QUESTION = b"\x1bP+q5463\x1b\\"


def look(activity: int, *, lines: bool) -> Look:
    return Look(
        len(QUESTION),
        activity,
        lines=lines,
        echo=lines,
        own_screen=False,
        long=False,
        columns=80,
        rows=24,
        silence=1.0,
        recent=QUESTION,
    )


def test_only_what_reads_key_by_key_is_answered() -> None:
    """A log that is shown may hold a question; the next program would read the answer as a line of a person's."""
    inquiries = Inquiries()
    inquiries.printed(len(QUESTION), QUESTION)
    assert inquiries.take(look(waiting.READING, lines=True)) == []
    assert inquiries.take(look(waiting.READING, lines=False)) == []


def test_a_program_that_works_is_answered_when_it_reads() -> None:
    inquiries = Inquiries()
    inquiries.printed(len(QUESTION), QUESTION)
    assert inquiries.take(look(waiting.BUSY, lines=False)) == []
    assert [place for place, _ in inquiries.take(look(waiting.READING, lines=False))] == [len(QUESTION)]
    assert inquiries.take(look(waiting.READING, lines=False)) == []
