"""What the command line says of deadlines: until when devices are awaited, what expired, what a person is asked."""

from __future__ import annotations

import os
import re
import signal
from datetime import timedelta
from pathlib import Path

from runlet.model.delivery import Delivery, Offline
from runlet.model.execution import State
from runlet.model.job import Job
from runlet.model.rollout import OnInterrupted
from runlet.model.target import Target
from tests.harness import Fleet, apply
from tests.operators import Operator


def declare(fleet: Fleet, job: Job) -> None:
    with fleet.api() as api:
        apply(api, job)


def test_who_is_awaited_and_until_when(operator: Operator, fleet: Fleet, device: str) -> None:
    target = Target.parse(f"pi-1,{device}")
    declare(fleet, Job("awaited", "true", target=target, delivery=Delivery(deliver_within=timedelta(days=3))))
    number = operator.detached("run", "awaited")
    operator.runlet("logs", number, "--device", "pi-1", "--follow")
    shown = operator.succeed("show", number)
    assert re.search(r"^state 1 done, 1 waiting to reconnect until [A-Z][a-z]+day$", shown, re.MULTILINE)
    assert re.search(rf"^{device} +queued, expires [A-Z][a-z]{{2}} \d\d:\d\d", shown, re.MULTILINE)
    assert operator.json("show", number)["executions"][0]["expires_at"]
    operator.succeed("cancel", number)


def test_what_expires_ends_the_wait_with_a_code_of_its_own(operator: Operator, fleet: Fleet, device: str) -> None:
    delivery = Delivery(deliver_within=timedelta(seconds=2))
    declare(fleet, Job("expires", "true", target=Target.parse(f"pi-1,{device}"), delivery=delivery))
    done = operator.runlet("run", "expires", "--wait")
    assert done.returncode == 5
    assert done.stderr.splitlines()[-1].endswith(": 1 done, 1 expired")
    assert f"{device} | Expired: not delivered before its deadline" in done.stdout


def test_a_device_that_is_not_there_is_told_at_once(operator: Operator, fleet: Fleet, device: str) -> None:
    declare(fleet, Job("now-or-never", "true", target=Target.parse(device), delivery=Delivery(Offline.FAIL)))
    done = operator.runlet("run", "now-or-never", "--wait")
    assert done.returncode == 5
    assert "Expired: its device was not connected when its turn came" in done.stdout


def test_a_person_is_asked_about_what_was_interrupted(
    operator: Operator, fleet: Fleet, device: str, tmp_path: Path
) -> None:
    fleet.start_agent(device)
    script = f'mkdir "{tmp_path}/once" 2>/dev/null || exit 0\necho ready; sleep 1000'
    declare(fleet, Job("undecided", script, target=Target.parse(device), on_interrupted=OnInterrupted.ASK))
    with fleet.api() as api:
        run = api.start_run(job="undecided")
    fleet.until_printed(run, b"ready", device)
    os.kill(fleet.holder(run, device), signal.SIGKILL)
    fleet.until(run, lambda view: view.counts_as)
    number = str(run.id)
    shown = operator.succeed("show", number)
    assert "state 1 needs an answer" in shown
    assert f"runlet gate {number} --rerun" in shown
    assert re.search(rf"^{device} +interrupted, undecided", shown, re.MULTILINE)
    operator.succeed("gate", number, "--rerun")
    assert fleet.settled(run).state is State.SUCCEEDED
