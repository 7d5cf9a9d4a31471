"""runlet/cli/asciicast.py: files as the specification of asciicast v3 has them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from runlet.cli.asciicast import Format, Session, lines
from runlet.cli.recording import Ended, Event, LeftOut, Pace, Printed, Resized, Typed

SESSION = Session("run 1 of it on pi-1", datetime(2026, 11, 25, 8, tzinfo=UTC))


def written(*events: Event, session: Session = SESSION, pace: Pace | None = None, format_: Format = Format.V3) -> list:
    return [json.loads(line) for line in lines(session, events, pace or Pace(1.0, None), format_)]


def test_a_session_is_a_header_and_events() -> None:
    assert written(
        Resized(0.1, 100, 30),
        Printed(0.1, b"one"),
        Typed(0.6, "2\r"),
        Printed(0.6, b"two\r\n"),
        Resized(1.0, 80, 24),
        LeftOut(1.0, 4000),
        Ended(2.5, 3),
    ) == [
        {
            "version": 3,
            "term": {"cols": 100, "rows": 30},
            "timestamp": 1795593600,
            "title": "run 1 of it on pi-1",
        },
        [0.1, "o", "one"],
        [0.5, "i", "2\r"],
        [0.0, "o", "two\r\n"],
        [0.4, "r", "80x24"],
        [0.0, "m", "4,000 bytes left out"],
        [1.5, "x", "3"],
    ]


def test_a_session_without_times_has_the_usual_size_and_one_that_goes_on_no_end() -> None:
    found = written(Printed(0.0, b"x"), session=Session("t", None))
    assert found == [{"version": 3, "term": {"cols": 80, "rows": 24}, "title": "t"}, [0.0, "o", "x"]]
    assert len(written(session=Session("t", None))) == 1, "nothing was printed"


def test_characters_cut_by_a_moment_are_whole_and_broken_ones_replaced() -> None:
    cut = "é".encode()
    assert written(Printed(0.0, b"a" + cut[:1]), Printed(0.5, cut[1:] + b"\xff"))[1:3] == [
        [0.0, "o", "a"],
        [0.5, "o", "é\ufffd"],
    ]
    assert written(Printed(0.0, cut[:1]), LeftOut(0.0, 9), Printed(1.0, b"b"))[1:3] == [
        [0.0, "m", "9 bytes left out"],
        [1.0, "o", "b"],
    ]
    assert written(Printed(0.0, cut[:1]), Ended(1.0, 0))[1:] == [[0.0, "o", "\ufffd"], [1.0, "x", "0"]]


@given(st.lists(st.integers(0, 10**7), max_size=50), st.floats(0.01, 1000))
def test_rounding_errors_do_not_add_up(milliseconds: list[int], speed: float) -> None:
    times = sorted(milliseconds)
    events = [Printed(time / 1000, b"x") for time in times]
    found = written(*events, session=Session("t", None), pace=Pace(speed, None))[1:]
    if times:
        assert abs(sum(interval for interval, *_ in found) - times[-1] / 1000 / speed) < 1e-4


def test_version_2_has_times_since_the_start_and_no_exit_status() -> None:
    assert written(
        Resized(0.1, 100, 30),
        Printed(0.1, b"one"),
        Typed(0.6, "2\r"),
        Printed(1.25, b"two\r\n\xc3"),
        Ended(2.5, 3),
        format_=Format.V2,
    ) == [
        {"version": 2, "width": 100, "height": 30, "timestamp": 1795593600, "title": "run 1 of it on pi-1"},
        [0.1, "o", "one"],
        [0.6, "i", "2\r"],
        [1.25, "o", "two\r\n"],
        [1.25, "o", "\ufffd"],
    ]
