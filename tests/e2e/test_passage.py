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
# Draws a screen of its own, after so many lines, as of a shell, and older screens; then again when told to, or all the
# time. Tells which keys it gets.
DRAWING = r"""
import os, select, signal, sys, tty
old_screens, pause, lines = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
tty.setraw(0)
def draw(*_):
    columns, rows = os.get_terminal_size()
    os.write(1, b"\x1b[2J\x1b[Hdrawn for %dx%d\x1b[%d;1Hlast row" % (columns, rows, rows))
os.write(1, b"a line of the shell\r\n" * lines)
os.write(1, b"\x1b[?1049h\x1b[?1h\x1b[?1000h\x1b[?1006h\x1b[?2004h\x1b[?25l")
for number in range(old_screens):
    os.write(1, b"\x1b[2J\x1b[H%d of the old screens, as if there were something to see\x1b[K" % number)
signal.signal(signal.SIGWINCH, draw)
draw()
while pause and not select.select([0], [], [], pause)[0]:
    draw()
while (key := os.read(0, 16)) != b"q":
    os.write(1, b"\x1b[3;1Hkey " + repr(key).encode())
os.write(1, b"\x1b[?1l\x1b[?1049l\x1b[?1000l\x1b[?1006l\x1b[?2004l\x1b[?25h")
"""


def _waits_in_full_screen(operator: Operator, number: str) -> bool:
    [execution] = operator.json("show", number)["executions"]
    return (execution["prompt"] or {}).get("kind") == "interactive"


# A console is not shown all of the screens when it attaches, nor what came before them.
@pytest.mark.parametrize(("screens", "pause", "lines"), [(20_000, 0, 0), (20_000, 0.02, 0), (40_000, 0, 4_000)])
def test_a_full_screen_program_is_drawn_again_in_another_window(
    operator: Operator, open_terminal: Callable[..., Tmux], tmp_path: Path, screens: int, pause: float, lines: int
) -> None:
    script = tmp_path / "drawing.py"
    script.write_text(DRAWING)
    number = operator.detached("exec", "pi-1", "--", "python3", str(script), *map(str, (screens, pause, lines)))
    if not pause:
        wait_until(lambda: _waits_in_full_screen(operator, number), "it to be found to wait")
    for columns, rows in ((80, 24), (100, 30)):
        terminal = open_terminal(columns, rows)
        terminal.enter(f"runlet attach {number}")
        screen = terminal.wait_for(re.compile(f"^drawn for {columns}x{rows}$"))
        assert screen.rstrip("\n").splitlines()[-1] == "last row"
        assert len(screen.rstrip("\n").splitlines()) == rows
        assert terminal.flags() == {"alternate_on": "1", "mouse_any_flag": "1", "cursor_flag": "0"}
        if not pause:
            terminal.press("Up")
            terminal.wait_for(r"key b'\x1bOA'")
        terminal.press(PREFIX, "d")
        terminal.wait_for_end(0)
        assert terminal.flags() == {"alternate_on": "0", "mouse_any_flag": "0", "cursor_flag": "1"}
    terminal.enter(f"runlet attach {number}")
    terminal.wait_for("drawn for")
    terminal.type("q")
    terminal.wait_for_end(0)


# As ncurses programs do: the screen is drawn anew when it has another size, and only then.
CURSES = r"""
import curses, os, signal
def main(screen):
    number = 0
    while True:
        rows, columns = screen.getmaxyx()
        for row in range(rows - 1):
            screen.addstr(row, 0, f"row {row} of {rows}x{columns}  ")
        screen.refresh()
        if (key := screen.getch()) == ord("q"):
            return
        number += 1
        screen.addstr(0, 40, f"key {number}: {curses.keyname(key).decode()}  ")
curses.wrapper(main)
"""


