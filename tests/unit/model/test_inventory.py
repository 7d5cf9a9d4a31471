from __future__ import annotations

import pytest

from runlet.model.inventory import DEVICE_NAME, Device


@pytest.mark.parametrize("name", ["pi-1", "a", "A_b-9", "9", "x" * 63])
def test_names_of_devices(name: str) -> None:
    assert DEVICE_NAME.fullmatch(name)


@pytest.mark.parametrize("name", ["", "-a", "_a", "a.b", "a b", "a*", "a#", "é", "a\n", "x" * 64])
def test_no_names_of_devices(name: str) -> None:
    assert not DEVICE_NAME.fullmatch(name)


def test_a_device_is_a_value() -> None:
    assert Device("pi-1", labels={"room": "attic"}) == Device("pi-1", labels={"room": "attic"})
    assert len({Device("pi-1"), Device("pi-1")}) == 1
