"""runlet/cli/replay.py: stored output shown again asks the terminal nothing."""

from __future__ import annotations

import pytest

from runlet.cli.replay import CurrentLine, Replay

QUESTIONS = [
    b"\x05",
    b"\x1b[c",
    b"\x1b[>c",
    b"\x1b[6n",
    b"\x1b[?25$p",
    b"\x1b[18t",
    b"\x1b[>q",
    b"\x1b[?u",
    b"\x1b]11;?\x07",
    b"\x1b]4;1;?\x1b\\",
    b"\x1bP+q544e\x1b\\",
    b"\x1bP$qm\x1b\\",
]


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_replayed_question_is_not_asked(question: bytes) -> None:
    data = b"before\x1b[1m" + question + b"after"
    assert Replay(len(data)).feed(0, data) == b"before\x1b[1mafter"


@pytest.mark.parametrize("question", QUESTIONS)
def test_wherever_it_is_cut(question: bytes) -> None:
    data = b"before" + question + b"after"
    for cut in range(1, len(data)):
        replay = Replay(len(data))
        assert replay.feed(0, data[:cut]) + replay.feed(cut, data[cut:]) == b"beforeafter", cut


def test_a_live_question_is() -> None:
    assert Replay(3).feed(0, b"old\x1b[6n") == b"old\x1b[6n"
    assert Replay(0).feed(0, b"\x1b[c") == b"\x1b[c"


def test_a_tail_begins_at_a_line_or_a_sequence() -> None:
    assert Replay(100).feed(80, b"1;31mred\r\nline") == b"line"
    assert Replay(100).feed(80, b"\xa9 cut\x1b[Hscreen") == b"\x1b[Hscreen"
    assert Replay(100).feed(0, b"whole\nfirst") == b"whole\nfirst"


def test_the_current_line_and_all_that_follows() -> None:
    current = CurrentLine(20)
    assert current.feed(0, b"done\r\nContin") == b""
    assert current.feed(12, b"ue? [Y/n] live\r\n") == b"Continue? [Y/n] live\r\n"
    assert current.feed(28, b"more\r\n") == b"more\r\n"
    assert CurrentLine(0).feed(0, b"new") == b"new"
