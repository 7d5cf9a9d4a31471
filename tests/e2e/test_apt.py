"""Experiment 2 of the dissertation with the real apt: one job on two devices, and only one of them asks.

Each device has a root file system of its own over the machine's, with its own package database.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.brokers import PrivateBroker
from tests.harness import Fleet
from tests.operators import Operator
from tests.roots import PROJECT, Root
from tests.tmux import Tmux

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="a root file system for a device needs root's rights"),
    pytest.mark.timeout(600),  # two package indexes and an installation, from the network
]

# Debian's own settings: the machine that runs the tests may have others.
_APT_SETTINGS = 'APT::Get::Assume-Yes "false";\nAPT::Install-Recommends "true";\n'
# Scheduled where it is declared, and this machine is no device.
_ON_A_DEVICE = re.compile(r"^backup:\n(?:  .*\n)+", re.MULTILINE)
_NO_SERVICES = "#!/bin/sh\nexit 101\n"


@pytest.fixture
def roots(tmp_path: Path) -> Iterator[dict[str, Root]]:
    """pi-1 has neofetch; pi-2 has not, nor one of the packages that apt then wants to install with it."""
    with ExitStack() as stack:
        made = {}
        for device in ("pi-1", "pi-2"):
            (tmp_path / device).mkdir()
            made[device] = root = Root(tmp_path / device, tmp_path)
            stack.callback(root.close)
            root.write("/etc/apt/apt.conf.d/99-tests", _APT_SETTINGS)
            root.write("/usr/sbin/policy-rc.d", _NO_SERVICES, 0o755)
            root.run("apt-get", "update")
        made["pi-1"].run("apt-get", "install", "--yes", "--no-install-recommends", "neofetch")
        made["pi-2"].run("apt-get", "purge", "--yes", "neofetch", "jp2a")
        yield made


@pytest.fixture
def fleet(tmp_path: Path, roots: dict[str, Root]) -> Iterator[Fleet]:
    """pi-1 and pi-2, whose agents run in their roots."""
    with ExitStack() as stack:
        broker = PrivateBroker(tmp_path)
        broker.start()
        stack.callback(broker.stop)
        fleet = Fleet(tmp_path, broker, [], enrolled=list(roots))
        stack.callback(fleet.stop)
        fleet.start()
        for device, root in roots.items():
            fleet.start_agent(device, within=root.command)
        yield fleet


def test_one_device_asks_and_the_other_does_not(fleet: Fleet, roots: dict[str, Root], tmp_path: Path) -> None:
    operator = Operator(tmp_path, fleet)
    playbook = tmp_path / "dissertation.yaml"
    text = (PROJECT / "playbooks/dissertation.yaml").read_text()
    playbook.write_text(_ON_A_DEVICE.sub("", text))
    operator.succeed("apply", str(PROJECT / "playbooks/inventory.yaml"), str(playbook))
    with closing(Tmux(operator.environment, columns=120, rows=40)) as terminal:
        terminal.enter("runlet run rpi-neofetch")
        # pi-1 goes through, so that typing goes to pi-2 by itself.
        terminal.wait_for(re.compile(r"^pi-2 > Do you want to continue\? \[Y/n\]"))
        terminal.enter("Y")
        shown = terminal.wait_for_end(0)

    assert "pi-1 | neofetch is already the newest version" in shown
    assert "[Y/n]" not in operator.succeed("logs", "--device", "pi-1")
    assert "pi-2 | Do you want to continue? [Y/n] Y\n" in shown
    assert "pi-2 | Setting up neofetch" in shown
    for device, root in roots.items():
        assert f"{device} | Exited with code: 0 signal: none\n{device} | Duration: " in shown
        assert "root@" in operator.succeed("logs", "--device", device), "neofetch itself ran"
        assert root.run("dpkg-query", "--show", "--showformat", "${Status}", "neofetch") == "install ok installed"
