"""When a program's output was printed, as the controller has it: by the device's clock, whatever happened meanwhile."""

from __future__ import annotations

import asyncio
import re
import shlex
import sys
from itertools import pairwise
from pathlib import Path

from runlet.holder.moments import TICK_MILLISECONDS
from runlet.protocol.frames import Attach
from runlet.protocol.messages import TerminalSize
from runlet.protocol.moment import Moment
from runlet.protocol.views import RunView
from tests.harness import Fleet, Typist, attached, wait_until

# By so much a moment may be early: output within a tick counts as printed at once, and milliseconds are rounded down.
EARLY_SECONDS = TICK_MILLISECONDS / 1000 + 0.001


def teller(lines: int, pause: float) -> str:
    """A command that prints what time it is, again and again; all processes of a machine have the same clock."""
    script = f"import time\nfor _ in range({lines}): print(f'at {{time.monotonic()}}', flush=True); time.sleep({pause})"
    return shlex.join([sys.executable, "-c", script])


def moments_of(fleet: Fleet, run: RunView, device: str) -> list[Moment]:
    with fleet.api() as api:
        return list(api.timing(run.id, device).moments)


def told(printed: bytes, moments: list[Moment]) -> tuple[list[float], list[float]]:
    """(when each line was printed, what its moment says), each of a clock of its own."""
    lines = list(re.finditer(rb"at ([0-9.]+)\r\n", printed))
    seconds = [[moment for moment in moments if moment.offset <= line.start()][-1].seconds for line in lines]
    return [float(line[1]) for line in lines], seconds


def assert_true(times: list[float], seconds: list[float]) -> None:
    """Each line's moment lies between its printing and the next line's.

    Nothing tells when the holder's clock began: there must be one beginning that fits all lines.
    """
    latest = min(after - moment for after, moment in zip(times[1:], seconds, strict=False))
    earliest = max(time - moment - EARLY_SECONDS for time, moment in zip(times, seconds, strict=True))
    assert earliest <= latest, (times, seconds)


def test_pauses_are_recorded_where_the_terminal_is(fleet: Fleet) -> None:
    """Nobody is attached: what is printed in a quarter of a second is sent together, and the pauses are shorter."""
    run = fleet.settled(fleet.sh(teller(lines=10, pause=0.1)))
    times, seconds = told(fleet.transcript(run), moments_of(fleet, run, "pi-1"))
    assert len(times) == 10
    assert_true(times, seconds)
    printed = zip(pairwise(times), pairwise(seconds), strict=True)
    assert all(moment[1] > moment[0] for _, moment in printed), "no two lines were printed at once"


def test_what_is_printed_without_an_agent_keeps_its_time(fleet: Fleet, device: str, tmp_path: Path) -> None:
    """The agent dies and comes back, dies again and finds only what its holder wrote down."""
    fleet.start_agent(device)
    first, second, over = (tmp_path / name for name in ("first", "second", "over"))
    tell = teller(lines=5, pause=0.1)
    until = "until [ -e {} ]; do sleep 0.05; done"
    steps = [tell, until.format(first), tell, until.format(second), tell, f"touch {over}"]
    run = fleet.sh("; ".join(steps), on=device)
    wait_until(lambda: fleet.transcript(run, device).count(b"at ") == 5, "the first lines")
    fleet.agents[device].kill()
    first.touch()
    holder = fleet.holder(run, device)
    fleet.start_agent(device)
    wait_until(lambda: fleet.transcript(run, device).count(b"at ") == 10, "what was printed meanwhile")
    fleet.agents[device].kill()
    second.touch()
    wait_until(over.exists, "the program's end")
    wait_until(lambda: not Path(f"/proc/{holder}").exists(), "its holder to leave")
    fleet.start_agent(device)
    fleet.settled(run)
    times, seconds = told(fleet.transcript(run, device), moments_of(fleet, run, device))
    assert len(times) == 15
    assert_true(times, seconds)


async def test_the_size_of_the_terminal_is_recorded(fleet: Fleet) -> None:
    run = fleet.sh("trap 'stty size' WINCH; echo ready; while ! read -r -t 60 line; do :; done; echo over")
    request = Attach(terminal=TerminalSize(91, 33))
    async with attached(fleet, run, request) as attachment:
        console = Typist(attachment)
        await console.until_seen(b"ready")
        await attachment.resize(run.executions[0].id, TerminalSize(77, 22))
        await console.until_seen(b"22 77")
        await console.type(b"\r", run.executions[0])
        await console.rest()
    fleet.settled(run)
    moments = await asyncio.to_thread(moments_of, fleet, run, "pi-1")
    assert (moments[-1].columns, moments[-1].rows) == (77, 22)
