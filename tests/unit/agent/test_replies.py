"""runlet/agent/replies.py: what is answered in a terminal's place, and when."""

from __future__ import annotations

from typing import Any

import pytest

from runlet.agent.replies import TWICE_SECONDS, Replies
from runlet.holder.waiting import BUSY, HIDDEN, LIMITED, READING, SHARED
from runlet.holder.wire import Look


def look(recent: bytes, activity: int = READING, *, offset: int | None = None, lines: bool = False) -> Look:
    more: dict[str, Any] = {"echo": lines, "own_screen": False, "long": False, "columns": 20, "rows": 5, "silence": 0.1}
    return Look(len(recent) if offset is None else offset, activity, lines=lines, recent=recent, **more)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (b"words \x1b[6n", b"\x1b[1;7R"),
        (b"1\r\n2\r\n3\r\n4\r\n5\r\n6\x1b[6n", b"\x1b[5;2R"),
        (b"\x1b[3;4H\x1b[?6n", b"\x1b[?3;4R"),
        (b"x" * 20 + b"\x1b[6n", b"\x1b[1;20R"),
        (b"\x1b[5n", b"\x1b[0n"),
        (b"\x1b[c", b"\x1b[?62;22c"),
        (b"\x1b[0c", b"\x1b[?62;22c"),
        (b"\x1b[>c", b"\x1b[>0;0;0c"),
        (b"\x1b[>0q", b"\x1bP>|runlet\x1b\\"),
        (b"\x1b[?2026$p", b"\x1b[?2026;0$y"),
    ],
)
def test_what_is_asked_is_answered_once(asked: bytes, answer: bytes) -> None:
    replies = Replies()
    seen = look(asked + b"more")
    assert replies.pending(seen)
    assert replies.take(seen, 0.0) == [(len(asked), answer)]
    assert not replies.pending(seen)
    assert replies.take(seen, 0.0) == []


def test_several_are_answered_in_order_and_where_they_were_asked() -> None:
    seen = look(b"a\x1b[6nbc\x1b[6n\x1b[c")
    assert Replies().take(seen, 0.0) == [(5, b"\x1b[1;2R"), (11, b"\x1b[1;4R"), (14, b"\x1b[?62;22c")]


def test_places_are_of_the_stream() -> None:
    assert Replies().take(look(b"\x1b[5n", offset=1000), 0.0) == [(1000, b"\x1b[0n")]


@pytest.mark.parametrize("activity", [READING, LIMITED, SHARED, HIDDEN])
def test_only_who_reads_key_by_key_is_answered(activity: int) -> None:
    asked = b"\x1b[6n"
    assert Replies().pending(look(asked, activity))
    assert not Replies().pending(look(asked, activity, lines=True))
    assert not Replies().pending(look(asked, BUSY))


def test_what_a_console_answered_is_not_answered_again() -> None:
    replies = Replies()
    replies.leave(4)
    assert not replies.pending(look(b"\x1b[6n"))
    assert replies.take(look(b"\x1b[6n\x1b[5n"), 0.0) == [(8, b"\x1b[0n")]


def test_an_agent_that_begins_again_answers_nothing_of_before() -> None:
    replies = Replies(begun=True)
    assert not replies.pending(look(b"\x1b[6n"))
    assert replies.pending(look(b"\x1b[6n\x1b[5n"))


def test_a_console_that_came_too_late_is_told_from_one_that_is_asked_anew() -> None:
    replies = Replies()
    replies.printed(4, b"\x1b[6n")
    assert not replies.has_just_answered(0.0)
    replies.take(look(b"\x1b[6n"), 0.0)
    assert replies.has_just_answered(0.1)
    assert not replies.has_just_answered(TWICE_SECONDS)
    replies.printed(8, b"\x1b[6n")
    assert not replies.has_just_answered(0.1)


@pytest.mark.parametrize("cut", range(1, 4))
def test_a_question_that_is_cut_is_a_new_one_too(cut: int) -> None:
    replies = Replies()
    replies.take(look(b"\x1b[6n"), 0.0)
    for end, part in ((4 + cut, b"\x1b[6n"[:cut]), (8, b"\x1b[6n"[cut:])):
        replies.printed(end, part)
    assert not replies.has_just_answered(0.1)