def test_what_curses_draws_is_whole_after_the_help_and_for_who_comes_late(
    operator: Operator, open_terminal: Callable[..., Tmux], tmp_path: Path
) -> None:
    script = tmp_path / "curses_program.py"
    script.write_text(CURSES)
    late = "head -c 400000 /dev/zero | tr '\\0' x; "
    terminal = open_terminal()
    terminal.enter(f'runlet exec pi-1 -- sh -c "{late}exec python3 {script}"')
    rows = "".join(f"row {row} of 24x80\n" for row in range(1, 23))
    terminal.wait_for("row 22 of 24x80")
    terminal.press(PREFIX, "?")
    terminal.wait_for("choose a device")
    terminal.press("x")
    terminal.wait_for(lambda screen: rows in screen and "choose" not in screen, "the screen without the help")
    terminal.press(PREFIX, "d")
    terminal.wait_for_end(0)
    terminal.enter("clear; runlet attach")
    terminal.wait_for(lambda screen: "row 0 of" in screen and rows in screen, "all that was drawn")
    terminal.type("q")
    terminal.wait_for_end(0)


def test_a_window_smaller_than_the_programs_shows_what_fits(open_terminal: Callable[..., Tmux], tmp_path: Path) -> None:
    script = tmp_path / "curses_program.py"
    script.write_text(CURSES)
    writer, reader = open_terminal(120, 40), open_terminal(80, 24)
    writer.enter(f"runlet exec pi-1 -- python3 {script}")
    writer.wait_for("row 38 of 40x120")
    writer.type("k")
    writer.wait_for("key 1: k")
    reader.enter("runlet attach --read-only")
    rows = "".join(f"row {row} of 40x120\n" for row in range(1, 23))
    told = "drawn for 120x40, and this window is 80x24"
    reader.wait_for(lambda screen: "key 1: k" in screen and rows in screen and told in screen, "the rows that fit")
    writer.type("x")
    screen = reader.wait_for("key 2: x")
    assert rows in screen
    writer.resize(80, 24)
    whole = "".join(f"row {row} of 24x80\n" for row in range(1, 23))
    reader.wait_for(lambda screen: whole in screen and told not in screen, "all of it")
    writer.type("q")
    writer.wait_for_end(0)
    reader.wait_for_end(0)


def test_what_a_program_draws_first_stays(terminal: Tmux, tmp_path: Path) -> None:
    """A console that has seen everything has nothing drawn again, which would take away a status line's first words."""
    script = tmp_path / "again.py"
    script.write_text(
        "import os, signal, tty\ntty.setraw(0)\n"
        "signal.signal(signal.SIGWINCH, lambda *_: os.write(1, b'drawn again '))\n"
        "os.write(1, b'first ')\nos.write(1, os.read(0, 1))\nos.read(0, 1)\n"
    )
    terminal.enter(f"clear; runlet exec pi-1 -- python3 {script}")
    terminal.wait_for("first")
    terminal.type("k")
    assert "again" not in terminal.wait_for("first k")
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


def test_a_large_paste_reaches_an_editor_whole(operator: Operator, terminal: Tmux, tmp_path: Path) -> None:
    text = "".join(f"{number}: what somebody has copied from a page\n" for number in range(3_000))
    written = tmp_path / "written"
    number = operator.detached("exec", "pi-1", "--", "vim", "-u", "NONE", "-N", "--cmd", "set t_BE=\x1b[?2004h")
    terminal.enter(f"runlet attach {number}")
    terminal.wait_for(re.compile("^~$"))
    terminal.type("i")
    terminal.wait_for("INSERT")
    terminal.paste(text)
    terminal.wait_for("2999: what somebody has copied from a page")
    terminal.press("Escape")
    terminal.enter(f":w {written}")
    wait_until(lambda: written.exists() and written.read_text().rstrip() == text.rstrip(), "it to be written")
    terminal.enter(":q!")
    terminal.wait_for_end(0)


def test_who_leaves_while_a_program_does_not_read_is_told_what_was_not_typed(
    operator: Operator, terminal: Tmux
) -> None:
    script = "stty raw -echo; echo ready; exec sleep 1000"
    number = operator.detached("exec", "pi-1", "--", "sh", "-c", script)
    terminal.enter(f"runlet attach {number}")
    terminal.wait_for("ready")
    terminal.paste("x" * 400_000)
    terminal.wait_for("the program does not read: ")
    terminal.press(PREFIX, "d")
    terminal.wait_for(re.compile("not typed: the last [0-9]+ bytes"))
    terminal.wait_for_end(0)
    operator.succeed("cancel", number)


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
