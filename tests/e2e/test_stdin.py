"""`-` where a command reads a file."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.operators import RUNLET, Operator
from tests.tmux import Tmux

JOB = b"from-stdin: {script: 'read -r x; echo $x', where: custom, whereCustom: [pi-1]}\n"


def test_mistakes_name_stdin(operator: Operator) -> None:
    done = operator.runlet("validate", "-", stdin=b"a:\n  script: x\n  wher: all\n")
    assert done.returncode == 1
    assert done.stderr.startswith("<stdin>:3:3: unknown key 'wher'")
    done = operator.runlet("inventory", "import", "-", stdin=b"[web\n")
    assert (done.returncode, done.stderr.split(":")[0]) == (1, "<stdin>")


def test_a_file_beside_it_may_be_called_so(operator: Operator) -> None:
    (operator.home / "-").write_text("in-a-file: 'true'\n")
    assert operator.succeed("validate", "./-", "-", stdin=JOB) == "valid: in-a-file, from-stdin\n"
    (operator.home / "-").unlink()


def test_a_plan_and_an_apply_of_stdin(operator: Operator) -> None:
    assert operator.runlet("plan", "-", "--source", "stdin", "--out", "stdin.plan", stdin=JOB).returncode == 2
    plan = (operator.home / "stdin.plan").read_bytes()
    assert "+ job from-stdin  created" in operator.succeed("apply", "--plan", "-", stdin=plan)
    assert "1 unchanged" in operator.succeed("apply", "-", "--source", "stdin", stdin=JOB)
    operator.succeed("config", "--delete", "from-stdin", "--yes")


def test_stdin_is_of_no_commit(operator: Operator, tmp_path: Path) -> None:
    for command in (
        ["init", "-q"],
        ["-c", "user.name=A", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-mx"],
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    (tmp_path / "job.yaml").write_bytes(JOB)
    apply = [RUNLET, "apply", "-", "--source", "stdin"]
    subprocess.run(apply, cwd=tmp_path, env=operator.environment, input=JOB, check=True, capture_output=True)
    newest = json.loads(operator.succeed("history", "-n", "1", "--output", "json"))[0]
    assert (newest["commit"] is not None, newest["dirty"]) == (True, True)
    operator.succeed("config", "--delete", "from-stdin", "--yes")


@pytest.mark.parametrize("command", [["inventory", "import", "-"], ["validate", "-"]])
def test_what_is_typed_is_asked_for(operator: Operator, terminal: Tmux, command: list[str]) -> None:
    terminal.enter(" ".join(["runlet", *command]))
    terminal.wait_for("until Ctrl-D")
    terminal.enter("x: y" if command[0] == "validate" else "x")
    terminal.press("C-d")
    terminal.wait_for_end(0)


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_without_a_file_the_hint_is_a_command_of_its_kind(operator: Operator, command: str) -> None:
    assert f"as in: runlet {command} playbooks/" in operator.runlet(command).stderr
