"""The board's model and its drawing: what stands where, what keys do, and that it fits any terminal."""

from __future__ import annotations

import re
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from runlet.cli import pressed
from runlet.cli.board import Answer, Board, Leave, Mode, Zoom
from runlet.cli.board_lines import draw
from runlet.cli.picture import Picture
from runlet.cli.roster import Rank, Roster
from runlet.model.execution import State
from runlet.model.prompt import Kind, Prompt
from runlet.protocol.chunk import Chunk
from runlet.protocol.frames import Drained, ExecutionChanged, Gap
from runlet.protocol.views import ExecutionView
from runlet.width import text_width
from tests.unit.cli.runs import NOON, execution, run
from tests.unit.cli.test_hostile import HOSTILE, SGR, assert_inert

CONTINUE, CONFIG, SECRET = "Do you want to continue? [Y/n] ", "Replace /etc/foo.conf? ", "Passphrase: "


def prompt(text: str, *, secret: bool = False, kind: Kind = Kind.PROMPT, number: int = 1) -> Prompt:
    return Prompt(f"p{number}", 0, text, secret=secret, kind=kind, confidence=0.9, fingerprint=f"f{len(text)}")


def asking(device: str, text: str, seconds: int = 0, **changes: bool) -> ExecutionView:
    at = NOON + timedelta(seconds=seconds)
    return execution(device, State.AWAITING_INPUT, prompt=prompt(text, **changes), asked_at=at)


def board_of(*executions: ExecutionView, read_only: bool = False) -> Board:
    board = Board(Roster(Picture(run(*executions))), read_only=read_only)
    board.page = 21
    return board


def mixed(*, read_only: bool = False) -> Board:
    return board_of(
        execution("pi-1", State.SUCCEEDED),
        execution("pi-2", State.RUNNING),
        asking("pi-3", CONTINUE, seconds=5),
        execution("pi-4", State.FAILED, exit_code=3),
        asking("pi-5", CONFIG, seconds=1),
        execution("pi-6", State.QUEUED),
        asking("pi-7", CONTINUE, seconds=9),
        read_only=read_only,
    )


def press(board: Board, *keys: str):
    """What the last of the keys asks for."""
    action = None
    for key in keys:
        action = board.press(key)
    return action


def shown(board: Board, columns: int = 80, rows: int = 24) -> list[str]:
    return [SGR.sub("", line) for line in draw(board, columns, rows, NOON, colours=True).lines]


def take(board: Board, event: object) -> None:
    board.roster.picture.take(event)
    board.roster.take(event)


def test_who_asks_stands_first_then_who_failed_runs_waits_and_has_ended() -> None:
    rows = mixed().roster.rows()
    assert [row.device for row in rows] == ["pi-3", "pi-5", "pi-7", "pi-4", "pi-2", "pi-6", "pi-1"]
    assert [row.state for row in rows] == ["asks", "asks", "asks", "failed 3", "running", "queued", "succeeded"]
    assert sorted({row.rank for row in rows}) == list(Rank)


def test_questions_are_in_groups_the_oldest_first() -> None:
    board = mixed()
    questions = board.roster.questions(board.roster.rows())
    assert [(one.title, one.executions) for one in questions] == [
        ("Replace /etc/foo.conf?", ("id of pi-5",)),
        ("Do you want to continue? [Y/n]", ("id of pi-3", "id of pi-7")),
    ]


def test_a_question_that_is_not_shown_while_typed_is_another_one() -> None:
    board = board_of(asking("pi-1", SECRET), asking("pi-2", SECRET, secret=True))
    assert len(board.roster.questions(board.roster.rows())) == 2


def test_the_last_line_is_shown_finished_or_not() -> None:
    board = board_of(execution("pi-1"), execution("pi-2"))
    one = "id of pi-1"
    for position, data, last in [
        (0, b"first\nsecond", "second"),
        (12, b" and more\n\n", "second and more"),
        (23, b"10%\r20%", "20%"),
        (500, b"tail of a line\nwhole", "whole"),
        (520, b"\x1b[31m red\x1b]0;title\x07\n", "whole red"),
    ]:
        take(board, Chunk(one, 1, position, data))
        assert board.roster.rows()[0].text == last
    take(board, Gap(one, 1, 600, 4000))
    assert board.roster.rows()[0].text == "[4,000 bytes left out]"
    take(board, Drained(one, 1, is_over=False))
    take(board, Chunk(one, 2, 0, b"again"))
    assert board.roster.rows()[0].text == "again"
    take(board, Chunk(one, 2, 5, b"\x1b[?1049hscreen"))
    assert "draws a screen" in board.roster.rows()[0].text


def test_answering_a_question_answers_all_that_ask_it() -> None:
    board = mixed()
    assert press(board, pressed.DOWN, pressed.ENTER) is None
    assert board.mode is Mode.ANSWER
    assert "2 devices: Do you want to continue? [Y/n] > " in shown(board)[-2] + " "
    assert press(board, "y", "x", pressed.BACKSPACE, pressed.ENTER) == Answer(
        {"id of pi-3": "p1", "id of pi-7": "p1"}, "y"
    )
    assert board.mode is Mode.LIST


