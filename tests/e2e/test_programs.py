"""Programs for terminals through `runlet exec`, driven as an operator would: editors, pagers, prompts, odd bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import Fleet
from tests.operators import Operator
from tests.tmux import Tmux

TEXT = "Grüße, 日本語, 한국어, 🚀👩‍💻, e\u0301"


def test_vim_edits_a_file(terminal: Tmux, tmp_path: Path) -> None:
    edited = tmp_path / "notes.txt"
    edited.write_text("first\nlast\n")
    terminal.enter(f"runlet exec pi-1 -- sh -c 'cd {tmp_path}; exec vim -u NONE -i NONE -n notes.txt'")
    terminal.wait_for(re.compile(r"^last"))
    terminal.type("onaïve 日本")  # o opens a line below
    terminal.wait_for("naïve 日本")
    terminal.press("Escape")
    terminal.enter(":wq")
    assert "Exited with code: 0 signal: none" in terminal.wait_for_end(0)
    assert edited.read_text() == "first\nnaïve 日本\nlast\n"
    assert "naïve" not in terminal.screen(), "the shell's screen is back"


def test_vim_goes_on_while_its_agent_is_killed(terminal: Tmux, fleet: Fleet, device: str, tmp_path: Path) -> None:
    edited = tmp_path / "notes.txt"
    edited.write_text("first\nlast\n")
    fleet.start_agent(device)
    terminal.enter(f"runlet exec {device} -- sh -c 'cd {tmp_path}; exec vim -u NONE -i NONE -n notes.txt'")
    terminal.wait_for(re.compile(r"^last"))
    terminal.type("obefore ")
    terminal.wait_for("before")
    fleet.agents[device].kill()
    terminal.type("meanwhile ")
    fleet.start_agent(device)
    terminal.wait_for("before meanwhile")
    terminal.type("after")
    terminal.wait_for("before meanwhile after")
    terminal.press("Escape")
    terminal.enter(":wq")
    assert "Exited with code: 0 signal: none" in terminal.wait_for_end(0)
    assert edited.read_text() == "first\nbefore meanwhile after\nlast\n"


def test_python_prompt(terminal: Tmux, tmp_path: Path) -> None:
    terminal.enter(f"runlet exec pi-1 -- env HOME={tmp_path} python3 -q")
    terminal.wait_for(">>>")
    terminal.enter("6 * 7")
    terminal.wait_for(re.compile("^42$"))
    terminal.press("Up")  # the line editor, with its escape sequences both ways
    terminal.wait_for(lambda screen: screen.count("6 * 7") == 2, "the last line again")
    terminal.press("BSpace")
    terminal.enter("8")
    terminal.wait_for(re.compile("^48$"))
    terminal.press("C-d")
    assert "Exited with code: 0 signal: none" in terminal.wait_for_end(0)


def test_less_searches(terminal: Tmux, tmp_path: Path) -> None:
    long = tmp_path / "long.txt"
    long.write_text("".join(f"line {number}\n" for number in range(1, 100_001)))
    terminal.enter(f"runlet exec pi-2 -- env LESSHISTFILE=- less {long}")
    terminal.wait_for(re.compile("^line 23$"))
    terminal.type("/77777")
    terminal.press("Enter")
    terminal.wait_for(re.compile("^line 77777$"))
    terminal.press("G")
    terminal.wait_for(re.compile("^line 100000$"))
    terminal.press("q")
    assert "Exited with code: 0 signal: none" in terminal.wait_for_end(0)


def test_ctrl_c_interrupts_the_program_and_not_us(terminal: Tmux) -> None:
    terminal.enter("runlet exec pi-1 -- sh -c 'echo here; exec sleep 1000'")
    terminal.wait_for(re.compile("^here$"))
    terminal.press("C-c")
    shown = terminal.wait_for_end(4)
    assert "^C\nExited with code: none signal: SIGINT\n" in shown


def test_ctrl_d_ends_cat(terminal: Tmux) -> None:
    terminal.enter("runlet exec pi-1 -- cat")
    terminal.wait_for("attached to pi-1")
    terminal.enter("echoed once by the terminal and once by cat")
    terminal.wait_for(lambda screen: screen.count("echoed once by") == 2, "both")
    terminal.press("C-d")
    assert "Exited with code: 0 signal: none" in terminal.wait_for_end(0)


def test_typed_utf8_arrives_unharmed(operator: Operator, terminal: Tmux, tmp_path: Path) -> None:
    written = tmp_path / "typed.txt"
    terminal.enter(f"runlet exec pi-1 -- sh -c 'echo ready; cat > {written}'")
    terminal.wait_for(re.compile("^ready$"))
    terminal.enter(TEXT)
    terminal.wait_for("日本語")
    terminal.press("C-d")
    terminal.wait_for_end(0)
    assert written.read_text() == TEXT + "\n"


def test_every_byte_typed_in_raw_mode_arrives(terminal: Tmux, tmp_path: Path) -> None:
    written = tmp_path / "typed.bin"
    # Ctrl-] is the console's prefix: it is typed twice to be sent once.
    data = bytes(byte for byte in range(1, 256) if byte != 0x1D)
    terminal.enter(f"runlet exec pi-1 -- sh -c 'stty raw -echo; echo ready; head -c {len(data)} > {written}'")
    terminal.wait_for(re.compile("^ready"))
    terminal.press_bytes(data)
    terminal.wait_for_end(0)
    assert written.read_bytes() == data


def test_every_byte_printed_is_kept(operator: Operator, tmp_path: Path) -> None:
    printed = tmp_path / "printed.bin"
    printed.write_bytes(bytes(range(256)) * 64 + TEXT.encode())
    number = operator.detached("exec", "pi-1", "--", "sh", "-c", f"stty raw; cat {printed}")
    operator.succeed("logs", number, "--follow")
    assert operator.runlet_bytes("logs", number, "--raw").stdout == printed.read_bytes()


def test_utf8_on_the_screen(terminal: Tmux, tmp_path: Path) -> None:
    printed = tmp_path / "printed.txt"
    printed.write_text(TEXT + "\n")
    terminal.enter(f"cat {printed}; runlet exec pi-1 -- cat {printed}; runlet logs")
    shown = terminal.wait_for_end(0)
    lines = [line for line in shown.splitlines() if line.startswith("Gr")]
    assert len(lines) == 3
    assert len(set(lines)) == 1, "what tmux makes of the text itself"
    assert "日本語, 한국어" in lines[0]


def test_a_window_of_200_columns(open_terminal: Callable[..., Tmux], tmp_path: Path) -> None:
    terminal = open_terminal(columns=200, rows=50)
    line = "".join(f"{number:010}" for number in range(20))
    assert len(line) == 200
    long = tmp_path / "long.txt"
    long.write_text(f"{line}\n{line}+5\n")
    terminal.enter(f"runlet exec pi-1 -- sh -c 'stty size; cat {long}; read -p end: _'")
    screen = terminal.wait_for(re.compile("^end:"))
    assert [row for row in screen.splitlines() if row][-5:] == ["50 200", line, line, "+5", "end:"]
    terminal.press("Enter")
    terminal.wait_for_end(0)


def test_a_line_editor_wraps_where_the_window_ends(open_terminal: Callable[..., Tmux], tmp_path: Path) -> None:
    terminal = open_terminal(columns=200, rows=24)
    terminal.enter(f"runlet exec pi-1 -- env HOME={tmp_path} PS1=shell: bash --norc --noprofile")
    terminal.wait_for(re.compile("^shell:"))
    terminal.type("echo " + "x" * 184 + "END")  # with the prompt, 198 columns
    terminal.wait_for(re.compile("^shell:echo x{184}END$"))
    terminal.type("wrapped")
    terminal.wait_for(lambda screen: "ENDwr\napped\n" in screen, "the line in two rows")
    terminal.press("C-a")  # back over the edge, where a terminal of another width would go wrong
    terminal.type("#")
    terminal.wait_for(lambda screen: "ENDw\nrapped\n" in screen, "the line moved by one")
    terminal.press("Enter")
    terminal.wait_for(re.compile("^shell:$"))
    terminal.press("C-d")
    terminal.wait_for_end(0)


@pytest.mark.parametrize("size", [(40, 10), (150, 45)])
def test_a_resize_reaches_the_program(terminal: Tmux, size: tuple[int, int]) -> None:
    columns, rows = size
    terminal.enter("runlet exec pi-1 -- sh -c 'trap \"stty size\" WINCH; echo ready; while :; do read _; done'")
    terminal.wait_for(re.compile("^ready$"))
    terminal.resize(columns, rows)
    terminal.wait_for(re.compile(f"^{rows} {columns}$"))
    terminal.press("C-c")
    terminal.wait_for_end(4)


def test_the_size_of_the_agents_own_terminal_is_not_handed_on(
    fleet: Fleet, operator: Operator, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINES", "11")
    monkeypatch.setenv("COLUMNS", "33")
    fleet.start_agent(device)
    assert operator.succeed("exec", device, "--", "tput", "cols", "lines").splitlines()[:1] == [f"{device} | 80"]
