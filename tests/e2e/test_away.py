"""Programs that fail, devices and brokers that are away: what the command line says, and that nothing is lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.brokers import PrivateBroker
from tests.harness import Fleet, wait_until
from tests.operators import Operator
from tests.tmux import Tmux

# Controller and agents try again ever less often while a broker is away.
RECONNECT_SECONDS = 120.0


def test_a_device_is_offline(operator: Operator, fleet: Fleet, device: str, tmp_path: Path) -> None:
    done = operator.runlet("exec", device, "--timeout", "1", "--", "touch", str(tmp_path / "ran"))
    assert done.returncode == 124
    number = operator.json("show")["id"]
    assert done.stderr.splitlines() == [
        f"{device} is offline; it runs when the device returns",
        f"waited 1 s; run {number} goes on: runlet attach {number}",
        f"run {number}: 1 queued",
    ]
    fleet.start_agent(device)
    operator.succeed("logs", str(number), "--follow")
    assert operator.json("show", str(number))["state"] == "succeeded"
    assert (tmp_path / "ran").exists()


def test_a_narrow_terminal_shows_devices_without_their_systems(
    operator: Operator, open_terminal: Callable[..., Tmux]
) -> None:
    for columns in (80, 45):
        terminal = open_terminal(columns)
        terminal.enter("runlet devices pi-1")
        assert "os.family" in terminal.wait_for_end(0)
        terminal.enter("clear; runlet devices")
        heading = next(line for line in terminal.wait_for_end(0).splitlines() if line.startswith("DEVICE"))
        assert ("PRESENCE" in heading, "ARCH" in heading) == (True, columns == 80)


def test_a_failing_job(operator: Operator, tmp_path: Path) -> None:
    playbook = tmp_path / "fails.yaml"
    playbook.write_text("fails-on-pi-1:\n  script: test $RUNLET_DEVICE != pi-1\n  where: all\n")
    operator.succeed("apply", str(playbook))
    done = operator.runlet("run", "fails-on-pi-1", "--on", "pi-1,pi-2")
    assert done.returncode == 4
    assert set(done.stdout.splitlines()) == {
        "pi-1 | Exited with code: 1 signal: none",
        "pi-2 | Exited with code: 0 signal: none",
    }
    assert done.stderr.endswith(": 1 done, 1 failed\n")


def test_a_job_over_its_time_limit(operator: Operator, tmp_path: Path) -> None:
    playbook = tmp_path / "hangs.yaml"
    playbook.write_text("hangs:\n  script: exec sleep $TIME\n  where: all\n  env: {TIME: '1000'}\n  timeout: 1s\n")
    operator.succeed("apply", str(playbook))
    done = operator.runlet("run", "hangs", "--on", "pi-1")
    assert done.returncode == 4
    assert "ended after its time limit of 1s" in done.stdout
    assert done.stderr.endswith(": 1 timed out\n")


def test_a_cancelled_run(operator: Operator) -> None:
    number = operator.detached("exec", "pi-1", "--", "sleep", "1000")
    assert operator.succeed("cancel", number) == f"cancelling run {number} on pi-1\n"
    done = operator.runlet("attach", number)
    assert done.returncode == 4
    assert "Cancelled" in done.stdout
    again = operator.runlet("cancel", number)
    assert (again.returncode, again.stderr.splitlines()[0]) == (1, f"error: run {number} has ended already")


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("/no/such/program", "/no/such/program: No such file or directory"),
        ("no-such-program", "no-such-program: No such file or directory"),
        ("/tmp", "/tmp: Permission denied"),
    ],
)
def test_a_program_that_cannot_be_started(operator: Operator, command: str, reason: str) -> None:
    done = operator.runlet("exec", "pi-1", "--", command)
    assert done.returncode == 4
    assert reason in done.stdout


def test_a_script_that_is_not_executable(operator: Operator, tmp_path: Path) -> None:
    (tmp_path / "script").write_text("#!/bin/sh\necho never\n")
    done = operator.runlet("exec", "pi-1", "--", str(tmp_path / "script"))
    assert done.returncode == 4
    assert f"pi-1 | Failed: {tmp_path}/script: Permission denied\n" in done.stdout


def test_a_program_that_prints_nothing(operator: Operator) -> None:
    assert operator.succeed("exec", "pi-1", "--", "true") == "pi-1 | Exited with code: 0 signal: none\n"
    assert operator.succeed("logs") == ""


@pytest.fixture
def own_fleet(tmp_path: Path) -> Iterator[Fleet]:
    """pi-1 with a broker that may be stopped."""
    with PrivateBroker(tmp_path) as broker, Fleet(tmp_path, broker, ["pi-1"]) as fleet:
        yield fleet


@pytest.mark.timeout(600)
def test_the_broker_is_down(own_fleet: Fleet, tmp_path: Path) -> None:
    operator = Operator(tmp_path, own_fleet)
    broker = own_fleet.broker
    assert isinstance(broker, PrivateBroker)
    broker.stop()
    number = operator.detached("exec", "pi-1", "--", "touch", str(tmp_path / "ran"))
    assert operator.json("show", number)["state"] == "queued"
    assert operator.succeed("exec", "--detach", "pi-1", "--", "true") == f"run {int(number) + 1} of true on pi-1\n"
    assert not (tmp_path / "ran").exists()
    broker.start()
    with own_fleet.api() as api:
        wait_until(lambda: all(run.settled for run in next(api.runs(2))), "both runs to settle", RECONNECT_SECONDS)
    assert [run["state"] for run in operator.json("ps")] == ["succeeded", "succeeded"]
    assert (tmp_path / "ran").exists()


def test_a_console_outlives_its_controller(fleet: Fleet, terminal: Tmux) -> None:
    assert fleet.controller is not None
    terminal.enter("runlet exec pi-1 -- bash -c 'read -r -p name: name; echo hello $name'")
    terminal.wait_for(re.compile("^name:"))
    fleet.controller.kill()
    terminal.wait_for("trying again")
    terminal.type("lost")
    terminal.wait_for("not typed: the controller is away")
    fleet.start_controller()
    terminal.wait_for("the controller is back")
    terminal.type("Ada\r")
    screen = terminal.wait_for_end(0)
    assert "hello Ada" in screen
    assert "Exited with code: 0" in screen
