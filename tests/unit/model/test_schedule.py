"""Schedules, windows and durations as values and as mappings."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.errors import InvalidInput
from runlet.model.schedule import Fold, Gap, Misfire, Overlap, Schedule, Window

SECONDS = st.integers(0, 3660 * 86_400).map(lambda seconds: timedelta(seconds=seconds))
TIMES = st.builds(time, st.integers(0, 23), st.integers(0, 59))
WINDOWS = st.tuples(TIMES, TIMES).filter(lambda pair: pair[0] != pair[1]).map(lambda pair: Window(*pair))


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    misfire = draw(st.sampled_from(Misfire))
    return Schedule(
        every="6h",
        timezone=draw(st.sampled_from(["UTC", "device", "Europe/Zurich"])),
        overlap=draw(st.sampled_from(Overlap)),
        misfire=misfire,
        misfire_max=draw(st.integers(1, 100)) if misfire is Misfire.ALL else 10,
        start_deadline=draw(st.none() | SECONDS),
        splay=draw(SECONDS),
        window=draw(st.none() | WINDOWS),
        gap=draw(st.sampled_from(Gap)),
        fold=draw(st.sampled_from(Fold)),
        suspend=draw(st.booleans()),
    )


@given(schedules())
def test_mapping_and_back(schedule: Schedule) -> None:
    assert Schedule.from_mapping(schedule.every, schedule.to_mapping()) == schedule


def test_what_is_left_out_has_its_default() -> None:
    assert Schedule.from_mapping("6h", {}) == Schedule("6h")


@pytest.mark.parametrize(
    ("content", "schedule"),
    [
        ({"misfire": "all"}, Schedule("6h", misfire=Misfire.ALL, misfire_max=10)),
        ({"misfire": {"all": 5}}, Schedule("6h", misfire=Misfire.ALL, misfire_max=5)),
        ({"dst": {"overlap": "both"}}, Schedule("6h", fold=Fold.BOTH)),
        (
            {"startDeadline": "6h", "splay": "10m"},
            Schedule("6h", start_deadline=timedelta(hours=6), splay=timedelta(minutes=10)),
        ),
        ({"window": "22:00-05:30"}, Schedule("6h", window=Window(time(22), time(5, 30)))),
    ],
)
def test_keys_as_people_write_them(content: dict[str, Any], schedule: Schedule) -> None:
    assert Schedule.from_mapping("6h", content) == schedule


@given(WINDOWS)
def test_a_window_and_its_text(window: Window) -> None:
    assert Window.parse(str(window)) == window


def test_a_window_that_crosses_midnight() -> None:
    window = Window.parse("22:00-05:00")
    assert time(22) in window
    assert time(4, 59) in window
    assert time(5) not in window
    assert window.length == timedelta(hours=7)


@pytest.mark.parametrize(
    "text", ["", "1:00-5:00", "01:00", "24:00-05:00", "01:00-01:00", "01:00-05:00\n", "01:00 - 05:00"]
)
def test_what_is_not_a_window_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"this is not a window|this window is empty"):
        Window.parse(text)
