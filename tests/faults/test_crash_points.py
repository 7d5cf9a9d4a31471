"""A part dies, or its disk fails, at each of its durable system calls in turn; started again, nothing is wrong.

Every point is one workload: an execution that prints and ends, and one that is cancelled. The calls are counted in a
first pass without a fault. CI takes every k-th point, another k-th with each seed; `make test-faults` takes all.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from runlet.errors import Conflict, RunletError, Unavailable
from runlet.holder.records import Started
from runlet.model.execution import State
from runlet.model.target import Target
from runlet.protocol.views import ExecutionView, RunView
from tests.brokers import PrivateBroker
from tests.faults import strace
from tests.faults.conftest import Tell
from tests.faults.strace import Point
from tests.harness import Fleet, wait_until

pytestmark = pytest.mark.timeout(3600)

EVERY = {"agent": 24, "holder": 4, "away": 4, "controller": 64}
_ALL = pytest.param(True, marks=pytest.mark.long, id="all")
WHICH = pytest.mark.parametrize("everything", [pytest.param(False, id="sample"), _ALL])

SQLITE = ("fsync", "fdatasync", "pwrite64", "ftruncate")
AGENT_CALLS = (*SQLITE, "write", "mkdir", "rmdir", "unlink", "rename")
HOLDER_CALLS = ("fsync", "ftruncate", "write", "rename", "unlink")
CONTROLLER_CALLS = (*SQLITE, "write", "mkdir", "unlink")
# Some of these go to pipes, where they cannot fail: they are not told apart here, and only kill.
ONLY_KILLS = ("write",)

LINES = 500
PRINTED = b"".join(b"%d\r\n" % number for number in range(LINES))
_SETTLED_SECONDS = 90.0


class Workload:
    """Two executions on a device: one prints and ends, one waits to be cancelled. The programs use calls of their own,
    which no holder makes: what is injected there must not hit them."""

    def __init__(self, fleet: Fleet, device: str, starts: Path) -> None:
        self._fleet = fleet
        self._device = device
        self._starts = starts
        self._last = max((run.id for page in self._pages() for run in page), default=0)
        count = f"import os, time; f = os.open({str(starts)!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)\n"
        count += "os.writev(f, [os.environb[b'RUNLET_EXECUTION'] + b'\\n'])\n"
        self._prints = f"{count}os.writev(1, [b''.join(b'%d\\n' % number for number in range({LINES}))])"
        self._waits = f"{count}time.sleep(1000)"
        self._to_cancel: int | None = None

    def _pages(self) -> Iterator[list[RunView]]:
        with self._fleet.api() as api:
            yield from api.runs(20)

    def launch(self) -> None:
        self._launch(self._prints)
        self._to_cancel = self._launch(self._waits)

    def _launch(self, program: str) -> int | None:
        """The run; None when the controller did not say whether it took it."""
        command = [sys.executable, "-ISBc", program]
        try:
            with self._fleet.api() as api:
                return api.start_run(command=command, target=Target.parse(self._device)).id
        except Unavailable:
            return None

    def cancel(self) -> bool:
        """Whether the controller knows by now that it is to be cancelled; or does not know of it at all."""
        try:
            # A controller that died before it answered may have taken it.
            known = [run.id for run in self.runs() if run.command and run.command[-1] == self._waits]
            self._to_cancel = next(iter(known), None)
            if self._to_cancel is None:
                return True
            with self._fleet.api() as api:
                api.cancel(self._to_cancel)
        except Conflict:
            return True
        except RunletError:
            return False
        return True

    def runs_what_waits(self) -> bool:
        return any(view.state is State.RUNNING for view in self._executions(self._to_cancel))

    def _executions(self, run: int | None) -> list[ExecutionView]:
        if run is None:
            return []
        try:
            with self._fleet.api() as api:
                return list(api.run(run).executions)
        except RunletError:
            return []

    def runs(self) -> list[RunView]:
        """What the controller knows of it."""
        return [run for page in self._pages() for run in page if run.id > self._last]

    def is_settled(self) -> bool:
        try:
            return all(run.settled for run in self.runs())
        except RunletError:
            return False

    def _whole(self, run: RunView, length: int) -> bytes:
        """All that a run printed: it may come behind the outcome, when the controller died before it stored it."""
        wait_until(lambda: len(self._fleet.transcript(run, self._device)) >= length, f"the output of run {run.id}")
        return self._fleet.transcript(run, self._device)

    def verify(self, *, lost_holders: bool = False) -> Counter[State]:
        """Everything has its outcome, started as often as that says, and printed what that says."""
        wait_until(self.is_settled, "both runs to settle", _SETTLED_SECONDS)
        starts = Counter(self._starts.read_text().split()) if self._starts.exists() else Counter()
        states: Counter[State] = Counter()
        for summary in self.runs():
            [execution] = self._executions(summary.id)
            waits = summary.id == self._to_cancel
            started, printed = starts[execution.id], self._whole(summary, execution.output_length)
            states[execution.state] += 1
            match execution.state:
                case State.SUCCEEDED:
                    assert (started, printed, waits) == (1, PRINTED, False), execution
                case State.CANCELLED:
                    assert waits, execution
                    assert started <= 1, execution
                case State.INTERRUPTED:
                    assert lost_holders, execution
                    assert started <= 1, execution
                    assert waits or PRINTED.startswith(printed), execution
                case State.FAILED:
                    assert execution.detail.startswith("it cannot be started"), execution
                    assert started == 0, execution
                case _:
                    raise AssertionError(execution)
        return states


def chosen(part: str, found: Sequence[Point], everything: bool, tell: Tell) -> list[Point]:
    """The points to be taken, told in the test's output."""
    every = 1 if everything else EVERY[part]
    first = random.randrange(every)
    taken = list(found[first::every])
    kinds = Counter(f"{point.fault.partition('=')[2]} at {point.call}" for point in found)
    tell(f"{part}: {len(found)} points, every {every}. from {first}: {len(taken)}; {dict(kinds)}")
    return taken


