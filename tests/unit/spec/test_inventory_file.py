from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runlet.errors import InvalidFiles, InvalidInput
from runlet.model.inventory import RESERVED_NAMES, Device, Group, Inventory
from runlet.spec import inventory

# Far above what a loaded machine needs.
PATIENCE_SECONDS = 10.0


def _load(folder: Path, text: str) -> Inventory:
    file = folder / "inventory.yaml"
    file.write_text(text)
    return inventory.load(file)


def _refusal(folder: Path, text: str) -> list[str]:
    with pytest.raises(InvalidFiles) as caught:
        _load(folder, text)
    return [str(problem).removeprefix(str(folder / "inventory.yaml")) for problem in caught.value.problems]


def test_devices_in_order(tmp_path: Path) -> None:
    text = "devices:\n  pi-2:\n  pi-1:\n    description: attic\n    labels: {room: attic}\n    enabled: false\n"
    found = _load(tmp_path, text).devices
    assert list(found.values()) == [Device("pi-2"), Device("pi-1", "attic", {"room": "attic"}, enabled=False)]


def test_groups_and_variables(tmp_path: Path) -> None:
    text = (
        "vars: {a: 1}\ngroups:\n  all-pis: {children: [pis], vars: {b: [x, {y: null}]}}\n"
        "  pis: {description: Pis, members: [pi-1]}\n  empty:\ndevices:\n  pi-1: {vars: {_c: 1.5}}\n"
    )
    assert _load(tmp_path, text) == Inventory(
        {"pi-1": Device("pi-1", vars={"_c": 1.5})},
        {
            "all-pis": Group("all-pis", children=("pis",), vars={"b": ["x", {"y": None}]}),
            "pis": Group("pis", "Pis", ("pi-1",)),
            "empty": Group("empty"),
        },
        {"a": 1},
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": the file is empty"),
        ("{}", ":1:1: the inventory has no devices"),
        ("devices: {}", ":1:10: devices is empty"),
        ("devices:\n  a.b:\n", ":2:3: 'a.b': a device's name is letters"),
        ("devices:\n  a: {label: {}}", ":2:7: unknown key 'label' in device 'a'; did you mean 'labels'?"),
        ("devices:\n  a: {labels: {v: 1.10}}", ":2:19: v must be text, not 1.1; put it in quotes to make it text"),
        ("devices:\n  a: {labels: {'v w': x}}", ":2:16: 'v w': a label's name is letters"),
        ("devices:\n  a: {enabled: no}", ":2:16: enabled must be true or false, not 'no'"),
        ("devices:\n  a:\n  a:\n", ":3:3: duplicate key 'a' (first in line 2)"),
        ("devices: [a]", ":1:10: devices must be a map, not a list"),
        ("devices:\n  any:\n", ":2:3: 'any' means something in targets; choose another name"),
        ("vars: {a-b: 1}\ndevices: {a: }", ":1:8: 'a-b': a variable's name is letters"),
        ("devices: {a: {vars: {1x: 1}}}", ":1:22: '1x': a variable's name is letters"),
        ("devices: {a: {vars: [1]}}", ":1:21: vars must be a map, not a list"),
        ("groups: {a.b: }\ndevices: {a: }", ":1:10: 'a.b': a group's name is letters"),
        (
            "groups: {g: {member: []}}\ndevices: {a: }",
            ":1:14: unknown key 'member' in group 'g'; did you mean 'members'?",
        ),
        ("groups: {g: {members: [pi1]}}\ndevices: {pi-1: }", ":1:24: there is no device 'pi1'; did you mean 'pi-1'?"),
        ("groups: {g: {children: [h]}}\ndevices: {h: }", ":1:25: there is no group 'h'"),
        ("groups: {g: {members: [g]}}\ndevices: {a: }", ":1:24: there is no device 'g'"),
        ("groups: {a: }\ndevices: {a: }", ":1:10: 'a' is a device too; choose another name"),
        ("groups: {a: {children: [a]}}\ndevices: {b: }", ":1:25: group 'a' contains itself: a > a"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, message: str) -> None:
    assert [told for told in _refusal(tmp_path, text) if told.startswith(message)]


