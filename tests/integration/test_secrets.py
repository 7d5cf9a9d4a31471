"""Secrets that a job's answers name: from the operator's command line to the program, and in nothing between."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from runlet.model.declared_answers import Rule, Rules
from runlet.model.execution import State
from runlet.model.job import Job
from runlet.model.target import Target, Where
from tests.harness import TOKEN, Fleet, apply

SECRET = "corr3ct-h0rse battery"
SCRIPT = "read -s -p 'Password: ' p; echo; echo \"$p\" | sha256sum | cut -c 1-8"


def runlet(fleet: Fleet, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {"RUNLET_CONTROLLER": fleet.url, "RUNLET_TOKEN": TOKEN, **environment}
    return subprocess.run(
        [sys.executable, "-m", "runlet.cli", *words], env=os.environ | own, capture_output=True, text=True, check=False
    )


def declare(fleet: Fleet, name: str, script: str = SCRIPT) -> None:
    rules = Rules(answers=(Rule("Password|Name", secret="VAULT_PASSWORD"),))
    with fleet.api() as api:
        apply(api, Job(name, script, target=Target(Where.CUSTOM, ("pi-1", "pi-2")), input=rules))


@pytest.mark.parametrize("by_file", [True, False])
def test_a_secret_is_typed_and_nobody_is_asked(fleet: Fleet, tmp_path: Path, by_file: bool) -> None:
    declare(fleet, "unlock")
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n")
    how = ("--secret", f"VAULT_PASSWORD=@{file}") if by_file else ()
    environment = {} if by_file else {"VAULT_PASSWORD": SECRET}
    done = runlet(fleet, "run", "unlock", "--wait", *how, **environment)
    assert done.returncode == 0, done.stderr
    expected = subprocess.run(["sha256sum"], input=(SECRET + "\n").encode(), capture_output=True, check=True)
    with fleet.api() as api:
        run = api.runs(1).__next__()[0]
        view = api.run(run.id)
        assert view.secrets == ("VAULT_PASSWORD",)
        (answered, _) = list(api.answers(run.id))
    assert (answered.secret, answered.text) == (True, None)
    for device in ("pi-1", "pi-2"):
        assert expected.stdout[:8] in fleet.transcript(view, device)
    again = runlet(fleet, "rerun", str(run.id), "--only", "succeeded", "--wait", *how, **environment)
    assert again.returncode == 0, again.stderr
    assert _holding(fleet.home, SECRET.encode()) == []


def test_what_is_missing_is_told_and_asked_for(fleet: Fleet) -> None:
    declare(fleet, "unlock-later")
    started = runlet(fleet, "run", "unlock-later", "--detach")
    assert started.returncode == 0
    assert (
        "the secret VAULT_PASSWORD is not given: where it is asked for, a person is asked. "
        "Set the environment variable VAULT_PASSWORD, or give --secret VAULT_PASSWORD=@FILE\n"
    ) in started.stderr
    with fleet.api() as api:
        run = api.run("latest")
        (asked,) = (
            one for one in [fleet.until(run, lambda view: view.state is State.AWAITING_INPUT)] if one.device == "pi-1"
        )
        assert asked.detail == "the secret VAULT_PASSWORD was not given at launch"
        api.cancel(run.id)
    fleet.settled(run)


def test_a_secret_is_not_typed_where_it_would_be_seen(fleet: Fleet) -> None:
    declare(fleet, "shown", "read -p 'Name: ' p")
    assert runlet(fleet, "run", "shown", "--detach", VAULT_PASSWORD=SECRET).returncode == 0
    with fleet.api() as api:
        run = api.run("latest")
        asked = fleet.until(run, lambda view: view.state is State.AWAITING_INPUT)
        assert asked.detail == "the terminal shows what is typed, and VAULT_PASSWORD is secret"
        api.cancel(run.id)
    fleet.settled(run)
    assert _holding(fleet.home, SECRET.encode()) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--secret", f"VAULT_PASSWORD={SECRET}"), "VAULT_PASSWORD must be a file's name behind '@'"),
        (("--secret", "VAULT_PASSWORD=@/no/such"), "/no/such: the secret VAULT_PASSWORD cannot be read: No such file"),
        (("--secret", "OTHER=@/dev/null"), "no secret called OTHER is in the job's answers: they name VAULT_PASSWORD"),
        (("--secret", "VAULT_PASSWORD=@/dev/null"), "the secret VAULT_PASSWORD is empty"),
        (("--secret", "VAULT_PASSWORD=@/dev/zero"), "the secret VAULT_PASSWORD is longer than 1000 bytes"),
        (("--secret", "VAULT_PASSWORD=@/etc/passwd"), "the secret VAULT_PASSWORD is longer than 1000 bytes"),
    ],
)
def test_a_secret_that_is_none_starts_nothing(fleet: Fleet, words: tuple[str, ...], told: str) -> None:
    declare(fleet, "unlock-not")
    done = runlet(fleet, "run", "unlock-not", "--detach", *words)
    assert done.returncode != 0
    assert told in " ".join(done.stderr.split())
    assert SECRET not in done.stderr
    with fleet.api() as api:
        assert all(one.job != "unlock-not" for one in next(api.runs(5), []))


def _holding(folder: Path, text: bytes) -> list[Path]:
    """The files with this text in them, databases as they are on the disk."""
    for database in folder.rglob("*.db"):
        with sqlite3.connect(database) as connection:
            connection.execute("PRAGMA wal_checkpoint")
        connection.close()
    return [path for path in folder.rglob("*") if path.is_file() and text in path.read_bytes()]
