"""runlet/cli/writers.py: what a console says of who may type."""

from __future__ import annotations

import re
from dataclasses import replace

from runlet.cli.writers import Writers, own_name
from runlet.protocol.chunk import MAX_WHO_CHARACTERS
from runlet.protocol.frames import WriterChanged
from runlet.protocol.messages import Cause

NOBODY = WriterChanged("one", 1, "", False, "", False, True, Cause.LEFT)
ALICE = replace(NOBODY, who="alice@desk", answers=False, cause=Cause.TYPED)
ME = replace(NOBODY, who="me@here", is_you=True, cause=Cause.TYPED)


def said(*states: WriterChanged) -> list[str]:
    """What is said of the last of them."""
    writers = Writers()
    return [writers.take(state) for state in states][-1]


def test_one_who_is_alone_reads_nothing_of_it() -> None:
    assert said(NOBODY) == said(NOBODY, ME) == said(ME, ME) == said(ME, NOBODY) == []


def test_one_who_comes_later_reads_who_types() -> None:
    assert said(ALICE) == ["alice@desk is typing; Ctrl-] a asks for it, Ctrl-] t takes it"]
    assert said(NOBODY, ALICE) == ["alice@desk types now"]
    assert said(ALICE, NOBODY) == ["alice@desk does not type any more; who types next is the writer"]


def test_asking_and_giving_are_told_to_all() -> None:
    asked = replace(ALICE, asker="bob@sofa")
    assert said(ALICE, asked) == ["bob@sofa asks alice@desk to type"]
    assert said(ME, replace(ME, asker="bob@sofa")) == ["bob@sofa asks to type: Ctrl-] g gives"]
    mine = replace(ALICE, asker="me@here", is_asking=True)
    assert said(ALICE, mine) == ["asked alice@desk to let you type; Ctrl-] t takes it"]
    assert said(mine, mine) == [], "told again, it is the same"
    assert said(mine, replace(ME, cause=Cause.GIVEN)) == ["you type now"]
    assert said(asked, replace(ALICE, who="bob@sofa", cause=Cause.GIVEN)) == ["bob@sofa types now"]


def test_taking_is_told_to_who_had_it() -> None:
    taken = replace(ALICE, cause=Cause.TAKEN)
    assert said(ME, taken) == ["alice@desk has taken over typing; Ctrl-] a asks for it, Ctrl-] t takes it"]


def test_a_refusal_tells_what_can_be_done() -> None:
    writers = Writers()
    assert writers.refusal("one", "not typed: the broker is away") == "not typed: the broker is away"
    writers.take(ALICE)
    assert writers.refusal("one", "not typed: alice@desk is typing").endswith("Ctrl-] a asks for it, Ctrl-] t takes it")
    assert (writers.other("one"), writers.answers("one")) == ("alice@desk", False)
    assert writers.cannot_give("one") == "you are not the writer"
    writers.take(ME)
    assert (writers.other("one"), writers.answers("one")) == ("", True)
    assert writers.cannot_give("one") == "nobody has asked to type"


def test_a_hostile_name_cannot_act_on_the_terminal() -> None:
    assert said(NOBODY, replace(ALICE, who="al\x1b[31mice")) == ["al [31mice types now"]


def test_a_console_has_a_name() -> None:
    assert re.fullmatch(r"[^@]+@[^:]+:(pts/|tty)?[0-9a-zA-Z]+", own_name())
    assert len(own_name()) <= MAX_WHO_CHARACTERS
