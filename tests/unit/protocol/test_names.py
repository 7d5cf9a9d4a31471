from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.errors import InvalidInput, ProtocolError
from runlet.model.inventory import DEVICE_NAME
from runlet.protocol import names

LANES = [names.COMMAND, names.CONTROL, names.INPUT, names.EVENT, names.HEARTBEAT, names.OUTPUT]


@given(st.from_regex(DEVICE_NAME, fullmatch=True), st.sampled_from(LANES))
def test_a_key_tells_its_device_and_lane(device: str, lane: str) -> None:
    assert names.parse_key(names.key(names.check_device_name(device), lane)) == (device, lane)


@pytest.mark.parametrize(
    "key", ["", "device.pi-1.command", "device.a.b.command.v2", "user.pi-1.command.v1", "device..x.v1"]
)
def test_other_keys_are_refused(key: str) -> None:
    with pytest.raises(ProtocolError, match="unknown routing key"):
        names.parse_key(key)


@pytest.mark.parametrize("name", ["", "a.b", "*", "#", "a\n"])
def test_a_name_that_would_break_a_key_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot name a device"):
        names.check_device_name(name)


def test_workspaces_and_devices_share_no_queue() -> None:
    queues = [
        queue
        for workspace in ("a", "b")
        for queue in (
            names.event_queue(workspace),
            names.output_queue(workspace),
            names.device_queue(workspace, "pi-1"),
            names.control_queue(workspace, "pi-1"),
            names.device_queue(workspace, "pi-2"),
        )
    ]
    assert len(set(queues)) == len(queues)
    assert all(queue.startswith(names.exchange(queue.split(".")[1]) + ".") for queue in queues)
