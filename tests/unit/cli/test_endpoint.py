"""runlet/cli/endpoint.py: which controller is meant."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runlet.cli.endpoint import Endpoint, find, home
from runlet.errors import ControllerUnavailable, InvalidInput


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RUNLET_TOKEN", raising=False)
    monkeypatch.setenv("RUNLET_HOME", str(tmp_path))


def test_the_default_is_what_up_left(tmp_path: Path) -> None:
    (tmp_path / "endpoint.json").write_text(
        json.dumps({"url": "http://127.0.0.1:4", "token": "t", "device": "pi-1", "pid": 1})
    )
    assert find(None) == Endpoint("http://127.0.0.1:4", "t", "pi-1")


def test_nothing_known_says_how_to_start() -> None:
    with pytest.raises(ControllerUnavailable) as raised:
        find(None)
    assert "runlet up" in str(raised.value.hint)


@pytest.mark.parametrize("content", ["", "[]", '{"url": 1}', "{"])
def test_a_broken_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "endpoint.json").write_text(content)
    with pytest.raises(ControllerUnavailable, match=r"endpoint\.json"):
        find(None)


def test_a_named_controller_needs_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match="no token"):
        find("https://controller.example")
    monkeypatch.setenv("RUNLET_TOKEN", "secret")
    assert find("https://controller.example") == Endpoint("https://controller.example", "secret")


def test_the_home_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNLET_HOME")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert home() == Path("/state/runlet")
