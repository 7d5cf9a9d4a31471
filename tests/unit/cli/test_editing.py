"""runlet/cli/editing.py and draft.py: what an edited text would have applied, and for whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runlet.cli.draft import Draft, editor
from runlet.cli.editing import BY_HAND, changed_meanwhile, deletions, submissions
from runlet.errors import Conflict, InvalidInput, UnknownName
from runlet.model.declaration import Change, ChangeKind, Kind, Submission
from runlet.model.job import Job
from runlet.protocol.views import DeclaredJob, PlanView
from tests.unit.cli.runs import NOON

BACKUP, CLEAN, FOREIGN = Job("backup", "tar"), Job("clean", "rm"), Job("foreign", "ls")


def held(job: Job, owner: str) -> DeclaredJob:
    return DeclaredJob(
        name=job.name,
        description=job.description,
        revision=job.revision,
        where=job.target.where,
        where_custom=job.target.patterns,
        every=job.every,
        owner=owner,
        applied_at=NOON,
        content=job.to_mapping(),
    )


KNOWN = [held(BACKUP, "site-a"), held(CLEAN, "site-a"), held(FOREIGN, "site-b")]
OPENED = {job.name: job for job in KNOWN}


def changed(job: Job) -> Job:
    return Job(job.name, f"{job.script} -v")


def submission(owner: str, *jobs: Job, **more: Any) -> Submission:
    return Submission(owner, "Ada", tuple(job.declaration() for job in jobs), note=BY_HAND, **more)


def test_what_is_left_as_it_was_is_not_applied() -> None:
    assert submissions(OPENED, KNOWN, [BACKUP, CLEAN, FOREIGN], "Ada") == []


def test_what_is_taken_out_stays() -> None:
    assert submissions(OPENED, KNOWN, [BACKUP], "Ada") == []


def test_a_change_is_applied_for_the_owner_and_nothing_else_is() -> None:
    jobs = [changed(BACKUP), CLEAN, changed(FOREIGN)]
    assert submissions(OPENED, KNOWN, jobs, "Ada") == [
        submission("site-a", changed(BACKUP)),
        submission("site-b", changed(FOREIGN)),
    ]


def test_a_new_job_belongs_to_no_repository() -> None:
    new = Job("new", "ls")
    assert submissions(OPENED, KNOWN, [BACKUP, new], "Ada") == [submission(BY_HAND, new)]


def test_a_job_that_was_not_opened_is_not_overwritten() -> None:
    with pytest.raises(Conflict, match="there is a job 'clean' already"):
        submissions({"backup": OPENED["backup"]}, KNOWN, [CLEAN], "Ada")


def test_jobs_are_deleted_for_their_owners() -> None:
    assert deletions(KNOWN, ["foreign", "backup", "clean", "backup"], "Ada") == [
        submission("site-a", delete=("backup", "clean")),
        submission("site-b", delete=("foreign",)),
    ]
    with pytest.raises(UnknownName, match="no job is called 'backp'"):
        deletions(KNOWN, ["backp"], "Ada")


@pytest.mark.parametrize(
    ("name", "before", "stale"),
    [
        ("backup", BACKUP, []),
        ("backup", changed(BACKUP), ["backup"]),
        ("backup", None, ["backup"]),  # deleted meanwhile
        ("new", None, []),
        ("new", Job("new", "ls"), ["new"]),
    ],
)
def test_what_changed_while_the_editor_was_open_is_noticed(name: str, before: Job | None, stale: list[str]) -> None:
    content = None if before is None else before.to_mapping()
    change = Change(Kind.JOB, name, ChangeKind.CHANGED, before=content, after={})
    assert changed_meanwhile(OPENED, PlanView("site-a", "", (change,))) == stale


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, ["vi"]),
        ({"EDITOR": "nano"}, ["nano"]),
        ({"EDITOR": "nano", "VISUAL": "code --wait '-x y'"}, ["code", "--wait", "-x y"]),
        ({"EDITOR": " "}, ["vi"]),
    ],
)
def test_the_editor_is_the_one_that_the_environment_names(environment: dict[str, str], words: list[str]) -> None:
    assert editor(environment) == words


@pytest.mark.parametrize(
    ("named", "told"), [("no-such-editor", "cannot be started"), ("false", "ended with 1"), ("'x", "split into words")]
)
def test_an_editor_that_does_not_work_is_told(named: str, told: str) -> None:
    with Draft(["a: ls\n"]) as draft, pytest.raises(InvalidInput, match=told):
        draft.edit({"EDITOR": named})


def test_a_draft_is_private_and_removed_when_its_words_are_not_needed() -> None:
    with Draft(["# a\n", "b: ls\n"]) as draft:
        folder = draft.files[0].parent
        assert folder.stat().st_mode & 0o077 == 0
        assert [file.name for file in draft.files] == ["jobs.yaml", "jobs-2.yaml"]
        assert (draft.is_changed, draft.filled) == (False, draft.files[1:])
        draft.files[0].write_text("a: ls\n")
        assert (draft.is_changed, draft.filled) == (True, draft.files)
        draft.drop()
    assert not folder.exists()


def test_what_was_written_is_kept_when_it_did_not_arrive(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Draft(["a: ls\n"]) as draft:
        draft.files[0].write_text("a: ls -l\n")
    assert draft.files[0].read_text() == "a: ls -l\n"
    assert capsys.readouterr().err == f"your text is kept in {draft.files[0].parent}\n"
