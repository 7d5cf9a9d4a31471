"""Facts: from an agent's look to what the controller shows."""

from __future__ import annotations

import os

import pytest

from runlet import __version__
from runlet.agent.facts import matter
from runlet.errors import UnknownName
from runlet.model.facts import NAMES, FactValue
from runlet.protocol import names
from runlet.protocol.messages import Facts, Goodbye, encode
from runlet.protocol.views import DeviceView
from tests.faults.test_faults import publish
from tests.harness import Fleet, wait_until


def shown(fleet: Fleet, device: str) -> DeviceView:
    with fleet.api() as api:
        (view,) = api.devices([device])
    return view


def told(fleet: Fleet, device: str) -> DeviceView:
    return wait_until(lambda: view if (view := shown(fleet, device)).facts else None, f"facts of {device}")


def test_an_agent_tells_its_facts_when_it_connects(fleet: Fleet, device: str):
    view = shown(fleet, device)
    assert (view.facts, view.facts_at) == ({}, None)
    fleet.start_agent(device)
    view = told(fleet, device)
    assert set(view.facts) <= set(NAMES)
    assert (view.facts["arch"], view.facts["runlet.version"]) == (os.uname().machine, __version__)
    assert isinstance(view.facts["addresses"], list)
    assert view.facts_at is not None


def test_facts_outlive_the_agent_and_are_told_again_when_it_returns(fleet: Fleet, device: str):
    fleet.start_agent(device)
    before = told(fleet, device)
    fleet.agents.pop(device).stop()
    last: dict[str, FactValue] = {
        "arch": "z80",
        "addresses": ["a", "b"],
        "memory_mb": 0.5,
        "battery.charging": True,
    }
    publish(fleet, names.EVENT, device, encode(Facts(last | {"room": "of no agent's telling"})))
    view = wait_until(lambda: v if (v := shown(fleet, device)).facts["arch"] == "z80" else None, "the latest")
    assert view.facts == last
    fleet.start_agent(device)
    again = wait_until(lambda: v if (v := shown(fleet, device)).facts["arch"] != "z80" else None, "its own facts")
    assert not matter(before.facts, again.facts)


def test_a_listing_without_facts(fleet: Fleet):
    told(fleet, "pi-1")
    with fleet.api() as api:
        views = api.devices(facts=False)
    assert len(views) == len(fleet.devices) + len(fleet.enrolled)
    assert not any(view.facts for view in views)


def test_a_device_that_nobody_knows(fleet: Fleet):
    with fleet.api() as api, pytest.raises(UnknownName, match="no device is called 'pi-11'; did you mean pi-1"):
        api.devices(["pi-2", "pi-11"])


LIES = [
    b'{"type":"facts.v1","facts":{"arch":{"deep":[]}}}',
    b'{"type":"facts.v1","facts":{"arch":"\\u0000"}}',
    b'{"type":"facts.v1","facts":{"arch":1e999}}',
    b'{"type":"facts.v1","facts":{"../../etc":"x"}}',
    b'{"type":"facts.v1","facts":{%s}}' % b",".join(b'"f%d":1' % number for number in range(1000)),
    b'{"type":"facts.v1","facts":{"arch":"%s"}}' % (b"x" * 20_000),
]


def test_what_no_honest_agent_tells_is_dropped(fleet: Fleet, device: str):
    publish(fleet, names.EVENT, device, encode(Facts({"arch": "honest"})), *LIES)
    publish(fleet, names.EVENT, "pi-9", encode(Facts({"arch": "of a stranger"})))
    publish(fleet, names.EVENT, device, encode(Goodbye()))
    view = wait_until(lambda: v if (v := shown(fleet, device)).last_seen else None, "what came after the lies")
    assert view.facts == {"arch": "honest"}
