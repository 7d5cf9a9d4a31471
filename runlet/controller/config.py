"""What a controller must know to start: one JSON file, readable by its owner only, for it holds passwords."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runlet.amqp.definitions import Replication
from runlet.amqp.link import addresses
from runlet.controller.reach import Network, Reach, networks
from runlet.errors import InvalidInput
from runlet.model.notify import Notify
from runlet.protocol import names
from runlet.spec import notify

_HTTP = re.compile(r"https?://[^/@\s]+/?")


@dataclass(frozen=True, slots=True)
class ControllerConfig:
    """`database` is a URL for database.py; `broker` the amqp:// URL of each node; port 0 lets the system choose one.

    `management` has the address of the management API of each node of the broker; none leaves policies to its operator.
    """

    workspace: str
    host: str
    port: int
    database: str
    transcripts: Path
    broker: tuple[str, ...]
    token: str
    devices: tuple[str, ...]
    replication: Replication
    management: tuple[str, ...]
    notify: tuple[Notify, ...] = ()  # who is told of every run
    notify_commands: bool = False  # whether `notify` may start programs on this machine, also that of jobs
    notify_networks: tuple[Network, ...] = ()  # where webhooks may go though it is barred, also those of jobs

    @property
    def reach(self) -> Reach:
        return Reach(self.notify_commands, self.notify_networks)

    @classmethod
    def read(cls, path: Path) -> ControllerConfig:
        """Raises InvalidInput with what is wrong and where."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            config = cls(
                workspace=content["workspace"],
                host=content["listen"]["host"],
                port=int(content["listen"]["port"]),
                database=content["database"],
                transcripts=Path(content["transcripts"]),
                broker=addresses(content["broker"]),
                token=content["token"],
                devices=tuple(names.check_device_name(name) for name in content["devices"]),
                replication=_replication(content),
                management=_management(content.get("management", [])),
                notify=notify.from_mapping(content.get("notify", [])),
                notify_commands=_flag(content, "notify_commands"),
                notify_networks=networks(content.get("notify_networks", [])),
            )
        except OSError as error:
            raise InvalidInput(f"{path}: {error.strerror}") from None
        except InvalidInput as error:
            raise InvalidInput(f"{path}: {error.message}", error.hint) from None
        except (ValueError, TypeError) as error:
            raise InvalidInput(f"{path}: not a controller's configuration: {error}") from None
        except KeyError as error:
            raise InvalidInput(f"{path}: {error.args[0]!r} is missing") from None
        if not config.token:
            raise InvalidInput(f"{path}: the token is empty", "an empty token would let anyone in")
        return config


def _flag(content: dict[str, Any], name: str) -> bool:
    value = content.get(name, False)
    if not isinstance(value, bool):
        raise InvalidInput(f"{name} must be true or false")
    return value


def _replication(content: dict[str, Any]) -> Replication:
    """With several addresses there is a cluster, whose loss of a node must not stop the whole fleet."""
    is_cluster = isinstance(content["broker"], list) and len(content["broker"]) > 1
    default = Replication.UP if is_cluster else Replication.NONE
    wanted = content.get("replication", default)
    if wanted not in list(Replication):
        raise InvalidInput(f"replication is one of {', '.join(Replication)}, not {wanted!r}")
    return Replication(wanted)


def _management(value: object) -> tuple[str, ...]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(url, str) and _HTTP.fullmatch(url) for url in listed):
        raise InvalidInput(
            "management is http://host:port, or a list with one for each node", "without user and password"
        )
    return tuple(listed)