def faults_of(calls: Counter[str]) -> list[Point]:
    failing = Counter({call: number for call, number in calls.items() if call not in ONLY_KILLS})
    killing = Counter({call: number for call, number in calls.items() if call in ONLY_KILLS})
    return strace.points(failing) + strace.points(killing, [strace.KILLED])


# --- the agent --------------------------------------------------------------------------------------------------------


@WHICH
def test_the_agent_s_disk_and_life_end_at_every_durable_call(
    fleet: Fleet, device: str, tmp_path: Path, tell: Tell, everything: bool
) -> None:
    def attempt(name: str, point: Point | None) -> Path:
        log = tmp_path / f"{name}.strace"
        shutil.rmtree(fleet.home / device, ignore_errors=True)  # a device that was set up anew: its calls are the same
        load = Workload(fleet, device, tmp_path / f"{name}.starts")
        load.launch()
        fleet.launch_agent(device, strace.around(log, AGENT_CALLS, point), keep_programs=True)
        agent = fleet.agents[device].popen
        wait_until(
            lambda: agent.poll() is not None or load.runs_what_waits() or load.is_settled(), "a start or a death"
        )
        load.cancel()
        wait_until(lambda: agent.poll() is not None or load.is_settled(), "the end or a death", _SETTLED_SECONDS)
        if agent.poll() is not None:
            fleet.agents[device].kill()
            fleet.start_agent(device, keep_programs=True)
        load.verify()
        fleet.agents.pop(device).stop()
        return log

    [calls] = strace.counted(attempt("counting", None))
    for point in chosen("agent", faults_of(calls), everything, tell):
        _told(point, attempt, tmp_path)


def _told(point: Point, attempt: Callable[[str, Point], Path], folder: Path) -> None:
    try:
        attempt(str(point).replace(" ", "-"), point)
    except AssertionError as error:
        raise AssertionError(f"{point}, see {folder}: {error}") from error


# --- the holder -------------------------------------------------------------------------------------------------------


