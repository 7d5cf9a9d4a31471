"""A rollout as an operator steers it: what `run` tells meanwhile, gates, aborts, attempts and reruns."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.harness import wait_until
from tests.operators import COMMAND_SECONDS, RUNLET, Operator

PLAYBOOK = """
gated:
  script: echo done on $RUNLET_DEVICE
  where: custom
  whereCustom: [pi-1, pi-2, pi-3]
  rollout: {batches: [1, 100%], gate: true}
fragile:
  script: exit 3
  where: custom
  whereCustom: [pi-1, pi-2, pi-3]
  rollout: {batches: [1]}
  abort: [{on: failed, threshold: 50%, minExecuted: 2}]
twice:
  script: |
    [ -e "$1/seen" ] && echo second && exit
    touch "$1/seen"
    echo first
    exit 3
  where: custom
  whereCustom: [pi-1]
  retry: {max: 1, backoff: {from: 1s, to: 1s}}
"""


@pytest.fixture(scope="module")
def applied(operator: Operator) -> Operator:
    (operator.home / "rollouts.yaml").write_text(PLAYBOOK)
    operator.succeed("apply", "rollouts.yaml")
    return operator


def test_a_gate_is_told_and_approved(applied: Operator) -> None:
    run = subprocess.Popen(
        [RUNLET, "run", "gated"],
        env=applied.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    number = wait_until(
        lambda: next(
            (
                str(one["id"])
                for one in applied.json("ps")
                if one["job"] == "gated" and one["rollout"]["waits_for"] == "gate"
            ),
            None,
        ),
        "the gate",
    )
    assert "1 done, 2 queued, waits for approval" in applied.succeed("ps")
    assert f"rollout batch 1 of 2; waits for approval: runlet gate {number} --approve" in applied.succeed("show")
    assert applied.succeed("gate", number, "--approve").startswith(f"run {number}: ")
    out, told = run.communicate(timeout=COMMAND_SECONDS)
    assert run.returncode == 0, told
    assert {line for line in out.splitlines() if "done on" in line} == {f"pi-{n} | done on pi-{n}" for n in (1, 2, 3)}
    assert told.splitlines() == [
        f"run {number}: batch 1 of 2",
        f"run {number}: waits for approval: runlet gate {number} --approve",
        f"run {number}: batch 2 of 2 begins",
        f"run {number}: 3 done",
    ]
    again = applied.runlet("gate", number, "--approve")
    assert again.returncode == 1
    assert f"run {number} has ended already" in again.stderr


def test_an_aborted_run_exits_with_7_and_is_run_again(applied: Operator) -> None:
    done = applied.runlet("run", "fragile")
    assert done.returncode == 7, done.stderr
    number = applied.json("show")["id"]
    assert f"run {number}: aborted: 2 of 2 completed failed; the threshold is 50%\n" in done.stderr
    assert "2 failed, 1 cancelled, aborted" in applied.succeed("show")
    again = applied.runlet("rerun", str(number), "--only", "cancelled")
    assert again.returncode == 4, "one of one failed; the rule waits for two"
    shown = applied.json("show")
    assert [view["device"] for view in shown["executions"]] == ["pi-3"]
    assert shown["rerun_of"] == number
    assert f"rerun of {number}" in applied.succeed("show")
    wrong = applied.runlet("rerun", str(number), "--only", "running")
    assert (wrong.returncode, "'running' ends no execution" in wrong.stderr) == (1, True)


def test_attempts_are_told_and_their_logs_kept(applied: Operator, tmp_path: Path) -> None:
    first, told, second, trailer = applied.succeed("run", "twice", str(tmp_path)).splitlines()
    assert (first, second, trailer) == ("pi-1 | first", "pi-1 | second", "pi-1 | Exited with code: 0 signal: none")
    assert told.startswith("pi-1 | Attempt 1 has ended; attempt 2 follows at ")
    assert "succeeded, attempt 2" in applied.succeed("show")
    assert applied.succeed("logs") == "second\n"
    assert applied.succeed("logs", "--attempt", "1") == "first\n"
    assert applied.runlet_bytes("logs", "--attempt", "1", "--raw").stdout == b"first\r\n"
    missing = applied.runlet("logs", "--attempt", "3")
    assert (missing.returncode, "has had 2 attempts" in missing.stderr) == (1, True)


def test_a_paused_run_is_resumed(applied: Operator) -> None:
    number = applied.detached("run", "gated")
    told = applied.succeed("gate", number, "--pause", "--reason", "the mirror is down")
    assert f"paused: the mirror is down; go on with: runlet gate {number} --resume" in told
    applied.succeed("gate", number, "--resume")
    applied.succeed("cancel", number)
    assert applied.runlet("gate", number).returncode == 1


def test_a_rollout_is_told_to_programs(applied: Operator) -> None:
    done = applied.runlet("run", "fragile", "--output", "jsonl")
    rollouts = [event["rollout"] for event in map(json.loads, done.stdout.splitlines()) if event["type"] == "rollout"]
    assert [one["batch"] for one in rollouts] == sorted(one["batch"] for one in rollouts)
    assert rollouts[-1]["aborted_by"]
