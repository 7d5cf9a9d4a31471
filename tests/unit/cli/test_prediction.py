"""runlet/cli/prediction.py: a key is shown before its echo only where an echo is sure to come, and apart from it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runlet.cli.prediction import Prediction

HIDE = b"\x1b[%dD\x1b[%dX"


def shown(text: bytes) -> bytes:
    return b"\x1b[4m" + text + b"\x1b[24m"


def trusted(columns: int = 80) -> Prediction:
    prediction = Prediction(columns)
    assert prediction.printed(b"$ ") == b"$ "
    assert prediction.typed(b"a") == b"", "no echo was seen yet"
    assert prediction.printed(b"a") == b"a"
    return prediction


def test_behind_a_confirmed_key_the_next_are_shown_at_once_and_underlined() -> None:
    prediction = trusted()
    assert prediction.typed(b"b") == shown(b"b")
    assert prediction.typed(b"c") == HIDE % (1, 1) + shown(b"bc")
    assert prediction.printed(b"b") == HIDE % (2, 2) + b"b" + shown(b"c")
    assert prediction.printed(b"c") == HIDE % (1, 1) + b"c"
    assert prediction.typed("é".encode()) == shown("é".encode())


def test_what_is_not_echoed_is_never_shown() -> None:
    prediction = trusted()
    assert prediction.typed(b"\r") == b""
    prediction.printed(b"\r\nPassword: ")
    assert [prediction.typed(b"x") for _ in range(20)] == [b""] * 20
    assert prediction.printed(b"\r\n$ ") == b"\r\n$ "


def test_another_line_than_was_expected_takes_it_away() -> None:
    prediction = trusted()
    prediction.typed(b"bc")
    assert prediction.printed(b"*") == HIDE % (2, 2) + b"*"
    assert prediction.typed(b"d") == b"", "it begins anew"
    assert prediction.printed(b"d") == b"d"
    assert prediction.typed(b"e") == shown(b"e")


def test_a_control_takes_it_away() -> None:
    prediction = trusted()
    prediction.typed(b"b")
    assert prediction.typed(b"\x1b[D") == HIDE % (1, 1)


def test_not_within_a_line_and_not_beyond_its_end() -> None:
    prediction = trusted()
    prediction.printed(b"bcd\x1b[2D")
    prediction.typed(b"x")
    assert b"\x1b[4m" not in prediction.printed(b"x\x1b[K")
    narrow = trusted(columns=8)  # "$ a" and four more; the last column stays free
    assert narrow.typed(b"bcdef") == b""
    narrow = trusted(columns=8)
    assert narrow.typed(b"bcde") == shown(b"bcde")


def test_not_on_a_screen_of_the_programs_own() -> None:
    prediction = trusted()
    prediction.typed(b"b")
    assert prediction.printed(b"\x1b[?1049h") == HIDE % (1, 1) + b"\x1b[?1049h"
    prediction.typed(b"c")
    prediction.printed(b"c")
    assert prediction.typed(b"d") == b""


def test_words_of_the_console_end_the_line() -> None:
    prediction = trusted()
    prediction.typed(b"b")
    assert prediction.interrupted() == HIDE % (1, 1)
    assert prediction.typed(b"c") == b""


def test_colours_and_bells_confirm_nothing_and_disturb_nothing() -> None:
    prediction = trusted()
    prediction.typed(b"b")
    assert prediction.printed(b"\x07\x1b[31m") == HIDE % (1, 1) + b"\x07\x1b[31m" + shown(b"b")


PIECES = st.sampled_from([b"a", b"b", b"ab", b"\r", b"\r\n$ ", b"\b \b", b"\x1b[D", b"\x1b[K", "é".encode(), b"x" * 30])


@given(st.lists(st.tuples(st.booleans(), PIECES), max_size=30))
def test_without_what_is_underlined_the_output_is_the_programs(acts: list[tuple[bool, bytes]]) -> None:
    """Whatever is shown is taken away again before anything else is written."""
    prediction = Prediction(40)
    width = 0
    for is_typed, data in acts:
        written = prediction.typed(data) if is_typed else prediction.printed(data)
        hide = HIDE % (width, width) if width else b""
        assert written.startswith(hide) or (is_typed and written == b"")
        if written:
            rest = written.removeprefix(hide)
            program, _, prediction_shown = rest.partition(b"\x1b[4m")
            assert program == (b"" if is_typed else data)
            width = len(prediction_shown.removesuffix(b"\x1b[24m").decode())
