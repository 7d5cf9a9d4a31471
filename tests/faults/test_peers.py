"""Peers that lie, or know less than we do: a device or a console can harm nobody but itself."""

from __future__ import annotations

import asyncio
import json
import uuid

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from runlet.model.execution import State
from runlet.model.job import Job
from runlet.model.target import Target, Where
from runlet.protocol import names
from runlet.protocol.messages import Hello, encode
from tests.faults.test_faults import publish
from tests.harness import PATIENCE_SECONDS, TOKEN, UNSPEAKABLE, Fleet, apply, refused

# Enrolled nowhere; but the broker has an account for it, as when that is made before the controller is told.
STRANGER = "pi-9"


def works(fleet: Fleet, device: str = "pi-1") -> bool:
    """Whether a run goes all the way on a device."""
    return fleet.settled(fleet.exec(["true"], on=device)).state is State.SUCCEEDED


def test_nesting_at_the_interpreters_limit_is_dropped_like_other_nonsense(fleet: Fleet):
    """What JSON could just be read may be too deep to be looked at: at which depth depends on who called."""
    report = b'{"type":"report.v1","execution":"%s","attempt":1,"version":1,"at":1.0,"event":%s}'
    execution = str(uuid.uuid4()).encode()
    bodies = [report % (execution, b"[" * depth + b"]" * depth) for depth in range(850, 1001)]
    publish(fleet, names.EVENT, "pi-1", *bodies)
    assert works(fleet)
    assert fleet.controller
    assert fleet.controller.popen.poll() is None


def test_a_device_that_is_not_enrolled_is_given_nothing_and_stops_nobody(fleet: Fleet, device: str):
    """A run on `any` waits: it must not go to the stranger, whom the store does not know."""
    barred = frozenset(fleet.devices + fleet.enrolled) - {device}
    with fleet.api() as api:
        apply(api, Job("for-one", "true", target=Target.parse("any"), barred=barred))
        run = api.start_run(job="for-one")
    publish(fleet, names.EVENT, STRANGER, encode(Hello(str(uuid.uuid4()), "1")))
    assert works(fleet)
    fleet.start_agent(device)
    assert fleet.settled(run).executions[0].device == device


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/runs?before=99999999999999999999", None, 422),
        ("GET", "/v1/runs/latest/transcript?device=pi-1&offset=99999999999999999999", None, 422),
        ("GET", "/v1/nothing", None, 404),
        ("DELETE", "/v1/runs", None, 405),
        ("POST", "/v1/runs", b"\xff", 400),
        ("POST", "/v1/runs", b"[" * 5000, 400),
        ("POST", "/v1/runs", b'{"command":["true"],"target":{"where":"all"},"terminal":{"columns":10001}}', 422),
    ],
)
def test_every_refusal_has_the_form_of_an_error(fleet: Fleet, method: str, path: str, body: bytes | None, status: int):
    answered, message = refused(fleet, method, path, body)
    assert answered == status
    assert message


def test_text_that_not_every_database_keeps_is_refused(fleet: Fleet):
    assert {request: refused(fleet, *request)[0] for request in UNSPEAKABLE} == dict.fromkeys(UNSPEAKABLE, 422)


def test_a_device_named_twice_runs_once(fleet: Fleet):
    with fleet.api() as api:
        run = api.start_run(command=["true"], target=Target(Where.CUSTOM, ("pi-1", "pi-2", "pi-1")))
    assert [execution.device for execution in fleet.settled(run).executions] == ["pi-1", "pi-2"]


async def test_a_console_that_breaks_the_protocol_is_told_why(fleet: Fleet):
    """In any language: a close frame holds 123 bytes, not characters."""
    run = fleet.exec(["true"])
    url = f"{fleet.url.replace('http', 'ws', 1)}/v1/runs/{run.id}/attach"
    async with connect(url, additional_headers={"Authorization": f"Bearer {TOKEN}"}) as socket:
        await socket.send(json.dumps({"type": "attach", "devices": ["é" * 200]}))
        with pytest.raises(ConnectionClosed) as closed:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await socket.recv()
    assert closed.value.rcvd
    assert closed.value.rcvd.code == 1002
    assert "has no execution on é" in closed.value.rcvd.reason
