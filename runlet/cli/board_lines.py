"""The board as lines of text for a terminal: what there is in how much room. No I/O, no clock.

    run 12 of upgrade: 3 need an answer, 1 failed, 196 running         what it is about
    ? Do you want to continue? [Y/n]          2 devices: pi-2, pi-7    the questions
    pi-2   asks      Do you want to continue? [Y/n]                    the devices
    ...
    The following packages will be                                     the whole question that is selected or answered,
    upgraded: a b c. Do you want to                                    where its line does not hold it
    continue? [Y/n]
                                                                       words, or what is typed
    Enter show  a answer  q leave  ? keys  / search                    the keys

No line is wider than the terminal less one column, whose last is left free: a character there moves some terminals on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from runlet.cli.board import Board, Item, Mode
from runlet.cli.inert import SGR_RESET, plain
from runlet.cli.render import duration_words, run_title
from runlet.cli.rollouts import standing
from runlet.cli.roster import Asked, Rank, Row
from runlet.width import keep_end, keep_start, text_width, wrapped

# Lines that are not of the list: the title, words, keys.
OTHER_LINES = 3
# Of the list's lines, so many may be taken by a question that is shown whole: the rest of a longer one is its end.
WHOLE_SHARE = 2
# A wide character takes two columns.
_LEAST_ROOM = 2
# A name is cut behind this, and a state too: the text is what one looks at.
_MOST_NAME, _MOST_STATE = 24, 13

_BOLD, _DIM, _REVERSE, _RED, _YELLOW, _GREEN = (f"\x1b[{code}m" for code in (1, 2, 7, 31, 33, 32))
_STYLES = {Rank.ASKS: _YELLOW, Rank.FAILED: _RED, Rank.RUNS: "", Rank.WAITS: _DIM, Rank.ENDED: _DIM}

_SETTLED = "every device has ended, q leaves"
_LIST_KEYS = "Enter show  a answer  q leave  ? keys  / search  Space mark  n next question"
_READ_ONLY_KEYS = "Enter show  q leave  ? keys  / search  n next question"
_SEARCH_KEYS = "Enter keep it  Esc all devices"
_ANSWER_KEYS = "Enter send it  Esc do not answer"
_HELP = (
    "Up, Down, PgUp, PgDn, Home, End   move; also k, j, g, G",
    "Enter      on a device: show its terminal (Ctrl-] m comes back here)",
    "           on a question: answer it for all that ask it",
    "a          answer: for those that are marked; without marks, on a",
    "           question for all that ask it, on a device for that one",
    "Space      mark a device, or all that ask a question",
    "n          the next question",
    "/          only devices whose name, state or line holds a text",
    "Esc        all devices again, and no marks",
    "Ctrl-L     draw everything again",
    "q          leave; the run goes on",
    "",
    "any key goes on",
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """Lines for every row of the terminal, and where the cursor is, if it is shown."""

    lines: list[str]
    cursor: tuple[int, int] | None


def draw(board: Board, columns: int, rows: int, now: datetime, *, colours: bool) -> Drawn:
    """`board` in a terminal of this size, however small. Tells it how many items have room."""
    room = max(0, columns - 1)
    body_rows = max(1, rows - OTHER_LINES)
    whole = _whole(board, room, body_rows // WHOLE_SHARE)
    board.page = max(1, body_rows - len(whole))
    title, keys = _title(board, room, now), _keys(board, room)
    body = [keep_start(line, room) for line in _HELP] if board.mode is Mode.HELP else _list(board, room, now)
    words, cursor = _words(board, room)  # after the list, which knows how many are below it
    body = [*body[: board.page], *[""] * (board.page - len(body)), *whole]
    lines = [title, *body, words, keys][:rows] if rows >= OTHER_LINES else [*body, words][-rows:]
    at = None if cursor is None or rows < OTHER_LINES else (rows - 2, min(cursor, room))
    return Drawn(lines if colours else [_without_colours(line) for line in lines], at)


def _title(board: Board, room: int, now: datetime) -> str:
    picture = board.roster.picture
    run = replace(picture.run, executions=tuple(picture.executions))  # as they stand now
    told = f": {standing(run, now)}"
    name = plain(f"run {run.id} of {run_title(run)}")
    line = keep_start(keep_start(name, max(room - text_width(told), room // 3)) + told, room)
    return _BOLD + _filled(line, room)


def _list(board: Board, room: int, now: datetime) -> list[str]:
    items = board.items()
    top, cursor = board.scroll(items), board.cursor(items)
    rows = [item for item in items if isinstance(item, Row)]
    names = min(_MOST_NAME, max((text_width(row.device) for row in rows), default=0))
    states = min(_MOST_STATE, max((text_width(row.state) for row in rows), default=0))
    shown = []
    for index, item in enumerate(items[top : top + board.page], top):
        mark = "*" if _is_marked(board, item) else " "
        if isinstance(item, Asked):
            line, style = _question(board, item, room - 2, now), _YELLOW + _BOLD
        else:
            line, style = (
                f"{_filled(item.device, names)}  {_filled(item.state, states)}  {item.text}",
                _STYLES[item.rank],
            )
        line = _filled(f"{mark} {line}", room)
        shown.append(f"{_REVERSE if index == cursor else ''}{style}{line}{SGR_RESET}")
    if not items:
        shown.append(keep_start("  no device holds that", room))
    return shown


def _whole(board: Board, room: int, most: int) -> list[str]:
    """All of the question that the cursor is on, or that is answered, where its own line cannot hold it."""
    asked = board.question()
    if asked is None or not asked.takes_text or board.mode is Mode.HELP or room < _LEAST_ROOM:
        return []
    told = [plain(line).strip() for line in asked.prompt.text.splitlines() if line.strip()]
    if len(told) < 2 and text_width(asked.title) <= room // 2:
        return []
    rows = [row for line in told for row in wrapped(line, room)]
    rows = rows if len(rows) <= most else ["…", *rows[len(rows) - most + 1 :]][:most]
    return [f"{_YELLOW}{row}{SGR_RESET}" for row in rows]


def _question(board: Board, asked: Asked, room: int, now: datetime) -> str:
    """The question, and who asks it since when; the question keeps two thirds of the room."""
    picture = board.roster.picture
    names = ", ".join(plain(picture[one].device or "") for one in asked.executions[:20])
    count = f"{len(asked.executions)} devices" if len(asked.executions) > 1 else "1 device"
    what = "" if asked.takes_text else " (waits for keys)"
    secret = " (secret)" if asked.prompt.secret else ""
    title = f"? {asked.title}{secret}{what}"
    about = f"{count}, {duration_words((now - asked.since).total_seconds())}: {names}"
    left = max(room * 2 // 3, room - text_width(about) - 2)
    title = keep_start(title, left)
    return f"{title}  {keep_start(about, max(0, room - text_width(title) - 2))}"


def _is_marked(board: Board, item: Item) -> bool:
    if isinstance(item, Row):
        return item.execution in board.marked
    return bool(board.marked) and board.marked.issuperset(item.executions)


def _words(board: Board, room: int) -> tuple[str, int | None]:
    """(the line above the keys, the cursor's column in it)."""
    if board.mode is Mode.SEARCH:
        return _entry("search: ", board.pattern, room)
    if board.answering is not None:
        asked, prompts = board.answering
        count = (
            f"{len(prompts)} devices"
            if len(prompts) > 1
            else plain(board.roster.picture[next(iter(prompts))].device or "")
        )
        typed = "*" * len(board.typed) if asked.prompt.secret else board.typed
        return _entry(f"{count}: {keep_end(asked.title, max(room // 2, room - 40))} > ", typed, room)
    if board.words or board.settled:
        told = [plain(board.words)] if board.words else []
        return keep_start("; ".join([*told, *([_SETTLED] if board.settled else [])]), room), None
    if board.pattern:
        return keep_start(f"only what holds {board.pattern!r}; Esc shows all devices", room), None
    if board.marked:
        return keep_start(f"{len(board.marked)} marked; a answers those that ask, Esc unmarks them", room), None
    return (keep_start(f"{board.below} more below", room) if board.below else ""), None


def _entry(label: str, text: str, room: int) -> tuple[str, int]:
    line = keep_start(label, room // 2) if text_width(label) > room * 2 // 3 else label
    line += keep_end(text, max(0, room - text_width(line) - 1))
    return line, text_width(line)


def _keys(board: Board, room: int) -> str:
    match board.mode:
        case Mode.SEARCH:
            keys = _SEARCH_KEYS
        case Mode.ANSWER:
            keys = _ANSWER_KEYS
        case _:
            keys = _READ_ONLY_KEYS if board.read_only else _LIST_KEYS
    return f"{_REVERSE}{_filled(keys, room)}"


def _filled(text: str, columns: int) -> str:
    """`text` in exactly so many columns."""
    text = keep_start(text, columns)
    return text + " " * (columns - text_width(text))


def _without_colours(line: str) -> str:
    """Only what shows where one is."""
    for style in (_RED, _YELLOW, _GREEN):
        line = line.replace(style, "")
    return line
