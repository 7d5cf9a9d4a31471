"""A job that runs by itself, as an operator sees it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.harness import Fleet, wait_until
from tests.operators import Operator

_PLAYBOOK = """\
heartbeat:
  script: echo beat
  where: custom
  whereCustom: [pi-1]
  every: every 2 seconds
  schedule: {suspend: %s}
"""


@pytest.fixture
def declare(operator: Operator) -> Callable[[str], str]:
    """Apply the playbook, suspended or not."""

    def apply(suspend: str) -> str:
        (operator.home / "heartbeat.yaml").write_text(_PLAYBOOK % suspend)
        return operator.succeed("apply", "heartbeat.yaml", "--source", "heartbeat")

    return apply


def test_a_plan_is_of_the_device_that_it_is_made_on(operator: Operator, fleet: Fleet) -> None:
    """A job with `every` and without `where` is that device's, whoever applies the saved plan."""
    playbook, home = operator.home / "by-itself.yaml", operator.home / "on-a-device"
    playbook.write_text("by-itself: {script: 'true', every: 300d}\n")
    home.mkdir()
    content = {"url": fleet.url, "token": operator.environment["RUNLET_TOKEN"], "device": "pi-2"}
    (home / "endpoint.json").write_text(json.dumps(content))
    there = Operator(operator.home, None)
    there.environment["RUNLET_HOME"] = str(home)
    planned = there.runlet("plan", str(playbook), "--source", "by-itself", "--out", "by-itself.plan")
    assert planned.returncode == 2, planned.stderr
    assert "say where" in operator.runlet("plan", str(playbook), "--source", "by-itself").stderr
    assert "+ job by-itself  created" in operator.succeed("apply", "--plan", "by-itself.plan")
    assert "1 unchanged" in there.succeed("apply", str(playbook), "--source", "by-itself")
    operator.succeed("config", "--delete", "by-itself", "--yes")


def test_an_applied_job_runs_by_itself_until_it_is_suspended(operator: Operator, declare: Callable[[str], str]):
    declare("false")
    try:
        wait_until(lambda: len(operator.json("schedule", "heartbeat")["firings"]) >= 2, "two fire times")
        listed = [line for line in operator.succeed("schedule").splitlines() if line.startswith("heartbeat")]
        assert listed[0].split()[1:3] == ["2s", "UTC"]
        shown = operator.succeed("schedule", "heartbeat", "-n", "3")
        assert "launched" in shown
        of_job = [run for run in operator.json("ps") if run["job"] == "heartbeat"]
        assert len(of_job) >= 2
        assert len({run["scheduled_for"] for run in of_job}) == len(of_job)
        [line, *_] = [one for one in operator.succeed("ps").splitlines() if " heartbeat " in one]
        assert line.endswith(", by its schedule")
        assert "started by its schedule, for 20" in operator.succeed("show", str(of_job[0]["id"]))
    finally:
        declare("true")
    assert "suspended" in operator.succeed("schedule", "heartbeat")


def test_a_preview_needs_no_controller(operator: Operator):
    elsewhere = {"RUNLET_CONTROLLER": "http://127.0.0.1:1", "RUNLET_TOKEN": "none"}
    arguments = ("schedule", "--preview", "every weekday at 08:00", "--timezone", "Europe/Zurich", "-n", "5")
    first, *instants = operator.runlet(*arguments, **elsewhere).stdout.splitlines()
    assert first == "every weekday at 08:00, Europe/Zurich"
    assert len(instants) == 5
    assert all(instant.endswith(" 08:00") for instant in instants)
    found = json.loads(operator.runlet(*arguments, "--output", "json", **elsewhere).stdout)
    assert (found["every"], found["timezone"], len(found["next"])) == (first.split(",")[0], "Europe/Zurich", 5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--preview", "every mnday at noon"], "did you mean 'monday'?"),
        (["--preview", "1h", "--timezone", "Europe/Zurch"], "did you mean Europe/Zurich?"),
        (["--preview", "1h", "job"], "about a text, not about a job"),
        (["--timezone", "UTC"], "--timezone belongs to --preview"),
        (["no-such-job"], "no job is called"),
        (["by-hand"], "has no schedule"),
    ],
)
def test_what_cannot_be_told_is_refused(operator: Operator, arguments: list[str], words: str):
    (operator.home / "by-hand.yaml").write_text("by-hand: 'true'\n")
    operator.succeed("apply", "by-hand.yaml", "--source", "by-hand")
    done = operator.runlet("schedule", *arguments)
    assert done.returncode == 1
    assert words in done.stderr
