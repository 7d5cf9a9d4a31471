"""Ansible inventories beside what ansible-core 2.19.14 made of them, and those that are refused.

`NAME.result` has what `ansible-inventory --list` printed, and the notes of ours; `NAME.refusal` has the mistakes.

Every variable is Ansible's, or a note names it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runlet.errors import InvalidFiles
from runlet.spec import ansible

# What JSON calls keys that are no text.
_KEYS = {"null": "None", "true": "True"}
CASES = Path(__file__).parent / "ansible"


def _files(ending: str) -> list[str]:
    return sorted(path.name.removesuffix(ending) for path in CASES.glob(f"*{ending}"))


def _same(ours: Any, theirs: Any) -> bool:
    """Of one value and one kind: 1, 1.0 and true are three."""
    return json.dumps(ours, sort_keys=True) == json.dumps(theirs, sort_keys=True)


@pytest.mark.parametrize("name", _files(".result"))
def test_an_import_is_what_ansible_makes_of_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CASES)
    expected = json.loads(Path(f"{name}.result").read_text())
    imported = ansible.load(Path(name))
    notes = [str(note) for note in imported.notes]
    assert notes == expected["notes"]
    told = "\n".join(notes)
    called = {host: _called(host, told) for host in expected["hosts"]}
    lost = {device for device in imported.inventory.devices if f"'{device}' is in no group" in told}
    assert set(imported.inventory.devices) == set(called.values()) | lost
    for host, theirs in expected["hosts"].items():
        ours = imported.inventory.variables_of(called[host])
        for variable in ours.keys() | theirs.keys():
            if variable in ours:
                assert _same(ours[variable], theirs[variable]), (host, variable)
            else:
                assert f"variable '{_KEYS.get(variable, variable)}' of '" in told, (host, variable)
    for group, members in expected["groups"].items():
        assert sorted(imported.inventory.groups[_called(group, told)].members) == sorted(
            _called(member, told) for member in members
        )


def _called(name: str, told: str) -> str:
    """The new name, if a note tells of one."""
    _, _, after = told.partition(f"'{name}' is called '")
    return after.partition("'")[0] or name


@pytest.mark.parametrize("name", _files(".refusal"))
def test_what_would_be_another_inventory_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CASES)
    with pytest.raises(InvalidFiles) as caught:
        ansible.load(Path(name))
    assert str(caught.value) == Path(f"{name}.refusal").read_text().rstrip("\n")
