"""runlet/agent/lease.py: one writer a session, whatever consoles do and in whatever order it comes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.agent.lease import NOT_IN_FRONT, STALE, Lease
from runlet.protocol.chunk import Input
from runlet.protocol.messages import WRITER_GONE_SECONDS, Cause, Handover, Resize, Step, TerminalSize

ID = "0b0e6c3c-6a0f-4d0e-9d5a-2f1f8a7f3c11"
ALICE, BOB, CAROL = 1, 2, 3
WHO = {ALICE: "alice@desk", BOB: "bob@sofa", CAROL: "carol@train"}


def piece(console: int, epoch: int = 0, *, is_reply: bool = False) -> Input:
    return Input(ID, 1, console, 1, b"x", is_reply, console, epoch, WHO[console])


def step(console: int, what: Step, epoch: int = 0) -> Handover:
    return Handover(ID, 1, what, console, WHO[console], epoch)


def written_by(console: int) -> Lease:
    lease = Lease(80, 24)
    assert lease.judge(piece(console), 0.0) == ""
    return lease


def test_who_types_first_is_the_writer_and_others_are_told_who_it_is() -> None:
    lease = written_by(ALICE)
    assert lease.judge(piece(BOB), 1.0) == "alice@desk is typing"
    assert lease.judge(piece(ALICE), 2.0) == ""
    assert (lease.identity, lease.who, lease.cause) == (ALICE, "alice@desk", Cause.TYPED)


def test_keys_typed_before_the_grant_is_known_are_taken() -> None:
    """No key waits for a round trip: those behind the first know as little as it did."""
    lease = Lease(80, 24, epoch=4, granted=3)
    assert [lease.judge(piece(ALICE, epoch), 0.0) for epoch in (4, 4, 5, 0)] == [""] * 4


def test_the_writer_gives_to_who_asked() -> None:
    lease = written_by(ALICE)
    lease.hand_over(step(BOB, Step.ASK), 1.0)
    assert (lease.identity, lease.asker, lease.asker_who) == (ALICE, BOB, "bob@sofa")
    lease.hand_over(step(CAROL, Step.GIVE), 1.0)
    assert lease.identity == ALICE, "only the writer gives"
    lease.hand_over(step(ALICE, Step.GIVE), 1.0)
    assert (lease.identity, lease.asker, lease.cause, lease.front) == (BOB, 0, Cause.GIVEN, BOB)
    assert lease.judge(piece(ALICE), 1.0) == "bob@sofa is typing"


def test_nothing_is_given_when_nobody_asked() -> None:
    lease = written_by(ALICE)
    epoch = lease.epoch
    lease.hand_over(step(ALICE, Step.GIVE), 1.0)
    assert (lease.identity, lease.epoch) == (ALICE, epoch)


def test_anybody_takes_and_of_two_who_take_at_once_the_first_has_it() -> None:
    lease = written_by(ALICE)
    known = lease.epoch
    lease.hand_over(step(BOB, Step.TAKE, known), 1.0)
    lease.hand_over(step(CAROL, Step.TAKE, known), 1.0)
    assert (lease.identity, lease.cause) == (BOB, Cause.TAKEN)
    lease.hand_over(step(CAROL, Step.TAKE, lease.epoch), 1.0)
    assert lease.identity == CAROL


def test_a_take_that_comes_twice_takes_once() -> None:
    lease = written_by(ALICE)
    take = step(BOB, Step.TAKE, lease.epoch)
    lease.hand_over(take, 1.0)
    lease.hand_over(step(ALICE, Step.TAKE, lease.epoch), 1.0)
    lease.hand_over(take, 1.0)
    assert lease.identity == ALICE


def test_what_was_typed_in_ignorance_of_the_last_grant_is_refused() -> None:
    lease = written_by(ALICE)
    old = lease.epoch
    lease.hand_over(step(BOB, Step.TAKE, old), 1.0)
    lease.hand_over(step(ALICE, Step.TAKE, lease.epoch), 1.0)
    assert lease.judge(piece(ALICE, old), 1.0) == STALE, "sent before bob took it, and long on its way"
    assert lease.judge(piece(ALICE, lease.epoch), 1.0) == ""
    lease.hand_over(step(ALICE, Step.LEAVE), 1.0)
    assert lease.judge(piece(BOB, old), 1.0) == STALE
    assert lease.identity == 0


def test_who_asks_while_there_is_no_writer_has_it() -> None:
    lease = Lease(80, 24)
    lease.hand_over(step(BOB, Step.ASK), 0.0)
    assert lease.identity == BOB


def test_the_lease_ends_when_the_writer_leaves() -> None:
    lease = written_by(ALICE)
    lease.hand_over(step(BOB, Step.LEAVE), 1.0)
    assert lease.identity == ALICE
    lease.hand_over(step(ALICE, Step.LEAVE), 1.0)
    assert (lease.identity, lease.front, lease.cause) == (0, 0, Cause.LEFT)
    assert lease.judge(piece(BOB, lease.epoch), 1.0) == ""


def test_an_asker_who_leaves_asks_no_more() -> None:
    lease = written_by(ALICE)
    lease.hand_over(step(BOB, Step.ASK), 1.0)
    lease.hand_over(step(BOB, Step.LEAVE), 1.0)
    lease.hand_over(step(ALICE, Step.GIVE), 1.0)
    assert lease.identity == ALICE


def test_a_writer_that_is_gone_for_long_loses_it_and_one_that_is_attached_does_not() -> None:
    lease = written_by(ALICE)
    lease.attached(ALICE, 50.0)
    lease.attached(BOB, 100.0)
    assert lease.judge(piece(BOB), 50.0 + WRITER_GONE_SECONDS) == "alice@desk is typing"
    assert lease.judge(piece(BOB), 50.1 + WRITER_GONE_SECONDS) == ""


def test_one_terminal_answers_and_that_is_not_typing() -> None:
    lease = Lease(80, 24)
    answers = [lease.judge(piece(console, is_reply=True), 0.0) for console in (ALICE, BOB, ALICE)]
    assert answers == ["", NOT_IN_FRONT, ""]
    assert lease.identity == 0, "an answer makes nobody the writer"
    assert lease.judge(piece(BOB), 0.0) == ""
    assert lease.judge(piece(ALICE, is_reply=True), 0.0) == NOT_IN_FRONT
    assert lease.judge(piece(BOB, is_reply=True), 0.0) == ""


def resize(console: int, columns: int, *, redraw: bool = True) -> Resize:
    return Resize(ID, 1, TerminalSize(columns, 24), console, redraw)


def test_the_writers_window_counts() -> None:
    lease = Lease(80, 24)
    assert lease.resize(resize(ALICE, 100), 0.0) == TerminalSize(100, 24)
    assert lease.resize(resize(BOB, 120), 0.0) == TerminalSize(120, 24), "while there is no writer, the last"
    assert lease.front == BOB
    assert lease.judge(piece(ALICE), 0.0) == ""
    assert lease.resize(resize(ALICE, 100, redraw=False), 0.0) == TerminalSize(100, 24)
    assert lease.resize(resize(BOB, 132), 0.0) == TerminalSize(100, 24), "drawn again, in the writer's size"
    assert lease.resize(resize(BOB, 132, redraw=False), 0.0) is None
    assert lease.resize(resize(ALICE, 100, redraw=False), 0.0) is None, "nothing to be done"


@pytest.mark.parametrize(
    "note",
    [{}, {"columns": 80}, {"columns": 80, "rows": 24, "later": 1}, {"columns": 80, "rows": 24, "cause": "by chance"}],
)
def test_a_note_of_another_version_changes_nothing(note: dict[str, Any]) -> None:
    lease = Lease(80, 24)
    with pytest.raises((TypeError, ValueError)):
        lease.recall(note, 1.0)
    assert lease == Lease(80, 24)
    assert lease.judge(piece(ALICE), 2.0) == ""


def test_another_agent_goes_on_with_it() -> None:
    lease = written_by(ALICE)
    lease.resize(resize(ALICE, 100), 0.0)
    lease.hand_over(step(BOB, Step.ASK), 1.0)
    again = Lease(80, 24)
    again.recall(lease.note(), 1000.0)
    assert again.told(ID, 1) == lease.told(ID, 1)
    assert again.judge(piece(BOB), 1000.0) == "alice@desk is typing"
    assert again.resize(resize(BOB, 132), 1000.0) == TerminalSize(100, 24)


ACTS = st.tuples(st.sampled_from([ALICE, BOB, CAROL]), st.sampled_from([*Step, "type", "reply"]), st.integers(0, 3))


@given(st.lists(ACTS, max_size=40))
def test_there_is_one_writer_and_every_change_has_a_newer_epoch(acts: list[tuple[int, Step | str, int]]) -> None:
    """Acts of three consoles, each of which knows a state that may be some changes old."""
    lease = Lease(80, 24)
    epochs, writer = [0], 0
    for console, act, behind in acts:
        known = epochs[max(0, len(epochs) - 1 - behind)]
        before = lease.told(ID, 1)
        if isinstance(act, Step):
            lease.hand_over(step(console, act, known), 0.0)
        else:
            typed = lease.judge(piece(console, known, is_reply=act == "reply"), 0.0) == ""
            if typed and act == "type":
                assert lease.identity == console
            elif typed:
                assert lease.front == console
        after = lease.told(ID, 1)
        assert (after == before) == (after.epoch == before.epoch)
        assert after.epoch >= before.epoch
        if after.identity != writer:
            assert after.epoch > before.epoch
            writer = after.identity
        assert not writer or after.front == writer
        assert not after.asker or (writer and after.asker != writer)
        if after.epoch != before.epoch:
            epochs.append(after.epoch)


@pytest.mark.parametrize("count", [1000])
def test_a_thousand_times_taken_not_one_key_of_before_is_typed(count: int) -> None:
    lease = written_by(ALICE)
    writer = ALICE
    for _ in range(count):
        taker, known = (BOB if writer == ALICE else ALICE), lease.epoch
        lease.hand_over(step(taker, Step.TAKE, known), 0.0)
        assert lease.judge(piece(writer, known), 0.0) == f"{WHO[taker]} is typing"
        assert lease.judge(piece(taker, known), 0.0) == ""
        writer = taker


def test_a_console_that_is_gone_for_long_is_in_front_no_more() -> None:
    """It has only looked, and was lost without a word; while another looks, nobody would answer the program."""
    lease = Lease(80, 24)
    lease.resize(resize(ALICE, 100), 0.0)
    lease.attached(ALICE, 50.0)
    lease.attached(BOB, 100.0)
    assert lease.in_front(50.0 + WRITER_GONE_SECONDS) == ALICE
    before = lease.epoch
    assert lease.in_front(50.1 + WRITER_GONE_SECONDS) == 0
    assert lease.epoch > before, "all are told"
    assert lease.judge(piece(BOB, is_reply=True), 120.0) == ""
