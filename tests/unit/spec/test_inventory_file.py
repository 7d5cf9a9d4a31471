from __future__ import annotations

from pathlib import Path

import pytest

from runlet.errors import InvalidFiles
from runlet.model.inventory import Device
from runlet.spec import inventory


def _load(folder: Path, text: str) -> list[Device]:
    file = folder / "inventory.yaml"
    file.write_text(text)
    return inventory.load(file)


def test_devices_in_order(tmp_path: Path) -> None:
    text = "devices:\n  pi-2:\n  pi-1:\n    description: attic\n    labels: {room: attic}\n    enabled: false\n"
    assert _load(tmp_path, text) == [Device("pi-2"), Device("pi-1", "attic", {"room": "attic"}, enabled=False)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": the file is empty"),
        ("{}", ":1:1: the inventory has no devices"),
        ("devices: {}", ":1:10: devices is empty"),
        ("device: {}\ndevices: {a: }", ":1:1: unknown key 'device' in the inventory; did you mean 'devices'?"),
        ("devices:\n  a.b:\n", ":2:3: 'a.b': a device's name is letters"),
        ("devices:\n  a: {label: {}}", ":2:7: unknown key 'label' in device 'a'; did you mean 'labels'?"),
        ("devices:\n  a: {labels: {v: 1.10}}", ":2:19: v must be text, not 1.1; put it in quotes to make it text"),
        ("devices:\n  a: {labels: {'v w': x}}", ":2:16: 'v w': a label's name is letters"),
        ("devices:\n  a: {enabled: no}", ":2:16: enabled must be true or false, not 'no'"),
        ("devices:\n  a:\n  a:\n", ":3:3: duplicate key 'a' (first in line 2)"),
        ("devices: [a]", ":1:10: devices must be a map, not a list"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidFiles) as caught:
        _load(tmp_path, text)
    assert message in str(caught.value)
