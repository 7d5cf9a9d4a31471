from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.errors import Conflict, InvalidInput, UnknownName
from runlet.model.target import Target, Where, resolve

DEVICES = {"pi-2": True, "pi-1": True, "mac": False}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (Target(Where.LOCAL), ["pi-1"]),
        (Target(Where.ALL), ["pi-1", "pi-2"]),
        (Target(Where.ANY), ["pi-1"]),
        (Target.custom(["pi-2,pi-1"]), ["pi-2", "pi-1"]),
        (Target.custom(["mac"]), ["mac"]),
    ],
)
def test_resolving_yields_devices(target: Target, expected: list[str]) -> None:
    assert resolve(target, DEVICES, origin="pi-1") == expected


@pytest.mark.parametrize(
    ("items", "patterns"),
    [
        (["pi-1,pi-2"], ("pi-1", "pi-2")),
        (["pi-1", " pi-2 , mac,"], ("pi-1", "pi-2", "mac")),
        (["pi-1", "pi-1"], ("pi-1",)),
        ([",", ""], ()),
    ],
)
def test_items_may_hold_several_names(items: list[str], patterns: tuple[str, ...]) -> None:
    assert Target.custom(items).patterns == patterns


@pytest.mark.parametrize("text", ["local", "all", "any", "pi-1", "pi-1,pi-2"])
def test_a_target_is_shown_as_it_is_typed(text: str) -> None:
    assert str(Target.parse(text)) == text


def test_an_empty_target_is_refused() -> None:
    with pytest.raises(InvalidInput, match="the target is empty"):
        Target.parse(" , ")


def test_any_waits_when_nothing_is_connected() -> None:
    assert resolve(Target(Where.ANY), {"mac": False}) == [None]


def test_all_needs_a_connected_device() -> None:
    with pytest.raises(Conflict, match="no device is connected"):
        resolve(Target(Where.ALL), {"mac": False})


def test_local_needs_an_origin_that_is_a_device() -> None:
    with pytest.raises(InvalidInput, match="this machine is not a device"):
        resolve(Target(), DEVICES)
    with pytest.raises(UnknownName, match="no device is called 'pc'"):
        resolve(Target(), DEVICES, origin="pc")


def test_an_unknown_name_comes_with_a_guess() -> None:
    with pytest.raises(UnknownName, match=r"no device is called 'pi1'; did you mean pi-"):
        resolve(Target.custom(["pi1"]), DEVICES)


def test_barred_devices_are_left_out() -> None:
    assert resolve(Target(Where.ALL), DEVICES, barred={"pi-1"}) == ["pi-2"]
    with pytest.raises(Conflict, match=r"settings\.daemons bars mac"):
        resolve(Target.custom(["mac"]), DEVICES, barred={"mac"})


@given(st.dictionaries(st.text("abc", min_size=1), st.booleans()), st.sets(st.text("abc", min_size=1)))
def test_all_is_every_connected_device_that_is_not_barred(devices: dict[str, bool], barred: set[str]) -> None:
    expected = sorted(name for name, connected in devices.items() if connected and name not in barred)
    if expected:
        assert resolve(Target(Where.ALL), devices, barred=barred) == expected
    else:
        with pytest.raises(Conflict):
            resolve(Target(Where.ALL), devices, barred=barred)
