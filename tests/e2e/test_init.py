"""`runlet init`: a repository that works as it is, begun in an empty folder, in a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.operators import Operator
from tests.tmux import Tmux


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Operator]:
    one = Operator(tmp_path, None)
    yield one
    one.runlet("down")


def files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_what_init_says_to_type_works_in_its_order(newcomer: Operator) -> None:
    terminal = Tmux(newcomer.environment, 130, 50)
    try:
        terminal.enter("runlet init my-fleet")
        terminal.wait_for_end(0)
        commands = re.findall(r"^  ((?:cd|runlet) .*?)(?: +# .*)?$", terminal.text(), re.MULTILINE)
        assert [" ".join(one.split()[:2]) for one in commands] == [
            "cd my-fleet",
            *(f"runlet {name}" for name in ("validate", "up", "apply", "run", "down")),
        ]
        for command in commands:
            terminal.enter(command)
            terminal.wait_for_end(0)
        assert re.search(r"^pi-3 \| Hello from pi-3, Linux", terminal.text(), re.MULTILINE)
    finally:
        terminal.close()


@pytest.mark.parametrize(("ci", "pipeline"), [("github", {".github/workflows/fleet.yaml"}), ("none", set())])
def test_the_pipeline_is_of_the_system_that_is_asked_for(newcomer: Operator, ci: str, pipeline: set[str]) -> None:
    newcomer.succeed("init", "--ci", ci)
    written = set(files(newcomer.home))
    assert {name for name in written if "github" in name or "gitlab" in name} == pipeline
    assert newcomer.succeed("validate", ".").startswith("valid: ")


@pytest.mark.parametrize("name", ["inventory.yaml", "playbooks/check.yaml", ".vscode/settings.json"])
def test_nothing_is_written_where_something_would_be_overwritten(newcomer: Operator, name: str) -> None:
    (newcomer.home / name).parent.mkdir(exist_ok=True)
    (newcomer.home / name).write_text("mine")
    done = newcomer.runlet("init")
    assert (done.returncode, files(newcomer.home)) == (1, {name: "mine"})
    assert name in done.stderr


def test_a_dangling_link_is_not_written_through(newcomer: Operator) -> None:
    (newcomer.home / "inventory.yaml").symlink_to("elsewhere")
    assert newcomer.runlet("init").returncode == 1
    assert not (newcomer.home / "elsewhere").exists()


def test_what_cannot_be_written_leaves_nothing(newcomer: Operator) -> None:
    (newcomer.home / "playbooks").write_text("a file")
    done = newcomer.runlet("init")
    assert (done.returncode, files(newcomer.home)) == (1, {"playbooks": "a file"})
    assert "error: " in done.stderr
    assert "Traceback" not in done.stderr


def test_runlet_alone_leads_a_newcomer_to_the_first_thing_to_type(newcomer: Operator) -> None:
    terminal = Tmux(newcomer.environment, 100, 30)
    try:
        terminal.enter("runlet")
        shown = terminal.wait_for_end(0)
        assert "No controller is known here. Begin with:\n  runlet up -d --devices 3 " in shown
    finally:
        terminal.close()
    piped = newcomer.runlet()
    assert (piped.returncode, piped.stderr.startswith("Usage: runlet ")) == (1, True)


def test_runlet_alone_names_the_controller_that_is_known(operator: Operator, terminal: Tmux) -> None:
    terminal.enter("runlet")
    assert f"The controller is {operator.environment['RUNLET_CONTROLLER']}." in terminal.wait_for_end(0)
