from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from runlet.errors import InvalidFiles
from runlet.model.inventory import Device, Group, Inventory
from runlet.spec import ansible, inventory
from runlet.spec.ansible_names import MAX_HOSTS, expand

# Far above what a loaded machine needs.
PATIENCE_SECONDS = 20.0


def _ini(text: str) -> ansible.Imported:
    return ansible.parse("f", text.encode(), ".ini")


def _yaml(text: str) -> ansible.Imported:
    return ansible.parse("f", text.encode(), ".yaml")


def _notes(imported: ansible.Imported) -> list[str]:
    return [str(note) for note in imported.notes]


def _mistakes(content: str, *, is_yaml: bool = False) -> list[str]:
    with pytest.raises(InvalidFiles) as caught:
        ansible.parse("f", content.encode(), ".yaml" if is_yaml else ".ini")
    return [str(problem) for problem in caught.value.problems]


# --- ranges ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("web", ["web"]),
        ("web[1:3]", ["web1", "web2", "web3"]),
        ("web[08:11].x", ["web08.x", "web09.x", "web10.x", "web11.x"]),
        ("db-[a:c]", ["db-a", "db-b", "db-c"]),
        ("[1:10:4]", ["1", "5", "9"]),
        ("[:1]", ["0", "1"]),
        ("r[1:2]-[a:b]", ["r1-a", "r1-b", "r2-a", "r2-b"]),
    ],
)
def test_ranges(text: str, names: list[str]) -> None:
    assert expand(text) == names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a[1:", "no partner"),
        ("a]", "no partner"),
        ("a[1]", "is not a range"),
        ("a[1:2:3:4]", "is not a range"),
        ("a[1:]", "is not a range"),
        ("a[a:10]", "is not a range"),
        ("a[x1:x2]", "is not a range"),
        ("a[3:1]", "ends before it begins"),
        ("a[c:a]", "ends before it begins"),
        ("a[01:100]", "different lengths"),
        ("a[1:9:0]", "the step"),
        ("a[1:9:x]", "the step"),
        ("a[1:999999999]", "more than"),
        ("a[1:999][1:999]", "more than"),
        ("a[1:9999999999]", "is not a range"),
    ],
)
def test_what_is_no_range(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        expand(text)


@settings(deadline=None)
@given(st.integers(0, 3000), st.integers(0, 300), st.integers(1, 9), st.integers(0, 5))
def test_ranges_of_numbers_are_python_s(first: int, length: int, step: int, width: int) -> None:
    last = first + length
    begin, end = str(first).zfill(width), str(last).zfill(width)
    if len(begin) != len(end) and begin.startswith("0") and len(begin) > 1:
        with pytest.raises(ValueError, match="different lengths"):
            expand(f"h[{begin}:{end}:{step}]")
        return
    fill = len(begin) if begin.startswith("0") else 0
    expected = [f"h{str(number).zfill(fill)}" for number in range(first, last + 1, step)]
    assert expand(f"h[{begin}:{end}:{step}]") == expected


@settings(deadline=None)
@given(st.text("ab01[]:-", max_size=20))
def test_any_text_is_expanded_within_the_bound_or_refused(text: str) -> None:
    try:
        names = expand(text)
    except ValueError:
        return
    assert 1 <= len(names) <= MAX_HOSTS


# --- INI -------------------------------------------------------------------------------------------------------------


def test_an_ini_inventory() -> None:
    imported = _ini(
        "# all hosts\nalone x=1\n\n[web]\nweb[1:2] opts='a b' n=2 t=True l='[1, \"x\"]' s=true q='\"1\"' # comment\n"
        "web2 n=3\n; more\n[site:children]\nweb # here too\nempty\n[empty]\n"
        '[web:vars]\nport = 80\nname = "a # b"\n[all:vars]\nntp=pool.ntp.org\n[ungrouped:vars]\nlonely=True\n'
    )
    own = {"opts": "a b", "n": 2, "t": True, "l": [1, "x"], "s": "true", "q": "1"}
    assert imported.inventory == Inventory(
        {
            "alone": Device("alone", vars={"x": 1}),
            "web1": Device("web1", vars=own),
            "web2": Device("web2", vars={**own, "n": 3}),
        },
        {
            "web": Group("web", members=("web1", "web2"), vars={"port": 80, "name": "a # b"}),
            "site": Group("site", children=("web", "empty")),
            "empty": Group("empty"),
            "ungrouped": Group("ungrouped", members=("alone",), vars={"lonely": True}),
        },
        {"ntp": "pool.ntp.org"},
    )
    assert imported.notes == ()


@pytest.mark.parametrize(
    ("line", "note"),
    [
        ("h ansible_host=10.0.0.1", "f:1:3: variable 'ansible_host' of 'h' is left out: it is for Ansible itself"),
        ("h:22", "f:1:1: port 22 of 'h' is left out: agents connect by themselves"),
        ("h\nw*", "f:2:1: 'w*' is left out: it is a pattern, not a host"),
        ("h a-b=1", "f:1:3: variable 'a-b' of 'h' is left out: its name is not letters, digits and '_'"),
        ("h\n[all:vars]\nx=$ANSIBLE_VAULT;1.1", "f:3:1: variable 'x' of 'all' is left out: it is encrypted"),
        ("h x='{{ y }}'", "f:1:3: variable 'x' of 'h' holds '{{', which is plain text here"),
        ("h.example.org", "f:1:1: 'h.example.org' is called 'h-example-org' here"),
        ("_h", "f:1:1: '_h' is called 'h' here"),
        ("any", "f:1:1: 'any' is called 'any-device' here"),
        ("[local]\nh", "f:1:1: 'local' is called 'local-group' here"),
    ],
)
def test_what_is_not_carried_over_is_told(line: str, note: str) -> None:
    imported = _ini(line)
    assert [told for told in _notes(imported) if told.startswith(note)]
    assert len(imported.notes) == 1


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("", ["f: the file names no host"]),
        ("h x", ["f:1:3: key=value is expected here, not 'x'"]),
        ("  h 'x", ["f:1:3: this line cannot be split into words: no closing quotation"]),
        ("h[1:", ["f:1:1: 'h[1:': a '[' or ']' has no partner"]),
        ("h\n[g:vars]\nx=1", ["f:2:1: there is no section [g] for these variables"]),
        ("h\n[g]\n[g:vars]\nx", ["f:4:1: key=value is expected here, not 'x'"]),
        ("h\n[g:children]\nk\na b", ["f:3:1: there is no group 'k' that can be a child", "f:4:1: the name of a group"]),
        ("h\n[g:kids]", ["f:2:1: a section is [group], [group:children] or [group:vars], not '[g:kids]'"]),
        ("h\n[a:children]\nb\n[b:children]\na", ["f:5:1: group 'a' contains itself"]),
        ("h\n[a:children]\nall", ["f:3:1: there is no group 'all' that can be a child"]),
        ("a.b\na-b", ["f:2:1: host 'a-b' clashes with host 'a.b': both would be called 'a-b'; rename one of them"]),
        ("[web]\nweb", ["f:1:1: group 'web' clashes with host 'web': both would be called 'web'; rename one of them"]),
        ("x" * 64, ["f:1:1: 'xxx"]),
        ("...", ["f:1:1: '...' cannot name a device, however it is changed"]),
        ("#!/bin/sh", ["f:1:1: a program that prints an inventory is not run"]),
    ],
)
def test_mistakes(text: str, mistakes: list[str]) -> None:
    told = _mistakes(text)
    assert len(told) == len(mistakes), told
    for one, beginning in zip(told, mistakes, strict=True):
        assert one.startswith(beginning)


