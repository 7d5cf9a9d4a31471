"""`runlet config`: jobs changed by hand, in an editor, where the controller holds them."""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.operators import Operator
from tests.tmux import Tmux

SOURCE = "https://git.example.org/fleet"


@pytest.fixture
def job(operator: Operator, tmp_path: Path) -> Iterator[str]:
    """A job that a repository declares; it is deleted at the end."""
    name = f"edited-{uuid.uuid4()}"
    playbook = tmp_path / "jobs.yaml"
    playbook.write_text(f"{name}:\n  script: echo before\n  where: all\n")
    operator.succeed("apply", str(playbook), "--source", SOURCE)
    yield name
    if name in owners(operator):
        operator.succeed("config", "--delete", name, "--yes")


@pytest.fixture
def editor(tmp_path: Path) -> Callable[..., str]:
    """Makes an editor that does what a shell command says, the first time the first, and so on; "$1" is the file."""

    def make(*commands: str) -> str:
        folder = tmp_path / "editor"
        folder.mkdir()
        for number, command in enumerate(commands):
            (folder / f"{number}.sh").write_text(command)
        script = folder / "editor"
        script.write_text(
            f"cd {shlex.quote(str(folder))}\nnext=$(ls [0-9]*.sh | sort -n | head -n 1)\n"
            'mv "$next" now && cat "$1" >> seen && bash -e now "$1"\n'
        )
        return f"bash {shlex.quote(str(script))}"

    return make


def owners(operator: Operator) -> dict[str, str]:
    return {job["name"]: job["owner"] for job in operator.json("jobs")}


def planned(operator: Operator, playbook: Path) -> int:
    return operator.runlet("plan", str(playbook), "--source", SOURCE).returncode


def newest(operator: Operator) -> Any:
    return operator.json("history", "-n", "1")[0]


def test_a_change_by_hand_stays_the_owners_and_its_next_plan_tells(
    operator: Operator, job: str, editor: Callable[..., str], tmp_path: Path
) -> None:
    playbook = tmp_path / "jobs.yaml"
    assert planned(operator, playbook) == 0
    told = operator.succeed("config", job, "--yes", EDITOR=editor("sed -i 's/echo before/echo by hand/' \"$1\""))
    assert f"of {SOURCE}\n~ job {job}  changed\n" in told
    assert '"echo before" -> "echo by hand"' in told
    assert "\x1b" not in told
    assert owners(operator)[job] == SOURCE
    assert (newest(operator)["note"], newest(operator)["source"]) == ("by hand", SOURCE)
    drift = operator.runlet("plan", str(playbook), "--source", SOURCE)
    assert drift.returncode == 2
    assert '"echo by hand" -> "echo before"' in drift.stdout
    operator.succeed("apply", str(playbook), "--source", SOURCE)
    assert planned(operator, playbook) == 0


def test_a_new_job_belongs_to_no_repository_and_is_deleted_by_name(
    operator: Operator, job: str, editor: Callable[..., str]
) -> None:
    new = f"new-{uuid.uuid4()}"
    operator.succeed("config", job, "--yes", EDITOR=editor(f"printf '{new}: ls\\n' > \"$1\""))
    assert owners(operator)[new] == "by hand"
    assert owners(operator)[job] == SOURCE, "what is taken out of the text stays"
    told = operator.succeed("config", "--delete", new, "--yes")
    assert f"- job {new}  deleted" in told
    assert new not in owners(operator)


@pytest.mark.parametrize("command", ["true", ': > "$1"', 'sed -i /^[^#]/d "$1"'])
def test_an_unchanged_or_empty_text_does_nothing(
    operator: Operator, job: str, editor: Callable[..., str], command: str
) -> None:
    before = newest(operator)
    done = operator.runlet("config", job, "--yes", EDITOR=editor(command))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "nothing is changed\n")
    assert newest(operator) == before


def test_mistakes_are_told_with_their_lines_and_the_text_is_kept(
    operator: Operator, job: str, editor: Callable[..., str], tmp_path: Path
) -> None:
    command = f"printf '{job}:\\n  scrip: ls\\n' > \"$1\""
    done = operator.runlet("config", job, "--yes", EDITOR=editor(command), TMPDIR=str(tmp_path))
    assert done.returncode == 1
    (file,) = tmp_path.glob("runlet-*/jobs.yaml")
    assert f"your text is kept in {file.parent}\n" in done.stderr
    assert f"{file}:2:3: unknown key 'scrip'" in done.stderr
    assert file.read_text() == f"{job}:\n  scrip: ls\n"


def test_what_changed_meanwhile_is_not_overwritten(
    operator: Operator, job: str, editor: Callable[..., str], tmp_path: Path
) -> None:
    playbook = tmp_path / "jobs.yaml"
    command = (
        f'sed -i s/before/meanwhile/ {playbook}; runlet apply {playbook} --source {SOURCE}; sed -i s/before/mine/ "$1"'
    )
    done = operator.runlet("config", job, "--yes", EDITOR=editor(command), TMPDIR=str(tmp_path))
    assert done.returncode == 1
    assert f"changed on the controller meanwhile: {job}" in done.stderr
    assert "your text is kept in" in done.stderr
    assert planned(operator, playbook) == 0


