"""runlet/cli/painter.py: a terminal shows the lines, and gets no more than what has changed."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from runlet.cli.painter import Painter

WRITTEN = re.compile(r"\x1b\[(\d+);1H([^\x1b]*)\x1b\[0m\x1b\[K")


class Screen:
    """As much of a terminal as the painter needs."""

    def __init__(self) -> None:
        self.lines: dict[int, str] = {}

    def show(self, written: str) -> int:
        """How many lines were written."""
        if "\x1b[2J" in written:
            self.lines.clear()
        found = WRITTEN.findall(written)
        self.lines.update({int(row): text for row, text in found})
        return len(found)


@given(st.lists(st.lists(st.sampled_from(["", "a", "b"]), min_size=1, max_size=6), min_size=1))
def test_the_terminal_shows_the_last_lines(screens: list[list[str]]) -> None:
    painter, screen = Painter(), Screen()
    for lines in screens:
        screen.show(painter.paint(lines, None))
        assert [screen.lines.get(row + 1, "") for row in range(len(lines))] == lines


def test_only_what_changed_is_written() -> None:
    painter, screen = Painter(), Screen()
    screen.show(painter.paint(["a", "b", "c"], None))
    assert painter.paint(["a", "b", "c"], None) == ""
    assert screen.show(painter.paint(["a", "x", "c"], None)) == 1
    assert "\x1b[3;5H\x1b[?25h" in painter.paint(["a", "x", "c"], (2, 4))
    painter.forget()
    assert screen.show(painter.paint(["a", "x", "c"], None)) == 3
