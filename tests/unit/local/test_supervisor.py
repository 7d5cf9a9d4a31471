"""What becomes of one child of `up` that is slow, or that the machine has no room for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from runlet.errors import LocalFleetError
from runlet.local.child import Child, Program
from runlet.local.home import Home
from runlet.local.processes import written_down
from runlet.local.supervisor import Plan, Supervisor

PATIENCE_SECONDS = 50.0
# Says who it is, is ready once it may be, and ends with its lifeline.
MODULE = """
import os, pathlib, sys, time
folder = pathlib.Path(__file__).parent
with (folder / "started").open("a") as file:
    file.write(f"{os.getpid()}\\n")
while not (folder / "may be ready").exists():
    time.sleep(0.01)
print("{}", flush=True)
sys.stdin.read()
"""


class Site:
    """A supervisor with one device, and what it has told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = Home.at(folder / "home")
        self.told: list[str] = []
        self.supervisor = Supervisor(self.home, Plan(("pi-1",)), lambda _part, words: self.told.append(words))
        program = Program("device-pi-1", "a_child", start_seconds=0.1, stop_seconds=PATIENCE_SECONDS)
        self.child = Child(program, self.home.config(program.name), self.home.log(program.name))
        self.supervisor._devices = {"pi-1": self.child}

    def started(self) -> list[int]:
        file = self.folder / "started"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():  # noqa: ASYNC110 - other processes have no event for it
                await asyncio.sleep(0.01)


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    (tmp_path / "a_child.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    site = Site(tmp_path)
    yield site
    await site.child.stop()


async def kept(site: Site, failure: LocalFleetError | None, *, then: Callable[[], object]) -> None:
    """Keep the child until the condition holds."""
    async with asyncio.TaskGroup() as keepers:
        tasks = [
            keepers.create_task(site.supervisor._keep(site.child, failure)),
            keepers.create_task(site.supervisor._keep_written_down()),
        ]
        await site.until(then)
        for task in tasks:
            task.cancel()


async def test_a_child_that_is_only_slow_is_not_started_beside_itself(site: Site) -> None:
    await site.child.launch()
    with pytest.raises(LocalFleetError, match="was not ready within") as slow:
        await site.child.ready()
    assert site.child.process
    before = site.child.process.pid
    # That often: longer than the first pause before it would be started again.
    await kept(site, slow.value, then=lambda: sum("waiting for it" in words for words in site.told) > 5)
    assert site.started() in ([], [before])
    assert site.child.process.pid == before


async def test_a_child_that_the_machine_has_no_room_for_is_started_later(site: Site) -> None:
    (site.folder / "may be ready").touch()
    in_the_way = site.child.log
    await site.child.launch()
    await site.until(site.started)
    in_the_way.unlink()
    in_the_way.mkdir()  # for any user, root too, it cannot be opened
    await site.child.stop()

    def mended() -> bool:
        if "cannot be started: Is a directory; starting it again until it runs" in site.told and in_the_way.is_dir():
            in_the_way.rmdir()
        return "runs again" in site.told

    await kept(site, None, then=mended)
    assert len(site.started()) == 2


async def test_what_cannot_be_written_down_ends_nothing(site: Site) -> None:
    (site.folder / "may be ready").touch()
    in_the_way = site.home.processes.with_name(f".{site.home.processes.name}.new")
    in_the_way.mkdir()
    await site.child.launch()
    await site.child.stop()

    def mended() -> bool:
        if "runs again" in site.told and in_the_way.exists():
            assert any("cannot be written" in words for words in site.told)
            in_the_way.rmdir()
        return [process.pid for process in written_down(site.home.processes)] == site.started()[-1:]

    await kept(site, None, then=lambda: site.started() and mended())
    assert site.child.process
