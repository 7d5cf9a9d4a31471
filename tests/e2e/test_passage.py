"""What programs do to the terminal of an attached console: what they need, and nothing that outlives them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from runlet.cli.views import RAW_TAIL_BYTES
from tests.harness import wait_until
from tests.operators import Operator
from tests.tmux import Tmux

PREFIX = "C-]"
# Draws a screen of its own, after so many older ones; then again when told to, or all the time.
DRAWING = r"""
import os, select, signal, sys, tty
old_screens, pause = int(sys.argv[1]), float(sys.argv[2])
tty.setraw(0)
def draw(*_):
    columns, rows = os.get_terminal_size()
    os.write(1, b"\x1b[2J\x1b[Hdrawn for %dx%d\x1b[%d;1Hlast row" % (columns, rows, rows))
os.write(1, b"\x1b[?1049h\x1b[?1000h\x1b[?1006h\x1b[?2004h\x1b[?25l")
for number in range(old_screens):
    os.write(1, b"\x1b[2J\x1b[H%d of the old screens, as if there were something to see\x1b[K" % number)
signal.signal(signal.SIGWINCH, draw)
draw()
while pause and not select.select([0], [], [], pause)[0]:
    draw()
while os.read(0, 1) != b"q":
    pass
os.write(1, b"\x1b[?1049l\x1b[?1000l\x1b[?1006l\x1b[?2004l\x1b[?25h")
"""


def _waits_in_full_screen(operator: Operator, number: str) -> bool:
    [execution] = operator.json("show", number)["executions"]
    return (execution["prompt"] or {}).get("kind") == "interactive"


# A console is not shown all of the screens when it attaches; of the most, nor are all looked at for their modes.
@pytest.mark.parametrize(("screens", "pause"), [(20_000, 0), (20_000, 0.02), (40_000, 0)])
def test_a_full_screen_program_is_drawn_again_in_another_window(
    operator: Operator, open_terminal: Callable[..., Tmux], tmp_path: Path, screens: int, pause: float
) -> None:
    script = tmp_path / "drawing.py"
    script.write_text(DRAWING)
    number = operator.detached("exec", "pi-1", "--", "python3", str(script), str(screens), str(pause))
    if not pause:
        wait_until(lambda: _waits_in_full_screen(operator, number), "it to be found to wait")
    for columns, rows in ((80, 24), (100, 30)):
        terminal = open_terminal(columns, rows)
        terminal.enter(f"runlet attach {number}")
        screen = terminal.wait_for(re.compile(f"^drawn for {columns}x{rows}$"))
        assert screen.rstrip("\n").splitlines()[-1] == "last row"
        assert len(screen.rstrip("\n").splitlines()) == rows
        assert terminal.flags() == {"alternate_on": "1", "mouse_any_flag": "1", "cursor_flag": "0"}
        terminal.press(PREFIX, "d")
        terminal.wait_for_end(0)
        assert terminal.flags() == {"alternate_on": "0", "mouse_any_flag": "0", "cursor_flag": "1"}
    terminal.enter(f"runlet attach {number}")
    terminal.wait_for("drawn for")
    terminal.type("q")
    terminal.wait_for_end(0)


def test_the_scrollback_of_a_line_program_is_shown_again(operator: Operator, terminal: Tmux) -> None:
    number = operator.detached("exec", "pi-1", "--", "bash", "-c", "seq -f 'line %g' 300; read -p 'More? ' word")
    terminal.enter(f"runlet attach {number}")
    terminal.wait_for("More?")
    lines = [line for line in terminal.text().splitlines() if line.startswith("line ")]
    assert lines == [f"line {number}" for number in range(1, 301)]
    terminal.enter("")
    terminal.wait_for_end(0)


def test_a_console_attaches_to_what_has_printed_a_little_more_than_it_shows(operator: Operator, terminal: Tmux) -> None:
    printed = RAW_TAIL_BYTES + 1
    asks = "read -p 'Go on? ' word"
    number = operator.detached("exec", "pi-1", "--", "bash", "-c", f"printf '%{printed - 7}s'; {asks}")
    wait_until(lambda: len(operator.succeed("logs", "--raw", number)) == printed, "it to be stored")
    terminal.enter(f"runlet attach {number}")
    terminal.wait_for("Go on?")
    terminal.enter("")
    terminal.wait_for_end(0)


def test_the_clipboard_and_the_title_are_not_for_devices(operator: Operator, terminal: Tmux, tmp_path: Path) -> None:
    terminal.option("set-clipboard", "on")
    write = "printf '\\033]52;c;%s\\007' $(printf {} | base64); echo written"
    terminal.enter(write.format("mine"))
    terminal.wait_for(re.compile("^written$"))
    assert terminal.clipboard() == "mine", "this terminal's programs may"
    attack = tmp_path / "attack"
    attack.write_text(write.format("theirs") + "; printf '\\033]2;a title\\033\\\\\\033[21t'; read -p 'done? ' word")
    title = terminal.title()
    terminal.enter(f"clear; runlet exec pi-1 -- bash {attack}")
    terminal.wait_for("done?")
    assert terminal.clipboard() == "mine"
    assert terminal.title() == "a title"
    terminal.enter("")
    terminal.wait_for_end(0)
    assert terminal.title() == title
