"""Wrong words, wrong files and wrong controllers: one clear error on stderr, exit code 1, and nothing changed."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import Fleet
from tests.operators import Operator

Runlet = Callable[..., subprocess.CompletedProcess[str]]


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The error of a command that did nothing."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert re.search(r"^error: .+", done.stderr, re.MULTILINE), done.stderr
    return done.stderr


def newest_run(operator: Operator) -> int | None:
    """Its number alone: what an earlier test started may still be ending."""
    return next((run["id"] for run in operator.json("ps", "-n", "1")), None)


@pytest.fixture
def stranger(tmp_path: Path) -> Operator:
    """Somebody whose shell names no controller."""
    return Operator(tmp_path, None)


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        (["run", "upgrde"], "error: no job is called 'upgrde'"),
        (["run", "upgrade", "--on", "pi-99"], "'pi-99'"),
        (["exec", "pi-99", "--", "true"], "'pi-99'"),
        (["exec", "pi 1", "--", "true"], "error: pattern 'pi 1', column 3: ' ' cannot be part of a name"),
        (["show", "999999"], "no run 999999"),
        (["attach", "999999"], "no run 999999"),
        (["logs", "999999"], "no run 999999"),
        (["cancel", "999999"], "no run 999999"),
        (["show", "-1"], "hint: see: runlet show --help"),
        (["show", "twelve"], "'twelve' is neither the number of a run nor the word latest"),
        (["shwo"], "hint: see: runlet --help"),
        (["run"], "Missing argument 'JOB'"),
        (["ps", "--output", "yaml"], "'yaml' is not one of 'table', 'json', 'jsonl'"),
        (["run", "upgrade", "--timeout", "0"], "--timeout"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_unknown_names_and_wrong_words(operator: Operator, command: list[str], complaint: str) -> None:
    before = newest_run(operator)
    assert complaint in refused(operator.runlet(*command))
    assert newest_run(operator) == before, "no run was made"


def test_unknown_device_of_a_run(operator: Operator) -> None:
    number = operator.detached("exec", "pi-1", "--", "true")
    for command in ("attach", "logs"):
        error = refused(operator.runlet(command, number, "--device", "pi-2"))
        assert f"error: run {number} has no execution on 'pi-2'" in error
        assert f"hint: see where it runs: runlet show {number}" in error


def test_errors_are_told_in_the_form_asked_for(operator: Operator) -> None:
    done = operator.runlet("show", "999999", "--output", "json")
    assert (done.returncode, done.stdout) == (1, "")
    assert json.loads(done.stderr)["error"]["code"] == "unknown"


def test_no_controller_is_known(stranger: Operator) -> None:
    assert refused(stranger.runlet("ps")) == (
        "error: no controller is known\n"
        "hint: start one here with: runlet up; or name one with --controller or RUNLET_CONTROLLER\n"
    )


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://127.0.0.1:1", "does not answer"),
        ("http://controller.invalid:8080", "does not answer"),
        ("controller", "'controller' is no URL of a controller"),
    ],
)
def test_a_controller_that_is_not_there(stranger: Operator, url: str, complaint: str) -> None:
    error = refused(stranger.runlet("ps", RUNLET_CONTROLLER=url, RUNLET_TOKEN="any"))
    assert complaint in error
    assert "\nhint: " in error


@pytest.mark.parametrize(
    "content", ['{"url": "http://127.0.0.1:1", "token": "t", "device": "pi-1", "pid": 1}', "{", "[]"]
)
def test_a_stale_or_broken_endpoint(stranger: Operator, content: str) -> None:
    (stranger.home / "state").mkdir()
    (stranger.home / "state" / "endpoint.json").write_text(content)
    assert "\nhint: " in refused(stranger.runlet("run", "upgrade"))


def test_a_token_is_needed_and_must_be_right(stranger: Operator, fleet: Fleet) -> None:
    assert "hint: put the controller's token into RUNLET_TOKEN" in refused(
        stranger.runlet("ps", RUNLET_CONTROLLER=fleet.url)
    )
    error = refused(stranger.runlet("ps", RUNLET_CONTROLLER=fleet.url, RUNLET_TOKEN="wrong"))
    assert "token" in error
    assert "\nhint: " in error


PLAYBOOKS = {
    "huge": (b"job: echo " + b"x" * 2_000_000, r": the file is larger than 1024 KiB"),
    "not utf-8": (b"fine: echo fine\njob: echo caf\xe9\n", r":2:14: the file is not UTF-8"),
    "deep": (b"job: " + b"[" * 10_000 + b"]" * 10_000, r":1:\d+: nested deeper than 32 levels"),
    "deep by indentation": (
        b"".join(b" " * depth + b"a:\n" for depth in range(1_000)),
        r":\d+:\d+: nested deeper than 32 levels",
    ),
    "bomb": (
        b"a: &a [x, x]\n" + b"".join(b"%c: &%c [*%c, *%c]\n" % (n + 1, n + 1, n, n) for n in range(97, 122)),
        r":\d+:\d+: more than 100000 keys and values, aliases written out",
    ),
    "unclosed": (b'job: "echo\n', r":\d+:\d+: "),
    "two of a name": (b"job: echo 1\njob: echo 2\n", r":2:1: "),
    "binary": (bytes(range(256)), r":2:118: the file is not UTF-8"),
}


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_bad_playbooks(operator: Operator, tmp_path: Path, name: str) -> None:
    content, complaint = PLAYBOOKS[name]
    good, bad = tmp_path / "a-good.yaml", tmp_path / "bad.yaml"
    good.write_text("never-applied: echo never\n")
    bad.write_bytes(content)
    before = operator.json("jobs")
    for command in ("validate", "apply"):
        error = refused(operator.runlet(command, str(good), str(bad)))
        assert re.search(re.escape(str(bad)) + complaint, error)
    assert operator.json("jobs") == before


def test_every_mistake_is_told(operator: Operator, tmp_path: Path) -> None:
    playbook = tmp_path / "many.yaml"
    playbook.write_text(
        "first:\n"
        "  scrip: echo\n"
        "second:\n"
        "  script: echo\n"
        "  where: nowhere\n"
        "third: {script: 1, every: often}\n"
        "good: echo good\n"
    )  # fmt: skip
    before = operator.json("jobs")
    error = refused(operator.runlet("apply", str(playbook)))
    places = re.findall(rf"^{re.escape(str(playbook))}:(\d+:\d+): ", error, re.MULTILINE)
    assert places == ["1:1", "2:3", "5:10", "6:17", "6:27"]
    assert "unknown key 'scrip' in job 'first'; did you mean 'script'?" in error
    assert error.endswith("error: 5 mistakes in 1 file\n")
    assert operator.json("jobs") == before


def test_files_that_are_not_there(operator: Operator, tmp_path: Path) -> None:
    assert "nowhere.yaml: no such file" in refused(operator.runlet("validate", str(tmp_path / "nowhere.yaml")))
    assert "there is no playbook" in refused(operator.runlet("validate", str(tmp_path)))