def test_on_a_terminal_it_edits_again_asks_and_takes_no_for_an_answer(
    operator: Operator, open_terminal: Callable[..., Tmux], job: str, editor: Callable[..., str], tmp_path: Path
) -> None:
    terminal = open_terminal(columns=120, rows=50)
    wrong, right = 'sed -i s/script:/scrip:/ "$1"', "sed -i 's/scrip:.*/script: echo after/' \"$1\""
    named = shlex.quote(editor(wrong, right, right.replace("scrip:", "script:")))
    terminal.enter(f"export TMPDIR={tmp_path} EDITOR={named}")
    terminal.wait_for_end(0)
    terminal.enter(f"runlet config {job}")
    terminal.wait_for("Edit again? [Y/n]:")
    assert "unknown key 'scrip'" in terminal.text()
    terminal.enter("y")
    terminal.wait_for("Apply? [y/N]:")
    assert '"echo before" -> "echo after"' in terminal.text().replace("\n", "")
    terminal.enter("")
    terminal.wait_for("nothing is changed")
    terminal.wait_for_end(0)
    seen = (tmp_path / "editor" / "seen").read_text()
    assert seen.startswith("# Jobs as the controller holds them")
    assert "scrip: echo before" in seen, "the text with the mistake is there again"
    terminal.enter(f"clear; runlet config {job}")
    terminal.wait_for("Apply? [y/N]:")
    terminal.enter("y")
    terminal.wait_for(f"applied for {SOURCE}")
    terminal.wait_for_end(0)
    assert planned(operator, tmp_path / "jobs.yaml") == 2, "the repository's plan tells of it"


def test_without_a_terminal_it_never_asks(operator: Operator, job: str) -> None:
    for arguments in ([job], ["--delete", job]):
        done = operator.runlet("config", *arguments, EDITOR="false")
        assert done.returncode == 1
        assert "there is no terminal on which to ask before applying" in done.stderr


def test_on_a_terminal_pruning_asks_and_elsewhere_it_does_not(
    operator: Operator, open_terminal: Callable[..., Tmux], tmp_path: Path
) -> None:
    source, name = f"pruned-{uuid.uuid4()}", f"pruned-{uuid.uuid4()}"
    folder = tmp_path / "runlet"
    folder.mkdir()
    (folder / "jobs.yaml").write_text(f"{name}: ls\n")
    apply = ["apply", str(folder), "--prune", "--source", source]
    operator.succeed(*apply)
    (folder / "jobs.yaml").unlink()
    terminal = open_terminal(columns=150, rows=50)
    terminal.enter(shlex.join(["runlet", *apply]))
    terminal.wait_for("Apply? [y/N]:")
    assert f"source {source}" in terminal.text()
    assert f"- job {name}  would be deleted" in terminal.text()
    terminal.enter("")
    terminal.wait_for("nothing is changed")
    terminal.wait_for_end(0)
    assert name in {job["name"] for job in operator.json("jobs")}
    terminal.enter(f"clear; {shlex.join(['runlet', *apply])}")
    terminal.wait_for("Apply? [y/N]:")
    terminal.enter("y")
    terminal.wait_for(f"applied for {source}")
    terminal.wait_for_end(0)
    assert name not in {job["name"] for job in operator.json("jobs")}
    (folder / "jobs.yaml").write_text(f"{name}: ls\n")
    operator.succeed(*apply)
    (folder / "jobs.yaml").unlink()
    assert f"- job {name}  deleted" in operator.succeed(*apply)


def test_on_a_terminal_a_rollback_asks_before_it_deletes(
    operator: Operator, open_terminal: Callable[..., Tmux], tmp_path: Path
) -> None:
    source, old, new = (f"{word}-{uuid.uuid4()}" for word in ("rolled", "old", "new"))
    file = tmp_path / "jobs.yaml"
    for text in (f"{old}: ls\n", f"{old}: ls\n{new}: ls\n"):
        file.write_text(text)
        operator.succeed("apply", str(file), "--source", source)
    newest, before = (one["id"] for one in operator.json("history", "-n", "2"))
    same = operator.runlet("rollback", "latest")
    assert f"declares what it did after apply {newest}; before it: runlet rollback {before}" in same.stderr
    rollback = shlex.join(["runlet", "rollback", str(before)])
    terminal = open_terminal(columns=150, rows=50)
    terminal.enter(rollback)
    terminal.wait_for("Apply? [y/N]:")
    assert f"- job {new}  would be deleted" in terminal.text()
    terminal.enter("")
    terminal.wait_for("nothing is changed")
    terminal.wait_for_end(0)
    assert new in {job["name"] for job in operator.json("jobs")}
    terminal.enter(f"clear; {rollback} --yes")
    terminal.wait_for(f"- job {new}  deleted")
    terminal.wait_for_end(0)
    assert new not in {job["name"] for job in operator.json("jobs")}


def test_a_job_that_is_gone_from_a_folder_is_mentioned(operator: Operator, tmp_path: Path) -> None:
    source, name = f"gone-{uuid.uuid4()}", f"gone-{uuid.uuid4()}"
    folder = tmp_path / "runlet"
    folder.mkdir()
    for one in (name, f"{name}-stays"):
        (folder / f"{one}.yaml").write_text(f"{one}: ls\n")
    planned = operator.runlet("plan", str(folder), "--source", source)
    assert f"+ job {name}  would be created" in planned.stdout
    assert "would create 2" in planned.stdout
    operator.succeed("apply", str(folder), "--source", source)
    (folder / f"{name}.yaml").unlink()
    for command in ("plan", "apply"):
        told = operator.runlet(command, str(folder), "--source", source).stderr
        assert told == (
            f"not in these files, and kept: {name}; --prune deletes all jobs of {source} that are not in the files"
            " named, also those of its other folders\n"
        )
    file = str(folder / f"{name}-stays.yaml")
    assert operator.runlet("plan", file, "--source", source).stderr == ""
    assert operator.runlet("plan", str(folder), "--prune", "--source", source).stderr == ""
    (folder / f"{name}-stays.yaml").unlink()
    operator.succeed("apply", str(folder), "--prune", "--yes", "--source", source)
