"""Programs that print and count their own starts, launched before, during and after a fault; and what must become of
them: one outcome each, one start each, every byte."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from runlet.model.execution import State
from runlet.model.target import Target
from runlet.protocol.views import RunView
from tests.harness import Fleet, wait_until

LINES = 3000
# Each device has room for four programs at once; those that wait for the gate must leave some for the others.
_NUMBERS = b"".join(b"%d\r\n" % number for number in range(1, LINES + 1))


class Load:
    """What is under way on some devices of a fleet, all of them by default."""

    def __init__(self, fleet: Fleet, folder: Path, devices: Sequence[str] = ()) -> None:
        self._fleet = fleet
        self._devices = list(devices or fleet.devices)
        self._starts = folder / "starts"
        self._gate = folder / "gate"
        self.runs: list[RunView] = []

    def launch(self, count: int, *, gated: bool = False) -> list[RunView]:
        """Runs on every device; those that are gated print the first half and wait for `open_gate`."""
        wait = f"until [ -e {self._gate} ]; do sleep 0.1; done" if gated else "sleep 0.2"
        half = LINES // 2
        script = f"echo $RUNLET_EXECUTION >> {self._starts}; seq 1 {half}; {wait}; seq {half + 1} {LINES}"
        with self._fleet.api() as api:
            started = [
                api.start_run(command=["bash", "-c", script], target=Target.custom([",".join(self._devices)]))
                for _ in range(count)
            ]
        self.runs += started
        return started

    def until_printing(self, runs: Sequence[RunView]) -> None:
        """Wait until each program has printed what it prints before the gate, and the controller has it."""
        last = b"\n%d\r\n" % (LINES // 2)
        for run in runs:
            for device in self._devices:
                wait_until(
                    lambda run=run, device=device: last in self._fleet.transcript(run, device),
                    f"run {run.id} to print on {device}",
                    90,
                )

    def open_gate(self) -> None:
        self._gate.touch()

    def verify(self, patience: float) -> None:
        """Everything settles within `patience` seconds, succeeded; each program ran once and lost no byte."""
        with self._fleet.api() as api:
            for run in self.runs:
                wait_until(lambda run=run: api.run(run.id).settled, f"run {run.id} to settle", patience)
            executions = [execution for run in self.runs for execution in api.run(run.id).executions]
        assert Counter(execution.state for execution in executions) == {State.SUCCEEDED: len(executions)}
        assert sorted(self._starts.read_text().split()) == sorted(execution.id for execution in executions)
        for run in self.runs:
            for device in self._devices:
                self._fleet.until_printed(run, b"\n%d\r\n" % LINES, device)
                assert self._fleet.transcript(run, device) == _NUMBERS, f"run {run.id} on {device}"
