"""The tables in docs/reference/performance.md: written by the run that measured them, with its date and its machine."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import subprocess
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.figures import Figure
from bench.peers import ANSIBLE, PYINFRA
from tests.databases import program

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "performance.md"
_END = "<!-- end of figures -->"
# Each table by the mark it stands behind.
FLEET = "<!-- figures: written by bench/run --write -->"
HOLDER = "<!-- figures: written by bench/run --write holder -->"
RECORDS = "<!-- figures: written by bench/run --write transitions listing -->"
ANSWERS = "<!-- figures: written by bench/run --write answers -->"


def write(mark: str, figures: Sequence[Figure]) -> None:
    """Put the table and what it was measured on into the page."""
    before, rest = PAGE.read_text().split(mark)
    after = rest.partition(_END)[2]
    PAGE.write_text(before + mark + "\n\n" + _measured_on(mark) + "\n\n" + table(figures) + "\n\n" + _END + after)


def table(figures: Sequence[Figure]) -> str:
    rows = ["| figure | Runlet | lowest to highest | holds | beside | samples |", "|---|---|---|---|---|---|"]
    rows += [_row(figure) for figure in figures]
    return "\n".join(rows)


def _row(figure: Figure) -> str:
    notes = "".join(f"; {name} {_number(value)} {figure.unit}" for name, value in figure.notes.items())
    peers = ", ".join(
        f"{name} {_number(value)} {figure.unit} ({_number(figure.ratio(name))})" for name, value in figure.peers.items()
    )
    low, high = (_number(value) for value in figure.spread)
    sign = "≥" if figure.more_is_better else "≤"
    holds = "" if figure.goal is None else f"{sign} {_number(figure.goal)} {figure.unit}"
    value = f"**{_number(figure.value)} {figure.unit}**{notes}"
    return f"| {figure.figure} | {value} | {low} to {high} | {holds} | {peers} | {figure.samples} |"


def _number(value: float) -> str:
    """Three significant digits."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _measured_on(mark: str) -> str:
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())
    one, five, _ = os.getloadavg()
    facts = [
        f"{os.cpu_count()} cores ({cpu[1] if cpu else platform.machine()})",
        f"{int(memory[1]) / 1e6:.0f} GB of memory" if memory else "memory unknown",
        f"Linux {platform.release().partition('-')[0]}",
        f"Python {platform.python_version()}",
        *_OTHERS[mark](),
    ]
    commit = _first_line("git", "-C", str(PAGE.parent), "describe", "--always", "--dirty")
    date = datetime.now(UTC).date().isoformat()
    beside = (
        " A number in parentheses is how many times Runlet's figure is the other's." if mark in (FLEET, HOLDER) else ""
    )
    return (
        f"Measured on {date} at {commit}: {'; '.join(facts)}. Load average at the end: {one:.1f} (1 min), {five:.1f} "
        f"(5 min).{beside}"
    )


def _of_broker() -> list[str]:
    return [_first_line("dpkg-query", "-W", "-f", "RabbitMQ ${Version}", "rabbitmq-server")]


def _of_fleet() -> list[str]:
    return [
        *_of_broker(),
        _first_line("ssh", "-V"),
        _first_line(ANSIBLE, "--version"),
        _first_line(PYINFRA, "--version"),
    ]


def _of_records() -> list[str]:
    return [f"SQLite {sqlite3.sqlite_version}", _first_line(program("postgres"), "--version")]


# What else was measured, or took part.
_OTHERS: dict[str, Callable[[], list[str]]] = {
    FLEET: _of_fleet,
    HOLDER: list,
    RECORDS: _of_records,
    ANSWERS: _of_broker,
}


def _first_line(*argv: str) -> str:
    try:
        ended = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except FileNotFoundError:
        return f"no {argv[0]}"
    return ended.stdout.strip().partition("\n")[0]