@WHICH
def test_a_holder_s_disk_and_life_end_at_every_durable_call(
    fleet: Fleet, device: str, tmp_path: Path, tell: Tell, everything: bool
) -> None:
    fleet.start_agent(device)
    fleet.settled(fleet.exec(["true"], on=device))
    spawner = strace.child(fleet.agents[device].popen.pid)

    def attempt(name: str, point: Point | None) -> Path:
        log = tmp_path / f"{name}.strace"
        load = Workload(fleet, device, tmp_path / f"{name}.starts")
        with strace.attached(spawner, log, HOLDER_CALLS, point):
            load.launch()
            wait_until(lambda: load.runs_what_waits() or load.is_settled(), "both to start or to end")
            load.cancel()
            load.verify(lost_holders=point is not None)
        return log

    calls = strace.counted(attempt("counting", None))
    most = Counter({call: max(one[call] for one in calls) for call in HOLDER_CALLS})
    for point in chosen("holder", faults_of(most), everything, tell):
        _told(point, attempt, tmp_path)


@WHICH
def test_a_holder_s_disk_and_life_end_while_it_writes_down_its_outcome(
    fleet: Fleet, device: str, tmp_path: Path, tell: Tell, everything: bool
) -> None:
    """The agent is away; it comes back when the holder has come to its point."""

    def attempt(name: str, point: Point | None) -> Path:
        log, gate = tmp_path / f"{name}.strace", tmp_path / f"{name}.gate"
        fleet.start_agent(device)
        run = fleet.sh(f"echo before; until [ -e {gate} ]; do sleep 0.02; done; echo after", on=device)
        fleet.until_printed(run, b"before", device)
        fleet.agents[device].kill()
        [execution] = run.executions
        record = Path(fleet.home, device, "holders", f"{execution.id}.1.started")
        holder = Started.decode(record.read_bytes()).holder
        with strace.attached(holder, log, HOLDER_CALLS, point):
            gate.touch()
            done = wait_until(lambda: not _lives(holder) or strace.was_injected(log), "the holder's point or end")
            assert done
            fleet.start_agent(device)
            [execution] = fleet.settled(run).executions
        printed = fleet.transcript(run, device)
        if point and point.fault == strace.KILLED and execution.state is State.INTERRUPTED:
            assert b"before\r\nafter\r\n".startswith(printed)
        else:
            assert (execution.state, printed) == (State.SUCCEEDED, b"before\r\nafter\r\n")
        fleet.agents.pop(device).stop()
        return log

    [calls] = strace.counted(attempt("counting", None))
    for point in chosen("away", faults_of(calls), everything, tell):
        _told(point, attempt, tmp_path)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# --- the controller ---------------------------------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A fleet whose controller may be killed, on SQLite."""
    folder = tmp_path_factory.mktemp
    with PrivateBroker(folder("broker")) as broker, Fleet(folder("points"), broker, ["pi-1"]) as fleet:
        yield fleet


@WHICH
def test_the_controller_s_disk_and_life_end_at_every_durable_call(
    own: Fleet, tmp_path: Path, tell: Tell, everything: bool
) -> None:
    """What it answered is there; the outbox, and what agents told, survive it."""

    def attempt(name: str, point: Point | None) -> Path:
        log = tmp_path / f"{name}.strace"
        load = Workload(own, "pi-1", tmp_path / f"{name}.starts")
        assert own.controller
        own.controller.stop()
        own.launch_controller(strace.around(log, CONTROLLER_CALLS, point, threads=True))
        wait_until(lambda: _is_up(own) or own.controller.popen.poll() is not None, "the controller to be up or dead")
        load.launch()
        wait_until(lambda: _is_dead(own) or load.runs_what_waits() or load.is_settled(), "a start or a death")
        wait_until(lambda: _is_dead(own) or load.cancel(), "the cancel or a death")
        wait_until(lambda: _is_dead(own) or load.is_settled(), "the end or a death", _SETTLED_SECONDS)
        if _is_dead(own):
            own.controller.kill()
            own.launch_controller()
            own.controller.ready()
            wait_until(load.cancel, "the cancel")
        load.verify()
        return log

    by_thread = strace.counted(attempt("counting", None))
    most = Counter({call: max(one[call] for one in by_thread) for call in CONTROLLER_CALLS})
    for point in chosen("controller", faults_of(most), everything, tell):
        _told(point, attempt, tmp_path)


def _is_up(fleet: Fleet) -> bool:
    try:
        with fleet.api() as api:
            api.health()
    except RunletError:
        return False
    return True


def _is_dead(fleet: Fleet) -> bool:
    assert fleet.controller
    return fleet.controller.popen.poll() is not None
