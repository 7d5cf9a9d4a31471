"""The order of names."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from runlet.model import counted
from runlet.protocol import names

NAMES = st.from_regex(names.DEVICE_NAME, fullmatch=True)


def test_numbers_in_names_are_counted() -> None:
    wanted = ["2", "10", "d", "d1-9", "d1-10", "d2-1", "d-2", "d-2a", "d-02b", "d-10", "pi", "pi1"]
    mixed = random.Random(7).sample(wanted, len(wanted))
    assert sorted(mixed, key=counted.key) == wanted


@given(st.lists(NAMES, unique=True))
def test_every_two_names_have_an_order(found: list[str]) -> None:
    backward = found[::-1]
    assert sorted(found, key=counted.key) == sorted(backward, key=counted.key)
    assert len({str(counted.key(name)) for name in found}) == len(found)
