"""runlet/cli/silent_waits.py: what a run without a terminal says while it waits."""

from __future__ import annotations

from runlet.cli.picture import Picture
from runlet.cli.silent_waits import SilentWaits
from runlet.model.execution import State, turn_words
from runlet.model.prompt import Kind, Prompt
from runlet.protocol.frames import ExecutionChanged
from tests.unit.cli.runs import execution, run

HOW = "answer with: runlet answer --run 12, or: runlet attach 12"


def asks(device: str, text: str = "Reading...\nGo on?", version: int = 2):
    prompt = Prompt("1-a", 10, text, secret=False, kind=Kind.PROMPT, confidence=0.9, fingerprint="a")
    return execution(device, State.AWAITING_INPUT, prompt=prompt, version=version)


def test_who_asks_what_is_told_once_and_again_after_a_while() -> None:
    picture = Picture(run(asks("pi-1"), asks("pi-2"), asks("pi-3", "Name:"), execution("pi-4")))
    waits = SilentWaits(picture)
    lines = ["pi-1, pi-2: asks Go on?", "pi-3: asks Name:", HOW]
    assert waits.news() == lines
    assert waits.news() == []
    picture.take(ExecutionChanged(execution("pi-3", version=3)))
    assert waits.news(again=True) == ["pi-1, pi-2: asks Go on?", HOW]
    picture.take(ExecutionChanged(asks("pi-3", "Age:", version=4)))
    assert waits.news() == ["pi-3: asks Age:", HOW]


def test_of_many_devices_some_are_named() -> None:
    picture = Picture(run(*(asks(f"pi-{number}") for number in range(1, 8))))
    assert SilentWaits(picture).news()[0] == "pi-1, pi-2, pi-3, pi-4, pi-5 and 2 more: asks Go on?"


def test_what_waits_for_its_turn_says_so() -> None:
    waits = SilentWaits(Picture(run(execution("pi-1", State.DELIVERED, detail=turn_words(4)))))
    assert waits.news() == [
        "pi-1: waits for its turn: 4 programs run on the device, as many as may at once",
    ]


def test_what_a_device_says_is_made_inert() -> None:
    picture = Picture(run(asks("pi-1", "Go\x1b]0;x\x07 on?")))
    assert all(line.isprintable() for line in SilentWaits(picture).news())
