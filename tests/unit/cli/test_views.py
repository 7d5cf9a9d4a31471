"""runlet/cli/views.py: what an attached console shows, and who is typed to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runlet.cli.keys import Action, Choose
from runlet.cli.picture import Picture
from runlet.cli.views import LINE_AGAIN_BYTES, LinesView, RawView, Switch
from runlet.client.attachment import ConnectionLost, ConnectionRegained, ConsoleEvent
from runlet.model.execution import State
from runlet.protocol.chunk import Chunk
from runlet.protocol.frames import Drained, ExecutionChanged, Gap, Modes, Notice, Position, RunSnapshot
from runlet.protocol.messages import TerminalSize
from runlet.protocol.views import ExecutionView, RunView
from tests.unit.cli.runs import execution, run

SIZE = TerminalSize(80, 24)
ONE, TWO, THREE = execution("pi-1"), execution("pi-2"), execution("pi-3", State.QUEUED)


def lines_view(view: RunView) -> tuple[Picture, LinesView]:
    picture = Picture(view)
    lines = LinesView(picture, 80, colours=False, read_only=False, from_start=True)
    take(picture, lines, RunSnapshot(view))
    return picture, lines


def take(picture: Picture, view: LinesView | RawView, event: ConsoleEvent) -> str:
    picture.take(event)
    return view.take(event).decode()


def raw_view(view: ExecutionView = ONE, begin: int = 0, stored: int = 0) -> RawView:
    return RawView(Picture(run(view, TWO)), ONE.id, Position(1, begin), stored, read_only=False)


def test_typing_goes_to_a_device_that_runs() -> None:
    _, lines = lines_view(run(THREE, TWO))
    assert lines.selected == TWO.id


def test_when_it_ends_typing_goes_to_the_next_after_its_end_was_shown() -> None:
    picture, lines = lines_view(run(ONE, TWO))
    ended = replace(ONE, state=State.SUCCEEDED, version=2, exit_code=0)
    take(picture, lines, ExecutionChanged(ended))
    assert lines.selected == ONE.id
    shown = take(picture, lines, Drained(ONE.id, 1, is_over=True))
    assert lines.selected == TWO.id
    assert shown.index("Exited with code: 0") < shown.index("pi-1 has ended; typing goes to pi-2")


def test_a_device_is_chosen_by_number_or_in_turn() -> None:
    _, lines = lines_view(run(ONE, TWO, THREE))
    lines.act(Choose(2))
    assert lines.selected == TWO.id
    lines.act(Action.NEXT)
    lines.act(Action.NEXT)
    assert lines.selected == ONE.id
    lines.act(Action.PREVIOUS)
    assert lines.selected == THREE.id
    lines.act(Choose(9))
    assert lines.selected == THREE.id
    assert lines.act(Action.SWITCH_VIEW) == Switch(THREE.id)


def test_a_chosen_device_is_kept_before_it_runs() -> None:
    picture, lines = lines_view(run(THREE, replace(ONE, state=State.QUEUED)))
    lines.act(Choose(1))
    take(picture, lines, ExecutionChanged(replace(ONE, version=2)))
    assert lines.selected == THREE.id


def test_a_device_that_has_ended_is_not_chosen() -> None:
    _, lines = lines_view(run(ONE, replace(TWO, state=State.FAILED)))
    assert b"pi-2 has ended" in bytes(lines.act(Action.NEXT))  # type: ignore[arg-type]
    assert lines.selected == ONE.id


def test_lines_shown_again_go_on_where_they_were_left() -> None:
    picture, lines = lines_view(run(ONE))
    take(picture, lines, Chunk(ONE.id, 1, 0, b"one\ntw"))
    assert lines.request(SIZE).positions == {ONE.id: Position(1, 6)}
    assert "pi-1 | two" in take(picture, lines, Chunk(ONE.id, 1, 6, b"o\n"))
    shown = take(picture, lines, Chunk(ONE.id, 1, 100, b"half a line\nwhole\n"))
    assert "pi-1 | whole" in shown, "a tail begins anywhere"
    assert "half" not in shown
    assert lines.request(SIZE).positions == {ONE.id: Position(1, 118)}


def test_each_attempt_is_told_from_the_next() -> None:
    ended = Drained(ONE.id, 1, is_over=False)
    picture, lines = lines_view(run(ONE))
    take(picture, lines, Chunk(ONE.id, 1, 0, b"unfinished"))
    shown = take(picture, lines, ended)
    assert shown.index("pi-1 | unfinished") < shown.index("Attempt 1 has ended; attempt 2 follows")
    assert "pi-1 | again" in take(picture, lines, Chunk(ONE.id, 2, 0, b"again\n"))
    assert lines.request(SIZE).positions == {ONE.id: Position(2, 6)}
    raw = raw_view()
    assert raw.take(ended) == b"[runlet] Attempt 1 has ended; attempt 2 follows\r\n"
    assert raw.take(Chunk(ONE.id, 2, 0, b"again")) == b"again"


def test_a_gap_is_told_and_shown_on_from_a_safe_place() -> None:
    picture, lines = lines_view(run(ONE, TWO))
    take(picture, lines, Chunk(ONE.id, 1, 0, b"unfinished"))
    shown = take(picture, lines, Gap(ONE.id, 1, 10, 1_000))
    assert shown.index("pi-1 | unfinished") < shown.index("1,000 bytes left out")
    shown = take(picture, lines, Chunk(ONE.id, 1, 1_010, b"rest of a line\nnext\n"))
    assert "pi-1 | next" in shown
    assert "rest of a line" not in shown
    assert lines.request(SIZE).positions == {ONE.id: Position(1, 1_030)}
    raw = raw_view()
    raw.take(Chunk(ONE.id, 1, 0, b"unfinished"))
    assert raw.take(Gap(ONE.id, 1, 10, 1_000)) == b"\r\n[runlet] 1,000 bytes left out\r\n"
    assert raw.take(Chunk(ONE.id, 1, 1_010, b"1mrest\r\nnext")) == b"next"


def test_a_lost_connection_is_told() -> None:
    picture, lines = lines_view(run(ONE))
    assert "gone; trying again" in take(picture, lines, ConnectionLost("gone"))
    assert b"gone; trying again" in raw_view().take(ConnectionLost("gone"))
    assert b"the controller is back" in raw_view().take(ConnectionRegained())


def test_a_raw_view_passes_its_own_bytes_and_no_others() -> None:
    raw = raw_view()
    assert raw.take(Chunk(ONE.id, 1, 0, b"\xff\x00\x1b[6n")) == b"\xff\x00\x1b[6n"
    assert raw.take(Chunk(TWO.id, 1, 0, b"other")) == b""


def test_a_raw_view_begins_where_it_is_told() -> None:
    request = raw_view(begin=7, stored=10_000_000).request(SIZE)
    assert request.devices == ("pi-1",)
    assert request.positions == {ONE.id: Position(1, 7)}
    assert request.late, "it is not shown what is before"
    assert not raw_view().request(SIZE).late
    assert request.terminal == SIZE


def test_words_of_ours_stand_on_their_own_row_and_the_line_below_them() -> None:
    raw = raw_view()
    raw.take(Chunk(ONE.id, 1, 0, b"done\r\n\x1b[1mWord? \x1b[0m"))
    raw.take(Chunk(ONE.id, 1, 24, b"ab\x08 \x08"))
    told = raw.take(Notice(ONE.id, "bob types now"))
    assert told == b"\r\n[runlet] bob types now\r\n\x1b[1mWord? \x1b[0mab\x08 \x08"
    assert raw.leave() == b"\r\n"


def test_words_of_ours_between_lines_repeat_none() -> None:
    raw = raw_view()
    raw.take(Chunk(ONE.id, 1, 0, b"done\r\n"))
    assert raw.take(Notice(ONE.id, "bob types now")) == b"[runlet] bob types now\r\n"
    assert raw.leave() == b""


@pytest.mark.parametrize(
    "line", [b"\x1b[5;1Hdrawn", b"\x1b[?1049hscreen", b"\x1b7saved", b"x" * (LINE_AGAIN_BYTES + 1)]
)
def test_what_is_no_line_is_not_repeated(line: bytes) -> None:
    raw = raw_view()
    raw.take(Chunk(ONE.id, 1, 0, line))
    assert raw.take(Notice(ONE.id, "bob types now")) == b"\r\n[runlet] bob types now\r\n"
    raw.take(Chunk(ONE.id, 1, len(line), b"more"))
    assert raw.take(Notice(ONE.id, "alice types now")).endswith(b"now\r\nmore")


def test_a_raw_view_switches_to_others() -> None:
    assert raw_view().act(Action.NEXT) == Switch(TWO.id)
    assert raw_view().act(Choose(1)) == b""
    assert raw_view().act(Action.SWITCH_VIEW) == Switch(None)


def test_a_late_view_begins_in_the_modes_that_are_told() -> None:
    raw = raw_view(begin=100, stored=120)
    assert raw.take(Chunk(ONE.id, 1, 100, b"\x1b[Hold screen")) == b""
    assert raw.take(Modes(ONE.id, 1, 121, "\x1b[?1049h\x1b[?1h")) == b"", "all before that place is to be seen"
    assert raw.take(Chunk(ONE.id, 1, 113, b"12345678")) == b"\x1b[?1049h\x1b[?1h\x1b[Hold screen12345678"
    assert raw.take(Chunk(ONE.id, 1, 121, b"live")) == b"live"
    assert raw.take(Modes(ONE.id, 1, 130, "\x1b[?5h")) == b"", "once"


def test_a_late_view_does_not_wait_for_ever() -> None:
    raw = raw_view(begin=100, stored=113)
    assert raw.take(Chunk(ONE.id, 1, 100, b"\x1b[Hold screen")) == b""
    assert raw.begin_anyway() == b"\x1b[Hold screen"
    ended = raw_view(replace(ONE, state=State.SUCCEEDED), begin=100, stored=113)
    assert ended.take(Chunk(ONE.id, 1, 100, b"\x1b[Hold screen")) == b"\x1b[Hold screen"


def test_modes_that_a_device_tells_do_no_harm() -> None:
    raw = raw_view(begin=100, stored=101)
    raw.take(Modes(ONE.id, 1, 101, "\x1b]52;c;cm0gLXJmIC8=\x07\x1b[?1049h\x1b[6n\x1b[21t"))
    assert raw.take(Chunk(ONE.id, 1, 100, b"x")) == b"\x1b[?1049hx"


def test_a_window_that_is_smaller_is_told_and_what_fits_is_shown() -> None:
    raw = raw_view()
    raw.request(SIZE)
    assert b"drawn for 120x40, and this window is 80x24" in raw.fit(TerminalSize(120, 40))
    assert raw.fit(TerminalSize(120, 40)) == b"", "once"
    assert raw.take(Chunk(ONE.id, 1, 0, b"a line that wraps\r\n")) == b"a line that wraps\r\n"
    drawn = raw.take(Chunk(ONE.id, 1, 19, b"\x1b[?1049h\x1b[23;1Hone\r\ntwo\nthree"))
    assert drawn.startswith(b"\x1b[?1049h\x1b[23;1Hone\r\x1b[Btwo\x1b[Bthree\x1b[?7l"), "nothing scrolls"
    assert b"\x1b[24;1H\x1b[0;7m[runlet] drawn for 120x40" in drawn, "below the last row that is shown"
    assert raw.take(Chunk(ONE.id, 1, 60, b"\x1b[?1049l")) == b"\x1b[?7h\x1b[?1049l"
    assert raw.fit(SIZE) == b"", "it fits"
    assert raw.take(Chunk(ONE.id, 1, 70, b"\x1b[?1049hwhole")) == b"\x1b[?1049hwhole"


def test_a_window_that_is_made_large_enough_shows_everything() -> None:
    raw = raw_view()
    raw.request(SIZE)
    raw.fit(TerminalSize(100, 24))
    assert raw.take(Chunk(ONE.id, 1, 0, b"\x1b[?1049hx")) == b"\x1b[?1049hx\x1b[?7l", "its last row is worth more"
    assert raw.resize(TerminalSize(100, 30)) == b"\x1b[?7h"


def test_the_last_row_of_a_scroll_region_scrolls() -> None:
    raw = raw_view()
    raw.request(SIZE)
    raw.fit(TerminalSize(80, 30))
    shown = raw.take(Chunk(ONE.id, 1, 0, b"\x1b[?1049h\x1b[1;10r\x1b[10;1Hlast\nnew\x1b[9;1H\n\n"))
    assert b"last\nnew\x1b[9;1H\x1b[B\n" in shown
