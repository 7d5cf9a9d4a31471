"""`runlet controller` and `runlet controller migrate`, as an operator types them on a new machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from runlet.controller.migrations import CURRENT
from tests.databases import PrivatePostgres

RUNLET = Path(sys.executable).parent / "runlet"


@pytest.fixture(params=["sqlite", "postgresql"])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A configuration whose database is empty."""
    database = f"sqlite:///{tmp_path}/new.db"
    if request.param == "postgresql":
        server: PrivatePostgres = request.getfixturevalue("postgres")
        database = server.url(server.create())
    content = {
        "workspace": "default",
        "listen": {"host": "127.0.0.1", "port": 0},
        "database": database,
        "transcripts": str(tmp_path / "transcripts"),
        "broker": "amqp://127.0.0.1:9/",
        "token": "any",
        "devices": [],
    }
    path = tmp_path / "controller.json"
    path.write_text(json.dumps(content))
    return path


def controller(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([RUNLET, "controller", *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL)


def test_an_empty_database_is_refused_then_migrated_once(config: Path):
    refused = controller("--config", config)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.splitlines()[-2:] == [
        "error: the database is empty",
        "hint: make its tables with: runlet controller migrate --config FILE",
    ]
    made, again = controller("migrate", "--config", config), controller("migrate", "--config", config)
    assert (made.returncode, made.stdout) == (0, f"the database's schema was empty, and has version {CURRENT} now\n")
    assert (again.returncode, again.stdout) == (0, f"the database's schema has version {CURRENT} already\n")
    assert again.stderr == ""


def test_a_database_that_does_not_answer_is_said_in_one_line(config: Path):
    content = json.loads(config.read_text()) | {"database": "postgresql+psycopg://me:secret@127.0.0.1:9/runlet"}
    config.write_text(json.dumps(content))
    for arguments in ((), ("migrate",)):
        failed = controller(*arguments, "--config", config)
        assert failed.returncode == 1
        [line] = [line for line in failed.stderr.splitlines() if "error:" in line]
        assert "127.0.0.1" in line
        assert "secret" not in failed.stderr
        assert "Traceback" not in failed.stderr
