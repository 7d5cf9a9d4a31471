from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from runlet.model.declared_answers import Mode, Rule, Rules
from runlet.model.delivery import Delivery, Offline
from runlet.model.execution import State
from runlet.model.job import Job
from runlet.model.logs import Logs, Overflow
from runlet.model.notify import Notify
from runlet.model.rollout import Abort, Amount, Concurrency, OnInterrupted, Retry, Rollout
from runlet.model.schedule import Schedule
from runlet.model.target import Target, Where

FULL = Job(
    name="backup",
    script="tar -c /srv\n",
    description="nightly",
    show_duration=True,
    cwd="/srv",
    target=Target.custom(["pi-1", "pi-2"]),
    schedule=Schedule("6h", timezone="Europe/Zurich"),
    entrypoint=("bash", "-e"),
    barred=frozenset({"mac", "pi-9"}),
    rollout=Rollout(batches=(Amount(1), Amount(10, percent=True))),
    aborts=(Abort(Amount(3)),),
    retry=Retry(max=2),
    concurrency=Concurrency(max=20),
    on_interrupted=OnInterrupted.RERUN,
    delivery=Delivery(Offline.FAIL, timedelta(hours=12), supersede=True),
    vars={"port": 80},
    env={"LANG": "C.UTF-8"},
    timeout=timedelta(minutes=90),
    logs=Logs(64 * 1024, Overflow.BLOCK),
    notify=(Notify(frozenset({State.FAILED, State.AWAITING_INPUT}), command=("tell", "me")),),
    input=Rules(Mode.REQUIRED, timedelta(hours=1), answers=(Rule("Go on", send="y", devices={"pi-1": "n"}),)),
)

CHANGES = {
    "notify": (Notify(frozenset({State.FAILED}), webhook="https://example.org/"),),
    "name": "copy",
    "script": "tar -c /home\n",
    "description": "",
    "show_duration": False,
    "cwd": None,
    "target": Target(Where.CUSTOM, FULL.target.patterns, allow_empty=True),
    "schedule": Schedule("6h"),
    "entrypoint": None,
    "barred": frozenset({"mac"}),
    "rollout": None,
    "aborts": (),
    "retry": Retry(max=3),
    "concurrency": Concurrency(max=20, group="apt"),
    "delivery": Delivery(),
    "on_interrupted": OnInterrupted.FAIL,
    "vars": {"port": 81},
    "env": {"LANG": "C"},
    "timeout": timedelta(hours=1),
    "logs": Logs(10_000_000, Overflow.STOP),
    "input": Rules(Mode.REQUIRED, timedelta(hours=1), answers=(Rule("Go on", send="y"),)),
}


@pytest.mark.parametrize("job", [FULL, Job("hello", "echo hello")])
def test_mapping_and_back(job: Job) -> None:
    assert Job.from_mapping(job.to_mapping()) == job


def test_equal_content_has_an_equal_revision() -> None:
    assert replace(FULL, barred=frozenset({"pi-9", "mac"})).revision == FULL.revision
    assert len(FULL.revision) == 64


@pytest.mark.parametrize("field", CHANGES)
def test_every_field_is_part_of_the_revision(field: str) -> None:
    assert replace(FULL, **{field: CHANGES[field]}).revision != FULL.revision


def test_no_field_is_forgotten_here() -> None:
    assert set(CHANGES) == set(Job.__dataclass_fields__)
