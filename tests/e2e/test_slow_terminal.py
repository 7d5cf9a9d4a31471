"""A terminal that takes less than a program prints: what is typed is seen to act all the same."""

from __future__ import annotations

import os
import pty
import select
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.harness import PATIENCE_SECONDS
from tests.operators import RUNLET, Operator

pytestmark = pytest.mark.alone

RATE = 200_000  # bytes a second
FLOOD_SECONDS = 4.0
Terminal = tuple[int, int]


@pytest.fixture
def slow_terminal(operator: Operator) -> Iterator[Terminal]:
    """A program that prints without end, in a terminal of ours: the console's process, and the terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(RUNLET, ["runlet", "exec", "pi-1", "--", "seq", "-f", "line %g of very many", "9999999999"],
                  operator.environment)  # fmt: skip
    yield pid, terminal
    os.close(terminal)
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)


def read_slowly(terminal: int, seconds: float) -> bytes:
    """What it shows within this time, at RATE; less when the console has ended."""
    end, shown = time.monotonic() + seconds, b""
    while time.monotonic() < end and b"Exited" not in shown[-200:]:
        if select.select([terminal], [], [], 0.1)[0]:
            data = os.read(terminal, 4096)
            shown += data
            select.select([], [], [], len(data) / RATE)  # this is how slow it is
    return shown


def test_ctrl_c_ends_a_flood_within_seconds(slow_terminal: Terminal) -> None:
    pid, terminal = slow_terminal
    while b"line " not in read_slowly(terminal, 0.5):
        pass
    read_slowly(terminal, FLOOD_SECONDS)
    os.write(terminal, b"\x03")
    shown = read_slowly(terminal, PATIENCE_SECONDS)
    assert b"signal: SIGINT" in shown[-400:], shown[-400:]
    assert b"much was printed" in shown
    numbers = [int(line.split()[1]) for line in shown.splitlines() if line.startswith(b"line ") and b" of " in line]
    assert numbers, "its end is shown"
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0
