"""runlet/cli/merged.py: the lines of several devices and the unfinished line of one."""

from __future__ import annotations

import re

from runlet.cli.merged import MergedView
from runlet.cli.prefix import Prefixes
from tests.unit.cli.runs import execution

ONE, TWO = "id of pi-1", "id of pi-20"


def merged(columns: int = 80) -> MergedView:
    return MergedView(Prefixes([execution("pi-1"), execution("pi-20")], colours=False), columns)


def screen(written: str) -> list[str]:
    """The rows that `written` leaves, without colours; the cursor's way back is shown as <n."""
    text = re.sub(r"\x1b\[(\d+)D", r"<\1", written)
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return [row.rpartition("\r\x1b[K")[2] for row in text.split("\r\n")]


def test_finished_lines_scroll_and_the_unfinished_one_stays_at_the_bottom() -> None:
    view = merged()
    view.select(ONE)
    written = view.output(ONE, b"hello\r\nContinue? [Y/n] ")
    assert screen(written) == ["pi-1  | hello", "pi-1 > Continue? [Y/n] "]
    assert screen(view.output(TWO, b"other\r\n")) == ["pi-20 | other", "pi-1 > Continue? [Y/n] "]


def test_nothing_new_writes_nothing() -> None:
    view = merged()
    view.select(ONE)
    view.output(ONE, b"? ")
    assert view.output(ONE, b"\x07") == ""


def test_who_else_waits_is_hinted_at() -> None:
    view = merged()
    view.select(ONE)
    view.output(ONE, b"mine? ")
    view.output(TWO, b"yours? ")
    hint = "   [waiting too: pi-20]"
    assert screen(view.wait([ONE, TWO])) == [f"pi-1 > mine? {hint}<{len(hint)}"]
    assert view.wait([ONE, TWO]) == ""
    assert view.wait([TWO]).count("\a") == 0
    assert view.wait([ONE, TWO]).count("\a") == 1, "it waits again"
    assert screen(view.wait([ONE])) == ["pi-1 > mine? "]


def test_choosing_the_other_device_shows_its_line() -> None:
    view = merged()
    view.select(ONE)
    view.output(TWO, b"yours? ")
    view.wait([TWO])
    assert screen(view.select(TWO)) == ["pi-20 > yours? "]


def test_a_long_unfinished_line_shows_its_end() -> None:
    view = merged(columns=20)
    view.select(ONE)
    assert screen(view.output(ONE, b"x" * 30 + b" [Y/n] ")) == ["pi-1 > …xxxx [Y/n] "]
    assert screen(view.resize(40)) == ["pi-1 > …" + "x" * 24 + " [Y/n] "]


def test_the_cursor_is_where_the_program_has_it() -> None:
    view = merged()
    view.select(ONE)
    assert screen(view.output(ONE, b"$ echo hi\b\b")) == ["pi-1 > $ echo hi<2"]


def test_a_full_screen_program_is_named_not_shown() -> None:
    view = merged()
    view.select(ONE)
    written = view.output(ONE, b"\x1b[?1049h\x1b[2Jmenu\r\nrow\r\n")
    assert screen(written) == ["pi-1 > (draws a screen of its own; Ctrl-] m shows it)"]


def test_the_end_shows_the_last_line_and_what_is_told() -> None:
    view = merged()
    view.select(TWO)
    view.output(ONE, b"no newline")
    assert screen(view.end(ONE, ["Exited with code: 0 signal: none"])) == [
        "pi-1  | no newline",
        "pi-1  | Exited with code: 0 signal: none",
        "pi-20 > ",
    ]


def test_words_of_the_console_go_above_the_bottom_line() -> None:
    view = merged()
    view.select(ONE)
    assert screen(view.say("cancelling on pi-1")) == ["-- cancelling on pi-1", "pi-1 > "]
    assert screen(view.leave()) == [""]