# --- YAML ------------------------------------------------------------------------------------------------------------


def test_a_yaml_inventory() -> None:
    imported = _yaml(
        "all:\n  hosts: {mail: {port: 25}}\n  vars: {ntp: pool}\n  children:\n    site:\n      children:\n"
        "        web:\n          hosts:\n            web[1:2]: {a: [1, {b: null}]}\n            web2: {c: 'yes'}\n"
        "          vars: {tier: web}\n        db: {hosts: db-1}\n    ungrouped:\nweb: {vars: {more: 1}}\n"
    )
    assert imported.inventory == Inventory(
        {
            "mail": Device("mail", vars={"port": 25}),
            "web1": Device("web1", vars={"a": [1, {"b": None}]}),
            "web2": Device("web2", vars={"a": [1, {"b": None}], "c": "yes"}),
            "db-1": Device("db-1"),
        },
        {
            "site": Group("site", children=("web", "db")),
            "web": Group("web", members=("web1", "web2"), vars={"tier": "web", "more": 1}),
            "db": Group("db", members=("db-1",)),
        },
        {"ntp": "pool"},
    )
    assert imported.notes == ()


def test_what_yaml_says_and_we_do_not() -> None:
    imported = _yaml(
        "g:\n  hosts:\n    h:\n      password: !vault |\n        $ANSIBLE_VAULT;1.1\n      a: &x 1\n      b: *x\n"
        "      deep: [1, !t 2]\n  other: 1\n"
    )
    assert imported.inventory.devices == {"h": Device("h", vars={"a": 1, "b": 1})}
    assert _notes(imported) == [
        "f:4:7: variable 'password' of 'h' is left out: it is encrypted by Ansible Vault",
        "f:8:7: variable 'deep' of 'h' is left out: its tag '!t' means nothing here",
        "f:9:3: 'other' of group 'g' is left out",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "g: {hosts: {h: {x: 9%s}}}" % (":59" * 3000),
        "g: {hosts: {h: {x: 9%s}}}" % (":59" * 300_000),
        "g: {hosts: {h: {x: 0x%s}}}" % ("f" * 900),
        '{"_meta": {"hostvars": {"h": {"x": %s}}}, "g": {"hosts": ["h"]}}' % ("9" * 5000),
    ],
    ids=["base 60", "a whole file", "base 16", "JSON"],
)
def test_a_number_of_any_length_is_told(text: str) -> None:
    [note] = _notes(_yaml(text))
    assert note.endswith("variable 'x' of 'h' is left out: the number has too many digits")


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("[a]", "f:1:1: an inventory is a map of groups"),
        ("g: [h]", "f:1:1: a group must be a map"),
        ("g: {hosts: [h]}", "f:1:5: hosts must be a map"),
        ("g: {hosts: {h: [1]}}", "f:1:13: variables must be a map"),
        ("g: {hosts: {h: }, children: [k]}", "f:1:19: children must be a map"),
        ("g: {hosts: {h: }, vars: x}", "f:1:19: variables must be a map"),
        ("g: 9" + ":59" * 300 + ".5", "f:1:4: this cannot be read as YAML 1.1: int too large to convert to float"),
        ("g: '", "f:1:4: this quote is not closed"),
    ],
)
def test_mistakes_in_yaml(text: str, mistake: str) -> None:
    assert _mistakes(text, is_yaml=True) == [mistake]


