"""Several consoles on one session, each in a terminal of its own: who types, who is told, whose terminal answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.operators import Operator
from tests.tmux import Tmux

PREFIX = "C-]"
# Asks the terminal what it is and where its cursor stands whenever "q" is typed, and counts what comes back.
ASKING = r"""
import os, re, tty
tty.setraw(0)
print("ready", end="\r\n", flush=True)
seen, asked = b"", 0
while b"e" not in seen:
    seen += os.read(0, 999)
    while asked < seen.count(b"q"):
        asked += 1
        os.write(1, b"\x1b[c\x1b[6n")
    kinds = [len(re.findall(kind, seen)) for kind in (rb"\x1b\[\?[0-9;]+c", rb"\x1b\[[0-9]+;[0-9]+R")]
    if kinds == [asked, asked]:
        os.write(1, b"asked %d\r\n" % asked)
rest = re.sub(rb"\x1b\[\?[0-9;]+c|\x1b\[[0-9]+;[0-9]+R", b"", seen)
os.write(1, b"answered %d %d, typed %s\r\n" % (*kinds, rest))
"""


@pytest.fixture
def attach(open_terminal: Callable[..., Tmux]) -> Callable[..., Tmux]:
    """Opens a terminal of somebody's and attaches it to a run, whose screen then shows a text."""

    def attach_as(name: str, number: str, shows: str, *options: str, columns: int = 80) -> Tmux:
        terminal = open_terminal(columns)
        terminal.enter(f"LOGNAME={name} runlet attach {number} {' '.join(options)}")
        terminal.wait_for(shows)
        return terminal

    return attach_as


def test_typing_is_asked_for_given_and_taken(operator: Operator, attach: Callable[..., Tmux]) -> None:
    number = operator.detached("exec", "pi-1", "--", "bash", "-c", "read -p 'Name? ' name; echo hello $name")
    alice = attach("alice", number, "Name?")
    alice.type("Ada")
    alice.wait_for("Name? Ada")
    bob, carol = (attach(name, number, "Name? Ada") for name in ("bob", "carol"))
    bob.wait_for("is typing; Ctrl-] a asks for it, Ctrl-] t takes it")
    bob.type("x")
    bob.wait_for(re.compile(r"not typed: alice@\S+ is typing"))
    bob.press(PREFIX, "a")
    alice.wait_for(re.compile(r"bob@\S+ asks to type: Ctrl-\] g gives"))
    bob.wait_for(re.compile(r"asked alice@\S+ to let you type"))
    carol.wait_for(re.compile(r"bob@\S+ asks alice@\S+ to type"))
    alice.press(PREFIX, "g")
    bob.wait_for("you type now")
    for other in (alice, carol):
        other.wait_for(re.compile(r"bob@\S+ types now"))
    bob.type(" Love")
    for terminal in (alice, carol):
        terminal.wait_for("Love")
    carol.press(PREFIX, "t")
    bob.wait_for(re.compile(r"carol@\S+ has taken over typing"))
    carol.wait_for("you type now")
    carol.enter("lace")
    for terminal in (alice, bob, carol):
        assert "hello Ada Lovelace" in terminal.wait_for_end(0)


def test_who_closes_the_window_lets_the_next_type(operator: Operator, attach: Callable[..., Tmux]) -> None:
    number = operator.detached("exec", "pi-1", "--", "bash", "-c", "read -p 'Which? ' word; echo got $word")
    alice = attach("alice", number, "Which?")
    alice.type("a")
    bob = attach("bob", number, "Which? a")
    bob.wait_for(re.compile(r"alice@\S+ is typing"))
    alice.close()
    bob.wait_for(re.compile(r"alice@\S+ does not type any more"))
    bob.enter("b")
    assert "got ab" in bob.wait_for_end(0)


def test_each_question_to_the_terminal_is_answered_once(
    operator: Operator, attach: Callable[..., Tmux], tmp_path: Path
) -> None:
    """Three terminals are attached, and each would answer: one who types, one who looks on, one that only reads."""
    script = tmp_path / "asking.py"
    script.write_text(ASKING)
    number = operator.detached("exec", "pi-1", "--", "python3", str(script))
    alice = attach("alice", number, "ready")
    alice.type("q")
    alice.wait_for("asked 1")
    bob = attach("bob", number, "asked 1")
    attach("carol", number, "asked 1", "--read-only")
    bob.wait_for(re.compile(r"alice@\S+ is typing"))
    for count in range(2, 12):
        alice.type("q")
        alice.wait_for(re.compile(f"^asked {count}$"))
    bob.press(PREFIX, "t")
    bob.wait_for("you type now")
    for count in range(12, 22):
        bob.type("q")
        bob.wait_for(re.compile(f"^asked {count}$"))
    bob.type("e")
    assert f"answered 21 21, typed {'q' * 21}e" in bob.wait_for_end(0)


def test_the_writers_window_counts(operator: Operator, attach: Callable[..., Tmux]) -> None:
    show = "trap 'stty size' WINCH; stty size; while :; do read -t 0.05 key && [ $key = end ] && break; done"
    number = operator.detached("exec", "pi-1", "--", "bash", "-c", show)
    alice = attach("alice", number, "24 80")
    alice.enter("a")
    bob = attach("bob", number, "24 80", columns=100)
    bob.wait_for(re.compile(r"alice@\S+ is typing"))
    assert "24 100" not in bob.text()
    bob.press(PREFIX, "t")
    bob.wait_for("24 100")
    alice.resize(60, 20)
    bob.enter("end")
    assert "20 60" not in bob.wait_for_end(0)


def test_a_pipe_does_not_type_between_the_keys_of_another(operator: Operator, attach: Callable[..., Tmux]) -> None:
    number = operator.detached("exec", "pi-1", "--", "bash", "-c", "read -p 'Which? ' word; echo got $word")
    alice = attach("alice", number, "Which?")
    alice.type("a")
    alice.wait_for("Which? a")
    done = operator.runlet("attach", number, stdin=b"y\n")
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"^error: not typed: alice@\S+ is typing$", done.stderr, re.MULTILINE)
    alice.press(PREFIX, "d")
    alice.wait_for_end(0)
    done = operator.runlet("attach", number, stdin=b"y\n")
    assert (done.returncode, "got ay" in done.stdout) == (0, True)
