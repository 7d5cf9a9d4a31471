"""docs/how-to/ci.md: the scripts of both pipelines, run in a repository of their own against a real controller."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import parse as parse_xml

import pytest
import yaml

from tests.docs import pages
from tests.harness import Fleet
from tests.operators import Operator

BLOCKS = {block.title: block.text for block in pages.blocks(pages.read("docs/how-to/ci.md")) if block.title}
GITHUB: Any = yaml.safe_load(BLOCKS[".github/workflows/fleet.yaml"])["jobs"]
GITLAB: Any = {
    name: job for name, job in yaml.safe_load(BLOCKS[".gitlab-ci.yml"]).items() if name not in ("default", "stages")
}
PLAYBOOK = "playbooks/check.yaml"
JOB = "check-clock"
STAGES = ["validate", "plan", "apply", "drift", "check"]
INSTALL = "pip install"
# A stage that ends by itself has ended by then.
STAGE_SECONDS = 180.0


class Pipeline:
    """A CI system with a clone of the repository. A stage is a list of scripts, each run as the system runs it."""

    def __init__(self, system: str, operator: Operator, clone: Path) -> None:
        self.system = system
        self.clone = clone
        self._environment = operator.environment | {"GITHUB_STEP_SUMMARY": str(clone.parent / "summary.md")}

    def scripts(self, stage: str) -> list[str]:
        if self.system == "github":
            found = [step["run"] for step in GITHUB[stage]["steps"] if "run" in step]
            return [script for script in found if not script.startswith(INSTALL)]
        return ["\n".join(GITLAB[stage]["script"])]

    def run(self, stage: str) -> int:
        """The exit code of the first script that fails, 0 when none does."""
        return next((code for script in self.scripts(stage) if (code := self.run_script(script))), 0)

    def run_script(self, script: str) -> int:
        shell = ["bash", "-e", "-c"] if self.system == "github" else ["bash", "-eo", "pipefail", "-c"]
        done = subprocess.run(
            [*shell, script],
            cwd=self.clone,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=STAGE_SECONDS,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode

    def edit(self, before: str, after: str) -> None:
        """Change the playbook in git."""
        file = self.clone / PLAYBOOK
        file.write_text(file.read_text().replace(before, after))
        git(self.clone, "commit", "-qam", "change")


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def operator(fleet: Fleet, tmp_path: Path) -> Operator:
    return Operator(tmp_path, fleet)


@pytest.fixture(params=["github", "gitlab"])
def pipeline(request: pytest.FixtureRequest, operator: Operator, tmp_path: Path) -> Iterator[Pipeline]:
    clone = tmp_path / "clone"
    operator.succeed("init", str(clone), "--ci", request.param)
    git(clone, "init", "-q", "-b", "main")
    git(clone, "add", ".")
    git(clone, "commit", "-qm", "begin")
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    # The fleet is shared: what other tests have left of these names is taken over, and then declared no more.
    operator.succeed("apply", str(clone), "--source", "fleet", "--adopt")
    operator.succeed("apply", str(nothing), "--source", "fleet", "--prune", "--yes")
    yield Pipeline(request.param, operator, clone)
    operator.succeed("apply", str(nothing), "--source", "fleet", "--prune", "--yes")


def change_by_hand(operator: Operator) -> None:
    operator.succeed("config", JOB, "--yes", EDITOR="sed -i s/2024/2025/")


def test_both_have_the_same_stages() -> None:
    assert list(GITHUB) == list(GITLAB) == STAGES


def test_mistakes_end_the_first_stage(pipeline: Pipeline) -> None:
    assert pipeline.run("validate") == 0
    pipeline.edit("where:", "wher:")
    assert pipeline.run("validate") == 1


def test_a_change_is_planned_applied_and_checked(pipeline: Pipeline, operator: Operator) -> None:
    expected = 0  # the script takes the 2 for what it is
    if pipeline.system == "gitlab":
        expected = 2
        assert GITLAB["plan"]["allow_failure"] == {"exit_codes": [expected]}
    assert pipeline.run("plan") == expected
    assert JOB not in {job["name"] for job in operator.json("jobs")}
    if pipeline.system == "gitlab":
        assert GITLAB["apply"]["needs"] == ["plan"]
        assert GITLAB["plan"]["artifacts"] == {"when": "always", "paths": ["release.plan"]}
    else:
        assert f"+ job {JOB}  would be created" in (pipeline.clone.parent / "summary.md").read_text()
    assert pipeline.run("apply") == 0
    assert {job["owner"] for job in operator.json("jobs") if job["name"] == JOB} == {"fleet"}
    assert operator.json("history", "-n", "1")[0]["dirty"] is False
    assert pipeline.run("plan") == 0
    assert pipeline.run("check") == 0
    assert {case.get("name") for case in parse_xml(pipeline.clone / "report.xml").iter("testcase")} == {
        "pi-1",
        "pi-2",
        "pi-3",
    }


def test_what_git_no_longer_declares_is_pruned(pipeline: Pipeline, operator: Operator) -> None:
    pipeline.run("plan")
    assert pipeline.run("apply") == 0
    pipeline.edit(JOB, f"{JOB}-2")
    pipeline.run("plan")
    assert pipeline.run("apply") == 0
    found = {job["name"] for job in operator.json("jobs") if job["owner"] == "fleet"}
    assert found == {f"{JOB}-2", "hello", "disk", "place"}


def test_the_night_notices_a_change_by_hand(pipeline: Pipeline, operator: Operator) -> None:
    pipeline.run("plan")
    pipeline.run("apply")
    assert pipeline.run("drift") == 0
    change_by_hand(operator)
    assert pipeline.run("drift") == 2
    pipeline.run("plan")
    pipeline.run("apply")
    assert pipeline.run("drift") == 0


def test_a_plan_that_no_longer_fits_is_not_applied(pipeline: Pipeline, operator: Operator) -> None:
    pipeline.run("plan")
    pipeline.run("apply")
    pipeline.edit("2024", "2026")
    before, apply = [script for stage in ("plan", "apply") for script in pipeline.scripts(stage)][-2:]
    pipeline.run_script(before)
    change_by_hand(operator)
    assert pipeline.run_script(apply) == 3


def test_a_device_that_fails_fails_the_check(pipeline: Pipeline) -> None:
    pipeline.edit("2024", "9999")
    pipeline.run("plan")
    pipeline.run("apply")
    assert pipeline.run("check") == 4
    cases = parse_xml(pipeline.clone / "report.xml").iter("testcase")
    assert [case.find("failure") is not None for case in cases] == [True, True, True]
