"""What the controller declares on the broker, for itself and for the devices, who may declare nothing."""

from __future__ import annotations

from collections.abc import Iterable

from runlet.amqp.consumer import Queue, Topology
from runlet.amqp.definitions import Replication
from runlet.protocol import names

_EVERY = "*"
EVENT_KEYS = names.key(_EVERY, names.EVENT), names.key(_EVERY, names.HEARTBEAT)
OUTPUT_KEYS = (names.key(_EVERY, names.OUTPUT),)
NEWS_KEYS = (names.NEWS_KEY,)


def for_workspace(
    workspace: str, controller: str, devices: Iterable[str], replication: Replication = Replication.NONE
) -> Topology:
    """The exchange, the queues of all controllers and of this one, and those of every device."""
    # Single: two controllers must not get half of the events each, nor both write one transcript. When the one that has
    # them is gone, another one gets them.
    # First, for the broker declares in this order: an agent that finds its own queues may already speak.
    ours = [
        Queue(names.dead_queue(workspace), (names.DEAD_KEY,), quorum=True),
        Queue(names.event_queue(workspace), EVENT_KEYS, quorum=True, single=True),
        Queue(names.output_queue(workspace), OUTPUT_KEYS, quorum=replication is not Replication.NONE, single=True),
        Queue(names.news_queue(workspace, controller), NEWS_KEYS, auto_delete=True),
    ]
    return Topology(names.exchange(workspace), [*ours, *for_devices(workspace, devices, replication).queues])


def for_devices(workspace: str, devices: Iterable[str], replication: Replication = Replication.NONE) -> Topology:
    """The two queues of each device."""
    quorum = replication is Replication.ALL
    queues = []
    for device in devices:
        commands = (names.key(device, names.COMMAND),)
        control = (names.key(device, names.CONTROL), names.key(device, names.INPUT))
        queues.append(Queue(names.device_queue(workspace, device), commands, quorum))
        queues.append(Queue(names.control_queue(workspace, device), control, quorum))
    return Topology(names.exchange(workspace), queues)