def test_answering_a_device_answers_that_one() -> None:
    board = mixed()
    press(board, *[pressed.DOWN] * 2)
    assert press(board, "a", "n", pressed.ENTER) == Answer({"id of pi-3": "p1"}, "n")


def test_answering_with_marks_answers_those() -> None:
    board = board_of(*(asking(f"pi-{number}", CONTINUE) for number in range(5)))
    press(board, pressed.DOWN, " ", " ")
    assert press(board, pressed.HOME, "a", "y", pressed.ENTER) == Answer({"id of pi-0": "p1", "id of pi-1": "p1"}, "y")
    assert not board.marked, "marks are for one answer"


def test_marks_are_answered_wherever_space_moved_the_cursor() -> None:
    board = board_of(*(asking(f"pi-{number}", CONTINUE) for number in range(5)))
    press(board, pressed.DOWN, " ", " ")
    assert press(board, "a", "y", pressed.ENTER) == Answer({"id of pi-0": "p1", "id of pi-1": "p1"}, "y")
    board = mixed()
    press(board, " ")
    assert press(board, "a", "y", pressed.ENTER) == Answer({"id of pi-5": "p1"}, "y"), "not the question it moved to"


def test_what_none_of_those_marked_asks_is_not_answered() -> None:
    board = board_of(asking("pi-1", CONTINUE), asking("pi-2", CONFIG, seconds=1), execution("pi-3", State.RUNNING))
    press(board, pressed.END, " ", pressed.HOME)
    assert press(board, "a", "y", pressed.ENTER) is None
    press(board, pressed.HOME, "a")
    assert "none marked asks" in shown(board)[-2]
    press(board, pressed.ESCAPE, " ", " ", pressed.END, "a")
    assert "different questions" in shown(board)[-2]
    press(board, pressed.HOME)
    assert press(board, "a", "y", pressed.ENTER) == Answer({"id of pi-1": "p1"}, "y")


def test_what_is_answered_is_what_was_shown_however_the_list_moves_meanwhile() -> None:
    board = mixed()
    press(board, pressed.DOWN, "a")
    take(board, ExecutionChanged(execution("pi-3", State.RUNNING, version=2)))
    changed = asking("pi-7", CONFIG)
    take(
        board, ExecutionChanged(ExecutionView(**{**_fields(changed), "prompt": prompt(CONFIG, number=2), "version": 2}))
    )
    assert press(board, "y", pressed.ENTER) == Answer({"id of pi-3": "p1", "id of pi-7": "p1"}, "y"), (
        "their agents judge"
    )


def _fields(view: ExecutionView) -> dict[str, object]:
    return {name: getattr(view, name) for name in view.__dataclass_fields__}


def test_a_secret_is_masked() -> None:
    board = board_of(asking("pi-1", SECRET, secret=True))
    press(board, "a", *"hunter2")
    assert "hunter2" not in "\n".join(shown(board))
    assert "*******" in shown(board)[-2]
    assert press(board, pressed.ENTER) == Answer({"id of pi-1": "p1"}, "hunter2")


def test_a_full_screen_is_shown_and_not_answered_by_a_line() -> None:
    board = board_of(asking("pi-1", "menu", kind=Kind.INTERACTIVE))
    assert press(board, "a") == Zoom("id of pi-1")
    assert press(board, pressed.ENTER) == Zoom("id of pi-1")


def test_escape_answers_nothing() -> None:
    board = mixed()
    press(board, "a", "y", pressed.ESCAPE)
    assert board.mode is Mode.LIST
    assert press(board, "a", pressed.ENTER) == Answer({"id of pi-5": "p1"}, ""), "what was typed is gone"


def test_a_read_only_board_answers_nothing() -> None:
    board = mixed(read_only=True)
    assert press(board, "a", "y", pressed.ENTER) is None
    assert board.mode is Mode.LIST
    assert press(board, pressed.END, pressed.ENTER) == Zoom("id of pi-1")


def test_searching_shows_those_that_hold_it_and_their_questions() -> None:
    board = mixed()
    press(board, "/", *"CONTINUE")
    assert [getattr(item, "device", None) for item in board.items()] == [None, "pi-3", "pi-7"]
    press(board, pressed.ENTER)
    assert press(board, pressed.HOME, "a", "y", pressed.ENTER) == Answer({"id of pi-3": "p1", "id of pi-7": "p1"}, "y")
    press(board, pressed.ESCAPE)
    assert len(board.items()) == 9
    press(board, "/", *"nothing holds this")
    assert "no device holds that" in shown(board)[1]
    assert press(board, pressed.ENTER, pressed.ENTER) is None


def test_the_cursor_stays_with_a_device_and_at_the_top_with_whoever_comes_there() -> None:
    board = board_of(execution("pi-1"), execution("pi-2"), execution("pi-3"))
    press(board, pressed.DOWN)
    take(board, ExecutionChanged(ExecutionView(**{**_fields(asking("pi-3", CONTINUE)), "version": 2})))
    assert press(board, pressed.ENTER) == Zoom("id of pi-2")
    press(board, pressed.HOME)
    assert press(board, "a", "y", pressed.ENTER) == Answer({"id of pi-3": "p1"}, "y")


