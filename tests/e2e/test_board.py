"""The board: a console on several devices, as an operator sees and uses it."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.harness import wait_until
from tests.operators import Operator
from tests.tmux import Tmux

PREFIX = "C-]"
KEYS = "Enter show  a answer"


def started(operator: Operator, on: str, script: str) -> str:
    """The number of a run of `script`."""
    return operator.detached("exec", on, "--", "bash", "-c", script)


def asks(operator: Operator, number: str, count: int) -> None:
    """Waits until so many programs of a run ask."""
    wait_until(
        lambda: sum(one["state"] == "awaiting_input" for one in operator.json("show", number)["executions"]) == count,
        f"{count} questions in run {number}",
    )


def answered(operator: Operator, number: str) -> dict[str, str]:
    """What each device printed last."""
    lines = operator.succeed("logs", number).splitlines()
    return {device.strip(): text for device, _, text in (line.partition(" | ") for line in lines)}


def test_one_answer_for_all_that_ask_the_same(operator: Operator, terminal: Tmux) -> None:
    number = started(operator, "all", "read -r -p 'Do you want to continue? [Y/n] ' a; echo got $a")
    asks(operator, number, 3)
    terminal.enter(f"runlet attach {number}")
    terminal.wait_for(KEYS)
    screen = terminal.wait_for(
        re.compile(r"^  \? Do you want to continue\? \[Y/n\]  3 devices, \d+ s: pi-1, pi-2, pi-3")
    )
    assert screen.startswith("run "), screen
    assert re.search(r"^  pi-2  asks  Do you want to continue\? \[Y/n\]$", screen, re.MULTILINE)
    assert terminal.flags()["cursor_flag"] == "0"
    terminal.press("Enter")
    terminal.wait_for(re.compile(r"^3 devices: Do you want to continue\? \[Y/n\] >"))
    assert terminal.flags()["cursor_flag"] == "1"
    terminal.enter("yes")
    terminal.wait_for("every device has ended, q leaves")
    terminal.wait_for(re.compile("^  pi-3  succeeded  got yes$"))
    terminal.press("q")
    shown = terminal.wait_for_end(0)
    assert f"run {number}: 3 done" in shown
    assert "asks" not in shown, "the screen is what it was before"
    assert terminal.flags() == {"alternate_on": "0", "mouse_any_flag": "0", "cursor_flag": "1"}
    assert set(answered(operator, number).values()) == {"got yes"}
    told = re.findall(r"pi-\d +\S+@\S+ +yes +taken +Do you want to continue\?", operator.succeed("show", number))
    assert len(told) == 3, "who answered is kept"


def test_some_and_one_are_answered_and_a_secret_is_not_shown(operator: Operator, terminal: Tmux) -> None:
    script = 'read -r -p "Continue? " a; echo got $a; read -rs -p "Passphrase: " b; echo; echo "of ${#b}"'
    number = started(operator, "all", script)
    asks(operator, number, 3)
    terminal.enter(f"runlet attach {number}")
    terminal.wait_for(re.compile(r"^  \? Continue\?  3 devices"))
    terminal.press("Down", "Space", "Space")
    terminal.wait_for("2 marked; a answers those that ask")
    terminal.press("Home", "a")
    terminal.wait_for("2 devices: Continue? >")
    terminal.enter("some")
    terminal.wait_for(re.compile(r"^  \? Passphrase: \(secret\)  2 devices"))
    terminal.wait_for("answered 2 of 2")
    terminal.press("n")
    terminal.wait_for(lambda screen: "answered" not in screen, "the words to go")
    terminal.press("/")
    terminal.type("pi-3")
    terminal.press("Enter")
    terminal.wait_for(re.compile(r"^  \? Continue\?  1 device"))
    terminal.press("End", "a")
    terminal.wait_for("pi-3: Continue? >")
    terminal.enter("one")
    terminal.press("Escape")
    terminal.wait_for(re.compile(r"^  \? Passphrase: \(secret\)  3 devices"))
    terminal.press("Home", "a")
    terminal.type("hunter2")
    screen = terminal.wait_for("3 devices: Passphrase: > *******")
    assert "hunter2" not in screen
    terminal.press("Enter")
    terminal.wait_for("every device has ended, q leaves")
    assert "of 7" in terminal.screen()
    terminal.press("q")
    terminal.wait_for_end(0)
    logs = operator.succeed("logs", number)
    assert "pi-1 | got some\n" in logs
    assert "pi-3 | got one\n" in logs
    assert "hunter2" not in logs
    assert answered(operator, number)["pi-3"] == "of 7"


def test_zooming_into_a_device_and_back(operator: Operator, terminal: Tmux) -> None:
    number = started(
        operator, "pi-1,pi-2", "echo begin $RUNLET_DEVICE; while read -r a && [ $a != end ]; do echo heard $a; done"
    )
    asks(operator, number, 2)
    terminal.enter(f"runlet attach {number}")
    terminal.wait_for(re.compile("^  pi-1  asks"))
    terminal.press("End", "Enter")
    terminal.wait_for("attached to pi-2")
    terminal.wait_for(re.compile("^begin pi-2$"))
    terminal.enter("me")
    terminal.wait_for(re.compile("^heard me$"))
    terminal.press(PREFIX, "m")
    terminal.wait_for(KEYS)
    terminal.wait_for(re.compile("^  pi-2  asks"))
    terminal.press("Up", "z")
    terminal.wait_for("attached to pi-1")
    terminal.enter("end")
    terminal.wait_for("it has ended; any key shows all devices")
    terminal.press("x")
    terminal.wait_for(re.compile("^  pi-1  succeeded  "))
    terminal.press("q")
    shown = terminal.wait_for_end(0)
    assert f"detached from run {number}" in shown
    operator.succeed("cancel", number)
    wait_until(lambda: operator.json("show", number)["settled"], "the run to end")


def test_two_hundred_devices(operator: Operator, open_terminal: Callable[..., Tmux]) -> None:
    """Three ask; of the others each waits to connect."""
    number = started(operator, "enrolled", "read -r -p 'Continue? ' a; echo got $a")
    asks(operator, number, 3)
    terminal = open_terminal(80, 24)
    terminal.enter(f"runlet attach {number}")
    screen = terminal.wait_for(re.compile(r"^  \? Continue\?  3 devices"))
    assert len(screen.splitlines()) == 24
    assert [line.split()[0] for line in screen.splitlines()[2:6]] == ["pi-1", "pi-2", "pi-3", "dev-01"]
    terminal.press("End")
    terminal.wait_for(re.compile("^  dev-200 +queued"))
    terminal.press("/")
    terminal.type("dev-15")
    terminal.wait_for(lambda screen: screen.count("dev-15") == 12, "dev-15, ten of three digits, and the search")
    terminal.press("Escape")
    terminal.resize(60, 10)
    terminal.wait_for(lambda screen: len(screen.rstrip("\n").splitlines()) == 10 and KEYS in screen, "a small screen")
    terminal.press("Home", "a")
    terminal.enter("yes")
    terminal.wait_for(lambda screen: "answered 3 of 3" in screen and "3 done" in screen, "the answers")
    terminal.press("q")
    terminal.wait_for_end(0)
    operator.succeed("cancel", number)


def test_a_hostile_device_does_nothing_to_the_screen(operator: Operator, terminal: Tmux) -> None:
    attack = r"printf '\033]0;owned\007\033[2J\033[10;10Howned\033[31m\033(0\033[?1000h\033[6n\033(Blast words'"
    number = started(operator, "pi-1,pi-2", f"{attack}; read -r a")
    asks(operator, number, 2)
    terminal.enter(f"runlet attach {number}; cat")
    screen = terminal.wait_for(re.compile(r"^  \? .*last words  2 devices"))
    assert screen.splitlines()[9].strip() == "", "nothing stands where the device wanted it"
    assert terminal.flags()["mouse_any_flag"] == "0"
    terminal.press("q")
    terminal.wait_for("detached from run")
    terminal.press("C-d")
    shown = terminal.wait_for_end(0)
    assert "R" not in shown.rpartition("detached")[2].replace("[", ""), "no answer of the terminal was typed"
    operator.succeed("cancel", number)


def test_lines_by_an_option(operator: Operator, terminal: Tmux) -> None:
    number = started(operator, "pi-1,pi-2", "read -r -p 'Continue? ' a; echo got $a")
    asks(operator, number, 2)
    terminal.enter(f"runlet attach {number} --lines")
    terminal.wait_for(re.compile(r"^pi-1 > Continue\? +\[waiting too: pi-2\]"))
    terminal.enter("one")
    terminal.wait_for(re.compile(r"^pi-2 > Continue\?"))
    terminal.enter("two")
    shown = terminal.wait_for_end(0)
    assert "pi-2 | got two" in shown
