"""Sessions shown again: in a terminal, and as a file."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.harness import wait_until
from tests.operators import Operator
from tests.tmux import Tmux

# What a program may do to a terminal that is not its own: a title, the clipboard, a question that is answered as if
# typed.
ATTACK = r"printf '\033]0;owned\007\033]52;c;b3duZWQ=\007\033[6n\033[c'"


def ended(operator: Operator, script: str) -> str:
    """The number of a run of `script` on pi-1 that has ended."""
    number = operator.detached("exec", "pi-1", "--", "bash", "-c", script)
    wait_until(lambda: operator.json("show", number)["settled"], f"run {number} to end")
    return number


def test_a_session_is_shown_again_and_the_terminal_put_back(operator: Operator, terminal: Tmux) -> None:
    number = ended(
        operator, rf"echo first; sleep 0.3; {ATTACK}; printf '\033[?1049h\033[?1000h\033[2Jwithin'; sleep 0.3"
    )
    terminal.enter(f"clear; runlet replay {number} --speed 0.5; cat")
    terminal.wait_for("[runlet] run")
    terminal.wait_for("first")
    terminal.wait_for("within")
    assert terminal.flags()["alternate_on"] == "1"
    terminal.wait_for(lambda screen: "within" not in screen, "the end")
    terminal.press("C-d")  # to `cat`: nothing that the terminal could have answered was typed before it
    shown = terminal.wait_for_end(0)
    assert terminal.flags() == {"alternate_on": "0", "mouse_any_flag": "0", "cursor_flag": "1"}
    assert "space pauses, q leaves" in shown
    assert not re.search(r"\^\[|;1R|\d+c$", shown, re.MULTILINE), shown


def test_space_pauses_and_q_leaves(operator: Operator, terminal: Tmux) -> None:
    number = ended(operator, "echo first; sleep 0.5; echo second")
    terminal.enter(f"clear; runlet replay {number} --speed 0.01")  # the second would come after most of a minute
    terminal.wait_for(re.compile("^first$"))
    terminal.press("Space")
    terminal.wait_for(re.compile(r"^ paused at \d+\.\d s: space goes on, q leaves"))
    terminal.press("Space")
    terminal.wait_for(lambda screen: "paused" not in screen, "the replay to go on")
    terminal.press("Space")
    terminal.wait_for("paused at")
    terminal.press("q")
    shown = terminal.wait_for_end(0)
    assert not re.search("^second$", shown, re.MULTILINE)


def test_an_export_is_what_asciinema_reads(operator: Operator, tmp_path: Path) -> None:
    number = ended(
        operator,
        f"printf 'caf\\303'; sleep 0.2; printf '\\251\\n'; {ATTACK}; stty cols 100; sleep 0.1; echo end; exit 3",
    )
    file = tmp_path / "session.cast"
    operator.succeed("replay", number, "--export", str(file))
    assert operator.succeed("replay", number, "--export", "-") == file.read_text()
    header, *events = map(json.loads, file.read_text().splitlines())
    assert header["version"] == 3
    assert header["term"] == {"cols": 80, "rows": 24}
    assert isinstance(header["timestamp"], int)
    codes = [code for _, code, _ in events]
    assert codes[-2:] == ["o", "x"]
    assert codes.count("r") == 1
    assert events[-1][2] == "3"
    assert all(interval >= 0 for interval, _, _ in events)
    printed = "".join(data for _, code, data in events if code == "o")
    assert printed.startswith("café\r\n")
    assert "\x1b[6n" not in printed
    assert "100x24" in [data for _, code, data in events if code == "r"]
    cut = operator.succeed("replay", number, "--export", "-", "--idle", "0.05s", "--speed", "2")
    length, shorter = (sum(json.loads(line)[0] for line in text.splitlines()[1:]) for text in (file.read_text(), cut))
    assert length > 0.2
    assert shorter < length / 2


def test_a_replay_says_what_it_needs(operator: Operator) -> None:
    number = ended(operator, "true")
    done = operator.runlet("replay", number)
    assert done.returncode == 1
    assert done.stderr == (
        "error: a replay needs a terminal\n"
        "hint: write it to a file with --export, or print what there is with: runlet logs\n"
    )
    done = operator.runlet("replay", number, "--export", "/nowhere/at/all")
    assert done.stderr.startswith("error: /nowhere/at/all cannot be written: No such file or directory")
    done = operator.runlet("replay", number, "--idle", "soon", "--export", "-")
    assert "'soon' is no number of seconds" in done.stderr
