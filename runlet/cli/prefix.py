"""The device's name before each of its lines, aligned, and in a colour of its own on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runlet.cli.inert import SGR_RESET, plain
from runlet.protocol.views import ExecutionView
from runlet.width import text_width

# Readable on dark and light backgrounds alike; red is left for errors.
_COLOURS = ("\x1b[36m", "\x1b[32m", "\x1b[35m", "\x1b[34m", "\x1b[33m")


def device_name(execution: ExecutionView) -> str:
    """The execution's device, for people; a run on `any` has none until one connects."""
    return plain(execution.device) if execution.device is not None else "(any)"


class Prefixes:
    """The prefixes of a run's executions."""

    def __init__(self, executions: Iterable[ExecutionView], *, colours: bool) -> None:
        self._names: dict[str, str] = {}
        self._colours = colours
        for execution in executions:
            self.update(execution)

    def __iter__(self) -> Iterator[str]:
        """The executions, in the run's order."""
        return iter(self._names)

    def update(self, execution: ExecutionView) -> None:
        """A run on `any` may have its device now."""
        self._names[execution.id] = device_name(execution)

    def name(self, execution: str) -> str:
        return self._names[execution]

    def coloured_name(self, execution: str) -> str:
        if not self._colours:
            return self._names[execution]
        colour = _COLOURS[list(self._names).index(execution) % len(_COLOURS)]
        return f"{colour}{self._names[execution]}{SGR_RESET}"

    def line(self, execution: str, text: str) -> str:
        """`text` behind the name: "pi-1 | text"."""
        widest = max(text_width(name) for name in self._names.values())
        padding = " " * (widest - text_width(self._names[execution]))
        return f"{self.coloured_name(execution)}{padding} | {text}"
