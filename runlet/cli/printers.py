"""How followed output becomes text for stdout: by line behind the device's name, as it comes, or as JSON.

A printer is given one run's events in order and returns what to write. All of them make output inert.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from runlet.cli.inert import InertFilter, json_text
from runlet.cli.lines import LineAssembler, Part, ended, marked
from runlet.cli.prefix import Prefixes
from runlet.cli.trailer import left_out
from runlet.protocol.values import to_json
from runlet.protocol.views import ExecutionView, RolloutView, RunView


class Printer(Protocol):
    """What `follow` and `logs` need of a printer."""

    def run(self, run: RunView) -> str:
        """The run, before anything else."""

    def changed(self, execution: ExecutionView) -> str:
        """The execution has a newer version."""

    def rollout(self, rollout: RolloutView) -> str:
        """The run has come further in its rollout. People are told on stderr."""

    def output(self, execution: str, data: bytes) -> str:
        """Bytes of its terminal."""

    def gap(self, execution: str, length: int) -> str:
        """So many bytes are missing before the next."""

    def finish(self, execution: str) -> str:
        """Its output is complete: what was held back of it."""

    def tell(self, execution: str, words: Sequence[str]) -> str:
        """Lines of our own about it, the trailer."""


class LinePrinter:
    """Each line in its last state, behind the device's name when `prefixed`."""

    def __init__(self, run: RunView, *, colours: bool, prefixed: bool) -> None:
        self._prefixes = Prefixes(run.executions, colours=colours)
        self._colours = colours
        self._prefixed = prefixed
        self._assemblers: dict[str, LineAssembler] = {}

    def run(self, run: RunView) -> str:
        return ""

    def changed(self, execution: ExecutionView) -> str:
        self._prefixes.update(execution)
        return ""

    def rollout(self, rollout: RolloutView) -> str:
        return ""

    def output(self, execution: str, data: bytes) -> str:
        return self._print(execution, self._assembler(execution).feed(data))

    def gap(self, execution: str, length: int) -> str:
        before = self.finish(execution)
        del self._assemblers[execution]  # what follows may begin anywhere
        return before + self._print(execution, [_gap_line(length)])

    def finish(self, execution: str) -> str:
        return self._print(execution, self._assembler(execution).finish())

    def tell(self, execution: str, words: Sequence[str]) -> str:
        return self._print(execution, words)

    def _assembler(self, execution: str) -> LineAssembler:
        return self._assemblers.setdefault(execution, LineAssembler(colours=self._colours))

    def _print(self, execution: str, lines: Sequence[str]) -> str:
        if not lines:
            return ""
        if self._prefixed:
            prefix = self._prefixes.line(execution, "")
            return prefix + f"\n{prefix}".join(map(marked, lines)) + "\n"
        return "".join(map(ended, lines))


class InertPrinter:
    """One device's output as it comes, unfinished lines too."""

    def __init__(self, *, terminal: bool, colours: bool) -> None:
        self._terminal = terminal
        self._colours = colours
        self._filter = InertFilter(colours=colours, motion=terminal)
        self._at_line_start = True

    def run(self, run: RunView) -> str:
        return ""

    def changed(self, execution: ExecutionView) -> str:
        return ""

    def rollout(self, rollout: RolloutView) -> str:
        return ""

    def output(self, execution: str, data: bytes) -> str:
        return self._shown(self._filter.feed(data))

    def gap(self, execution: str, length: int) -> str:
        before = self.finish(execution)
        self._filter = InertFilter(colours=self._colours, motion=self._terminal)  # what follows may begin anywhere
        return before + self.tell(execution, [_gap_line(length)])

    def finish(self, execution: str) -> str:
        return self._shown(self._filter.finish())

    def tell(self, execution: str, words: Sequence[str]) -> str:
        before = "" if self._at_line_start else "\n"
        return self._shown(before + "".join(f"{line}\n" for line in words))

    def _shown(self, text: str) -> str:
        if text:
            self._at_line_start = text.endswith("\n")
        return text


class JsonlPrinter:
    """One JSON object for each event: `run`, `execution`, `output` with a line of a device, `gap`."""

    def __init__(self, run: RunView) -> None:
        self._devices = {execution.id: execution.device for execution in run.executions}
        self._assemblers: dict[str, LineAssembler] = {}

    def run(self, run: RunView) -> str:
        return _line({"type": "run", "run": to_json(run)})

    def changed(self, execution: ExecutionView) -> str:
        self._devices[execution.id] = execution.device
        return _line({"type": "execution", "execution": to_json(execution)})

    def rollout(self, rollout: RolloutView) -> str:
        return _line({"type": "rollout", "rollout": to_json(rollout)})

    def output(self, execution: str, data: bytes) -> str:
        return self._print(execution, self._assembler(execution).feed(data))

    def gap(self, execution: str, length: int) -> str:
        before = self.finish(execution)
        del self._assemblers[execution]  # what follows may begin anywhere
        device = self._devices[execution]
        return before + _line({"type": "gap", "execution": execution, "device": device, "bytes": length})

    def finish(self, execution: str) -> str:
        return self._print(execution, self._assembler(execution).finish())

    def tell(self, execution: str, words: Sequence[str]) -> str:
        return ""  # the execution's own fields say it

    def _assembler(self, execution: str) -> LineAssembler:
        return self._assemblers.setdefault(execution, LineAssembler(colours=False))

    def _print(self, execution: str, lines: Sequence[str]) -> str:
        device = self._devices[execution]
        said = {"type": "output", "execution": execution, "device": device}
        return "".join(_line(said | {"line": line, "continues": isinstance(line, Part)}) for line in lines)


class SilentPrinter:
    """Nothing: the run itself is printed at the end."""

    def run(self, run: RunView) -> str:
        return ""

    def changed(self, execution: ExecutionView) -> str:
        return ""

    def rollout(self, rollout: RolloutView) -> str:
        return ""

    def output(self, execution: str, data: bytes) -> str:
        return ""

    def gap(self, execution: str, length: int) -> str:
        return ""

    def finish(self, execution: str) -> str:
        return ""

    def tell(self, execution: str, words: Sequence[str]) -> str:
        return ""


def _gap_line(length: int) -> str:
    return f"[runlet: {left_out(length)}]"


def _line(content: dict[str, Any]) -> str:
    return json_text(content) + "\n"
