"""Every file in valid/ loads to the jobs in its .json; every file in invalid/ fails with the lines in its .txt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runlet.errors import InvalidFiles
from runlet.spec import inventory, playbook, tree

CASES = Path(__file__).parent
ROOT = CASES.parents[1]


def _files(folder: str) -> list[Path]:
    return sorted((CASES / folder).glob("*.yaml"))


@pytest.mark.parametrize("file", _files("valid"), ids=lambda file: file.stem)
def test_valid_playbook_gives_its_jobs(file: Path) -> None:
    jobs = list(tree.load([file]).jobs)
    assert [job.to_mapping() for job in jobs] == json.loads(file.with_suffix(".json").read_text("utf-8"))
    assert [playbook.from_mapping(job.to_mapping()) for job in jobs] == jobs


@pytest.mark.parametrize("file", _files("invalid"), ids=lambda file: file.stem)
def test_invalid_playbook_tells_every_mistake(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    with pytest.raises(InvalidFiles) as caught:
        tree.load([Path(file.name)])
    assert str(caught.value) == file.with_suffix(".txt").read_text("utf-8").rstrip("\n")


def test_playbooks_of_the_repository_load() -> None:
    names = {job.name for job in tree.load([ROOT / "playbooks"]).jobs}
    assert {"hello", "ask-name", "upgrade", "rpi-neofetch"} <= names


def test_inventory_example_loads() -> None:
    found = inventory.load(ROOT / "inventory.example.yaml")
    assert [device.name for device in found.devices.values() if device.enabled] == ["pi-1", "pi-2"]
    assert found.groups_of("pi-1") == ("home", "pis")
    assert found.variables_of("pi-1") == {
        "time_server": "router.home",
        "backup": {"folder": "/srv", "keep": 7},
        "led": False,
    }
