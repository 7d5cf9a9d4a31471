"""What devices give is inert wherever it is printed: no control of a terminal, whatever a device says."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from runlet.cli.inert import json_text
from runlet.cli.options import Output
from runlet.cli.picture import Picture
from runlet.cli.prefix import Prefixes
from runlet.cli.printers import InertPrinter, JsonlPrinter, LinePrinter, Printer
from runlet.cli.render import print_device, print_devices, print_json, print_run, print_runs
from runlet.cli.trailer import trailer
from runlet.cli.views import LinesView, RawView
from runlet.model.execution import State
from runlet.model.prompt import Kind, Prompt
from runlet.protocol.frames import Notice, Position
from runlet.protocol.views import AttemptView, DeviceView, Presence
from tests.unit.cli.runs import NOON, execution, run, summary

# The title, the clipboard, a report that is answered as if typed, a move, a C1 sequence and string, DEL, an override of
# the direction of writing, a line that would look like ours, and what a table's markup would read.
HOSTILE = (
    "a\x1b]0;title\x07b\x1b]52;c;Y2xpcA==\x1b\\c\x1b[6nd\x1b[2;5He\x9b31mf\x9d0;t\x9cg\x7fh\u202ei"
    "\r\n[runlet] j[red]k\x05l"
)
SGR = re.compile(r"\x1b\[[0-9;:]*m")


def assert_inert(shown: str) -> None:
    rest = SGR.sub("", shown).replace("\n", "")
    assert rest.isprintable(), [char for char in rest if not char.isprintable()]


@pytest.fixture
def hostile_run():
    prompt = Prompt("id", 0, HOSTILE, secret=False, kind=Kind.PROMPT, confidence=0.9, fingerprint="f")
    one = execution("pi-1", State.FAILED, detail=HOSTILE)
    two = execution("pi-2", State.AWAITING_INPUT, prompt=prompt, asked_at=NOON)
    earlier = AttemptView("pi-1", 1, State.FAILED, 3, None, HOSTILE, NOON, NOON, 1.5, 12)
    return run(one, two, earlier=(earlier,), command=(HOSTILE,), job=None)


def test_show_and_ps(hostile_run, capsys: pytest.CaptureFixture[str]) -> None:
    print_run(hostile_run, NOON)
    print_runs([replace(summary(State.FAILED), job=None, command=(HOSTILE,))], NOON)
    shown = capsys.readouterr().out
    assert "k" in shown
    assert_inert(shown)


def test_devices(capsys: pytest.CaptureFixture[str]) -> None:
    device = DeviceView(
        "pi-1", Presence.ONLINE, NOON, HOSTILE, facts={"os.id": HOSTILE, "kernel": [HOSTILE]}, facts_at=NOON
    )
    print_device(device, NOON)
    print_devices([device], NOON)
    assert_inert(capsys.readouterr().out)


@pytest.mark.parametrize("output", [Output.JSON, Output.JSONL])
def test_json_says_the_same_and_does_nothing(hostile_run, output: Output, capsys: pytest.CaptureFixture[str]) -> None:
    print_json(hostile_run, output)
    shown = capsys.readouterr().out
    assert_inert(shown)
    assert json.loads(shown)["executions"][0]["detail"] == HOSTILE


def test_every_character_survives_json() -> None:
    text = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x11000), 0x1F600, 0xE0001, 0x10FFFF]))
    assert json.loads(json_text(text)) == text
    assert_inert(json_text(text))


@pytest.mark.parametrize("colours", [True, False])
def test_logs(hostile_run, colours: bool) -> None:
    printers: list[Printer] = [
        LinePrinter(hostile_run, colours=colours, prefixed=True),
        InertPrinter(terminal=False, colours=colours),
        JsonlPrinter(hostile_run),
    ]
    printed = HOSTILE.replace("\u202e", "")  # text that a program may print, in whichever direction
    for printer in printers:
        one = hostile_run.executions[0].id
        shown = printer.run(hostile_run) + printer.changed(hostile_run.executions[0])
        for cut in range(len(printed)):
            shown += printer.output(one, printed[:cut].encode()) + printer.output(one, printed[cut:].encode())
        shown += printer.finish(one) + printer.tell(one, trailer(hostile_run.executions[0], show_duration=True))
        assert "k" in shown
        assert_inert(shown.replace("\t", ""))


def test_what_an_agent_says_to_an_attached_console(hostile_run) -> None:
    picture = Picture(hostile_run)
    one = hostile_run.executions[0].id
    raw = RawView(picture, one, Position(), 0, read_only=False)
    lines = LinesView(picture, 80, colours=True, read_only=False, from_start=False)
    for view in (raw, lines):
        shown = view.take(Notice(one, f"not typed: {HOSTILE}")).decode()
        assert "k" in shown
        assert_inert(shown.replace("\r\n", "").replace("\r\x1b[K", ""))


def test_names(hostile_run) -> None:
    prefixes = Prefixes([execution(HOSTILE)], colours=True)
    assert_inert(prefixes.line(f"id of {HOSTILE}", "text"))
