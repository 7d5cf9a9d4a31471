"""Inventories from the command line, and a run that finds no device."""

from __future__ import annotations

from pathlib import Path

from tests.harness import Fleet
from tests.operators import Operator


def test_an_imported_inventory_is_written_once(tmp_path: Path) -> None:
    operator = Operator(tmp_path, None)
    (tmp_path / "hosts.ini").write_text("[web]\nweb[1:2].lan:22 port=80\n")
    done = operator.runlet("inventory", "import", "hosts.ini", "--output-file", "new.yaml")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines() == [
        "hosts.ini:2:1: 'web1.lan' is called 'web1-lan' here: it cannot name a device as it is",
        "hosts.ini:2:1: 'web2.lan' is called 'web2-lan' here: it cannot name a device as it is",
        "hosts.ini:2:1: port 22 of 'web[1:2].lan' is left out: agents connect by themselves",
    ]
    assert (tmp_path / "new.yaml").read_text() == operator.succeed("inventory", "import", "hosts.ini")
    again = operator.runlet("inventory", "import", "hosts.ini", "--output-file", "new.yaml")
    assert (again.returncode, "new.yaml exists already" in again.stderr) == (1, True)
    elsewhere = operator.runlet("inventory", "import", "hosts.ini", "--output-file", "no/new.yaml")
    assert "no/new.yaml cannot be written: No such file or directory" in elsewhere.stderr


def test_a_job_that_may_find_no_device_succeeds_on_none(fleet: Fleet, tmp_path: Path) -> None:
    operator = Operator(tmp_path, fleet)
    (tmp_path / "job.yaml").write_text(
        "idle:\n  script: exit 1\n  where: custom\n  whereCustom: [nobody]\n  allowEmpty: true\n"
    )
    operator.succeed("apply", "job.yaml")
    assert operator.succeed("run", "idle").endswith(" of idle on no device\n")
    assert operator.json("run", "idle")["executions"] == []
    assert "where nobody" in operator.succeed("show")
