"""docs/reference/json-lines.md: its keys are those of the code, and of what commands print."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
from pathlib import Path

import pytest

from runlet.cli import junit
from runlet.cli.printers import JsonlPrinter
from runlet.model.declaration import Change
from runlet.model.execution import State
from runlet.protocol import views
from runlet.protocol.values import WIRE_NAME
from tests.docs import pages
from tests.harness import Fleet, wait_until
from tests.operators import RUNLET, Operator
from tests.unit.cli.runs import execution, run

PAGE = pages.read("docs/reference/json-lines.md")


def rows(heading: str) -> dict[str, list[str]]:
    """The names in each row's first column, and its keys."""
    found = re.findall(r"^\| (`.+?) \| (`.+?) \| ", pages.section(PAGE, heading), re.MULTILINE)
    return {name: re.findall(r"`(\w+)`", keys) for names, keys in found for name in re.findall(r"`(\w+)`", names)}


def test_the_lines_that_follow_a_run_are_those_of_the_printer() -> None:
    one = execution("pi-1")
    printer = JsonlPrinter(run(one))
    text = printer.run(run(one)) + printer.changed(one) + printer.output(one.id, b"x\r\n")
    text += printer.gap(one.id, 1)
    text += printer.rollout(views.RolloutView(1, 2, None, None, None, None))
    printed = [json.loads(line) for line in text.splitlines()]
    assert rows("## Following a run") == {line["type"]: list(line) for line in printed}


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("plan", Change),
        ("apply", Change),
        ("rollback", Change),
        ("history", views.ApplyView),
        ("ps", views.RunSummary),
        ("show", views.RunView),
        ("jobs", views.JobView),
        ("devices", views.DeviceView),
    ],
)
def test_the_keys_of_listings_are_the_views(command: str, kind: type[object]) -> None:
    fields = [field.metadata.get(WIRE_NAME, field.name) for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    assert rows("## Listings")[command] == fields + (["answers"] if command == "show" else [])


def test_questions_and_answers_have_the_keys_of_the_page(fleet: Fleet, tmp_path: Path) -> None:
    operator = Operator(tmp_path, fleet)
    number = operator.detached("exec", "pi-1", "--", "bash", "-c", "read -p 'Lines of JSON? ' a")
    [line] = wait_until(
        lambda: operator.succeed("prompts", "--run", number, "--output", "jsonl").splitlines(), "the question"
    )
    group = json.loads(line)
    assert list(group) == rows("## Questions")["prompts"]
    watching = subprocess.Popen(
        [RUNLET, "prompts", "--run", number, "--watch", "--output", "jsonl"],
        env=operator.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout
    asked = json.loads(watching.stdout.readline())
    assert (list(asked), asked["type"]) == (["type", "prompt"], "asked")
    answer = json.loads(operator.succeed("answer", group["id"], "y", "--output", "jsonl"))
    assert list(answer) == rows("## Questions")["answer"] == [one.name for one in dataclasses.fields(views.AnswerView)]
    assert answer["result"] == "taken"
    assert list(json.loads(operator.succeed("history", "--answers", "-n", "1", "--output", "jsonl"))) == list(answer)
    gone = json.loads(watching.stdout.readline())
    assert (gone["type"], gone["prompt"]["id"]) == ("gone", asked["prompt"]["id"])
    watching.terminate()
    watching.wait()
    watching.stdout.close()


def test_commands_print_what_the_page_says(fleet: Fleet, tmp_path: Path) -> None:
    operator = Operator(tmp_path, fleet)
    (tmp_path / "jobs.yaml").write_text("json-lines: echo line\n")
    operator.succeed("apply", "jobs.yaml", "--source", "json-lines")
    operator.succeed("exec", "pi-1", "--", "true")
    try:
        for command, keys in rows("## Listings").items():
            if command != "rollback":
                arguments = ["jobs.yaml", "--source", "json-lines"] if command in ("plan", "apply") else []
                lines = operator.succeed(command, *arguments, "--output", "jsonl").splitlines()
                assert {tuple(json.loads(line)) for line in lines} == {tuple(keys)}, command
    finally:
        operator.succeed("config", "--delete", "json-lines", "--yes")


def test_logs_print_lines_while_and_after(fleet: Fleet, tmp_path: Path) -> None:
    operator = Operator(tmp_path, fleet)
    number = operator.detached("exec", "pi-1,pi-2", "--", "sh", "-c", "printf '\\033[1mtwo\\033[0m\\nlines'")
    types = rows("## Following a run")
    followed = [json.loads(line) for line in operator.succeed("logs", number, "-f", "-o", "jsonl").splitlines()]
    assert followed[0]["type"] == "run"
    assert all(list(line) == types[line["type"]] for line in followed)
    stored = [json.loads(line) for line in operator.succeed("logs", number, "-o", "jsonl").splitlines()]
    for lines in (followed, stored):
        said = sorted((line["device"], line["line"]) for line in lines if line["type"] == "output")
        assert said == [("pi-1", "lines"), ("pi-1", "two"), ("pi-2", "lines"), ("pi-2", "two")]


@pytest.mark.parametrize("command", ["plan", "apply", "history", "ps", "jobs", "devices", "show"])
def test_no_colours_in_pipes(fleet: Fleet, tmp_path: Path, command: str) -> None:
    (tmp_path / "jobs.yaml").write_text("colours: echo red\n")
    operator = Operator(tmp_path, fleet)
    operator.succeed("exec", "pi-1", "--", "true")
    arguments = ["jobs.yaml", "--source", "colours"] if command in ("plan", "apply") else []
    variables = operator.environment | {"CLICOLOR_FORCE": "1", "COLORTERM": "truecolor"}
    done = subprocess.run([RUNLET, command, *arguments], env=variables, cwd=tmp_path, capture_output=True)
    assert b"\x1b" not in done.stdout + done.stderr
    if command == "apply":
        operator.succeed("config", "--delete", "colours", "--yes")


@pytest.mark.parametrize("state", State)
def test_the_report_s_elements_are_described(state: State) -> None:
    kind = junit.kind_of(state)
    described = {
        state
        for row in re.findall(rf"^\| `{kind}` \| (.+) \|$", PAGE, re.MULTILINE)
        for state in re.findall(r"`(\w+)`", row)
    }
    if state.is_outcome and kind is not None:
        assert state.value in described


def test_the_report_s_bounds_are_described() -> None:
    assert f"{junit.OUTPUT_BYTES // 1024} KiB a device at most, and {junit.ALL_OUTPUT_BYTES // 1024**2} MiB" in PAGE