PRINTED = """{"_meta": {"hostvars": {"kettle.home": {"a": 1, "b": "0644", "ansible_host": "10.0.0.1"},
 "lamp": {"secret": {"__ansible_vault": "x"}, "text": {"__ansible_unsafe": "{ }"}}, "ghost": {}}},
 "all": {"children": ["ungrouped", "web"], "vars": {"everywhere": true}},
 "web": {"hosts": ["kettle.home", "n[1:2]"], "children": ["inner"]}, "inner": ["lamp"]}"""


def test_what_ansible_inventory_prints() -> None:
    imported = ansible.parse("-", PRINTED.encode())
    assert imported.inventory == Inventory(
        {
            "kettle-home": Device("kettle-home", vars={"a": 1, "b": "0644"}),
            "n-1-2-": Device("n-1-2-"),
            "lamp": Device("lamp", vars={"text": "{ }"}),
        },
        {
            "web": Group("web", members=("kettle-home", "n-1-2-"), children=("inner",)),
            "inner": Group("inner", members=("lamp",)),
        },
        {"everywhere": True},
    )
    assert _notes(imported) == [
        "-:1:62: variable 'ansible_host' of 'kettle.home' is left out: it is for Ansible itself",
        "-:2:11: variable 'secret' of 'lamp' is left out: it is encrypted by Ansible Vault",
        "-:2:85: 'ghost' is left out: no group names it",
        "-:4:20: 'kettle.home' is called 'kettle-home' here: it cannot name a device as it is",
        "-:4:35: 'n[1:2]' is called 'n-1-2-' here: it cannot name a device as it is",
    ]


def test_a_long_text_that_may_be_a_literal_is_left_out() -> None:
    imported = _ini(f"h key=ssh-rsa{'A' * 5000} list='[{'1,' * 3000}]'")
    assert set(imported.inventory.devices["h"].vars) == {"key"}
    assert "it is longer than 4096 characters and may be a Python literal" in _notes(imported)[0]


