"""runlet/cli/applying.py: saved plans, which may have been made by anybody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runlet.cli.applying import _MAX_PLAN_BYTES, _save, _saved
from runlet.errors import InvalidInput
from runlet.model.declaration import Declaration, Kind, Submission
from runlet.protocol.views import PlanView

SUBMISSION = Submission("site", "Ada", (Declaration(Kind.JOB, "a", {"script": "ls"}),), "0123", prune=True)
PLAN = PlanView("site", "the base", ())


def test_a_plan_is_applied_by_who_applies_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTOR", "grace")
    _save(tmp_path / "release.plan", SUBMISSION, PLAN)
    saved = _saved(tmp_path / "release.plan")
    assert (saved.by, saved.note, saved.base) == ("grace", "planned by Ada", "the base")
    assert (saved.source, saved.declarations, saved.commit, saved.prune) == (
        "site",
        SUBMISSION.declarations,
        "0123",
        True,
    )


def test_a_plan_is_its_owner_s_whatever_was_there(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    (tmp_path / "old").chmod(0o644)
    (tmp_path / "link").symlink_to("old")
    for name in ("link", "old", "new"):
        _save(tmp_path / name, SUBMISSION, PLAN)
        assert (tmp_path / name).lstat().st_mode == 0o100600
    _saved(tmp_path / "link")


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is no file"):
        _save(tmp_path, SUBMISSION, PLAN)
    with pytest.raises(InvalidInput, match="cannot be written"):
        _save(tmp_path / "missing/release.plan", SUBMISSION, PLAN)


DEEP = "[" * 100_000
SURROGATE = json.dumps({"format": "runlet-plan-1", "submission": {"source": "\ud800", "by": "", "declarations": []}})


@pytest.mark.parametrize("text", ["", "[]", "{", "7", DEEP, SURROGATE, '{"format": "runlet-plan-1", "submission": 7}'])
def test_what_is_no_plan_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan").write_text(text)
    with pytest.raises(InvalidInput, match="is not a plan of this version"):
        _saved(tmp_path / "plan")


def test_a_huge_plan_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "plan").open("wb") as file:
        file.truncate(_MAX_PLAN_BYTES + 1)
    with pytest.raises(InvalidInput, match="is not a plan of this version"):
        _saved(tmp_path / "plan")
