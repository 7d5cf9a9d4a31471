from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.holder.keyboard import (
    INPUT_LIMIT_BYTES,
    LINE_LIMIT_BYTES,
    REMEMBERED_CONSOLES,
    Keyboard,
)


def test_what_comes_again_is_not_typed_again() -> None:
    keyboard = Keyboard()
    for number, data in ((1, b"a"), (1, b"a"), (2, b"b"), (1, b"a"), (2, b"b"), (3, b"c")):
        assert keyboard.type(7, number, data, None) == ""
    assert keyboard.waiting == b"abc"


@given(st.lists(st.binary(min_size=1, max_size=4), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_any_redelivery_types_everything_once_and_in_order(pieces: list[bytes], draw: random.Random) -> None:
    """The broker delivers again, in order, from the first that was not acknowledged."""
    keyboard = Keyboard()
    at = 0
    while at < len(pieces):
        assert keyboard.type(1, at + 1, pieces[at], None) == ""
        at = at + 1 if draw.random() < 0.7 else draw.randint(0, at)
    assert keyboard.waiting == b"".join(pieces)


def test_a_refusal_that_comes_again_is_refused_again() -> None:
    keyboard = Keyboard()
    keyboard.type(1, 1, bytes(INPUT_LIMIT_BYTES), None)
    first = keyboard.type(2, 1, b"b", None)
    assert first == f"{INPUT_LIMIT_BYTES} bytes wait for the program to read them, and more do not fit"
    keyboard.forget_waiting()
    assert keyboard.type(2, 1, b"b", None) == first
    assert keyboard.type(2, 2, b"c", None) == ""
    assert keyboard.waiting == b"c"


def test_a_full_queue_refuses_all_of_it_or_nothing() -> None:
    keyboard = Keyboard()
    assert keyboard.type(1, 1, bytes(INPUT_LIMIT_BYTES - 1), None) == ""
    assert keyboard.type(1, 2, b"ab", None).endswith("and more do not fit")
    assert len(keyboard.waiting) == INPUT_LIMIT_BYTES - 1
    keyboard.forget_waiting()
    assert keyboard.type(1, 3, b"ab", None) == ""


@pytest.mark.parametrize(
    ("pieces", "taken"),
    [
        ([b"x" * LINE_LIMIT_BYTES + b"\n"], True),
        ([b"x" * (LINE_LIMIT_BYTES + 1)], False),
        ([b"x" * 4000, b"\r", b"x" * 4000, b"\n"], True),
        ([b"x" * 4000, b"x" * 96], False),
        ([(b"x" * 4000 + b"\n") * 3], True),
        ([b"x" * 4000, b"\x15", b"x" * 4000], True),  # Ctrl-U throws the line away
        ([b"\n" + b"x" * 5000 + b"\n"], False),
    ],
)
def test_a_line_must_fit_into_the_terminal(pieces: list[bytes], taken: bool) -> None:
    keyboard = Keyboard()
    words = [keyboard.type(1, number, piece, b"\n\r\x04\x15") for number, piece in enumerate(pieces)]
    assert (words[-1] == "") is taken
    assert words[:-1] == [""] * (len(pieces) - 1)


def test_without_lines_there_is_no_limit_of_lines() -> None:
    assert Keyboard().type(1, 1, b"x" * 10_000, None) == ""


def test_what_the_kernel_takes_is_news_of_whoever_typed_it() -> None:
    keyboard = Keyboard()
    keyboard.type(1, 4, b"abcd", None)
    keyboard.type(2, 2, b"xy", None)
    keyboard.type(1, 7, b"efg", None)
    assert list(keyboard.news()) == [(1, 7, 0), (2, 2, 0)]
    assert list(keyboard.news()) == []
    keyboard.took(5)
    assert keyboard.waiting == b"yefg"
    assert {one: rest for one, *rest in keyboard.news()} == {1: [7, 4], 2: [2, 1]}
    keyboard.forget_waiting()
    assert {one: rest for one, *rest in keyboard.news()} == {1: [7, 7], 2: [2, 2]}
    keyboard.tell_again()
    assert len(list(keyboard.news())) == 2


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 9)), max_size=20), st.randoms(use_true_random=False))
def test_every_byte_is_told_as_taken_in_the_end(pieces: list[tuple[int, int]], draw: random.Random) -> None:
    keyboard = Keyboard()
    numbers, taken = dict.fromkeys((1, 2, 3), 0), dict.fromkeys((1, 2, 3), 0)
    for console, size in pieces:
        numbers[console] += size
        keyboard.type(console, numbers[console], bytes(size), None)
        keyboard.took(draw.randint(0, len(keyboard.waiting)))
        for one, judged, up_to in keyboard.news():
            assert taken[one] <= up_to <= judged == numbers[one]
            taken[one] = up_to
        assert sum(numbers.values()) - sum(taken.values()) == len(keyboard.waiting)


def test_consoles_are_forgotten_in_the_order_of_their_last_key() -> None:
    keyboard = Keyboard()
    for console in range(REMEMBERED_CONSOLES + 10):
        keyboard.type(console, 1, b"x", None)
        keyboard.type(0, 1, b"x", None)
    assert len(keyboard.waiting) == REMEMBERED_CONSOLES + 10
    assert len(keyboard._judged) == REMEMBERED_CONSOLES


def test_a_number_below_the_length_of_its_piece_is_told_as_one_that_the_wire_carries() -> None:
    """A console numbers the bytes it has typed; what is typed in a terminal's place is numbered otherwise."""
    keyboard = Keyboard()
    keyboard.type(1, 3, b"x" * 1000, None)
    assert list(keyboard.news()) == [(1, 3, 0)]
