"""What a screen asks: the question as a person reads it, and whether it is for a secret. Rules without I/O."""

from __future__ import annotations

import re

from runlet.agent import phrases
from runlet.agent.screen import Screen
from runlet.model.prompt import MAX_TEXT

# A menu is shown with so many lines at most.
MOST_LINES = 12
_LINES = re.compile(r"[\u2500-\u259f]+")  # with them frames are drawn, and cursors
_FRAMES = re.compile(r"[\u2500-\u259f\u25a0-\u25ff]+")  # lines, blocks, shapes
_FIELD = re.compile(r"[\u2500-\u259f|_*\s]+")  # what stands beside the cursor in a field where nothing shows


def asks_secret(text: str) -> bool:
    """Whether a question is for a secret; what may be chosen is none."""
    lines = text.splitlines()
    return phrases.asks_secret("\n".join([*(one for one in lines[:-1] if not phrases.is_option(one)), *lines[-1:]]))


def asks_secret_in_field(screen: Screen) -> bool:
    """Whether the cursor is where something is typed and not shown, on a screen that has a word for it."""
    _, _, label = screen.before_cursor.rpartition("│")
    label = _FIELD.sub(" ", label).strip()
    if label:
        return phrases.leaves_open(label) and phrases.asks_secret(label)
    if _FIELD.sub("", screen.after_cursor):
        return False
    lines = [_FIELD.sub(" ", line).strip() for line in screen.lines()]
    return any(phrases.asks_secret(line) for line in lines if not phrases.is_option(line))


def question(screen: Screen) -> str:
    """The cursor's line; what belongs to it above; the options below it. Without a cursor, all that is drawn."""
    if screen.is_hidden and screen.drawn_from is not None and (drawn := _drawn(screen, screen.drawn_from)):
        return _bounded(_without_frames(drawn)[:MOST_LINES])
    lines = screen.lines_to_cursor()
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        return _bounded(screen.lines()[-1:])
    first = last = len(lines) - 1
    while first > 0 and last - first + 1 < MOST_LINES and _belongs(lines[first - 1], lines[first:]):
        first -= 1
    below: list[str] = []
    for line in screen.lines_below():
        if not phrases.is_option(line) or last - first + len(below) >= MOST_LINES:
            break
        below.append(line)
    return _bounded(_without_frames([*lines[first:], *below]))


def _drawn(screen: Screen, first: int) -> list[str]:
    """What was drawn from this row on. Who hid the cursor at last only has drawn its menu above."""
    lines = screen.lines()
    for row in range(min(first, len(lines) - 1), max(-1, first - MOST_LINES), -1):
        if phrases.begins_question(lines[row]):
            menu = any(map(phrases.is_option, lines[row + 1 : first + 1]))
            return lines[row:] if menu or row == first else screen.lines(first)
    return screen.lines(first)


def _belongs(above: str, lines: list[str]) -> bool:
    """Whether a line is part of the question below it."""
    if not any(map(phrases.says_something, lines)):
        return True
    if not above.strip():
        return False
    if phrases.is_option(above) or (len(lines) > 1 and phrases.is_option(lines[0])):
        return True
    # A sentence that goes on.
    return lines[0][:1].islower() and above.rstrip()[-1].isalpha()


def _without_frames(lines: list[str]) -> list[str]:
    """The lines with something in them."""
    bare = (_LINES.sub(" ", line).strip() if _LINES.search(line) else line for line in lines)
    return [line for line in bare if line.strip()]


def screenful(screen: Screen) -> str:
    """The text on a screen that a program drew, without its frames."""
    lines = [" ".join(_FRAMES.sub(" ", line).split()) for line in screen.lines()]
    return _bounded([line for line in lines if any(map(str.isalnum, line))][:MOST_LINES])


def _bounded(lines: list[str]) -> str:
    return "\n".join(lines).strip()[-MAX_TEXT:]
