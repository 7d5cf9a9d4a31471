"""runlet/cli/picture.py: the run as a console knows it."""

from __future__ import annotations

from dataclasses import replace

from runlet.cli.picture import Picture, waiting_words
from runlet.model.execution import State
from runlet.model.run import ExitCode
from runlet.protocol.frames import ExecutionChanged
from runlet.protocol.views import DeviceView, Presence
from tests.unit.cli.runs import NOON, execution, run


def test_an_older_change_says_nothing() -> None:
    ended = execution("pi-1", State.SUCCEEDED, version=3)
    picture = Picture(run(ended))
    picture.take(ExecutionChanged(replace(ended, state=State.RUNNING, version=2)))
    assert picture.executions[0].state is State.SUCCEEDED


def test_only_selected_devices_count() -> None:
    view = run(execution("pi-1", State.SUCCEEDED), execution("pi-2", State.FAILED))
    assert Picture(view, ("pi-1",)).exit_code is ExitCode.SUCCEEDED
    assert Picture(view).exit_code is ExitCode.SOME_FAILED


def test_who_is_waited_for() -> None:
    devices = [
        DeviceView("pi-1", Presence.ONLINE, NOON, "0.1.0"),
        DeviceView("pi-2", Presence.OFFLINE, None, None),
    ]
    queued = [execution(name, State.QUEUED) for name in ("pi-1", "pi-2", None)]
    assert waiting_words([*queued, execution("pi-2", State.RUNNING)], devices) == [
        "pi-2 is offline; it runs when the device returns",
        "no device is connected; the first to connect runs it",
    ]
