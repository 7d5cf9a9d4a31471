from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runlet.errors import InvalidInput
from runlet.model.inventory import DEVICE_NAME, Device, Group, Inventory, cycles

# As in the docstring of the module.
EXAMPLE = Inventory(
    devices={"pi-1": Device("pi-1", vars={"dir": "/srv"}), "pi-2": Device("pi-2")},
    groups={
        "site": Group("site", children=("web", "db"), vars={"port": 8080, "tier": "site"}),
        "db": Group("db", members=("pi-1",), vars={"tier": "db", "dir": "/data"}),
        "web": Group("web", members=("pi-1",), vars={"tier": "web"}),
    },
    vars={"ntp": "pool.ntp.org", "port": 80, "tier": "none"},
)


@pytest.mark.parametrize("name", ["pi-1", "a", "A_b-9", "9", "x" * 63])
def test_names_of_devices(name: str) -> None:
    assert DEVICE_NAME.fullmatch(name)


@pytest.mark.parametrize("name", ["", "-a", "_a", "a.b", "a b", "a*", "a#", "é", "a\n", "x" * 64])
def test_no_names_of_devices(name: str) -> None:
    assert not DEVICE_NAME.fullmatch(name)


def test_a_device_is_a_value() -> None:
    assert Device("pi-1", labels={"room": "attic"}) == Device("pi-1", labels={"room": "attic"})
    assert len({Device("pi-1"), Device("pi-1")}) == 1


@pytest.mark.parametrize(
    "inventory",
    [
        EXAMPLE,
        Inventory({"a": Device("a", "attic", {"room": "attic"}, {"x": [1, None]}, enabled=False)}),
        Inventory({"a": Device("a")}, {"g": Group("g", "a group", ("a",))}),
    ],
)
def test_mapping_and_back(inventory: Inventory) -> None:
    assert Inventory.from_mapping(json.loads(json.dumps(inventory.to_mapping()))) == inventory


def test_the_example_of_the_docstring() -> None:
    assert EXAMPLE.groups_of("pi-1") == ("site", "db", "web")
    assert EXAMPLE.variables_of("pi-1") == {"ntp": "pool.ntp.org", "port": 8080, "tier": "web", "dir": "/srv"}
    assert EXAMPLE.groups_of("pi-2") == ()
    assert EXAMPLE.variables_of("pi-2") == {"ntp": "pool.ntp.org", "port": 80, "tier": "none"}


def test_depth_is_the_longest_way_down() -> None:
    """As in Ansible: inner is below middle, though outer holds it too."""
    inventory = Inventory(
        {"a": Device("a")},
        {
            "inner": Group("inner", members=("a",), vars={"x": "inner"}),
            "middle": Group("middle", children=("inner",), vars={"x": "middle"}),
            "outer": Group("outer", children=("inner", "middle"), vars={"x": "outer"}),
        },
    )
    assert inventory.groups_of("a") == ("outer", "middle", "inner")
    assert inventory.variables_of("a") == {"x": "inner"}


def test_values_are_replaced_not_merged() -> None:
    inventory = Inventory({"a": Device("a", vars={"x": {"b": 2}})}, vars={"x": {"a": 1}})
    assert inventory.variables_of("a") == {"x": {"b": 2}}


def test_groups_that_contain_themselves_are_refused() -> None:
    with pytest.raises(InvalidInput, match="group 'a' contains itself"):
        Inventory(groups={"a": Group("a", children=("b",)), "b": Group("b", children=("a",))})


def test_every_cycle_is_found() -> None:
    children = {"a": ["b", "a"], "b": ["c"], "c": ["a", "b", "d"], "d": [], "e": ["a", "stranger"]}
    assert list(cycles(children)) == [["a", "b", "c", "a"], ["b", "c", "b"], ["a", "a"]]


# --- against a naive oracle ------------------------------------------------------------------------------------------

NAMES = [f"g{number}" for number in range(6)]
VARS = st.dictionaries(st.sampled_from("xyz"), st.integers(0, 99), max_size=3)


@st.composite
def inventories(draw: st.DrawFn) -> Inventory:
    """Children come later in a random order, so that no group contains itself."""
    order = draw(st.permutations(NAMES))
    devices = {name: Device(name, vars=draw(VARS)) for name in ("d0", "d1")}
    groups = {
        name: Group(
            name,
            members=tuple(draw(st.sets(st.sampled_from(sorted(devices))))),
            children=tuple(draw(st.sets(st.sampled_from(order[at + 1 :])))) if order[at + 1 :] else (),
            vars=draw(VARS),
        )
        for at, name in enumerate(order)
    }
    return Inventory(devices, groups, draw(VARS))


def _contains(inventory: Inventory, group: str, device: str) -> bool:
    one = inventory.groups[group]
    return device in one.members or any(_contains(inventory, child, device) for child in one.children)


def _depth(inventory: Inventory, group: str) -> int:
    parents = [name for name, one in inventory.groups.items() if group in one.children]
    return max((_depth(inventory, parent) + 1 for parent in parents), default=0)


def _value(inventory: Inventory, device: str, variable: str) -> Any:
    """The first that has it, asked from the inside out."""
    groups = [group for group in inventory.groups if _contains(inventory, group, device)]
    groups.sort(key=lambda group: (_depth(inventory, group), group), reverse=True)
    for source in (inventory.devices[device].vars, *(inventory.groups[group].vars for group in groups), inventory.vars):
        if variable in source:
            return source[variable]
    return None


@settings(deadline=None)
@given(inventories())
def test_variables_come_down_as_the_naive_oracle_says(inventory: Inventory) -> None:
    for device in inventory.devices:
        assert set(inventory.groups_of(device)) == {
            group for group in inventory.groups if _contains(inventory, group, device)
        }
        merged = inventory.variables_of(device)
        assert {variable: merged.get(variable) for variable in "xyz"} == {
            variable: _value(inventory, device, variable) for variable in "xyz"
        }
