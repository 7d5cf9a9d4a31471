"""runlet/cli/init.py: all its files, or nothing at all."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from runlet.cli.init import _write
from runlet.errors import InvalidInput

TEXTS = {"a/b/one": "x", "two": "x", ".vscode/settings.json": "x" * 10_000}


def test_what_fails_half_way_leaves_no_folder(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    try:
        with pytest.raises(InvalidInput, match="cannot be written: File too large"):
            _write(tmp_path / "fleet", TEXTS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


def test_what_leads_nowhere_is_told_and_stays(tmp_path: Path) -> None:
    (tmp_path / ".vscode").symlink_to("elsewhere")
    (tmp_path / "a").mkdir()
    with pytest.raises(InvalidInput, match=r"\.vscode is no folder") as caught:
        _write(tmp_path, TEXTS)
    assert caught.value.hint is not None
    assert sorted(path.name for path in tmp_path.rglob("*")) == [".vscode", "a"]
