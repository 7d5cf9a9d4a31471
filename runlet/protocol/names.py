"""Every name on the broker: one durable topic exchange per workspace, and what hangs on it.

    topic exchange runlet.<workspace>

    routing key                         queue
    device.<device>.command.v1       -> runlet.<workspace>.device.<device>          durable: execute, cancel, welcome
    device.<device>.control.v1       -> runlet.<workspace>.device.<device>.control  dropped after 10 s
    device.<device>.io.input.v1      -> the same, so that typing and resizing keep their order
    device.<device>.event.v1         -> runlet.<workspace>.events                   quorum: states of executions
    device.<device>.heartbeat.v1     -> the same
    device.<device>.io.output.v1     -> runlet.<workspace>.output                   bytes, apart from states
    controller.news.v1               -> runlet.<workspace>.controller.<id>          one of each controller, gone with it
    dead.v1                          -> runlet.<workspace>.dead                     quorum: what its readers never took

On one node the output queue is classic and its messages are not persistent: an agent keeps every byte until the
controller says that it stored it, so the broker's copy is disposable, and a quorum queue would put an fsync between a
key and its echo. On a cluster that is the price of going on without a node.
"""

from __future__ import annotations

import re

from runlet.errors import InvalidInput, ProtocolError
from runlet.model.inventory import DEVICE_NAME

_ROUTING_KEY = re.compile(r"device\.([A-Za-z0-9_-]+)\.([a-z.]+)\.v1")

COMMAND = "command"
CONTROL = "control"
INPUT = "io.input"
EVENT = "event"
HEARTBEAT = "heartbeat"
OUTPUT = "io.output"
NEWS_KEY = "controller.news.v1"

# Under which the broker puts what it dead-letters; no device may publish under it.
DEAD_KEY = "dead.v1"


def check_device_name(name: str) -> str:
    """`name` itself; raises InvalidInput when it cannot name a device."""
    if not DEVICE_NAME.fullmatch(name):
        raise InvalidInput(
            f"{name!r} cannot name a device",
            "use letters, digits, '-' and '_', 63 characters at most, beginning with a letter or a digit",
        )
    return name


def exchange(workspace: str) -> str:
    return f"runlet.{workspace}"


def device_queue(workspace: str, device: str) -> str:
    return f"runlet.{workspace}.device.{device}"


def control_queue(workspace: str, device: str) -> str:
    return f"runlet.{workspace}.device.{device}.control"


def event_queue(workspace: str) -> str:
    return f"runlet.{workspace}.events"


def output_queue(workspace: str) -> str:
    return f"runlet.{workspace}.output"


def news_queue(workspace: str, controller: str) -> str:
    return f"runlet.{workspace}.controller.{controller}"


def dead_queue(workspace: str) -> str:
    return f"runlet.{workspace}.dead"


def key(device: str, lane: str) -> str:
    """The routing key of `lane` (one of the constants above) for one device, or for all with `*`."""
    return f"device.{device}.{lane}.v1"


def parse_key(routing_key: str) -> tuple[str, str]:
    """(device, lane) of a routing key; raises ProtocolError for any other key."""
    match = _ROUTING_KEY.fullmatch(routing_key)
    if not match:
        raise ProtocolError(f"unknown routing key {routing_key!r}")
    return match[1], match[2]
