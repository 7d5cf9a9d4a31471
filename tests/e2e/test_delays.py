"""Recorded keystrokes over a slow line: what is typed arrives whole and in order, and the screen ends the same.

The line is a proxy before the controller that holds back every read, each way by half of the round trip.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from tests.harness import Fleet, wait_until
from tests.operators import Operator
from tests.proxy import Proxy
from tests.tmux import Tmux

ROUND_TRIPS = [0, 50, 150, 300]  # ms
# Somebody edits a line in a shell, faster than the slowest line answers: wrong letters, the arrows, Home, End, words.
LINE = [b"ehco", b"\x7f\x7f\x7f", b"cho", b" wrold", b"\x1b[D" * 4, b"\x1b[3~", b"\x1b[C", b"r", b"\x05", b" and all"]
LINE += [b"\x01", b"\x1b[C" * 5, b"hello ", b"\x05", b"\x17", b"more", b"\r"]
EDITED = "hello world and more"
# And a file in vim.
FILE = [b"i", b"first\rsecnod\rthird", b"\x1b", b"k", b"0", b"cw", b"second", b"\x1b", b"G", b"o", b"fourth", b"\x1b"]
FILE += [b"gg", b"dd", b"p", b"u", b"u", b":2", b"\r", b"A line", b"\x1b"]


@pytest.fixture
def line(fleet: Fleet) -> Iterator[Proxy]:
    proxy = Proxy(int(fleet.url.rpartition(":")[2]))
    yield proxy
    proxy.close()


@pytest.fixture
def far(operator: Operator, open_terminal: Callable[..., Tmux], line: Proxy) -> Callable[[int, str], Tmux]:
    """Opens a terminal that is a round trip of so many ms away, and attaches it to a run, as somebody."""

    def attach_far(round_trip: int, command: str) -> Tmux:
        terminal = open_terminal()
        line.delay = round_trip / 2000
        terminal.enter(f"RUNLET_CONTROLLER=http://127.0.0.1:{line.port} LOGNAME=alice {command}")
        return terminal

    return attach_far


@pytest.mark.parametrize("round_trip", ROUND_TRIPS)
def test_a_line_is_edited(far: Callable[[int, str], Tmux], round_trip: int) -> None:
    terminal = far(round_trip, "runlet exec pi-1 -- env PS1='shell> ' bash --norc --noprofile -i")
    terminal.wait_for(re.compile("^shell> $|^shell>$"))
    for keys in LINE:
        terminal.press_bytes(keys)
    terminal.wait_for(re.compile(f"^{EDITED}$"))
    assert f"shell> echo {EDITED}" in terminal.screen()
    terminal.press("C-d")
    terminal.wait_for_end(0)


@pytest.mark.parametrize("round_trip", ROUND_TRIPS)
def test_a_file_is_edited(far: Callable[[int, str], Tmux], round_trip: int) -> None:
    terminal = far(round_trip, "runlet exec pi-1 -- vim -u NONE -i NONE -n")
    terminal.wait_for(re.compile("^~$"))
    for keys in FILE:
        terminal.press_bytes(keys)
    terminal.wait_for(lambda screen: screen.startswith("second\nfirst line\nthird\nfourth\n~"), "the file")
    terminal.enter(":q!")
    terminal.wait_for_end(0)


@pytest.mark.parametrize("round_trip", ROUND_TRIPS)
def test_keys_under_way_never_mix_with_those_of_who_takes_over(
    operator: Operator,
    open_terminal: Callable[..., Tmux],
    far: Callable[[int, str], Tmux],
    round_trip: int,
) -> None:
    number = operator.detached("exec", "pi-1", "--", "bash", "-c", "read -p 'Word? ' word; echo got=$word.")
    alice = far(round_trip, f"runlet attach {number}")
    alice.wait_for("Word?")
    bob = open_terminal()
    bob.enter(f"LOGNAME=bob runlet attach {number}")
    bob.wait_for("Word?")
    alice.type("a")
    bob.wait_for("Word? a")
    for letter in "bcdefghijk":
        alice.type(letter)
    bob.press("C-]", "t")
    bob.wait_for("you type now")
    bob.enter("BOB")
    found = re.search(r"got=(\w+)\.", bob.wait_for_end(0))
    assert found
    typed = found[1].removesuffix("BOB")
    assert typed != found[1]
    assert "abcdefghijk".startswith(typed), "what alice had typed until then, and nothing after"
    alice.wait_for_end(0)


def test_the_line_is_edited_while_another_looks_on(
    operator: Operator, open_terminal: Callable[..., Tmux], far: Callable[[int, str], Tmux]
) -> None:
    number = operator.detached("exec", "pi-1", "--", "env", "PS1=shell> ", "bash", "--norc", "--noprofile", "-i")
    near = open_terminal()
    near.enter(f"LOGNAME=bob runlet attach {number}")
    near.wait_for("shell>")
    terminal = far(150, f"runlet attach {number}")
    terminal.wait_for("shell>")
    for keys in LINE:
        terminal.press_bytes(keys)
    for seen in (terminal, near):
        seen.wait_for(re.compile(f"^{EDITED}$"))
    terminal.press("C-d")
    for seen in (terminal, near):
        seen.wait_for_end(0)


def test_what_is_typed_is_shown_underlined_until_its_echo_comes(
    operator: Operator, far: Callable[[int, str], Tmux], line: Proxy
) -> None:
    number = operator.detached("exec", "pi-1", "--", "cat")
    terminal = far(0, f"runlet attach {number} --predict")
    terminal.wait_for("attached to pi-1")
    terminal.type("a")
    terminal.wait_for(re.compile("^a$"))
    line.pause()
    terminal.type("bcd")
    terminal.wait_for(re.compile("^abcd$"))
    assert "a\x1b[4mbcd" in terminal.styled()
    line.mend()
    wait_until(lambda: "\nabcd\n" in terminal.styled(), "the echo")
    terminal.press("C-c")
    terminal.wait_for_end(4)


def test_a_secret_is_not_shown_before_its_echo_which_never_comes(
    operator: Operator, far: Callable[[int, str], Tmux], line: Proxy
) -> None:
    script = "read -p 'Name? ' name; read -s -p 'Password? ' secret; echo over"
    number = operator.detached("exec", "pi-1", "--", "bash", "-c", script)
    terminal = far(0, f"runlet attach {number} --predict")
    terminal.wait_for("Name?")
    terminal.type("a")
    terminal.wait_for("Name? a")
    terminal.enter("da")
    terminal.wait_for("Password?")
    line.pause()
    terminal.type("swordfish")
    terminal.press("C-]", "?")
    assert "swordfish" not in terminal.wait_for("type Ctrl-] itself")
    line.mend()
    terminal.press("Enter")
    assert "swordfish" not in terminal.wait_for_end(0)
