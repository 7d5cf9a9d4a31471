"""Attached consoles: leaving and coming back, several devices, several consoles, and what stays when one goes away."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import wait_until
from tests.operators import Operator
from tests.tmux import Tmux

PREFIX = "C-]"


@pytest.fixture
def step(tmp_path: Path) -> Callable[[str], None]:
    """Tells the `stepping` script a word, once it runs."""

    def tell(word: str) -> None:
        (tmp_path / "steps").write_text(word + "\n")

    return tell


@pytest.fixture
def stepping(tmp_path: Path) -> str:
    """A command that prints the words it is told until that is "end", so that a test says when something is printed."""
    (tmp_path / "stepping").write_text(
        "mkfifo steps\n"
        "exec 3<> steps  # open for writing too: what is told while it does not read is kept\n"
        "echo stepping\n"
        "while read -r word <&3; do echo $word; [ $word != end ] || exit 0; done\n"
    )
    return f"sh -c 'cd {tmp_path}; exec bash stepping'"


def state(operator: Operator, number: str) -> str:
    return operator.json("show", number)["state"]


def test_detach_leaves_it_running_and_attach_shows_what_was_missed(
    operator: Operator, terminal: Tmux, stepping: str, step: Callable[[str], None]
) -> None:
    terminal.enter(f"runlet exec pi-1 -- {stepping}")
    terminal.wait_for(re.compile("^stepping$"))
    step("seen")
    terminal.wait_for(re.compile("^seen$"))
    terminal.press(PREFIX, "d")
    shown = terminal.wait_for_end(0)
    found = re.search(r"detached from run (\d+); attach again with: runlet attach \1\n", shown)
    assert found, shown
    number = found[1]

    step("missed")
    assert state(operator, number) == "running"
    terminal.enter(f"clear; runlet attach {number}")
    terminal.wait_for(re.compile("^missed$"))
    step("live")
    terminal.wait_for(re.compile("^live$"))
    step("end")
    terminal.wait_for_end(0)
    words = [line for line in terminal.screen().splitlines() if line in ("stepping", "seen", "missed", "live", "end")]
    assert words == ["stepping", "seen", "missed", "live", "end"], "each once and in order"


def test_waiting_takes_no_terminal(terminal: Tmux) -> None:
    terminal.enter("runlet exec pi-1 --wait -- sh -c 'test -t 0 && tty -s && echo a terminal of its own'")
    shown = terminal.wait_for_end(0)
    assert re.search(r"^pi-1 \| a terminal of its own$", shown, re.MULTILINE)
    assert re.search(r"^run \d+: 1 done$", shown, re.MULTILINE)
    assert "detaches" not in shown


def test_the_terminal_is_sane_afterwards(terminal: Tmux, tmp_path: Path) -> None:
    # What a careless program can leave behind: another screen, the mouse, no cursor, line-drawing letters, raw mode.
    careless = tmp_path / "careless"
    careless.write_text(r"printf '\033[?1049h\033[?1000h\033[?25l\033(0'; stty raw -echo; read _")
    terminal.enter("stty -a | tee before")
    assert " icanon " in terminal.wait_for_end(0)
    terminal.enter(f"runlet exec pi-1 -- bash {careless}")
    terminal.wait_for(lambda screen: not screen.strip(), "the program's empty screen")
    terminal.press(PREFIX, "d")
    terminal.wait_for_end(0)
    assert terminal.flags() == {"alternate_on": "0", "mouse_any_flag": "0", "cursor_flag": "1"}
    terminal.enter("stty -a | diff before - && echo the same")
    assert "\nthe same\n" in terminal.wait_for_end(0)
    terminal.enter("runlet cancel latest")
    terminal.wait_for_end(0)


def test_a_closed_window_leaves_the_run_attachable(
    operator: Operator, open_terminal: Callable[..., Tmux], stepping: str, step: Callable[[str], None]
) -> None:
    first = open_terminal()
    first.enter(f"runlet exec pi-1 -- {stepping}")
    first.wait_for(re.compile("^stepping$"))
    consoles = first.processes()
    first.close()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in consoles), "the console to end")
    number = str(operator.json("show")["id"])
    assert state(operator, number) == "running"

    second = open_terminal()
    second.enter(f"runlet attach {number}")
    second.wait_for(re.compile("^stepping$"))
    step("end")
    second.wait_for_end(0)


def test_two_terminals_see_the_same(operator: Operator, open_terminal: Callable[..., Tmux]) -> None:
    first, second = open_terminal(), open_terminal()
    first.enter("runlet exec pi-1 -- cat")
    first.wait_for("attached to pi-1")
    number = str(operator.json("show")["id"])
    second.enter(f"runlet attach {number}")
    second.wait_for("attached to pi-1")
    first.enter("typed in the first")
    for terminal in (first, second):
        # Three where the word that the first types came into the middle of the line, which is then shown again.
        terminal.wait_for(lambda screen: screen.count("typed in the first") in (2, 3), "the echo and cat's line")
    first.press("C-d")
    for terminal in (first, second):
        assert "Exited with code: 0 signal: none" in terminal.wait_for_end(0)


def test_read_only_types_nothing(operator: Operator, terminal: Tmux) -> None:
    number = operator.detached("run", "upgrade", "--on", "pi-1")
    terminal.enter(f"runlet attach {number} --read-only")
    terminal.wait_for("[y/i/N]?")
    terminal.enter("y")
    terminal.wait_for("read-only: nothing typed here reaches the program")
    terminal.press(PREFIX, "d")
    terminal.wait_for_end(0)
    assert state(operator, number) in ("running", "awaiting_input")
    operator.succeed("cancel", number)


def test_a_question_that_comes_after_all_has_fallen_silent_is_told(
    operator: Operator, terminal: Tmux, tmp_path: Path
) -> None:
    """Nothing else happens that could make the console look again."""
    gate = tmp_path / "gate"
    script = f'if [ $RUNLET_DEVICE = pi-2 ]; then until [ -e {gate} ]; do sleep 0.02; done; fi; read -p "Ready? " word'
    terminal.enter(f"runlet exec pi-1,pi-2 -- bash -c '{script}'")
    terminal.wait_for(re.compile(r"^pi-1 > Ready\?|^pi-2 > .*\[waiting: pi-1\]"))  # the first to run is chosen
    terminal.press(PREFIX, "1")  # the last thing to stir the console for now
    terminal.wait_for(re.compile(r"^pi-1 > Ready\?"))
    wait_until(lambda: state(operator, "latest") in ("running", "awaiting_input"), "both to run")
    gate.touch()
    terminal.wait_for(re.compile(r"^pi-1 > Ready\? +\[waiting too: pi-2\]"))
    terminal.press(PREFIX, "d")
    terminal.wait_for_end(0)
    operator.succeed("cancel", "latest")


def test_several_devices_get_an_answer_each(operator: Operator, terminal: Tmux) -> None:
    terminal.enter("runlet run ask-name --on pi-1,pi-2,pi-3")
    terminal.wait_for(re.compile(r"^pi-\d > .*\[waiting too: pi-\d pi-\d\]"))  # the first to run is chosen
    terminal.press(PREFIX, "1")
    terminal.wait_for(re.compile(r"^pi-1 > What shall pi-1 be called\? +\[waiting too: pi-2 pi-3\]"))
    terminal.press(PREFIX, "3")
    terminal.wait_for(re.compile(r"^pi-3 > What shall pi-3 be called\? +\[waiting too: pi-1 pi-2\]"))
    terminal.enter("Three")
    terminal.wait_for("pi-3 | pi-3 is now called Three.")
    terminal.press(PREFIX, "2")
    terminal.wait_for(re.compile(r"^pi-2 > What shall pi-2 be called\? +\[waiting too: pi-1\]"))
    terminal.press(PREFIX, "p")
    terminal.wait_for(re.compile(r"^pi-1 > What"))
    terminal.press(PREFIX, "n")
    terminal.wait_for(re.compile(r"^pi-2 > What"))
    terminal.enter("Two")
    terminal.wait_for(re.compile(r"^pi-1 > What"))
    terminal.enter("One")
    shown = terminal.wait_for_end(0)
    for device, name in (("pi-1", "One"), ("pi-2", "Two"), ("pi-3", "Three")):
        assert f"{device} | This is {device}.\n" in shown
        assert f"{device} | What shall {device} be called? {name}\n" in shown
        assert f"{device} | {device} is now called {name}.\n" in shown
        assert re.search(
            rf"\n{device} \| Exited with code: 0 signal: none\n{device} \| Duration: \d+\.\d\d\d s\n", shown
        )


def test_one_device_of_several_in_its_own_terminal(terminal: Tmux) -> None:
    terminal.enter("runlet run ask-name --on pi-1,pi-2")
    terminal.wait_for(re.compile(r"^pi-\d > .*\[waiting too: pi-\d\]"))
    terminal.press(PREFIX, "1")
    terminal.wait_for(re.compile(r"^pi-1 > What shall pi-1 be called\? +\[waiting too: pi-2\]"))
    terminal.press(PREFIX, "z")
    terminal.wait_for(re.compile("^attached to pi-1"))
    terminal.wait_for(re.compile(r"^What shall pi-1 be called\?"))
    terminal.enter("One")
    terminal.wait_for(re.compile("^pi-2 > What"))  # it has ended: back to all
    terminal.enter("Two")
    shown = terminal.wait_for_end(0)
    assert "pi-1 is now called One." in shown
    assert "pi-2 is now called Two." in shown


def test_the_keys_are_told(operator: Operator, terminal: Tmux) -> None:
    number = operator.detached("run", "upgrade", "--on", "pi-1")
    terminal.enter(f"runlet attach {number}")
    terminal.wait_for("[y/i/N]?")
    terminal.press(PREFIX, "?")
    terminal.wait_for("detach; the run goes on")
    terminal.press(PREFIX, "c")
    terminal.wait_for("cancel on pi-1? y/n")
    terminal.type("y")
    shown = terminal.wait_for_end(4)
    assert "\nCancelled" in shown
    assert state(operator, number) == "cancelled"
