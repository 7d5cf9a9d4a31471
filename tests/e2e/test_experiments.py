"""Experiments 1 and 3 of the dissertation, as an operator types them. Experiment 2 is in test_apt."""

from __future__ import annotations

import re
from pathlib import Path

from tests.operators import Operator
from tests.tmux import Tmux

QUESTION = "Do you want to upgrade 7 apps or enter [i]nteractive mode [y/i/N]?"


def test_a_question_is_answered_and_the_job_goes_on(terminal: Tmux) -> None:
    terminal.enter("runlet run upgrade --on pi-1")
    terminal.wait_for(QUESTION)
    terminal.enter("y")
    shown = terminal.wait_for_end(0)
    assert f"{QUESTION} y\n==> Upgrading app 1\n" in shown
    assert re.search(r"\n7 apps upgraded\.\nExited with code: 0 signal: none\nDuration: \d+\.\d{3} s\n", shown)


def test_a_question_is_answered_from_another_place(operator: Operator, terminal: Tmux) -> None:
    number = operator.detached("run", "upgrade", "--on", "pi-1")
    terminal.enter(f"runlet attach {number}")
    terminal.wait_for(QUESTION)
    terminal.enter("i")
    for app in range(1, 8):
        terminal.wait_for(f"Upgrade app {app} [y/N]?")
        terminal.enter("y" if app == 3 else "n")
    shown = terminal.wait_for_end(0)
    assert "==> Upgrading app 3\n" in shown
    assert shown.count("==> Upgrading app") == 1


def test_htop(terminal: Tmux, tmp_path: Path) -> None:
    playbook = tmp_path / "htop.yaml"
    playbook.write_text(f"rpi-htop:\n  script: HTOPRC={tmp_path}/htoprc htop\n  where: custom\n  whereCustom: [pi-3]\n")
    terminal.enter(f"runlet apply {playbook}")
    terminal.wait_for_end(0)
    terminal.enter("runlet run rpi-htop")
    everything = processes(terminal.wait_for(re.compile(r"F1Help +F2Setup .*F10Quit")))

    terminal.press("F2")
    terminal.wait_for("Display options")
    terminal.press("Escape")
    terminal.wait_for("F4Filter")
    terminal.press("F4")
    terminal.wait_for("Filter:")
    terminal.type("rpi-ht")
    terminal.wait_for("Filter: rpi-ht")
    terminal.wait_for(lambda screen: 0 < processes(screen) < everything, "fewer processes")
    terminal.press("Enter")
    terminal.wait_for("F4FILTER")

    terminal.resize(132, 40)
    terminal.wait_for(lambda screen: fills(screen, 132, 40), "htop in 132x40")
    terminal.resize(60, 20)
    terminal.wait_for(lambda screen: fills(screen, 60, 20), "htop in 60x20")

    terminal.press("F10")
    shown = terminal.wait_for_end(0)
    assert "Exited with code: 0 signal: none" in shown
    assert "F10Quit" not in terminal.screen(), "the shell's screen is back"


def processes(screen: str) -> int:
    """How many processes htop shows."""
    return len(re.findall(r"^ *\d+ \S+ +\d+ ", screen, re.MULTILINE))


def fills(screen: str, columns: int, rows: int) -> bool:
    """Whether htop's meters are as wide as the window, and its keys are in the last row."""
    lines = screen.rstrip("\n").splitlines()
    return len(lines) == rows and "F1Help" in lines[-1] and columns - 4 <= max(map(len, lines)) <= columns
