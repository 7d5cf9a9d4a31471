"""runlet/spec/search.py: which files are read, through links too."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runlet.spec.search import search


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the present one, so that messages hold short paths."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _write(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("a: ls\n")


def _files(*paths: str) -> list[str]:
    found = search(map(Path, paths))
    assert not found.problems
    return [str(path) for path in found.read.files]


def _problems(*paths: str) -> list[str]:
    return [str(problem) for problem in search(map(Path, paths)).problems]


def test_files_and_folders_behind_links_are_read(folder: Path) -> None:
    _write("g/a.yaml", "gen/b.yaml", "gen/sub/c.yml", "one.yaml")
    Path("g/gen").symlink_to("../gen")
    Path("g/one.yaml").symlink_to(folder / "one.yaml")
    assert _files("g") == ["g/a.yaml", "g/gen/b.yaml", "g/gen/sub/c.yml", "g/one.yaml"]


def test_what_several_ways_lead_to_is_read_once(folder: Path) -> None:
    _write("g/a/x.yaml")
    for name in ("b", "c"):
        Path("g", name).symlink_to("a")
    Path("g/y.yaml").symlink_to("a/x.yaml")
    assert _files("g", "g/a/x.yaml", "g/b") == ["g/a/x.yaml"]


def test_what_is_hidden_is_not_read(folder: Path) -> None:
    _write("g/a.yaml", "g/.b.yaml", "g/.c/c.yaml", "g/d.yaml.orig", "g/e.txt")
    Path("g/.gone").symlink_to("nowhere")
    assert _files("g") == ["g/a.yaml"]


@pytest.mark.parametrize("name", ["gone.yaml", "gone", "gone.d"])
def test_a_link_that_leads_nowhere_is_a_mistake(folder: Path, name: str) -> None:
    _write("g/a.yaml")
    Path("g", name).symlink_to("../gen/gone.yaml")
    assert _problems("g") == [f"g/{name}: the link leads nowhere (No such file or directory): ../gen/gone.yaml"]


def test_links_in_a_circle_are_a_mistake(folder: Path) -> None:
    _write("g/a.yaml")
    Path("g/b").symlink_to("c")
    Path("g/c").symlink_to("b")
    assert _problems("g") == [
        f"g/{link}: the link leads nowhere (Too many levels of symbolic links): {target}"
        for link, target in (("b", "c"), ("c", "b"))
    ]


@pytest.mark.parametrize(("link", "target"), [("g/sub/up", ".."), ("g/self", "."), ("g/out", "../.."), ("g/root", "/")])
def test_a_link_back_to_a_folder_that_it_is_in_is_a_mistake(folder: Path, link: str, target: str) -> None:
    _write("g/a.yaml", "g/sub/b.yaml")
    Path(link).symlink_to(target)
    assert _problems("g") == [f"{link}: the link leads back to a folder that it is in: {os.path.realpath(link)}"]


def test_folders_that_link_to_each_other_are_a_mistake(folder: Path) -> None:
    _write("g/a/a.yaml", "g/b/b.yaml")
    Path("g/a/b").symlink_to("../b")
    Path("g/b/a").symlink_to("../a")
    assert _problems("g") == [f"g/a/b/a: the link leads back to a folder that it is in: {folder}/g/a"]


def test_a_tree_of_links_is_searched_in_a_moment(folder: Path) -> None:
    _write("g/0/a.yaml")
    for level in range(1, 60):  # 2 ** 60 ways
        Path("g", str(level)).mkdir()
        for name in ("l", "r"):
            Path("g", str(level), name).symlink_to(f"../{level - 1}")
    assert _files("g") == ["g/0/a.yaml"]


def test_what_is_neither_file_nor_folder_is_a_mistake(folder: Path) -> None:
    _write("g/a.yaml")
    os.mkfifo("g/pipe.yaml")
    os.mkfifo("g/pipe")
    assert _problems("g") == ["g/pipe.yaml: this is neither a file nor a folder"]
