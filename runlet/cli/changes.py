"""A plan for people: what is created, changed and deleted, field by field, and scripts as a unified diff."""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import click

from runlet.cli.inert import plain
from runlet.model.declaration import Change, ChangeKind, FieldChange, Kind, fields
from runlet.model.target import Where
from runlet.protocol.views import JobOutlook, PlanView

_SIGNS = {ChangeKind.CREATED: "+", ChangeKind.CHANGED: "~", ChangeKind.DELETED: "-", ChangeKind.UNCHANGED: " "}
_COLOURS = {ChangeKind.CREATED: "green", ChangeKind.CHANGED: "yellow", ChangeKind.DELETED: "red"}
_LINE_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
_INDENT = " " * 4
_CONTEXT_LINES = 3
# One value on one line; a longer one is cut, for a list of 10,000 devices helps nobody.
_MOST_VALUE_CHARACTERS = 200


def lines(plan: PlanView) -> Iterator[str]:
    """The plan, without what does not change, and its counts."""
    changes = [change for change in plan.changes if change.is_one]
    outlooks = {outlook.job: outlook for outlook in plan.outlooks}
    for change in changes:
        yield _heading(change)
        if change.change is ChangeKind.CHANGED:
            for field in fields(change):
                yield from _field(field)
        if change.kind is Kind.JOB and change.name in outlooks:
            yield from _outlook(outlooks[change.name])
    if changes:
        yield ""
    yield counts(plan.changes)


def _outlook(outlook: JobOutlook) -> Iterator[str]:
    """Where the job goes, when it fires, and what is doubtful."""
    more = ", ..." if outlook.devices > len(outlook.sample) else ""
    names = f": {', '.join(outlook.sample)}{more}" if outlook.sample else ""
    count = f"one of {outlook.devices}" if outlook.where is Where.ANY else str(outlook.devices)
    where = "the one that asks" if outlook.where is Where.LOCAL else count + names
    yield click.style(f"{_INDENT}devices  {where}", dim=True)
    if outlook.fire_times:
        times = ", ".join(f"{time.astimezone():%Y-%m-%d %H:%M:%S}" for time in outlook.fire_times)
        yield click.style(f"{_INDENT}fires    {times}", dim=True)
    for warning in outlook.warnings:
        yield click.style(f"{_INDENT}warning: {plain(warning)}", fg="yellow")


def counts(changes: Iterable[Change]) -> str:
    """ "1 created, 2 changed, 7 unchanged"."""
    count = Counter(change.change for change in changes)
    return ", ".join(f"{count[kind]} {kind.value}" for kind in ChangeKind if count[kind]) or "nothing declared"


def _heading(change: Change) -> str:
    name = "variables of the fleet" if change.kind is Kind.FLEET else f"{change.kind.value} {plain(change.name)}"
    words = change.change.value
    if change.adopted_from is not None:
        words += f", adopted from {plain(change.adopted_from)}"
    return click.style(f"{_SIGNS[change.change]} {name}", fg=_COLOURS.get(change.change), bold=True) + f"  {words}"


def _field(field: FieldChange) -> Iterator[str]:
    if _is_text(field.before) and _is_text(field.after):
        yield f"{_INDENT}{field.path}"
        old, new = (str(value or "").splitlines() for value in (field.before, field.after))
        differing = difflib.unified_diff(old, new, lineterm="", n=_CONTEXT_LINES)
        for line in list(differing)[2:]:  # without the two lines that name files
            yield click.style(f"{_INDENT}  {plain(line)}", fg=_LINE_COLOURS.get(line[:1]))
    else:
        yield f"{_INDENT}{field.path}  {_value(field.before)} -> {_value(field.after)}"


def _is_text(value: Any) -> bool:
    """Whether a value is read line by line, or is missing beside one that is."""
    return value is None or (isinstance(value, str) and "\n" in value)


def _value(value: Any) -> str:
    text = plain(json.dumps(value, ensure_ascii=False)) if value is not None else "nothing"
    return text if len(text) <= _MOST_VALUE_CHARACTERS else f"{text[: _MOST_VALUE_CHARACTERS - 3]}..."
