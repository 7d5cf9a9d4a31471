"""runlet/cli/changes.py: a plan as one reads it before saying yes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.cli.changes import lines
from runlet.model.declaration import Change, ChangeKind, Kind
from runlet.model.target import Where
from runlet.protocol.views import JobOutlook, PlanView


def shown(*changes: Change, outlooks: tuple[JobOutlook, ...] = ()) -> list[str]:
    return [click.unstyle(line) for line in lines(PlanView("site", "0", changes, outlooks))]


def changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The lines of one changed job, without its heading and the counts."""
    return shown(Change(Kind.JOB, "a", ChangeKind.CHANGED, before=before, after=after))[1:-2]


@pytest.fixture
def zurich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Zurich")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({"a": 1}, {"a": True}, "a  1 -> true"),
        ({"a": None}, {}, "a  null -> nothing"),
        ({}, {"a": None}, "a  nothing -> null"),
        ({"a": "1"}, {"a": 1}, 'a  "1" -> 1'),
        ({"a": "x\ty"}, {"a": "x y"}, 'a  "x\\ty" -> "x y"'),
        ({"a": "\u202ex"}, {"a": "\x9bx"}, 'a  "\\u202ex" -> "\\u009bx"'),
        ({"a": [1]}, {"a": 1}, "a  [1] -> 1"),
        ({"a\x1b[2J": 1}, {}, "a [2J  1 -> nothing"),
    ],
)
def test_a_value(before: dict[str, Any], after: dict[str, Any], words: str) -> None:
    assert changed(before, after) == [f"    {words}"]


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (["a", "b"], ["b", "c"], '+"c" -"a"'),
        (["a"], ["a", "a"], '+"a"'),
        (["a", "b"], ["b", "a"], '["a", "b"] -> ["b", "a"]'),
        (["a", "b"], ["b", "a", "c"], '+"c", in another order'),
        ([], list(range(12)), "+0 +1 +2 +3 +4 +5 +6 +7 +8 +9 +... (12 in all)"),
        ([1], [True], "+true -1"),
    ],
)
def test_a_list_is_told_by_what_it_gains_and_loses(before: list[Any], after: list[Any], words: str) -> None:
    assert changed({"x": before}, {"x": after}) == [f"    x  {words}"]


def test_a_long_value_is_cut_around_the_difference() -> None:
    head, tail = "h" * 500, "t" * 500
    [line] = changed({"x": f"{head}1{tail}"}, {"x": f"{head}2{tail}"})
    assert "h1t" in line
    assert "h2t" in line
    assert len(line) < 500
    [line] = changed({"x": [f"{head}1"]}, {"x": [f"{head}2"]})
    assert 'h2" -...' in line


@pytest.mark.parametrize(
    ("before", "after", "diff"),
    [
        ("a\nb\n", "a\nc\n", [" a", "-b", "+c"]),
        ("a\n\tb\n", "a\n b\n", [" a", "-\\tb", "+ b"]),
        ("a\n\tb\n", "a\n\\tb\n", [" a", "-\\tb", "+\\\\tb"]),
        ("a\n\\b\n", "a\n\\c\n", [" a", "-\\b", "+\\c"]),
        ("a\n", "a", ["-a", "+a (no line feed at the end)"]),
        ("a\rb\n", "a\nb\n", ["-a\\rb", "+a", "+b"]),
        ("a", "a\nb", [" a", "+b"]),
        ("a\x1b[2J\n", "a\n", ["-a\\u001b[2J", "+a"]),
    ],
)
def test_a_text_is_a_diff_in_which_everything_is_seen(before: str, after: str, diff: list[str]) -> None:
    heading, hunk, *found = changed({"script": before}, {"script": after})
    assert (heading, hunk[:8]) == ("    script", "      @@")
    assert found == [f"      {line}" for line in diff]


@given(st.text("a\t\n\\\x1b \u200b", max_size=6), st.text("a\t\n\\\x1b \u200b", max_size=6))
def test_two_texts_never_look_the_same(before: str, after: str) -> None:
    found = changed({"script": before}, {"script": after})
    assert all(line.isprintable() for line in found)
    if before != after:
        gone = [line[7:] for line in found if line.startswith("      -")]
        come = [line[7:] for line in found if line.startswith("      +")]
        assert " -> " in found[0] or gone != come


def test_many_of_one_kind_are_counted() -> None:
    changes = [Change(Kind.DEVICE, f"pi-{number:04}", ChangeKind.CREATED, after={}) for number in range(1000)]
    job = Change(Kind.JOB, "a", ChangeKind.CREATED, after={})
    found = shown(*changes, job)
    assert found[49:] == [
        "+ device pi-0049  created",
        "+ ... and 950 more of kind device  created",
        "+ job a  created",
        "",
        "1001 created",
    ]


@pytest.mark.usefixtures("zurich")
def test_fire_times_have_their_offset() -> None:
    outlook = JobOutlook("a", Where.ALL, 1, ("pi\x1b[1",), (datetime(2026, 3, 2, 8, tzinfo=UTC),), ())
    found = shown(Change(Kind.JOB, "a", ChangeKind.CREATED, after={}), outlooks=(outlook,))
    assert found[1:3] == ["    devices  1: pi [1", "    fires    2026-03-02 09:00:00+01:00"]


def test_another_order_of_the_devices_is_told() -> None:
    plan = PlanView("site", "0", (Change(Kind.DEVICE, "pi-1", ChangeKind.UNCHANGED),), reordered=True)
    assert [click.unstyle(line) for line in lines(plan)] == ["~ order of the devices  changed", "", "1 unchanged"]
