"""runlet/cli/width.py: columns, not characters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runlet.width import keep_end, keep_start, text_width


def test_wide_and_joining_characters() -> None:
    assert text_width("日本") == 4
    assert text_width("e\N{COMBINING ACUTE ACCENT}") == 1


def test_the_end_of_a_line_is_kept() -> None:
    assert keep_end("Continue? [Y/n]", 7) == "… [Y/n]"
    assert keep_end("日本語", 4) == "…語"
    assert keep_end("x", 0) == ""


def test_the_start_of_a_title_is_kept() -> None:
    assert keep_start("apt-get upgrade", 8) == "apt-get…"


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])), st.integers(0, 20))
def test_it_fits(text: str, columns: int) -> None:
    assert text_width(keep_end(text, columns)) <= columns
    assert text_width(keep_start(text, columns)) <= columns
