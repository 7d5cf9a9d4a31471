"""bench/run [--write] [FIGURE ...]: all, or those named; --help lists them.

Each figure is one JSON object on a line of standard output; progress goes to standard error. A figure stands beside
what others need for the same in the same run, taken in turn, since the machine's mood changes by the minute.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterator

from bench import answers, echo, fanout, holder, listing, memory, output, report, start, transitions, validate
from bench.figures import Figure, tell
from bench.fleet import LocalFleet, local_fleet
from bench.sshd import Sshd, private_sshd

Measure = Callable[[LocalFleet, Sshd], Iterator[Figure]]

ON_NO_DEVICE: dict[str, Callable[[], Iterator[Figure]]] = {"validate": validate.figures}
# Memory first: an agent that has done nothing yet.
ON_ONE_DEVICE: dict[str, Measure] = {
    "memory": lambda fleet, _: memory.figures(fleet),
    "echo": echo.figures,
    "output": output.figures,
    "start": lambda fleet, _: start.figures(fleet),
}
ON_MANY_DEVICES: dict[str, Measure] = {"fanout": fanout.figures}
# Without a fleet: holders that no agent has asked for.
ON_HOLDERS: dict[str, Callable[[], Iterator[Figure]]] = {"holder": holder.figures}
# Likewise: the controller's parts on a database of their own.
ON_RECORDS: dict[str, Callable[[], Iterator[Figure]]] = {
    "transitions": transitions.figures,
    "listing": listing.figures,
}
# A fleet of its own, which no other fits beside.
ON_A_CROWD: dict[str, Callable[[], Iterator[Figure]]] = {"answers": answers.figures}
# The tables of the page, each measured as a whole.
_TABLES = {
    report.FLEET: [*ON_NO_DEVICE, *ON_ONE_DEVICE, *ON_MANY_DEVICES],
    report.HOLDER: [*ON_HOLDERS],
    report.RECORDS: [*ON_RECORDS],
    report.ANSWERS: [*ON_A_CROWD],
}
_ALL = [name for names in _TABLES.values() for name in names]


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/run", description="Measure Runlet beside others on this machine.")
    parser.add_argument("names", nargs="*", metavar="FIGURE", help=f"of {', '.join(_ALL)}; default: all")
    parser.add_argument("--write", action="store_true", help=f"write into {report.PAGE.name}; needs whole tables")
    options = parser.parse_args()
    names = options.names or _ALL
    if unknown := set(names) - set(_ALL):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    wanted = {table: set(of_table) & set(names) for table, of_table in _TABLES.items()}
    if options.write and any(some and some != set(_TABLES[table]) for table, some in wanted.items()):
        parser.error(f"--write needs all of a table: {' or '.join(', '.join(table) for table in _TABLES.values())}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is stopped
    for table, some in wanted.items():
        if some:
            measure = _measure if table is report.FLEET else _measure_alone
            figures = list(measure(sorted(some, key=_ALL.index)))
            if options.write:
                report.write(table, figures)
                tell(f"wrote {report.PAGE}")
    return 0


def _measure_alone(names: list[str]) -> Iterator[Figure]:
    for name in names:
        tell(f"measuring {name}")
        for figure in (ON_HOLDERS | ON_RECORDS | ON_A_CROWD)[name]():
            figure.print()
            yield figure


def _measure(names: list[str]) -> Iterator[Figure]:
    for name in (name for name in ON_NO_DEVICE if name in names):
        tell(f"measuring {name}")
        for figure in ON_NO_DEVICE[name]():
            figure.print()
            yield figure
    if set(names) <= set(ON_NO_DEVICE):
        return
    with private_sshd() as sshd:
        for devices, measures in ((1, ON_ONE_DEVICE), (fanout.DEVICES, ON_MANY_DEVICES)):
            chosen = [name for name in measures if name in names]
            if not chosen:
                continue
            tell(f"starting a fleet of {devices}")
            with local_fleet(devices) as fleet:
                for name in chosen:
                    tell(f"measuring {name}")
                    for figure in measures[name](fleet, sshd):
                        figure.print()
                        yield figure


if __name__ == "__main__":
    sys.exit(main())
