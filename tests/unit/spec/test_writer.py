"""runlet/spec/writer.py: jobs as playbooks that are read back equal."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runlet.errors import InvalidInput
from runlet.model.job import Job
from runlet.model.rollout import Abort, Amount, Concurrency, Gate, Retry, Rollout
from runlet.model.schedule import Misfire, Schedule, Window
from runlet.model.target import Target, Where
from runlet.spec import playbook
from runlet.spec.tree import load
from runlet.spec.writer import playbooks

WORDS = ["no", "1.10", "null", "~", "0x1f", "22:22", "a: b", "- a", "# a", "'", '"', "\u2028", "é", "\t", " \n x", "&a"]
TEXTS = st.text(st.sampled_from(["a", " ", "\n", ":", "-", "#", "{", "}", "'", "\\", "\u0085", "é"]), max_size=20)
SAID = st.sampled_from(WORDS) | TEXTS | st.text(max_size=20)
NAMES = st.sampled_from(
    ["settings", "job-called-settings", "true", "1.0", "0o7", "null", "2026-01-01"]
) | st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,9}", fullmatch=True)
TARGETS = st.sampled_from(
    [
        Target(),
        Target(Where.ALL, allow_empty=True),
        Target(Where.ENROLLED),
        Target.custom(["pi-*,!pi-3", "room=attic", "~pi-[0-9]{1,2}", "&web"]),
    ]
)
SCHEDULES = st.sampled_from(
    [
        Schedule("6h"),
        Schedule("0 16 * * *", timezone="Europe/Zurich", misfire=Misfire.ALL, misfire_max=3, suspend=True),
        Schedule("every weekday at 08:00", splay=timedelta(minutes=10), window=Window.parse("07:00-22:00")),
    ]
)
ROLLOUTS = st.sampled_from([Rollout(), Rollout((Amount(1), Amount(10, percent=True)), gate=Gate((1,)))])
JOBS = st.builds(
    Job,
    name=NAMES,
    script=SAID,
    description=SAID,
    show_duration=st.booleans(),
    cwd=st.none() | SAID,
    target=TARGETS,
    schedule=st.none() | SCHEDULES,
    entrypoint=st.none() | st.lists(SAID, min_size=1, max_size=3).map(tuple),
    barred=st.sampled_from([frozenset(), frozenset({"mac"}), frozenset({"mac", "1"})]),
    rollout=st.none() | ROLLOUTS,
    aborts=st.sampled_from([(), (Abort(Amount(5, percent=True)),)]),
    retry=st.none() | st.just(Retry(max=2)),
    concurrency=st.none() | st.just(Concurrency(per_device=1, group="apt")),
    vars=st.dictionaries(st.sampled_from(["port", "_x"]), SAID | st.integers(0, 9) | st.lists(SAID, max_size=2)),
    env=st.dictionaries(st.sampled_from(["LANG", "_X", "Y"]), SAID),
    timeout=st.none() | st.just(timedelta(minutes=90)),
)


def _is_one(job: Job) -> bool:
    """Whether a playbook may hold it at all."""
    try:
        return playbook.from_mapping(job.to_mapping()) == job
    except InvalidInput:
        return False


def _written(folder: Path, jobs: list[Job]) -> list[Path]:
    for old in folder.glob("*.yaml"):
        old.unlink()
    files = [folder / f"{number}.yaml" for number, _ in enumerate(playbooks(jobs))]
    for file, text in zip(files, playbooks(jobs), strict=True):
        file.write_text(text)
    return files


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("written")


def test_text_that_ends_in_empty_lines_does_not_end_the_playbook(tmp_path: Path) -> None:
    jobs = [Job("first", "true", vars={"_x": ["\n"]}), Job("second", "ls\n\n")]
    assert list(load(_written(tmp_path, jobs)).jobs) == jobs


@settings(deadline=None)
@given(st.lists(JOBS.filter(_is_one), min_size=1, max_size=4, unique_by=lambda job: job.name))
def test_what_is_written_is_read_back(folder: Path, jobs: list[Job]) -> None:
    read = load(_written(folder, jobs)).jobs
    assert {job.name: job for job in read} == {job.name: job for job in jobs}


def test_a_job_that_is_its_script_is_written_so() -> None:
    assert playbooks([Job("disk", "df -h"), Job("more", "a\nb\n", description="two lines")]) == [
        "disk: df -h\n\nmore:\n  script: |\n    a\n    b\n  description: two lines\n"
    ]


def test_jobs_that_bar_other_devices_stand_in_another_playbook() -> None:
    assert playbooks([Job("a", "ls"), Job("b", "ls", barred=frozenset({"mac"})), Job("c", "ls")]) == [
        "a: ls\n\nc: ls\n",
        "settings:\n  daemons:\n    mac:\n      enabled: false\n\nb: ls\n",
    ]


def test_no_jobs_need_no_playbook() -> None:
    assert playbooks([]) == []
