"""What is said of an execution when it has ended, in the words of the dissertation (figure 23)."""

from __future__ import annotations

import signal as signals

from runlet.cli.inert import plain
from runlet.model.execution import State
from runlet.protocol.frames import Drained
from runlet.protocol.views import ExecutionView


def trailer(execution: ExecutionView, *, show_duration: bool) -> list[str]:
    """Its lines: the exit code and the signal of a program that ran, and why it ended when that does not say it."""
    lines = []
    if execution.exit_code is not None or execution.signal is not None:
        code = "none" if execution.exit_code is None else execution.exit_code
        lines.append(f"Exited with code: {code} signal: {signal_name(execution.signal)}")
        if show_duration and execution.seconds is not None:
            lines.append(f"Duration: {execution.seconds:.3f} s")
    explained = execution.standing in (State.SUCCEEDED, State.FAILED)
    if not lines or not explained or execution.detail:
        word = execution.standing.value.replace("_", " ").capitalize()
        lines.insert(0, f"{word}: {plain(execution.detail)}" if execution.detail else word)
    return lines


def attempt_ended(drained: Drained) -> str:
    """That there is another attempt."""
    at = "" if drained.next_at is None else f" at {drained.next_at.astimezone():%H:%M:%S}"
    return f"Attempt {drained.attempt} has ended; attempt {drained.attempt + 1} follows{at}"


def left_out(length: int) -> str:
    """That so many bytes of the output are not kept."""
    return f"{length:,} bytes left out"


def signal_name(number: int | None) -> str:
    """SIGTERM for 15; the number itself where this machine knows no name for it."""
    if number is None:
        return "none"
    try:
        return signals.Signals(number).name
    except ValueError:
        return str(number)
