"""runlet/cli/main.py, as a program: what it costs to start, what it says, how it exits."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from runlet.cli.main import COMMANDS
from runlet.spec import schema

ROOT = Path(__file__).parents[3]
FORMS = ("sarif", "github", "json")
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
        (["@config"], "there is no terminal on which to ask"),
        (["@config", "--yes"], "no controller is known"),
        (["run", "upgrade", "--detach", "--wait"], "--detach does not wait"),
        (["run", "upgrade", "--junit", "/no/such/folder/report.xml"], "no folder that one may write to"),
        (["logs", "--raw", "--output", "jsonl"], "raw output is bytes"),
        (["logs", "--output", "json"], "is not one of 'table', 'jsonl'"),
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


@pytest.mark.parametrize(
    "arguments", [["run", "a", "-e", "zz=\udcff"], ["plan", ".", "--source", "\udcff"], ["exec", "all", "--", "\udcff"]]
)
def test_bytes_that_are_no_text(arguments: list[str], tmp_path: Path) -> None:
    ended = runlet(*arguments, home=tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: an argument is not UTF-8: '")


def test_a_name_of_an_operator_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: ls\n")
    ended = runlet("plan", str(tmp_path), home=tmp_path, GITHUB_ACTOR="\udcff")
    assert ended.returncode == 1
    assert ended.stderr == "error: GITHUB_ACTOR is not UTF-8: '\\udcff'\n"


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


def test_reports_are_on_stdout_and_words_on_stderr(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("job:\n  scrip: ls\n")
    sarif, github, json_ = (runlet("validate", str(file), "-o", form, home=tmp_path) for form in FORMS)
    for ended in (sarif, github):
        assert ended.returncode == 1
        assert f"{file}:2:3: unknown key 'scrip'" in ended.stderr
        assert ended.stderr.endswith("error: 2 mistakes in 1 file\n")
    assert [result["ruleId"] for result in json.loads(sarif.stdout)["runs"][0]["results"]] == ["schema", "schema"]
    assert [line.partition(" ")[0] for line in github.stdout.splitlines()] == ["::error", "::error"]
    assert (json_.returncode, json_.stdout) == (1, "")
    assert [one["rule"] for one in json.loads(json_.stderr)["error"]["problems"]] == ["schema", "schema"]


def test_without_mistakes_a_report_is_empty(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("job: ls\n")
    sarif, github, json_ = (runlet("validate", str(file), "-o", form, home=tmp_path) for form in FORMS)
    assert [ended.returncode for ended in (sarif, github, json_)] == [0, 0, 0]
    assert json.loads(sarif.stdout)["runs"][0]["results"] == []
    assert github.stdout == ""
    assert [job["name"] for job in json.loads(json_.stdout)] == ["job"]


def test_a_schema_is_printed_as_it_is_shipped(tmp_path: Path) -> None:
    for path in schema.folder().glob("*.schema.json"):
        name = path.name.removesuffix(".schema.json")
        assert runlet("schema", name, home=tmp_path).stdout == path.read_text("utf-8")
        assert f"\n{name} " in "\n" + runlet("schema", "--list", home=tmp_path).stdout
    assert runlet("schema", home=tmp_path).stdout == schema.text("playbook")


def test_the_wheel_holds_the_schemas(tmp_path: Path) -> None:
    """Built from a copy: a build leaves files beside its sources."""
    source = tmp_path / "source"
    for name in ("runlet", "schemas"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--wheel-dir", str(tmp_path), str(source)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    program = f"from runlet.spec import schema; assert schema.__file__.startswith({str(tmp_path)!r}); "
    program += "from runlet.cli.main import main; main()"
    for name in schema.names():
        ended = subprocess.run(
            [sys.executable, "-c", program, "schema", name],
            env={**os.environ, "PYTHONPATH": str(tmp_path / "installed")},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert ended.stdout == schema.text(name), ended.stderr


def test_completion_is_a_script(tmp_path: Path) -> None:
    assert "_RUNLET_COMPLETE" in runlet("completion", "bash", home=tmp_path).stdout


NOWHERE = {"RUNLET_CONTROLLER": "http://127.0.0.1:1", "RUNLET_TOKEN": "none"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["apply", "--plan", "{}"],
        ["init", "{}"],
        ["run", "x", "--wait", "--junit", "{}/a/b"],
    ],
)
def test_a_file_s_name_begins_no_line_of_an_error(arguments: list[str], tmp_path: Path) -> None:
    file = tmp_path / "x\n::set-output name=q::r"
    file.touch()
    failed = runlet(*(word.format(file) for word in arguments), home=tmp_path, **NOWHERE)
    assert failed.returncode == 1
    assert "\\n::set-output" in failed.stderr
    assert not [line for line in failed.stderr.splitlines() if line.startswith("::")]
