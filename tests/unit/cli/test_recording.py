"""runlet/cli/recording.py: bytes and moments become events, and events get their place in a replay's time."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.cli.recording import (
    STEADY_BYTES,
    STEADY_SECONDS,
    Ended,
    LeftOut,
    Pace,
    PlayClock,
    Printed,
    Resized,
    Typed,
    events,
)
from runlet.client.api import Page
from runlet.protocol.moment import Moment


def moment(offset: int, seconds: float, columns: int = 80) -> Moment:
    return Moment(offset, seconds, columns, 24)


def test_bytes_are_printed_at_their_moments_wherever_pages_are_cut() -> None:
    moments = [moment(0, 0.1), moment(4, 1.5), moment(8, 2.0, columns=100)]
    for cut in range(1, 12):
        data = b"one\ntwo\nthree\n"
        found = list(events([Page(0, data[:cut]), Page(0, data[cut:])], moments))
        times = {event.seconds: b"" for event in found}
        for event in found:
            if isinstance(event, Printed):
                times[event.seconds] += event.data
        assert times == {0.1: b"one\n", 1.5: b"two\n", 2.0: b"three\n"}, cut
        assert [event for event in found if isinstance(event, Resized)] == [Resized(0.1, 80, 24), Resized(2.0, 100, 24)]


def test_bytes_before_the_first_moment_come_at_the_beginning() -> None:
    assert list(events([Page(0, b"ab")], [moment(1, 3.0)])) == [
        Printed(0.0, b"a"),
        Resized(3.0, 80, 24),
        Printed(3.0, b"b"),
    ]


def test_a_gap_is_told_and_what_follows_keeps_its_time() -> None:
    moments = [moment(0, 0.0), moment(2, 1.0), moment(50, 60.0), moment(103, 90.0)]
    found = list(events([Page(0, b"ab"), Page(98, b"cut\nwhole\n")], moments))
    assert found == [Resized(0.0, 80, 24), Printed(0.0, b"ab"), LeftOut(0.0, 98), Printed(90.0, b"whole\n")]
    untimed = list(events([Page(0, b"ab"), Page(98, b"31mcut\n\x1b[1mwhole\n")], []))
    assert b"".join(event.data for event in untimed if isinstance(event, Printed)) == b"ab\x1b[1mwhole\n"


def test_a_program_s_questions_to_its_terminal_are_not_asked_again_even_across_moments() -> None:
    moments = [moment(number, number * 0.1) for number in range(8)]
    found = list(events([Page(0, b"a\x1b[6nbcd")], moments))
    assert b"".join(event.data for event in found if isinstance(event, Printed)) == b"abcd"


def test_an_answer_was_typed_when_the_program_went_on() -> None:
    moments = [moment(0, 0.0), moment(3, 5.0), moment(6, 6.0)]
    found = list(events([Page(0, b"a? y\r\nb")], moments, typed=[(3, "y\r"), (7, "n\r")]))
    assert [event for event in found if not isinstance(event, Resized)] == [
        Printed(0.0, b"a? "),
        Typed(5.0, "y\r"),
        Printed(5.0, b"y\r\n"),
        Printed(6.0, b"b"),
        Typed(6.0, "n\r"),
    ]


def test_without_moments_the_pace_is_steady() -> None:
    data = bytes(ord("a") + number % 26 for number in range(3 * STEADY_BYTES + 1))
    *found, end = events([Page(0, data)], [], Ended(60.0, 0))
    assert end == Ended(60.0, 0)
    assert [event.seconds for event in found] == pytest.approx([number * STEADY_SECONDS for number in range(4)])
    assert b"".join(event.data for event in found if isinstance(event, Printed)) == data


@given(
    data=st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=200).map(str.encode),
    cuts=st.lists(st.integers(0, 200)),
    offsets=st.sets(st.integers(0, 199), min_size=1),
)
def test_every_byte_comes_once_in_order_and_time_never_goes_back(
    data: bytes, cuts: list[int], offsets: set[int]
) -> None:
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pages = [Page(0, data[begin:end]) for begin, end in pairwise(edges)]
    moments = [moment(offset, offset / 7, columns=80 + offset % 3) for offset in sorted(offsets)]
    found = list(events(pages, moments))
    assert b"".join(event.data for event in found if isinstance(event, Printed)) == data
    times = [event.seconds for event in found]
    assert times == sorted(times)


def test_the_speed_divides_what_the_idle_limit_leaves() -> None:
    pace = Pace(4.0, 1.0)
    assert [pace.at(seconds) for seconds in (0.4, 10.4, 10.8)] == pytest.approx([0.1, 0.35, 0.45])
    unlimited = Pace(0.5, None)
    assert [unlimited.at(seconds) for seconds in (1.0, 11.0)] == [2.0, 22.0]


@given(st.lists(st.floats(0, 1e6)), st.floats(0.01, 1000), st.none() | st.floats(0, 100))
def test_a_replay_never_goes_back_and_no_pause_is_longer_than_asked(
    times: list[float], speed: float, idle: float | None
) -> None:
    pace = Pace(speed, idle)
    shown = [0.0, *(pace.at(seconds) for seconds in times)]
    for before, after in pairwise(shown):
        assert after >= before
        if idle is not None:
            assert after - before <= idle / speed * (1 + 1e-9) + 1e-6


def test_a_paused_replay_stands() -> None:
    clock = PlayClock(100.0)
    assert clock.elapsed(103.0) == 3.0
    clock.toggle(104.0)
    assert clock.is_paused
    assert clock.elapsed(150.0) == 4.0
    clock.toggle(200.0)
    assert not clock.is_paused
    assert clock.elapsed(201.0) == 5.0
