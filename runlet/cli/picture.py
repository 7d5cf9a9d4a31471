"""The run as a console knows it: the snapshot it was given, kept up to date by the changes that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from runlet.cli.prefix import device_name
from runlet.client.attachment import ConsoleEvent
from runlet.model.execution import State
from runlet.model.run import ExitCode, exit_code
from runlet.protocol.frames import ExecutionChanged, RolloutChanged, RunSnapshot
from runlet.protocol.views import DeviceView, ExecutionView, Presence, RunView


class Picture:
    """A run, seen by a console that selected `devices` of it (all when None)."""

    def __init__(self, run: RunView, devices: tuple[str, ...] | None = None) -> None:
        self.run = run
        self.devices = devices
        self._executions = {execution.id: execution for execution in run.executions}

    def __getitem__(self, execution: str) -> ExecutionView:
        return self._executions[execution]

    @property
    def executions(self) -> list[ExecutionView]:
        """The selected executions, in the run's order."""
        selected = self.devices
        return [one for one in self._executions.values() if selected is None or one.device in selected]

    @property
    def exit_code(self) -> ExitCode:
        """How the selected executions stand."""
        return exit_code((execution.standing for execution in self.executions), aborted=self.run.is_aborted)

    def take(self, event: ConsoleEvent) -> None:
        """Note what `event` says of the run. A change that is older than what is known says nothing."""
        match event:
            case RunSnapshot(run):
                self.run = run
                for execution in run.executions:
                    self._update(execution)
            case ExecutionChanged(execution):
                self._update(execution)
            case RolloutChanged(rollout):
                self.run = replace(self.run, rollout=rollout)
            case _:
                pass

    def _update(self, execution: ExecutionView) -> None:
        known = self._executions.get(execution.id)
        if known is None or (execution.attempt, execution.version) >= (known.attempt, known.version):
            self._executions[execution.id] = execution


def waiting_words(executions: Sequence[ExecutionView], devices: Sequence[DeviceView]) -> list[str]:
    """What to say of executions that cannot start yet because no agent is there to take them."""
    online = {device.name for device in devices if device.presence is Presence.ONLINE}
    words = []
    for execution in executions:
        if execution.state is not State.QUEUED or execution.device in online or execution.released_at is None:
            continue
        if execution.device is None:
            words.append("no device is connected; the first to connect runs it")
        else:
            words.append(f"{device_name(execution)} is offline; it runs when the device returns")
    return words
