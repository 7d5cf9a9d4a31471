"""runlet/agent/same_question.py: what moves while a program waits, and what makes another question."""

from __future__ import annotations

import pytest

from runlet.agent.same_question import is_alike, is_same, new_part, said


@pytest.mark.parametrize(
    ("before", "after", "typed"),
    [
        ("Go on? (10 s)", "Go on? (9 s)", b""),
        ("Go on? [10]", "Go on? [9]", b""),
        ("Waited 3 seconds. Go on?", "Waited 4 seconds. Go on?", b""),
        ("0:59 left: go on?", "0:58 left: go on?", b""),
        ("Hit any key to stop autoboot: 3", "Hit any key to stop autoboot: 2", b""),
        ("\u280b Proceed?", "\u2819 Proceed?", b""),
        ("| Proceed?", "/ Proceed?", b""),
        ("Waiting for a key.", "Waiting for a key...", b""),
        ("Name:", "Name: An", b"An"),
        ("Name:", "Name: A", b"An"),
        ("Password:", "Password: ***", b"abc"),
        ("Address: 10.0.0.1", "Address: 10.0", b"\x7f\x7f\x7f\x7f"),
        ("sh$", "sh$ make install", b"\x1b[A"),
    ],
)
def test_what_moves_or_was_typed_leaves_a_question_as_it_was(before: str, after: str, typed: bytes) -> None:
    assert is_same(before, after, typed)


@pytest.mark.parametrize(
    ("before", "after", "typed"),
    [
        ("Keep? [Y/n]", "Keep? [Y/n] Erase? [y/N]", b""),
        ("Keep? [Y/n]", "Keep? [Y/n] yErase? [y/N]", b"y"),
        ("Keep? [Y/n]", "Keep? [Y/n] Erase? [y/N]", b"\x7f"),
        ("Name:", "Name: An", b""),
        ("Name:", "Name: Bob", b"An"),
        ("Erase disk 1?", "Erase disk 2?", b""),
        ("Erase disk 2?", "Erase disk 1?", b""),
        ("Erase sda?", "Erase sdb?", b""),
        ("Erase [1]?", "Erase [2]?", b""),
        ("Erase 3 hosts?", "Erase 2 hosts?", b""),
        ("Width:", "Height:", b""),
    ],
)
def test_what_says_anything_else_is_another_question(before: str, after: str, typed: bytes) -> None:
    assert not is_same(before, after, typed)


@pytest.mark.parametrize(
    ("before", "after", "typed", "asked"),
    [
        ("Keep? [Y/n]", "Keep? [Y/n] Erase? [y/N]", b"", "Erase? [y/N]"),
        ("Keep? [Y/n]", "Keep? [Y/n] yErase? [y/N]", b"y", "Erase? [y/N]"),
        ("Keep? [Y/n]", "Keep? [Y/n] y\n>", b"y\r", ">"),
        ("1) a\n2) b\n#?", "1) a\n2) b\n#? 3\n#?", b"3\r", "1) a\n2) b\n#?"),
        ("Name:", "Name: Ada", b"Ada\r", "Name: Ada"),
        ("PIN:", "PIN:", b"", "PIN:"),
        ("Keep?", "Erase?", b"", "Erase?"),
        ("", "Erase?", b"", "Erase?"),
    ],
)
def test_of_a_line_with_two_questions_the_second_is_asked(before: str, after: str, typed: bytes, asked: str) -> None:
    assert new_part(before, after, typed) == asked


def test_an_echo_says_nothing() -> None:
    assert said(b"y\r\n", b"y\r") == ""
    assert said(b"\r\n\x1b[?2004l\r", b"") == ""
    assert said(b"****\r\n", b"") == ""
    assert said(b"\x1b]0;title\x07\x1b[1m", b"") == ""
    assert said(b"y\r\nAgain: ", b"y\r") == "Again:"
    assert said(b"no", b"y\r") == "no"


def test_a_screen_that_tells_what_goes_on_is_alike_and_another_dialog_is_not() -> None:
    top = "top - 10:31:07 up 2 days\nTasks: 120 total\n 231 root bash"
    assert is_alike(top, "top - 10:31:10 up 2 days\nTasks: 99 total")
    assert not is_alike("Setup\nKeep the cache?\nYes No\nCache", "Setup\nErase the disk?\nOk Cancel\nDisk")
