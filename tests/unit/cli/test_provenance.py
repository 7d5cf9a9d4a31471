"""runlet/cli/provenance.py: whose files these are, asked of a real git."""

from __future__ import annotations

import os
import subprocess
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runlet.cli.provenance import LOCAL_SOURCE, Provenance, address, find, operator
from runlet.errors import InvalidInput
from runlet.spec.search import search

ENVIRONMENT = {"PATH": os.environ["PATH"], "GITHUB_ACTOR": "ada", "GIT_CONFIG_GLOBAL": "/dev/null"}
words = st.text("abcXYZ09-_.", min_size=1).filter(lambda text: text.strip(".") == text and not text.endswith(".git"))


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def found(*paths: Path, source: str | None = None, prune: bool = False, **more: str) -> Provenance:
    return find(paths, search(paths).read, source, {**ENVIRONMENT, **more}, prune=prune)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository called fleet with one committed file."""
    folder = tmp_path / "fleet"
    folder.mkdir()
    (folder / "jobs.yaml").write_text("a: ls\n")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "begin")
    return folder


# --- addresses ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "remote",
    [
        "https://git.example.org/org/Repo.git",
        "https://git.example.org/org/Repo/",
        "HTTPS://user:tok3n@Git.Example.org/org/Repo.git",
        "https://user:p@ss@git.example.org/org/Repo",
        "https://user:pa/ss@git.example.org/org/Repo",
        "https://git.example.org:8443/org/Repo?token=tok3n#x",
        "ssh://git@git.example.org:22/org/Repo.git",
        "git@git.example.org:org/Repo.git",
        "git@git.example.org:/org/Repo.git",
        "git://git.example.org//org/Repo",
    ],
)
def test_a_repository_has_one_address_however_it_is_reached(remote: str) -> None:
    assert address(remote) == "git.example.org/org/Repo"


@pytest.mark.parametrize(
    "remote", ["/srv/git/fleet.git", "file:///srv/git/fleet.git", "../fleet", "fleet.git", "./a:b/fleet"]
)
def test_a_path_is_its_name(remote: str) -> None:
    assert address(remote) == "fleet"


def test_an_address_in_numbers_keeps_them() -> None:
    assert address("https://[::1]:3000/org/repo") == "[::1]/org/repo"


@settings(deadline=None)
@given(st.sampled_from(["https", "HTTP", "ssh"]), st.text("aB1:@%!?#/", max_size=12), words, words)
def test_no_address_holds_a_password(scheme: str, secret: str, owner: str, repository: str) -> None:
    assert "tok3n" not in address(f"{scheme}://user:tok3n{secret}@example.org/{owner}/{repository}.git")


# --- sources --------------------------------------------------------------------------------------------------------


def test_outside_git_pruning_needs_a_source(tmp_path: Path) -> None:
    assert found(tmp_path) == Provenance(LOCAL_SOURCE, "ada")
    assert found(tmp_path, source="site", prune=True).source == "site"
    with pytest.raises(InvalidInput, match="is in no git repository") as refused:
        found(tmp_path, prune=True)
    assert "--source" in (refused.value.hint or "")


@pytest.mark.parametrize("source", ["", " "])
def test_a_source_has_a_name(tmp_path: Path, source: str) -> None:
    with pytest.raises(InvalidInput, match="the source has no name"):
        found(tmp_path, source=source, prune=True)


def test_a_git_that_fails_is_told_in_its_own_words(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    with pytest.raises(InvalidInput, match="not a git repository") as refused:
        found(tmp_path)
    assert "--source" in (refused.value.hint or "")
    assert found(tmp_path, source="site") == Provenance("site", "ada", None, dirty=True)


def test_without_git_a_repository_is_not_taken_for_a_folder(clone: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="git cannot be started"):
        found(clone, PATH=str(tmp_path / "nothing"))


def test_the_origin_is_the_source(clone: Path) -> None:
    git(clone, "remote", "add", "origin", "https://ada:tok3n@example.org/org/fleet.git")
    assert found(clone).source == "example.org/org/fleet"


def test_without_an_origin_every_work_tree_has_the_name_of_the_main_one(clone: Path, tmp_path: Path) -> None:
    git(clone, "worktree", "add", "-q", str(tmp_path / "other"))
    (clone / "sub").mkdir()
    assert [found(folder).source for folder in (clone, clone / "sub", tmp_path / "other")] == ["fleet"] * 3


def test_a_repository_without_a_commit_has_a_source(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert found(tmp_path) == Provenance(tmp_path.name, "ada")


def test_a_hook_s_repository_is_not_taken_for_that_of_the_files(clone: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "hooked")
    assert found(clone, GIT_DIR=str(tmp_path / "hooked/.git")).source == "fleet"


# --- dirt -----------------------------------------------------------------------------------------------------------


def test_what_is_committed_is_clean(clone: Path) -> None:
    (clone / "sub").mkdir()
    (clone / "release.plan").write_text("no file of ours")
    assert not found(clone).dirty
    assert not found(clone / "jobs.yaml").dirty
    assert len(found(clone).commit or "") == 40


def test_what_is_hidden_is_not_read(clone: Path) -> None:
    (clone / ".venv").mkdir()
    (clone / ".venv/jobs.yaml").write_text("b: ls\n")
    assert not found(clone).dirty
    assert found(clone / ".venv").dirty


def test_what_may_differ_from_the_commit_is_dirty(clone: Path) -> None:
    (clone / "jobs.yaml").write_text("a: pwd\n")
    assert found(clone).dirty
    assert found(clone / "jobs.yaml").dirty


def test_files_that_git_is_told_not_to_see_are_seen(clone: Path) -> None:
    git(clone, "config", "status.showUntrackedFiles", "no")
    (clone / "new").mkdir()
    (clone / "new/jobs.yaml").write_text("b: ls\n")
    assert found(clone).dirty
    (clone / ".git/info/exclude").write_text("new/\n")
    assert found(clone).dirty
    assert not found(clone / "jobs.yaml").dirty


def test_a_file_of_another_repository_is_dirty(clone: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.yaml").write_text("b: ls\n")
    assert found(clone, tmp_path / "elsewhere.yaml").dirty
    git(clone, "init", "-q", "within")
    (clone / "within/jobs.yaml").write_text("b: ls\n")
    assert found(clone, clone / "within").dirty
    assert found(clone).dirty


def test_a_link_is_what_it_leads_to(clone: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.yaml").write_text("b: ls\n")
    (clone / "link.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    git(clone, "add", ".")
    git(clone, "commit", "-qm", "link")
    assert found(clone / "link.yaml").dirty


def commit_all(folder: Path) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "more")


def test_a_commit_that_cannot_be_read_is_dirty(clone: Path) -> None:
    for folder in (clone / ".git/objects").iterdir():
        for file in folder.iterdir():
            if file.stat().st_size < 100 and b"tree" in zlib.decompress(file.read_bytes()):
                file.unlink()
    assert found(clone).dirty


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_a_file_that_git_shall_not_look_at_is_looked_at(clone: Path, flag: str) -> None:
    git(clone, "update-index", flag, "jobs.yaml")
    assert not found(clone).dirty
    (clone / "jobs.yaml").write_text("a: pwd\n")
    assert found(clone).dirty


def test_what_is_staged_is_not_committed(clone: Path) -> None:
    (clone / "jobs.yaml").write_text("a: pwd\n")
    git(clone, "add", ".")
    assert found(clone).dirty


def test_a_commit_of_a_file_that_git_converts_is_clean(clone: Path) -> None:
    (clone / ".gitattributes").write_text("*.yaml text eol=crlf\n")
    commit_all(clone)
    (clone / "jobs.yaml").write_bytes(b"a: ls\r\n")
    assert not found(clone).dirty


def test_what_is_missing_is_dirty(clone: Path) -> None:
    (clone / "more.yaml").write_text("b: ls\n")
    (clone / "notes.txt").write_text("nothing of ours\n")
    commit_all(clone)
    (clone / "notes.txt").unlink()
    assert not found(clone).dirty
    (clone / "more.yaml").unlink()
    assert found(clone).dirty
    assert not found(clone / "jobs.yaml").dirty


@pytest.mark.parametrize("below", ["jobs.yaml", "sub/jobs.yaml"])
def test_what_a_committed_link_leads_to_is_held_to_the_commit(clone: Path, below: str) -> None:
    for folder in ("gen/sub", "read"):
        (clone / folder).mkdir(parents=True)
    (clone / "gen" / below).write_text("b: ls\n")
    (clone / "read/link").symlink_to("../gen")
    commit_all(clone)
    assert not found(clone / "read").dirty
    assert not found(clone / "read/link" / below).dirty
    (clone / "gen" / below).write_text("b: pwd\n")
    assert found(clone / "read").dirty
    assert found(clone / "read/link" / below).dirty
    assert not found(clone / "jobs.yaml").dirty


def test_a_link_that_leads_elsewhere_than_the_committed_one_is_dirty(clone: Path) -> None:
    (clone / "other.yaml").write_text("b: ls\n")
    (clone / "read").mkdir()
    (clone / "read/link.yaml").symlink_to("../jobs.yaml")
    commit_all(clone)
    assert not found(clone / "read").dirty
    (clone / "read/link.yaml").unlink()
    (clone / "read/link.yaml").symlink_to("../other.yaml")
    assert found(clone / "read").dirty
    (clone / "read/link.yaml").unlink()
    assert found(clone / "read").dirty
    (clone / "read/link.yaml").write_text((clone / "jobs.yaml").read_text())
    assert found(clone / "read").dirty


def test_a_link_that_leaves_the_repository_and_comes_back_is_dirty(clone: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").symlink_to(clone / "jobs.yaml")
    (clone / "read").mkdir()
    (clone / "read/link.yaml").symlink_to(tmp_path / "outside")
    commit_all(clone)
    assert found(clone / "read").dirty


def test_the_way_to_a_repository_is_no_part_of_it(clone: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(clone)
    assert not found(tmp_path / "current").dirty
    assert not found(tmp_path / "current/jobs.yaml").dirty


def test_a_changed_file_of_another_repository_is_dirty_through_a_link_to_its_folder(
    clone: Path, tmp_path: Path
) -> None:
    git(tmp_path, "init", "-q", "other")
    (tmp_path / "other/more.yaml").write_text("b: ls\n")
    commit_all(tmp_path / "other")
    (clone / "link").symlink_to("../other")
    commit_all(clone)
    assert found(clone).dirty


@pytest.fixture
def with_submodule(clone: Path, tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "part")
    (tmp_path / "part/more.yaml").write_text("b: ls\n")
    commit_all(tmp_path / "part")
    git(clone, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(tmp_path / "part"), "part")
    commit_all(clone)
    return clone


def test_a_submodule_is_held_to_the_commit_that_its_repository_names(with_submodule: Path) -> None:
    part = with_submodule / "part"
    assert not found(with_submodule).dirty
    (part / "more.yaml").write_text("b: pwd\n")
    assert found(with_submodule).dirty
    assert not found(with_submodule / "jobs.yaml").dirty
    git(part, "commit", "-qam", "change")
    assert found(with_submodule).dirty
    commit_all(with_submodule)
    assert not found(with_submodule).dirty
    (part / ".gitignore").write_text("new.yaml\n")
    (part / "new.yaml").write_text("c: ls\n")
    assert found(with_submodule).dirty


def test_a_submodule_that_is_not_there_is_dirty(with_submodule: Path) -> None:
    git(with_submodule, "submodule", "deinit", "-f", "part")
    assert found(with_submodule).dirty
    assert not found(with_submodule / "jobs.yaml").dirty


# --- who ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["\udcff", "x" * 201])
def test_a_name_that_cannot_be_kept_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="GITHUB_ACTOR"):
        operator({"GITHUB_ACTOR": name})
