"""runlet/cli/printers.py: followed output as text."""

from __future__ import annotations

import json

from runlet.cli.lines import MOST_CELLS
from runlet.cli.printers import InertPrinter, JsonlPrinter, LinePrinter
from tests.unit.cli.runs import execution, run

ONE, TWO = execution("pi-1"), execution("pi-20")


def test_lines_stand_behind_aligned_names() -> None:
    printer = LinePrinter(run(ONE, TWO), colours=False, prefixed=True)
    assert printer.output(ONE.id, b"a\r\nb\r\nc") == "pi-1  | a\npi-1  | b\n"
    assert printer.output(TWO.id, b"x\r\n") == "pi-20 | x\n"
    assert printer.finish(ONE.id) == "pi-1  | c\n"
    assert printer.finish(TWO.id) == ""
    assert printer.tell(TWO.id, ["Expired"]) == "pi-20 | Expired\n"


def test_one_device_alone_needs_no_name() -> None:
    printer = LinePrinter(run(ONE), colours=False, prefixed=False)
    assert printer.output(ONE.id, b"a\r\nb\r\n") == "a\nb\n"


def test_a_hostile_name_is_inert() -> None:
    hostile = execution("pi\x1b[2J")
    assert "\x1b" not in LinePrinter(run(hostile), colours=False, prefixed=True).output(hostile.id, b"x\n")


def test_what_is_told_begins_a_line() -> None:
    printer = InertPrinter(terminal=False, colours=False)
    assert printer.output(ONE.id, b"Continue? ") == "Continue? "
    assert printer.tell(ONE.id, ["Expired"]) == "\nExpired\n"


def test_each_event_is_one_json_object() -> None:
    printer = JsonlPrinter(run(ONE))
    text = printer.run(run(ONE)) + printer.changed(ONE) + printer.output(ONE.id, b"a\r\n") + printer.finish(ONE.id)
    events = [json.loads(line) for line in text.splitlines()]
    assert [event["type"] for event in events] == ["run", "execution", "output"]
    assert events[2] == {"type": "output", "execution": ONE.id, "device": "pi-1", "line": "a", "continues": False}


def test_a_gap_ends_the_line_before_it_and_what_follows_begins_anew() -> None:
    cut = b"\x1b[3"  # within a sequence
    told = "[runlet: 12,345,678 bytes left out]\n"
    lines = LinePrinter(run(ONE, TWO), colours=False, prefixed=True)
    lines.output(ONE.id, b"unfinished" + cut)
    assert lines.gap(ONE.id, 12_345_678) == f"pi-1  | unfinished\npi-1  | {told}"
    assert lines.output(ONE.id, b"1m rest\nnext\n") == "pi-1  | 1m rest\npi-1  | next\n"
    inert = InertPrinter(terminal=True, colours=True)
    inert.output(ONE.id, b"unfinished" + cut)
    assert inert.gap(ONE.id, 12_345_678) == f"\n{told}"
    assert inert.output(ONE.id, b"1m rest\n") == "1m rest\n"
    events = JsonlPrinter(run(ONE))
    events.output(ONE.id, b"unfinished" + cut)
    line, gap = (json.loads(text) for text in events.gap(ONE.id, 12_345_678).splitlines())
    assert line["line"] == "unfinished"
    assert gap == {"type": "gap", "execution": ONE.id, "device": "pi-1", "bytes": 12_345_678}


def test_a_long_line_is_whole_or_its_parts_are_told() -> None:
    line = "x" * (2 * MOST_CELLS)
    data = f"{line}\nnext\n".encode()
    assert LinePrinter(run(ONE), colours=False, prefixed=False).output(ONE.id, data) == f"{line}\nnext\n"
    shown = LinePrinter(run(ONE), colours=False, prefixed=True).output(ONE.id, data).splitlines()
    assert [one.endswith("[runlet: this line goes on]") for one in shown] == [True, True, False, False]
    events = [json.loads(one) for one in JsonlPrinter(run(ONE)).output(ONE.id, data).splitlines()]
    assert [event.get("continues") for event in events] == [True, True, False, False]
    assert "".join(event["line"] for event in events[:3]) == line