# --- files -----------------------------------------------------------------------------------------------------------


def test_the_name_of_the_file_says_what_it_is(tmp_path: Path) -> None:
    for name, text in (
        ("hosts", "[g]\nh"),
        ("hosts.ini", "[g]\nh"),
        ("h.yml", "g: {hosts: h}"),
        ("h.json", "{g: {hosts: h}}"),
    ):
        (tmp_path / name).write_text(text)
        assert ansible.load(tmp_path / name).inventory.groups["g"].members == ("h",)


def test_folders_of_variables_are_told(tmp_path: Path) -> None:
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "hosts").write_text("h")
    (note,) = ansible.load(tmp_path / "hosts").notes
    assert note.message == "is not read: move its variables into the inventory"
    with pytest.raises(InvalidFiles, match="no such file"):
        ansible.load(tmp_path / "none")


# --- hostile ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "h[1:9999]\n" * 80_000,
        "h[1:9999][1:9999]\n" * 50_000,
        "h[1:9999] " + " ".join(f"v{n}=1" for n in range(100_000)),
        "h" + "[1:9]" * 200_000,
        "h x=" + "[" * 4000,
        "h x=" + "-" * 4000 + "1",
        "[" * 1_000_000,
        "h x='" + "a" * 1_000_000,
        "h[1:9999] x=" + "a" * 4000,
        "a: &a [" + "x," * 900 + "]\nb: &b [" + "*a," * 900 + "]\nc: [" + "*b," * 900 + "]",
        "a:\n" + "".join(f" b{n}: &b{n} {{<<: *b{max(n - 1, 0)}, k{n}: 1}}\n" for n in range(2000)),
        "{" * 100_000,
        "a: " + "- " * 100_000,
        "".join(f"[g{n}:children]\ng{n + 1}\n" for n in range(20_000)),
        "\0",
    ],
    ids=range(15),
)
def test_hostile_inventories_are_refused_or_read_in_no_time(text: str) -> None:
    began = time.process_time()
    with suppress(InvalidFiles):
        _ini(text)
    with suppress(InvalidFiles):
        _yaml(text)
    with suppress(InvalidFiles):
        ansible.parse("f", text.encode())
    assert time.process_time() - began < PATIENCE_SECONDS


def test_what_is_read_is_counted_as_it_will_be_written() -> None:
    line, column, message = _mistakes("h[1:9999]\n" * 100)[-1].split(":", 3)[1:]
    assert (int(line) < 30, column) == (True, "1")
    assert message == " up to here the file stands for more than an inventory can hold; split it"


WORDS = """[a]|[b]|[a:children]|[b:children]|[a:vars]|[all:vars]|[all]|[ungrouped]|a|b|c.d|h[1:3] x=1|h2 y='[1, 2]'
x={1: 2}|y = "q"|z|w:22 ansible_port=1|local|'|[x:y]|# c"""
LINES = st.lists(
    st.sampled_from(WORDS.replace("\n", "|").split("|")) | st.text("ab[]:=#'\"{}()-.\\ 1", max_size=12), max_size=8
)


@settings(deadline=None)
@given(LINES)
def test_any_lines_are_imported_or_refused(lines: list[str]) -> None:
    _check(lambda: _ini("\n".join(lines)))


KEYS = st.sampled_from(
    ["all", "a", "b", "hosts", "children", "vars", "h[1:2]", "c.d", "ansible_host", "ungrouped", "x y"]
)
TREES = st.recursive(
    st.none() | st.integers() | st.sampled_from(["a", "{{ x }}", "true", ""]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(KEYS, TREES, max_size=3) | TREES)
def test_any_tree_is_imported_or_refused(tree: Any) -> None:
    _check(lambda: _yaml(json.dumps(tree)))


@settings(deadline=None)
@given(st.text("ab:-!&*{}[] \n'|", max_size=30))
def test_any_yaml_is_imported_or_refused(text: str) -> None:
    _check(lambda: _yaml(text))


def _check(make: Any) -> None:
    """What is imported is an inventory that loads."""
    try:
        imported = make()
    except InvalidFiles:
        return
    assert inventory.from_mapping(yaml.safe_load(imported.text)) == imported.inventory
