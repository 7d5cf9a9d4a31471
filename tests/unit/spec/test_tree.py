from __future__ import annotations

from pathlib import Path

import pytest

from runlet.errors import InvalidFiles, Mistake
from runlet.model.declaration import Key, Kind
from runlet.model.inventory import Device, Inventory
from runlet.spec.tree import Tree, load


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the present one, so that messages hold short paths."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


PI_1 = Inventory({"pi-1": Device("pi-1")})


def _refusal(*paths: str) -> list[str]:
    with pytest.raises(InvalidFiles) as caught:
        load(map(Path, paths))
    return [str(problem) for problem in caught.value.problems]


def test_a_tree_is_the_jobs_and_the_inventory_of_its_files(folder: Path) -> None:
    Path("a.yaml").write_text("a: ls\n")
    assert load([Path()]).inventory is None
    Path("sub").mkdir()
    Path("sub/inventory.home.yml").write_text("devices: {pi-1: }\n")
    tree = load([Path()])
    assert [job.name for job in tree.jobs] == ["a"]
    assert tree.inventory == PI_1


@pytest.mark.parametrize("path", ["inventory.yaml", "inventory.yaml/../inventory.yaml", "."])
def test_an_inventory_is_one_however_it_is_named(folder: Path, path: str) -> None:
    Path("inventory.yaml").write_text("devices: {pi-1: }\n")
    if "/" in path:
        path = f"../{folder.name}/inventory.yaml"
    assert load([Path(path)]) == Tree((), PI_1)


def test_mistakes_of_playbooks_and_inventories_are_told_together(folder: Path) -> None:
    Path("a.yaml").write_text("a: []\n")
    Path("inventory.yaml").write_text("device: {}\n")
    assert _refusal(".") == [
        "a.yaml:1:4: job 'a' must be text or a map, not a list",
        "inventory.yaml:1:1: the inventory has no devices",
        "inventory.yaml:1:1: unknown key 'device' in the inventory; did you mean 'devices'?",
    ]


def _hint(*paths: str) -> str | None:
    with pytest.raises(InvalidFiles) as caught:
        load(map(Path, paths))
    return caught.value.hint


def test_a_refused_file_that_nobody_named_is_told_with_how_it_was_taken(folder: Path) -> None:
    Path("docs").mkdir()
    Path("docs/mkdocs.yml").write_text("nav: []\n")
    assert _hint("docs") == (
        "docs/mkdocs.yml was read as a playbook because it is in the folder docs;"
        " name the files, or put other YAML elsewhere"
    )
    assert _hint("docs/mkdocs.yml") is None
    assert _hint("missing.yaml") is None
    Path("other").mkdir()
    Path("other/x\n::error::forged.yml").write_text("nav: []\n")
    assert str(_hint("other")).startswith("other/x\\n::error::forged.yml was read as a playbook")


def test_a_playbook_called_as_an_inventory_is_told_why_it_is_none(folder: Path) -> None:
    Path("inventory-report.yaml").write_text("report: ls\n")
    assert _hint("inventory-report.yaml") == (
        "inventory-report.yaml was read as an inventory because of its name; another name makes it a playbook"
    )
    Path("inventory.yaml").write_text("report: ls\n")
    assert _hint("inventory.yaml") is None


@pytest.mark.parametrize("name", ["inventories.yaml", "inventory_report.yaml", "my-inventory.yaml"])
def test_another_name_is_a_playbook(folder: Path, name: str) -> None:
    Path(name).write_text("report: ls\n")
    assert [job.name for job in load([Path()]).jobs] == ["report"]


def test_a_folder_may_be_empty_when_that_is_meant(folder: Path) -> None:
    assert load([Path()], empty=True) == Tree()
    with pytest.raises(InvalidFiles, match="no playbook and no inventory"):
        load([Path()])


def test_a_second_inventory_names_both(folder: Path) -> None:
    for name in ("inventory.a.yaml", "inventory.b.yaml"):
        Path(name).write_text("devices: {pi-1: }\n")
    assert _refusal(".") == [
        "inventory.b.yaml: a tree has one inventory, and inventory.a.yaml is one already; check them one at a time"
    ]


def test_every_declaration_has_its_place(folder: Path) -> None:
    Path("a.yaml").write_text("a: ls\n\nb:\n  name: c\n  script: |\n    one\n    two\n  where: all\n")
    Path("inventory.yaml").write_text("vars: {x: 1}\ngroups:\n  g: {members: [pi-1]}\ndevices:\n  pi-1:\n")
    tree = load([Path()])

    def place(key: Key, field: str | None = None, line: int | None = None) -> str:
        return str(tree.problem(Mistake(*key, field, line, "wrong")))

    assert {one.key for one in tree.declarations()} == {
        (Kind.JOB, "a"),
        (Kind.JOB, "c"),
        (Kind.FLEET, "all"),
        (Kind.GROUP, "g"),
        (Kind.DEVICE, "pi-1"),
    }
    assert place((Kind.JOB, "a")) == "a.yaml:1:1: wrong"
    assert place((Kind.JOB, "a"), "script", 1) == "a.yaml:1:4: wrong"
    assert place((Kind.JOB, "c")) == "a.yaml:3:1: wrong"
    assert place((Kind.JOB, "c"), "where") == "a.yaml:8:10: wrong"
    assert place((Kind.JOB, "c"), "script", 2) == "a.yaml:7:5: wrong"
    assert place((Kind.GROUP, "g"), "members") == "inventory.yaml:3:16: wrong"
    assert place((Kind.FLEET, "all")) == "inventory.yaml:1:1: wrong"
    assert place((Kind.DEVICE, "pi-1")) == "inventory.yaml:5:3: wrong"


def test_what_is_right_and_probably_not_meant_is_told(folder: Path) -> None:
    Path("a.yaml").write_text(
        "a:\n  script: ls\n  vars: {sha: 72225e2, version: 1.10, fine: 1.5, list: [-0, {x: 1E3}], text: '1.10'}\n"
        "  retry: {max: 2}\n  input: {answers: [{match: 'Continue? [y/N]', send: 'y'}]}\n"
        "b:\n  script: ls\n  vars: {<<: {merged: 1.0e1}}\n"
    )
    Path("inventory.yaml").write_text("vars: {v: 1.20}\ndevices: {pi-1: {vars: {w: 2.0}}}\n")
    assert [str(doubt) for doubt in load([Path()]).doubts] == [
        "a.yaml:5:29: as a regular expression this does not match the text that it is; add literal: true,"
        r" or write Continue\? \[y/N\]",
        *(
            f"{place}: this is the number {number}, and prints so; put {written} in quotes to have it as it is written"
            for place, number, written in (
                ("a.yaml:3:15", "7222500.0", "72225e2"),
                ("a.yaml:3:33", "1.1", "1.10"),
                ("a.yaml:3:57", "0", "-0"),
                ("a.yaml:3:65", "1000.0", "1E3"),
                ("a.yaml:8:23", "10.0", "1.0e1"),
                ("inventory.yaml:1:11", "1.2", "1.20"),
            )
        ),
    ]


def test_a_file_without_a_declaration_is_one(folder: Path) -> None:
    for name in ("a.yaml", "inventory.yaml"):
        Path(name).write_text("# nothing yet\n")
    assert load([Path()]) == Tree()
