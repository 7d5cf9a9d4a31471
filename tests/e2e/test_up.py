"""`runlet up`, `down` and `status` as a person uses them, and what becomes of the fleet when something is killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from runlet.controller.migrations.migrate import migrate
from tests.harness import WELL, processes_marked, wait_until

RUNLET = Path(sys.executable).with_name("runlet")
COMMAND_SECONDS = 180.0


class Site:
    """A home of its own, and the commands in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.environment = {**os.environ, "RUNLET_HOME": str(path)}
        # Where a person happens to be: what stands there is none of ours, whatever its name.
        self.work = path.with_name(f"{path.name}'s work")
        self.work.mkdir()
        (self.work / "logging.py").write_text("raise SystemExit('a module of the working directory')")

    def runlet(self, *arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [RUNLET, *arguments],
            cwd=self.work,
            env=self.environment | changed,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            stdin=subprocess.DEVNULL,
        )

    def up(self, *arguments: str) -> None:
        started = self.runlet("up", "--detach", *arguments)
        assert started.returncode == 0, started.stdout + started.stderr

    def foreground(self, *arguments: str) -> subprocess.Popen[str]:
        """`up` in the foreground, once it is ready."""
        process = subprocess.Popen(
            [RUNLET, "up", *arguments],
            cwd=self.work,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_until(lambda: (self.path / "endpoint.json").exists() or process.poll() is not None, "up to be ready")
        assert process.poll() is None, process.communicate()[0]
        return process

    def status(self) -> dict[str, object]:
        return json.loads(self.runlet("status", "--output", "json").stdout)

    def child(self, config: str) -> int:
        """The number of the child with this configuration."""
        [pid] = [entry["pid"] for entry in json.loads((self.path / "processes.json").read_text())
                 if entry["mark"].endswith(f"/{config}.json")]  # fmt: skip
        return pid

    def processes(self) -> list[int]:
        return processes_marked(str(self.path))

    def end(self) -> None:
        self.runlet("down")
        self.assert_nothing_runs()

    def assert_nothing_runs(self) -> None:
        """Erlang's small helpers end by themselves an instant after their machine."""
        wait_until(lambda: not self.processes(), f"all of {self.path} to be gone")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    one = Site(tmp_path / "home of a fleet")  # with spaces: a person's folder may have some
    yield one
    one.end()


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The fleet of those that leave one as they found it: a broker takes seconds to boot."""
    one = Site(tmp_path_factory.mktemp("lasting") / "home of a fleet")
    one.up("--devices", "pi-1")
    yield one
    one.end()


def listens(port: int) -> bool:
    with closing(socket.socket()) as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


def test_up_status_down(site: Site) -> None:
    started = site.runlet("up", "-d", "--devices", "pi-1,pi-2")
    assert started.returncode == 0, started.stderr
    steps = dict.fromkeys(line.split()[0] for line in started.stdout.splitlines() if line)
    assert list(steps)[:4] == ["broker", "controller", "devices", "ready"]

    status = site.status()
    assert (status["running"], status["devices"]) == (True, ["pi-1", "pi-2"])
    assert status["health"] == WELL
    assert site.runlet("status").returncode == 0
    broker_port = json.loads((site.path / "config" / "broker.json").read_text())["port"]
    assert listens(broker_port)

    stopped = site.runlet("down")
    assert (stopped.returncode, stopped.stderr) == (0, "")
    site.assert_nothing_runs()
    assert not listens(broker_port)
    assert not (site.path / "endpoint.json").exists()
    assert site.status() == {"home": str(site.path), "running": False}
    assert site.runlet("status").returncode == 1


def test_down_of_nothing(site: Site) -> None:
    stopped = site.runlet("down")
    assert (stopped.returncode, stopped.stdout) == (0, f"nothing runs in {site.path}\n")


def test_secrets_are_for_their_owner(lasting: Site) -> None:
    secret = [
        lasting.path / "endpoint.json",
        *(lasting.path / "config").iterdir(),
        lasting.path / "broker" / "definitions.json",
    ]
    assert {path.stat().st_mode & 0o777 for path in secret} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (lasting.path, lasting.path / "broker")} == {0o700}


def test_ctrl_c_ends_the_foreground_in_order(site: Site) -> None:
    process = site.foreground("--devices", "2")
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate(timeout=COMMAND_SECONDS)
    assert process.returncode == 0
    assert [line.split()[0] for line in told.splitlines() if line][-2:] == ["stopping", "stopped"]
    site.assert_nothing_runs()


def test_ctrl_c_while_starting(site: Site) -> None:
    process = subprocess.Popen([RUNLET, "up"], env=site.environment, stdout=subprocess.PIPE, text=True)
    wait_until((site.path / "broker" / "processes.json").exists, "the broker to be started")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=COMMAND_SECONDS)
    assert process.returncode == 0
    site.assert_nothing_runs()


def test_a_second_up_names_the_first(lasting: Site) -> None:
    second = lasting.runlet("up")
    assert second.returncode == 1
    assert f"a fleet runs already in {lasting.path} by process {lasting.status()['pid']}" in second.stderr
    assert "hint: stop it with: runlet down" in second.stderr
    assert lasting.status()["running"], "the first goes on"


def test_two_homes_side_by_side(lasting: Site, site: Site) -> None:
    site.up("--devices", "pi-1")
    wait_until(lambda: lasting.status()["health"] == WELL, "the other to be well, whatever was killed before")
    assert lasting.status()["url"] != site.status()["url"]
    site.runlet("down")
    assert lasting.status()["health"] == WELL


def test_a_killed_up_leaves_nothing_and_the_next_works(site: Site) -> None:
    process = site.foreground("--devices", "2")
    process.kill()
    process.communicate()
    site.up("--devices", "2")
    assert site.status()["health"] == WELL


def test_children_of_a_killed_up_stop_by_themselves(site: Site) -> None:
    process = site.foreground("--devices", "2")
    process.kill()
    process.communicate()
    site.assert_nothing_runs()


@pytest.mark.parametrize("child", ["broker", "controller", "device-pi-1"])
def test_a_killed_child_is_started_again(lasting: Site, child: str) -> None:
    before = lasting.child(child)
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: lasting.child(child) != before, f"{child} to be started again")
    ran = wait_until(
        lambda: done if (done := lasting.runlet("exec", "pi-1", "--", "echo", "still here")).returncode == 0 else None,
        "the fleet to work again",
    )
    assert "still here" in ran.stdout


def test_a_program_outlives_its_agent_and_ends_with_down(site: Site, tmp_path: Path) -> None:
    site.up("--devices", "pi-1")
    run_for_ever(site, tmp_path / "pid")
    before = site.child("device-pi-1")
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: site.child("device-pi-1") != before, "the agent to be started again")
    assert "running" in site.runlet("show", "1").stdout
    site.runlet("down")
    site.assert_nothing_runs()


def test_programs_of_a_fleet_that_was_killed_whole(site: Site, tmp_path: Path) -> None:
    """The next `up` has them again; `down` without it ends them."""
    process = site.foreground("--devices", "pi-1")
    program = run_for_ever(site, tmp_path / "pid")
    kill_whole(site, process)
    process = site.foreground("--devices", "pi-1")
    wait_until(lambda: "running" in site.runlet("show", "1").stdout, "the program to be found")
    kill_whole(site, process)
    assert Path(f"/proc/{program}").exists()
    assert site.runlet("down").returncode == 0
    site.assert_nothing_runs()


def run_for_ever(site: Site, told: Path) -> int:
    """A program on pi-1, once it runs; its process."""
    started = site.runlet("exec", "--detach", "pi-1", "--", "sh", "-c", f"echo $$ > {told}; exec sleep 1000")
    assert started.returncode == 0, started.stderr
    return int(wait_until(lambda: told.read_text() if told.exists() else "", "the program to run"))


def kill_whole(site: Site, up: subprocess.Popen[str]) -> None:
    agent = site.child("device-pi-1")
    os.kill(agent, signal.SIGSTOP)  # else it might see the end of its `up` first, and end its programs
    up.kill()
    os.kill(agent, signal.SIGKILL)
    up.communicate()
    (site.path / "endpoint.json").unlink()


def test_a_child_that_goes_on_crashing_ends_no_other(site: Site) -> None:
    """Its disk may have room again, its configuration be mended: until then the others go on, and their programs."""
    process = site.foreground("--devices", "pi-1,pi-2")
    run = site.runlet("exec", "pi-2", "-d", "--", "sh", "-c", "echo begun; read line; echo ended")
    assert run.returncode == 0, run.stderr
    config = site.path / "config" / "device-pi-1.json"
    whole = config.read_text()
    config.write_text("not JSON")
    os.kill(site.child("device-pi-1"), signal.SIGKILL)
    told = until_told(process, "device-pi-1", "ended with exit code 1")
    assert "not an agent's configuration" in told, "the child's last words"
    log = site.path / "log" / "device-pi-1.log"
    wait_until(lambda: log.read_text().count("not an agent's configuration") > 5, "more crashes than a few", 60)
    config.write_text(whole)
    until_told(process, "device-pi-1", "runs again")
    shown = site.runlet("show")
    assert "pi-2" in shown.stdout
    assert "interrupted" not in shown.stdout
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=COMMAND_SECONDS)
    assert process.returncode == 0


def until_told(process: subprocess.Popen[str], part: str, words: str) -> str:
    """The next line that `up` prints of this part with these words."""
    assert process.stdout
    return next(line for line in process.stdout if line.startswith(part) and words in line)


def test_a_device_that_cannot_be_started_keeps_no_other_from_it(site: Site) -> None:
    journal = site.path / "devices" / "pi-1" / "journal.db"
    journal.parent.mkdir(parents=True)
    journal.write_bytes(b"no database" * 1000)
    process = site.foreground("--devices", "pi-1,pi-2")
    told = until_told(process, "device-pi-1", "ended with exit code 1")
    assert f"{journal} is damaged" in told
    assert site.runlet("exec", "pi-2", "--", "true").returncode == 0
    journal.unlink()
    until_told(process, "device-pi-1", "runs again")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=COMMAND_SECONDS)


def test_what_is_stored_is_its_owner_s_and_programs_have_the_mask_of_their_user(lasting: Site) -> None:
    shown = lasting.runlet("exec", "pi-1", "--", "sh", "-c", "echo mask=$(umask)")
    mask = os.umask(0)
    os.umask(mask)
    assert f"mask={mask:04o}" in shown.stdout, shown.stdout + shown.stderr
    kept = [path for folder in ("devices/pi-1", "controller") for path in (lasting.path / folder).rglob("*")]
    others = [path for path in kept if path.lstat().st_mode & 0o077]
    assert kept
    assert others == []


def test_the_jobs_of_the_last_up_are_still_there(site: Site) -> None:
    playbook = site.path.parent / "hello.yaml"
    playbook.write_text("hello: echo hello\n")
    site.up("--devices", "pi-1")
    assert site.runlet("apply", str(playbook)).returncode == 0
    site.runlet("down")
    site.up("--devices", "pi-1")
    assert "hello" in site.runlet("jobs").stdout


@pytest.mark.parametrize("detach", [[], ["--detach"]])
def test_a_taken_port(site: Site, detach: list[str]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        refused = site.runlet("up", "--port", str(port), *detach)
    assert refused.returncode == 1
    assert f"error: port {port} for the controller is taken" in refused.stderr
    site.assert_nothing_runs()


@pytest.mark.parametrize("detach", [[], ["--detach"]])
def test_a_missing_rabbitmq(site: Site, detach: list[str], tmp_path: Path) -> None:
    refused = site.runlet("up", *detach, RUNLET_RABBITMQ_HOME=str(tmp_path))
    assert refused.returncode == 1
    assert "error: RabbitMQ is not installed" in refused.stderr
    assert "hint: install it with: sudo apt-get install rabbitmq-server" in refused.stderr


def test_the_enabled_devices_of_an_inventory(site: Site, tmp_path: Path) -> None:
    inventory = tmp_path / "inventory.yaml"
    inventory.write_text("devices:\n  pi-1:\n  pi-2: {enabled: false}\n  pi-3:\n")
    site.up("--inventory", str(inventory))
    assert site.status()["devices"] == ["pi-1", "pi-3"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--devices", "pi.1"], "'pi.1' cannot name a device"),
        (["--devices", "pi-1,pi-1"], "named twice: pi-1"),
        (["--devices", "0"], "0 devices"),
        (["--devices", "1", "--inventory", "x.yaml"], "exclude each other"),
    ],
)
def test_wrong_devices(site: Site, arguments: list[str], complaint: str) -> None:
    refused = site.runlet("up", *arguments)
    assert refused.returncode == 1
    assert complaint in refused.stderr


def test_a_home_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    refused = Site(tmp_path / "file").runlet("up")
    assert refused.returncode == 1
    assert f"error: {tmp_path / 'file'} cannot hold a fleet: File exists" in refused.stderr


def test_a_database_of_an_unreleased_build_ends_it_with_the_way_out(site: Site) -> None:
    database = site.path / "controller" / "runlet.db"
    database.parent.mkdir(parents=True)
    migrate(f"sqlite:///{database}")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("ALTER TABLE apply DROP COLUMN origin")
    refused = site.runlet("up", "-d")
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 2, refused.stderr
    assert "unreleased build of Runlet: it differs in apply.origin\n" in refused.stderr
    assert f"remove {database} " in refused.stderr