def test_an_unknown_key_at_the_top(tmp_path: Path) -> None:
    told = _refusal(tmp_path, "device: {}\ndevices: {a: }")
    assert told == [":1:1: unknown key 'device' in the inventory; did you mean 'devices'?"]


def test_every_mistake_is_told_at_its_place(tmp_path: Path) -> None:
    text = (
        "groups:\n  a: {children: [b], members: [x, 3]}\n  b: {children: [c]}\n  c: {children: [b, a, x]}\n"
        "  local: {members: x}\ndevices:\n  x: {vars: {a b: 1}}\n"
    )
    assert _refusal(tmp_path, text) == [
        ":2:35: members[1] must be text, not 3; put it in quotes to make it text",
        ":4:18: group 'b' contains itself: b > c > b",
        ":4:21: group 'a' contains itself: a > b > c > a",
        ":4:24: there is no group 'x'",
        ":5:3: 'local' means something in targets; choose another name",
        ":5:20: members must be a list, not 'x'; put it in brackets to make it a list: [...]",
        ":7:14: 'a b': a variable's name is letters, digits and '_', 63 characters at most, beginning with a letter or"
        " '_'",
    ]


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES))
def test_words_of_targets_are_no_names_of_groups(tmp_path: Path, name: str) -> None:
    assert _refusal(tmp_path, f"groups: {{{name}: }}\ndevices: {{a: }}")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "the inventory must be a map, not a list"),
        ({"devices": {"a": {}}, "groups": {"g": {"members": ["b"]}}}, "there is no device 'b'"),
        ({"devices": {"a": {"vars": {"x": "\0"}}}}, "NUL"),
        ({"devices": {"a": {}}, "groups": None}, "groups is empty; it must be a map"),
    ],
)
def test_what_is_not_an_inventory(content: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        inventory.from_mapping(content)


def test_hostile_inventories_are_refused_in_no_time() -> None:
    names = [f"g{number}" for number in range(300)]
    every = {"devices": {"a": {}}, "groups": {name: {"children": names} for name in names}}
    strangers = {"devices": {f"d{n}": {} for n in range(9999)}, "groups": {"g": {"members": ["x" * 60] * 9999}}}
    too_many = {"devices": {"a": {"vars": {"x": [0] * 10**6}}}}
    for content in (every, strangers, too_many):
        began = time.process_time()
        with pytest.raises(InvalidInput):
            inventory.from_mapping(content)
        assert time.process_time() - began < PATIENCE_SECONDS


TEXTS = st.text() | st.sampled_from(
    ["true", "no", "1.10", "1e5", "~", "- a", "a: b", "a\nb", " x ", "#", "'", "22:22", "<<"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.sampled_from([0.5, 1e20, -2.25]) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
VARS = st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True), VALUES, max_size=3)


@settings(deadline=None)
@given(VARS, VARS, st.booleans(), TEXTS)
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, shared: dict[str, Any], own: dict[str, Any], enabled: bool, text: str
) -> None:
    written = Inventory(
        {"a": Device("a", text, {"x": text} if text else {}, own, enabled)},
        {"g": Group("g", members=("a",), vars=own)},
        shared,
    )
    try:
        assert inventory.from_mapping(written.to_mapping()) == written
    except InvalidInput:
        return  # what no file may hold
    file = tmp_path_factory.getbasetemp() / "inventory.yaml"
    file.write_text(inventory.dump(written), "utf-8")
    assert inventory.load(file) == written


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["a", "g", "all", "x y"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["devices", "groups", "vars", "members", "children", "a", "g", "h"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["devices", "groups", "vars"]), JSON))
def test_any_values_load_or_are_refused(tmp_path_factory: pytest.TempPathFactory, content: Any) -> None:
    file = tmp_path_factory.getbasetemp() / "inventory.yaml"
    file.write_text(json.dumps(content))
    try:
        found = inventory.load(file)
    except InvalidFiles:
        with pytest.raises(InvalidInput):
            inventory.from_mapping(content)
        return
    assert inventory.from_mapping(found.to_mapping()) == found
