"""runlet/agent/display.py: the modes of a terminal, through the lives of agents."""

from __future__ import annotations

import pytest

from runlet.agent.display import Display
from runlet.holder.waiting import READING
from runlet.holder.wire import Look
from runlet.model.prompt import Kind, Prompt


def display(*parts: bytes) -> Display:
    one, end = Display(), 0
    for part in parts:
        end += len(part)
        one.printed(end, part)
    return one


def test_modes_are_kept_however_much_follows() -> None:
    one = display(b"$ ", b"\x1b[?1049h\x1b[?1h\x1b=", *[b"\x1b[Hframe" * 1000] * 100)
    assert one.told() == (2 + 15 + 800_000, "\x1b[?1049h\x1b[?1h\x1b=")


@pytest.mark.parametrize("cut", range(1, 16))
def test_the_next_agent_goes_on_wherever_the_stream_is_cut(cut: int) -> None:
    """Its holder sends again what is not stored: what was seen is passed over, also in the middle."""
    stream = b"\x1b[?1049h\x1b[?1h\x1b="
    again = Display()
    again.recall(display(stream[:cut]).note())
    for begin in (0, cut // 2, cut):
        again.printed(len(stream), stream[begin:])
        assert again.told() == (len(stream), "\x1b[?1049h\x1b[?1h\x1b=")


def test_only_what_changes_it_is_worth_a_note() -> None:
    one = display(b"\x1b[?1049h")
    assert not one.is_noted
    one.note()
    one.printed(100, b"x" * 91)
    assert one.is_noted
    one.printed(101, b"\x1b")
    assert not one.is_noted, "what follows may complete it"


@pytest.mark.parametrize(
    ("printed", "lines", "kind", "data", "typed"),
    [
        (b"\x1b[?1h", False, Kind.INTERACTIVE, b"\x1b[B\x1b[H\r", b"\x1bOB\x1bOH\r"),
        (b"\x1b[?1h\x1b[?1l", False, Kind.INTERACTIVE, b"\x1b[B\r", b"\x1b[B\r"),
        (b"\x1b[?2004hName: Bob", False, Kind.PROMPT, b"Ada\r", b"\x05\x15Ada\r"),
        (b"\x1b[?2004hName: Bob", False, Kind.PROMPT, b"\r", b"\r"),
        (b"\x1b[?2004hName: Bob", False, Kind.PROMPT, b"\x03", b"\x03"),
        (b"\x1b[?2004hName: Bob", False, Kind.INTERACTIVE, b"j", b"j"),
        (b"\x1b[?2004hName: ", True, Kind.PROMPT, b"Ada\r", b"Ada\r"),
        (b"Press a key", False, Kind.PROMPT, b"y", b"y"),
    ],
)
def test_an_answer_takes_the_form_that_its_program_reads(
    printed: bytes,
    lines: bool,
    kind: Kind,
    data: bytes,
    typed: bytes,
) -> None:
    one = display(printed)
    look = Look(
        len(printed), READING, lines=lines, echo=lines, own_screen=False, long=False, columns=80, rows=24, silence=0,
        recent=printed,
    )  # fmt: skip
    prompt = Prompt("1-a", len(printed), "Name:", secret=False, kind=kind, confidence=0.9, fingerprint="a")
    assert one.typed(data, look, prompt) == typed


@pytest.mark.parametrize(
    "shown", [b"\x1b[32mok\x1b[0m", b"\x1b]0;title\x07", b"\x1b[2J\x1b[5;3H", b"\x1b(B", b"\x1bM", b"\x1b\xff"]
)
def test_colours_and_moves_are_worth_no_note(shown: bytes) -> None:
    one = display(b"$ ", shown)
    assert one.is_noted


SWITCHES = [
    b"\x1b[4h", b"\x1b[>4;2m", b"\x1b[>1u", b"\x1b[5 q", b"\x1b[2;20r", b"\x1b)0", b"\x1b[?25l", b"\x1b=",
]  # fmt: skip


@pytest.mark.parametrize("switch", SWITCHES)
def test_the_next_agent_knows_each_switch_that_was_cut(switch: bytes) -> None:
    whole = display(switch)._tracker.restore()
    for cut in range(1, len(switch)):
        again = Display()
        again.recall(display(switch[:cut]).note())
        again.printed(len(switch), switch)
        assert again._tracker.restore() == whole
