"""runlet/cli/printers.py: followed output as text."""

from __future__ import annotations

import json

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
    assert events[2] == {"type": "output", "execution": ONE.id, "device": "pi-1", "line": "a"}