def test_n_goes_from_question_to_question() -> None:
    board = mixed()
    press(board, pressed.END, "n")
    assert press(board, "a", pressed.ENTER) == Answer({"id of pi-5": "p1"}, "")
    press(board, "n")
    assert press(board, "a", pressed.ENTER) == Answer({"id of pi-3": "p1", "id of pi-7": "p1"}, "")


def test_q_leaves_and_any_key_leaves_the_help() -> None:
    assert press(mixed(), "q") == Leave()
    assert press(mixed(), pressed.INTERRUPT) == Leave()
    board = mixed()
    press(board, "?")
    assert any("mark a device" in line for line in shown(board))
    assert press(board, "q") is None
    assert press(board, "q") == Leave()


def test_two_hundred_devices_in_a_small_terminal() -> None:
    board = board_of(*(asking(f"pi-{number:03}", CONTINUE) for number in range(200)))
    lines = shown(board)
    assert lines[0].startswith("run 12 of upgrade: 200 need an answer")
    assert lines[1].startswith("  ? Do you want to continue? [Y/n]  200 devices")
    assert "pi-000" in lines[2]
    assert lines[-2].strip() == "180 more below"
    press(board, pressed.END)
    assert shown(board)[-2].strip() == ""
    assert any("pi-199" in line for line in shown(board))
    for _ in range(9):
        press(board, pressed.PAGE_UP)
        shown(board)
    assert any("pi-01" in line for line in shown(board))
    press(board, pressed.HOME, pressed.ENTER, "y")
    answer = press(board, pressed.ENTER)
    assert len(answer.prompts) == 200


EXECUTIONS = st.builds(
    lambda number, state, detail, asks: (
        asking(f"pi-{number}", asks, seconds=number % 7)
        if state is State.AWAITING_INPUT
        else execution(f"pi-{number}", state, detail=detail)
    ),
    st.integers(0, 30),
    st.sampled_from(State),
    st.sampled_from(["", HOSTILE, "漢字" * 60, "e\u0301" * 30]),
    st.sampled_from([CONTINUE, HOSTILE, "漢字? ", ""]),
)
KEYS = st.sampled_from(
    [*"akjgGnz/?q y", "漢", pressed.UP, pressed.DOWN, pressed.PAGE_UP, pressed.PAGE_DOWN, pressed.HOME, pressed.END,
     pressed.ENTER, pressed.ESCAPE, pressed.BACKSPACE, pressed.ERASE_LINE, pressed.TAB, pressed.INTERRUPT]
)  # fmt: skip


@given(
    st.lists(EXECUTIONS, min_size=2, max_size=12, unique_by=lambda one: one.id),
    st.lists(KEYS | EXECUTIONS | st.sampled_from([HOSTILE.encode(), b"line\n", b"\x1b[?1049h"]), max_size=30),
    st.integers(1, 100),
    st.integers(1, 30),
)
def test_whatever_happens_it_fits_and_is_inert(executions, happens, columns: int, rows: int) -> None:
    board = board_of(*executions)
    version = 2
    for one in happens:
        if isinstance(one, str):
            board.press(one)
        elif isinstance(one, bytes):
            take(board, Chunk(executions[0].id, 1, 0, one))
        elif any(view.id == one.id for view in executions):
            version += 1
            take(board, ExecutionChanged(ExecutionView(**{**_fields(one), "version": version})))
        drawn = draw(board, columns, rows, NOON, colours=True)
        assert len(drawn.lines) == rows
        for line in drawn.lines:
            assert_inert(line)
            assert text_width(SGR.sub("", line)) <= max(0, columns - 1)
        items = board.items()
        cursor = board.cursor(items)
        assert board.top <= cursor < board.top + board.page or not items
        if drawn.cursor is not None:
            assert drawn.cursor[0] < rows
            assert drawn.cursor[1] < columns


def test_without_colours_the_selected_row_still_shows() -> None:
    drawn = draw(mixed(), 80, 24, NOON, colours=False)
    codes = set(re.findall(r"\x1b\[(\d+)m", "".join(drawn.lines)))
    assert codes <= {"0", "1", "2", "7"}
    assert "\x1b[7m" in drawn.lines[1]


LONG = "These packages will be upgraded: " + ", ".join(f"package-{number}" for number in range(20)) + ". Go on? "


def test_a_question_that_its_line_does_not_hold_is_shown_whole() -> None:
    board = board_of(asking("pi-1", "Two files differ.\nKeep a.conf or b.conf? "), asking("pi-2", LONG, seconds=1))
    assert shown(board)[-4:-2] == ["Two files differ.", "Keep a.conf or b.conf?"]
    press(board, "n")
    assert LONG.strip() in "".join(shown(board))
    press(board, "a")
    lines = shown(board)
    assert LONG.strip() in "".join(lines)
    assert len(lines) == 24
    assert "Go on? >" in lines[-2]
    assert shown(board, rows=9)[-3].endswith("Go on?"), "its end, where all of it has no room"
    assert shown(mixed())[-3] == "", "a short one stands in its line"
