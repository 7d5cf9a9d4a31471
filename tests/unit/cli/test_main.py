"""runlet/cli/main.py, as a program: what it costs to start, what it says, how it exits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runlet.cli.main import COMMANDS

NAMES = [name for section in COMMANDS.values() for name in section]


def runlet(*arguments: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RUNLET_")}
    return subprocess.run(
        [sys.executable, "-m", "runlet.cli.main", *arguments],
        env={**kept, "RUNLET_HOME": str(home), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def test_the_version_needs_no_heavy_library() -> None:
    program = (
        "import sys; sys.argv = ['runlet', '--version']\n"
        "from runlet.cli.main import main\n"
        "try: main()\n"
        "finally: print(sorted({'rich', 'httpx2', 'websockets', 'asyncio', 'yaml'} & set(sys.modules)))\n"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert output.splitlines()[1] == "[]"


def test_help_names_every_command(tmp_path: Path) -> None:
    told = runlet("--help", home=tmp_path).stdout
    assert all(f"\n  {name}" in told for name in NAMES)


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"up", "down", "status", "controller", "agent"}))
def test_every_command_has_help_with_an_example(name: str, tmp_path: Path) -> None:
    told = runlet(name, "--help", home=tmp_path).stdout
    assert f"Usage: runlet {name}" in told
    assert "  Example" in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["foo"], "No such command 'foo'"),
        (["rnu"], "Did you mean 'run'?"),
        (["run"], "Missing argument 'JOB'"),
        (["ps", "--no"], "No such option"),
        (["ps"], "no controller is known"),
        (["--controller", "http://127.0.0.1:9", "ps"], "no token"),
        (["show", "foo"], "neither the number of a run nor the word latest"),
        (["exec", ",", "--", "ls"], "the target is empty"),
        (["@run", "upgrade"], "no controller is known"),
        (["@config"], "@config is not available in this version"),
        (["@signin", "--x"], "RUNLET_TOKEN"),
        (["validate", "/does/not/exist.yaml"], "/does/not/exist.yaml"),
    ],
)
def test_a_mistake_is_one_message_and_exit_code_1(arguments: list[str], said: str, tmp_path: Path) -> None:
    ended = runlet(*arguments, home=tmp_path)
    assert ended.returncode == 1
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


def test_a_controller_that_is_down(tmp_path: Path) -> None:
    ended = runlet("--controller", "http://127.0.0.1:1", "devices", home=tmp_path, RUNLET_TOKEN="x")
    assert ended.returncode == 1
    assert "http://127.0.0.1:1 does not answer" in ended.stderr
    assert "hint: is it up?" in ended.stderr


def test_errors_are_json_when_output_is(tmp_path: Path) -> None:
    ended = runlet("ps", "--output", "json", home=tmp_path)
    assert json.loads(ended.stderr)["error"]["code"] == "controller_unavailable"


def test_every_mistake_of_every_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("job:\n  scrip: ls\n")
    (tmp_path / "b.yaml").write_text("job: [\n")
    ended = runlet("apply", str(tmp_path), home=tmp_path)
    assert ended.returncode == 1
    assert f"{tmp_path / 'a.yaml'}:2:" in ended.stderr
    assert f"{tmp_path / 'b.yaml'}:" in ended.stderr
    assert "in 2 files" in ended.stderr


def test_completion_is_a_script(tmp_path: Path) -> None:
    assert "_RUNLET_COMPLETE" in runlet("completion", "bash", home=tmp_path).stdout
