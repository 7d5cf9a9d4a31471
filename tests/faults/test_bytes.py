"""What programs print, while those who carry it are killed and consoles come and go."""

from __future__ import annotations

import asyncio
import hashlib
import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runlet.errors import RunletError
from runlet.model.execution import STARTED, State
from runlet.model.job import Job
from runlet.model.logs import Logs
from runlet.model.target import Target
from runlet.protocol.chunk import Chunk
from runlet.protocol.frames import Attach, Notice
from runlet.protocol.messages import TerminalSize
from runlet.protocol.views import ExecutionView, RunView
from tests.harness import Fleet, Typist, apply, attached, wait_until

pytestmark = pytest.mark.timeout(3600)

MIB = 1024 * 1024
# Between two kills, as many times as long as an agent takes to start on this machine now: some hit a part that is still
# starting, and between some there is time for both to work.
LONGEST_PAUSE_STARTS = 6

_PRINTS = """\
import os, random, tty
tty.setraw(1)
draw = random.Random({seed})
for _ in range({pieces}):
    data = draw.randbytes(8192)
    while data:
        data = data[os.write(1, data):]
"""


@contextmanager
def killed_at_random(fleet: Fleet, device: str, draw: random.Random, longest_pause: float) -> Iterator[list[str]]:
    """Agent and controller are killed until the context is left; what was killed. The pause is in seconds."""
    stop, killed = threading.Event(), []

    def work() -> None:
        while not stop.wait(draw.uniform(0, longest_pause)):
            killed.append(draw.choice(["agent", "agent", "controller"]))
            if killed[-1] == "agent":
                fleet.agents[device].kill()
                fleet.launch_agent(device)
            else:
                assert fleet.controller
                fleet.controller.kill()
                fleet.launch_controller()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield killed
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("mebibytes", [2, pytest.param(100, marks=pytest.mark.long)])
def test_random_bytes_are_stored_as_they_were_printed(fleet: Fleet, device: str, mebibytes: int) -> None:
    seed = random.randrange(2**32)
    pieces = mebibytes * MIB // 8192
    script = _PRINTS.format(seed=seed, pieces=pieces)
    begin = time.monotonic()
    fleet.start_agent(device)
    longest_pause = LONGEST_PAUSE_STARTS * (time.monotonic() - begin)
    with fleet.api() as api:
        apply(api, Job(f"random-bytes-{mebibytes}", script, entrypoint=(sys.executable,), logs=Logs(256 * MIB)))
        run = api.start_run(job=f"random-bytes-{mebibytes}", target=Target.parse(device))
    with killed_at_random(fleet, device, random.Random(seed), longest_pause) as killed:
        wait_until(lambda: len(killed) >= 3 and _has_ended(fleet, run), "the program to end", 1800)
    (execution,) = fleet.settled(run).executions
    assert execution.state is State.SUCCEEDED, f"seed {seed}, killed {killed}"
    draw, wanted, found = random.Random(seed), hashlib.sha256(), hashlib.sha256()
    for _ in range(pieces):
        wanted.update(draw.randbytes(8192))
    with fleet.api() as api:
        for page in api.transcript(run.id, device):
            found.update(page.data)
    assert execution.output_length == pieces * 8192
    assert found.digest() == wanted.digest(), f"seed {seed}, killed {killed}"


def _has_ended(fleet: Fleet, run: RunView) -> bool:
    try:
        with fleet.api() as api:
            return api.run(run.id).executions[0].state.is_outcome
    except RunletError:
        return False


@pytest.mark.parametrize(
    ("program", "times"),
    [
        ("vim", 4),  # who typed before keeps the keyboard for some seconds
        ("htop", 13),
        ("yes", 13),
        *(pytest.param(program, 170, marks=pytest.mark.long) for program in ("vim", "htop", "yes")),
    ],
)
async def test_consoles_attach_again_and_again_to_agents_that_are_killed(
    fleet: Fleet, device: str, tmp_path: Path, program: str, times: int
) -> None:
    """Each time the agent is another one; a console comes, sees the program, types if it can, and goes."""
    file = tmp_path / "file"
    command = {"vim": ["vim", "-u", "NONE", "-n", str(file)], "htop": ["htop"], "yes": ["yes"]}[program]
    fleet.start_agent(device)
    run = fleet.exec(command, on=device)
    (execution,) = run.executions
    fleet.until(run, lambda view: view.state in STARTED)
    for number in range(times):
        fleet.agents[device].kill()
        await asyncio.to_thread(fleet.start_agent, device)
        size = TerminalSize(80 + number % 2, 24)  # programs paint again for a window of another size
        async with attached(fleet, run, Attach(terminal=size, tail=1000)) as attachment:
            console = Typist(attachment)
            await console.until(lambda self: any(isinstance(event, Chunk) for event in self.events))
            if program == "vim":
                await _write_word(console, execution, file, number)
    view = fleet.until(run, lambda view: True)
    assert view.state in STARTED
    with fleet.api() as api:
        api.cancel(run.id)
    settled = fleet.settled(run)
    assert settled.state is State.CANCELLED
    if program == "yes":
        assert set(fleet.transcript(run, device)[: 3 * MIB].split(b"\r\n")) <= {b"y", b""}


async def _write_word(console: Typist, execution: ExecutionView, file: Path, number: int) -> None:
    """One more word; the console before may still have the keyboard."""
    while _count(file) == number:
        before = len(console.events)
        await console.type(b"Aone\x1b:w\r", execution)
        await console.until(
            lambda self, before=before: (
                _count(file) > number or any(isinstance(event, Notice) for event in self.events[before:])
            )
        )
    assert _count(file) == number + 1


def _count(file: Path) -> int:
    return file.read_text().count("one") if file.exists() else 0
