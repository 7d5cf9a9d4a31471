"""What a broker is told, in RabbitMQ's definitions format: users, their rights, and bounds of queues.

A private broker reads it at boot. Of another one `runlet controller policies` prints the bounds, for its operator to
import: neither controller nor device has the right to set them.

A device's user can do what a device does and nothing else: it configures nothing, reads its own two queues, and writes
under its own routing keys. So a device that is taken over cannot speak for another, nor hear what another is told.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from runlet.protocol import names
from runlet.protocol.messages import CONTROL_TTL_SECONDS
from runlet.protocol.news import NEWS_SECONDS

VHOST = "/"
# The dot keeps it apart from every device: a device's name holds none.
CONTROLLER_USER = "runlet.controller"

# Commands wait for a device that is away. At the bound the publisher is refused and the controller keeps the command in
# its store; dropping the oldest would lose what was confirmed.
DEVICE_QUEUE_MESSAGES = 10_000
# Typing, resizing and acknowledging: ten seconds of a fast typist on every terminal of a device are far fewer.
CONTROL_QUEUE_MESSAGES = 1_000
# Bytes of terminals while no controller reads them. Agents keep each byte until it is stored and send by offset again.
OUTPUT_QUEUE_BYTES = 256 * 1024 * 1024
# Agents send again after 5 s what was not stored. It also bounds how long a message that harms its reader comes back:
# a classic queue does not count.
OUTPUT_TTL_SECONDS = 30
# News that a controller has not heard yet: 5 s of them, at 50 messages a second from each of four others.
NEWS_QUEUE_MESSAGES = 1_000
# A controller that declares its queue and ends before it consumes leaves it behind.
NEWS_QUEUE_EXPIRES_SECONDS = 60
# RabbitMQ 4's default; 3.x has none, and a message that kills its reader would come back for ever. After that it is put
# into the dead queue; what it said is said again, for whoever sent it waits for an answer. Quorum queues only.
DELIVERIES = 20
# Events while no controller reads them: a day of 100 devices, minutes of 10,000. Beyond it agents are refused and keep
# their reports; heartbeats are lost.
EVENT_QUEUE_MESSAGES = 500_000
# A report has some hundred bytes, and 32 KiB at most: one device must not fill the broker's disk for all.
EVENT_QUEUE_BYTES = 256 * 1024 * 1024
# For a human to look at; the oldest go first.
DEAD_QUEUE_MESSAGES = 1_000
DEAD_SECONDS = 7 * 24 * 3600
# A command that has waited so long for a connected device has been sent again, and will be when it says hello.
COMMAND_TTL_SECONDS = 3600
# Queues of a device that is gone for good. One that returns later is given them again, as a new one is.
DEVICE_QUEUE_EXPIRES_SECONDS = 30 * 24 * 3600
# An agent has two connections with a channel or two; the others are half-open ones that wait for their AMQP heartbeat.
DEVICE_CONNECTIONS = 6
DEVICE_CHANNELS = 12

_NOTHING = "^$"
_SALT_BYTES = 4  # what rabbit_password_hashing_sha256 expects before the digest


class Replication(StrEnum):
    """Which queues have copies on several nodes of a cluster, as quorum queues. Events always have.

    A queue without is on one node, and there is nothing to be had from it while that node is down.
    """

    NONE = "none"  # one node
    UP = "up"  # output too; a device waits for the node that its queues are on
    ALL = "all"  # the queues of devices too: two quorum queues a device, for up to a thousand devices


def definitions(workspace: str, controller_password: str, devices: Mapping[str, str]) -> dict[str, Any]:
    """Everything a broker of one workspace needs; `devices` maps their names to their passwords."""
    return {
        "vhosts": [{"name": VHOST}],
        "users": [
            _user(CONTROLLER_USER, controller_password),
            *(
                _user(name, password)
                | {"limits": {"max-connections": DEVICE_CONNECTIONS, "max-channels": DEVICE_CHANNELS}}
                for name, password in devices.items()
            ),
        ],
        "permissions": [_controller_rights(), *(_device_rights(workspace, name) for name in devices)],
        "topic_permissions": [_device_topics(workspace, name) for name in devices],
        "policies": policies(workspace, Replication.NONE),
    }


def _user(name: str, password: str) -> dict[str, Any]:
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = hashlib.sha256(salt + password.encode()).digest()
    return {
        "name": name,
        "password_hash": base64.b64encode(salt + digest).decode(),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": [],
    }


def _controller_rights() -> dict[str, str]:
    ours = r"^runlet\."
    return {"user": CONTROLLER_USER, "vhost": VHOST, "configure": ours, "write": ours, "read": ours}


def _device_rights(workspace: str, device: str) -> dict[str, str]:
    queues = (names.device_queue(workspace, device), names.control_queue(workspace, device))
    return {
        "user": device,
        "vhost": VHOST,
        "configure": _NOTHING,
        "write": _exactly(names.exchange(workspace)),
        "read": _exactly(*queues),
    }


def _device_topics(workspace: str, device: str) -> dict[str, str]:
    """Without this a right to write on the exchange would be a right to write under any key.

    It may name an exchange that the controller has not declared yet.
    """
    keys = (names.key(device, lane) for lane in (names.EVENT, names.HEARTBEAT, names.OUTPUT))
    return {
        "user": device,
        "vhost": VHOST,
        "exchange": names.exchange(workspace),
        "write": _exactly(*keys),
        "read": _NOTHING,
    }


def policies(workspace: str, replication: Replication, vhost: str = VHOST) -> list[dict[str, Any]]:
    """Bounds by policy, not by queue argument: a queue's arguments cannot change once it is declared."""
    # Not for classic queues: RabbitMQ leaves a policy aside whole if it has a key that the queue's type does not know.
    limit = {"delivery-limit": DELIVERIES}
    of_devices = limit if replication is Replication.ALL else {}
    of_output = {} if replication is Replication.NONE else limit
    expires = {"expires": DEVICE_QUEUE_EXPIRES_SECONDS * 1000}
    dead = {"dead-letter-exchange": names.exchange(workspace), "dead-letter-routing-key": names.DEAD_KEY}
    bounds: dict[str, tuple[str, dict[str, Any]]] = {
        "control": (
            _of_any(names.control_queue, workspace),
            {
                "message-ttl": int(CONTROL_TTL_SECONDS * 1000),
                "max-length": CONTROL_QUEUE_MESSAGES,
                "overflow": "drop-head",
                **of_devices,
                **expires,
            },
        ),
        "device": (
            _of_any(names.device_queue, workspace),
            {
                "message-ttl": COMMAND_TTL_SECONDS * 1000,
                "max-length": DEVICE_QUEUE_MESSAGES,
                "overflow": "reject-publish",
                **of_devices,
                **expires,
            },
        ),
        "output": (
            _exactly(names.output_queue(workspace)),
            {
                "message-ttl": OUTPUT_TTL_SECONDS * 1000,
                "max-length-bytes": OUTPUT_QUEUE_BYTES,
                "overflow": "drop-head",
                **of_output,
            },
        ),
        "events": (
            _exactly(names.event_queue(workspace)),
            {
                "max-length": EVENT_QUEUE_MESSAGES,
                "max-length-bytes": EVENT_QUEUE_BYTES,
                "overflow": "reject-publish",
                **limit,
                "dead-letter-strategy": "at-least-once",
                **dead,
            },
        ),
        "dead": (
            _exactly(names.dead_queue(workspace)),
            {"max-length": DEAD_QUEUE_MESSAGES, "overflow": "drop-head", "message-ttl": DEAD_SECONDS * 1000},
        ),
        "news": (
            _of_any(names.news_queue, workspace),
            {
                "message-ttl": int(NEWS_SECONDS * 1000),
                "max-length": NEWS_QUEUE_MESSAGES,
                "overflow": "drop-head",
                "expires": NEWS_QUEUE_EXPIRES_SECONDS * 1000,
            },
        ),
    }
    return [
        {
            "vhost": vhost,
            "name": f"runlet.{workspace}.{name}",
            "pattern": pattern,
            "apply-to": "queues",
            "priority": 0,
            "definition": bound,
        }
        for name, (pattern, bound) in bounds.items()
    ]


def _of_any(queue: Callable[[str, str], str], workspace: str) -> str:
    """The queues that are named after a device, or a controller."""
    some = "SOME"
    return _exactly(queue(workspace, some)).replace(some, r"[^.]+")


def _exactly(*texts: str) -> str:
    """The pattern that matches these texts and no other."""
    return f"^({'|'.join(re.escape(text) for text in texts)})$"
