"""What a configuration may say about the broker's nodes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runlet.agent.config import AgentConfig
from runlet.amqp.definitions import Replication
from runlet.amqp.link import addresses, vhost
from runlet.controller.config import ControllerConfig
from runlet.errors import InvalidInput

ONE, TWO = "amqp://u:secret@a:5672/%2F", "amqps://u:secret@b/runlet"


def test_one_address_or_a_list_without_doubles() -> None:
    assert addresses(ONE) == (ONE,)
    assert addresses([ONE, TWO, ONE]) == (ONE, TWO)


@pytest.mark.parametrize(
    "value", [None, 7, "", [], [ONE, 7], ["http://u:secret@a"], "amqp://u:secret@:1", "amqp://a:x"]
)
def test_anything_else_is_refused_without_its_password(value: object) -> None:
    with pytest.raises(InvalidInput, match="amqp://user:password@host:port/vhost") as refused:
        addresses(value)
    assert "secret" not in str(refused.value)


def test_the_vhost_of_an_address() -> None:
    assert (vhost(ONE), vhost(TWO)) == ("/", "runlet")


def test_a_wrong_address_is_told_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "agent.json"
    path.write_text(json.dumps({"device": "pi-1", "workspace": "w", "broker": [ONE, "b"], "state": "/s"}))
    with pytest.raises(InvalidInput, match=f"^{path}: broker is not"):
        AgentConfig.read(path)


@pytest.mark.parametrize(
    ("broker", "said", "meant"),
    [
        (ONE, None, Replication.NONE),
        ([ONE], None, Replication.NONE),
        ([ONE, TWO], None, Replication.UP),
        (ONE, "all", Replication.ALL),
        ([ONE, TWO], "none", Replication.NONE),
    ],
)
def test_several_addresses_mean_a_cluster(tmp_path: Path, broker: object, said: str | None, meant: Replication) -> None:
    assert _controller(tmp_path, broker=broker, **({"replication": said} if said else {})).replication is meant


def test_an_unknown_replication_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="replication is one of none, up, all, not 'some'"):
        _controller(tmp_path, broker=ONE, replication="some")


def _controller(folder: Path, **said: object) -> ControllerConfig:
    path = folder / "controller.json"
    content = {
        "workspace": "w",
        "listen": {"host": "h", "port": 0},
        "database": "sqlite://",
        "transcripts": "/t",
        "token": "t",
        "devices": [],
    }
    path.write_text(json.dumps(content | said))
    return ControllerConfig.read(path)
