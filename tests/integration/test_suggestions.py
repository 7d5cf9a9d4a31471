"""What people answered becomes what the job declares: applied, the next run needs nobody."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import yaml

from runlet.cli import inbox
from runlet.client.api import Api
from runlet.model.execution import State
from runlet.model.run import ExitCode
from runlet.protocol.views import ExecutionView, RunView
from tests.harness import Fleet, Typist, attached, wait_until
from tests.integration.test_secrets import runlet

PLAYBOOK = """\
learns:
  script: |
    read -p 'Install 12 packages? [Y/n] ' a
    read -s -p 'Vault password: ' p; echo
    read -p 'Proceed? ' b
    echo "<$a> <${#p}> <$b>"
  where: custom
  whereCustom: [pi-1, pi-2]
  input:
    timeout: 1h
"""


ANSWERS = {
    "Install": {"pi-1": b"y\r", "pi-2": b"y\r"},
    "Vault": {"pi-1": b"hush\r", "pi-2": b"hush\r"},
    "Proceed": {"pi-1": b"\r", "pi-2": b"no\r"},
}


def asking(fleet: Fleet, run: RunView, question: str) -> list[ExecutionView]:
    """The executions, once both wait with this question."""

    def found() -> list[ExecutionView] | None:
        with fleet.api() as api:
            asks = [one for one in api.run(run.id).executions if one.prompt and question in one.prompt.text]
        return asks if len(asks) == 2 else None

    return wait_until(found, f"{question} on both")


async def test_the_next_run_needs_nobody(fleet: Fleet, tmp_path: Path) -> None:
    file = tmp_path / "learns.yaml"
    file.write_text(PLAYBOOK)
    assert runlet(fleet, "apply", "--source", "learning", "--yes", str(file)).returncode == 0
    assert runlet(fleet, "run", "learns", "--detach").returncode == 0
    with fleet.api() as api:
        run = api.run("latest")
    async with attached(fleet, run) as attachment:
        for question, answers in ANSWERS.items():
            for asked in await asyncio.to_thread(asking, fleet, run, question):
                await Typist(attachment).type(answers[asked.device or ""], asked)
    assert fleet.settled(run).state is State.SUCCEEDED
    suggested = runlet(fleet, "answers", "suggest", str(run.id))
    assert suggested.returncode == 0, suggested.stderr
    assert "# Give VAULT_PASSWORD at the launch" in suggested.stdout
    patch = yaml.safe_load(suggested.stdout)
    assert patch == {
        "input": {
            "timeout": "1h",
            "answers": [
                {"match": r"^Install [0-9]{1,9} packages\? \[Y/n\]\Z", "send": "y"},
                {"match": r"^Vault password:\Z", "secret": "VAULT_PASSWORD"},
                {"match": r"^Proceed\?\Z", "send": "", "devices": {"pi-2": "no"}},
            ],
        }
    }
    as_json = runlet(fleet, "answers", "suggest", str(run.id), "--output", "json")
    assert json.loads(as_json.stdout) == patch

    indented = "".join(f"  {line}\n" for line in suggested.stdout.splitlines())
    file.write_text(PLAYBOOK.partition("  input:")[0] + indented)
    assert runlet(fleet, "apply", "--source", "learning", "--yes", str(file)).returncode == 0
    again = runlet(fleet, "run", "learns", "--wait", "--no-input", VAULT_PASSWORD="hush")
    assert again.returncode == ExitCode.SUCCEEDED, again.stdout + again.stderr
    assert "<y> <4> <>" in again.stdout
    assert "<y> <4> <no>" in again.stdout


def test_a_run_in_which_nobody_answered_has_nothing_to_suggest(fleet: Fleet) -> None:
    run = fleet.settled(fleet.exec(["true"]))
    done = runlet(fleet, "answers", "suggest", str(run.id))
    assert done.returncode == ExitCode.ERROR
    assert f"nobody answered a question of run {run.id}" in done.stderr


def answered(api: Api, run: RunView, question: str, text: str) -> None:
    [view] = wait_until(lambda: [one for one in api.prompts(run.id) if question in one.prompt.text], question)
    api.answer(inbox.answers([inbox.Question("", view)], text.encode() + b"\r", "ann"))


def test_a_declared_secret_that_was_not_given_is_no_new_rule(fleet: Fleet, tmp_path: Path) -> None:
    file = tmp_path / "withheld.yaml"
    script = "read -s -p 'Vault password: ' p; echo; {more}echo done"
    rule = "      - {match: 'Vault password:', secret: VAULT_PASSWORD}"
    told = {}
    for more in ("", "read -p 'Proceed? ' b; "):
        text = f"withheld:\n  script: |\n    {script.format(more=more)}\n  input:\n    answers:\n{rule}\n"
        file.write_text(text)
        assert runlet(fleet, "apply", "--source", "withheld", "--yes", str(file)).returncode == 0
        assert runlet(fleet, "run", "withheld", "--on", "pi-1", "--detach").returncode == 0
        with fleet.api() as api:
            run = api.run("latest")
            answered(api, run, "Vault", "hush")
            if more:
                answered(api, run, "Proceed", "yes")
        assert fleet.settled(run).state is State.SUCCEEDED
        told[more] = runlet(fleet, "answers", "suggest", str(run.id))
    nothing, proceed = told.values()
    assert f"what people answered in run {run.id - 1} is declared: VAULT_PASSWORD" in nothing.stderr
    answers = yaml.safe_load(proceed.stdout)["input"]["answers"]
    assert answers == [
        {"match": r"^Proceed\?\Z", "send": "yes"},
        {"match": "Vault password:", "secret": "VAULT_PASSWORD"},
    ]
    assert "# Give VAULT_PASSWORD at the launch" in proceed.stdout
