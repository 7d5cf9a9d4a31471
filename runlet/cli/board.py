"""The board: the screen of a console attached to several devices. Keys in, actions out; what is selected, marked,
searched for and typed. A model without I/O and without a clock; board_lines.py draws it.

The list holds the questions first, then the devices. The cursor stays with what it is on, wherever that moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from runlet.cli import pressed
from runlet.cli.roster import Asked, Roster, Row

# What may be typed as an answer on one line; more is for a raw console.
MOST_ANSWER = 1000
MOST_PATTERN = 200


class Mode(Enum):
    """What keys mean."""

    LIST = auto()
    SEARCH = auto()
    ANSWER = auto()
    HELP = auto()


@dataclass(frozen=True, slots=True)
class Leave:
    """The operator leaves; the run goes on."""


@dataclass(frozen=True, slots=True)
class Zoom:
    """Show this execution's terminal."""

    execution: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Type `text` for these executions' questions, by their prompts' ids, with Enter."""

    prompts: dict[str, str]
    text: str


@dataclass(frozen=True, slots=True)
class Redraw:
    """Draw everything anew."""


Action = Leave | Zoom | Answer | Redraw
Item = Asked | Row


def key_of(item: Item) -> str:
    """What the cursor stays with."""
    return f"question {item.mark}" if isinstance(item, Asked) else f"device {item.execution}"


class Board:
    """`words` are the last thing said to the operator; `page` how many items a screen holds, which drawing tells;
    `below` how many follow those on the screen."""

    def __init__(self, roster: Roster, *, read_only: bool) -> None:
        self.roster = roster
        self.read_only = read_only
        self.mode = Mode.LIST
        self.pattern = ""
        self.typed = ""
        self.marked: set[str] = set()
        self.words = ""
        self.settled = False  # every device has ended
        self.top = 0
        self.page = 1
        self.below = 0
        self._key = ""
        self._index = 0
        self._answering: tuple[Asked, dict[str, str]] | None = None

    @property
    def answering(self) -> tuple[Asked, dict[str, str]] | None:
        """The question that is being answered, and by execution the prompts that get the answer."""
        return self._answering if self.mode is Mode.ANSWER else None

    def items(self) -> list[Item]:
        rows = self.roster.rows(self.pattern)
        return [*self.roster.questions(rows), *rows]

    def cursor(self, items: list[Item]) -> int:
        """The index of what is selected; when that is gone, of what has taken its place."""
        for index, item in enumerate(items):
            if self._key and key_of(item) == self._key:
                self._index = index
                return index
        self._select(items, self._index)
        return self._index

    def scroll(self, items: list[Item]) -> int:
        """The index of the first item on the screen: as far as it takes to have the selected one on it."""
        cursor = self.cursor(items)
        self.top = min(self.top, cursor, max(0, len(items) - self.page))
        self.top = max(self.top, cursor - self.page + 1)
        self.below = max(0, len(items) - self.top - self.page)
        return self.top

    def question(self) -> Asked | None:
        """What is answered now, or what is asked where the cursor is."""
        if self.answering is not None:
            return self.answering[0]
        items = self.items()
        selected = items[self.cursor(items)] if items else None
        if isinstance(selected, Row):
            return _asked_by([item for item in items if isinstance(item, Asked)], selected.execution)
        return selected

    def press(self, key: str) -> Action | None:
        """What a key asks for beyond this screen."""
        if key == pressed.REDRAW:
            return Redraw()
        match self.mode:
            case Mode.LIST:
                self.words = ""
                return self._press_in_list(key)
            case Mode.SEARCH:
                self._press_in_search(key)
            case Mode.ANSWER:
                return self._press_in_answer(key)
            case Mode.HELP:
                self.mode = Mode.LIST
        return None

    def _press_in_list(self, key: str) -> Action | None:
        items = self.items()
        cursor = self.cursor(items)
        selected = items[cursor] if items else None
        steps = {
            pressed.UP: -1,
            "k": -1,
            pressed.DOWN: 1,
            "j": 1,
            pressed.PAGE_UP: -self.page,
            pressed.PAGE_DOWN: self.page,
            pressed.HOME: -len(items),
            "g": -len(items),
            pressed.END: len(items),
            "G": len(items),
        }
        if key in steps:
            self._select(items, cursor + steps[key])
        elif key in ("q", pressed.INTERRUPT):
            return Leave()
        elif key == "/":
            self.mode = Mode.SEARCH
        elif key == pressed.ESCAPE:
            self.pattern = ""
            self.marked.clear()
        elif key == "?":
            self.mode = Mode.HELP
        elif key == "n":
            self._next_question(items, cursor)
        elif selected is not None:
            return self._press_on(key, selected, items, cursor)
        return None

    def _press_on(self, key: str, selected: Item, items: list[Item], cursor: int) -> Action | None:
        if key == "a" or (key == pressed.ENTER and isinstance(selected, Asked) and selected.takes_text):
            return self._begin_answer(selected, items)
        if key in (pressed.ENTER, "z"):
            return Zoom(selected.execution if isinstance(selected, Row) else selected.executions[0])
        if key == " ":
            members = {selected.execution} if isinstance(selected, Row) else set(selected.executions)
            self.marked = self.marked - members if members <= self.marked else self.marked | members
            self._select(items, cursor + 1)
        return None

    def _begin_answer(self, selected: Item, items: list[Item]) -> Zoom | None:
        """For what is marked, wherever the cursor is; without marks, for all that ask a question, or for a device."""
        questions = [item for item in items if isinstance(item, Asked)]
        asked = selected if isinstance(selected, Asked) else _asked_by(questions, selected.execution)
        if self.marked:
            asked = self._asked_by_marked(asked, questions)
        if self.read_only:
            self.words = "read-only: nothing is answered from here"
        elif asked is None:
            self.words = self.words or "it asks nothing"
        elif not asked.takes_text:
            return Zoom(selected.execution if isinstance(selected, Row) else asked.executions[0])
        else:
            chosen = self._chosen(asked, selected)
            self._answering = asked, chosen
            self.typed, self.mode = "", Mode.ANSWER
        return None

    def _asked_by_marked(self, selected: Asked | None, questions: list[Asked]) -> Asked | None:
        """The question that those marked ask: never one that none of them asks, as Space moves the cursor on."""
        asked = [one for one in questions if not self.marked.isdisjoint(one.executions)]
        if selected in asked:
            return selected
        if len(asked) == 1:
            return asked[0]
        self.words = "those marked ask different questions: select one" if asked else "none marked asks; Esc unmarks"
        return None

    def _chosen(self, asked: Asked, selected: Item) -> dict[str, str]:
        chosen = [one for one in asked.executions if one in self.marked]
        if not chosen:
            chosen = [selected.execution] if isinstance(selected, Row) else list(asked.executions)
        picture = self.roster.picture
        prompts = {one: picture[one].prompt for one in chosen}
        return {execution: prompt.id for execution, prompt in prompts.items() if prompt is not None}

    def _press_in_search(self, key: str) -> None:
        if key in (pressed.ENTER, pressed.ESCAPE, pressed.INTERRUPT, pressed.DOWN, pressed.UP):
            self.mode = Mode.LIST
            self.pattern = "" if key in (pressed.ESCAPE, pressed.INTERRUPT) else self.pattern
        else:
            self.pattern = _edited(self.pattern, key, MOST_PATTERN)

    def _press_in_answer(self, key: str) -> Answer | None:
        if key in (pressed.ESCAPE, pressed.INTERRUPT):
            self.mode, self.typed, self.words = Mode.LIST, "", "not answered"
        elif key == pressed.ENTER:
            assert self._answering is not None
            text, prompts = self.typed, self._answering[1]
            self.mode, self.typed = Mode.LIST, ""
            self.marked -= prompts.keys()
            self.words = "answering"
            return Answer(prompts, text)
        else:
            self.typed = _edited(self.typed, key, MOST_ANSWER)
        return None

    def _next_question(self, items: list[Item], cursor: int) -> None:
        """The next one behind the cursor, in turn."""
        at = [index for index, item in enumerate(items) if isinstance(item, Asked)]
        if at:
            self._select(items, next((index for index in at if index > cursor), at[0]))
        else:
            self.words = "nothing is asked"

    def _select(self, items: list[Item], index: int) -> None:
        self._index = max(0, min(index, len(items) - 1))
        # At the top it stays at the top: who asks first comes there.
        self._key = key_of(items[self._index]) if self._index else ""


def _asked_by(questions: list[Asked], execution: str) -> Asked | None:
    return next((one for one in questions if execution in one.executions), None)


def _edited(text: str, key: str, most: int) -> str:
    if key == pressed.BACKSPACE:
        return text[:-1]
    if key == pressed.ERASE_LINE:
        return ""
    return text + key if len(key) == 1 and len(text) < most else text
