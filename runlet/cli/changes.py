"""A plan for people: what is created, changed and deleted, field by field, and scripts as a unified diff.

It hides no change: what cannot be seen is escaped, and what is cut is cut around the difference. It is no way into the
terminal either: every word of it is somebody else's.
"""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import click

from runlet.cli.inert import escaped, plain
from runlet.model.declaration import MISSING, Change, ChangeKind, FieldChange, Kind, fields
from runlet.model.target import Where
from runlet.protocol.views import JobOutlook, PlanView

_SIGNS = {ChangeKind.CREATED: "+", ChangeKind.CHANGED: "~", ChangeKind.DELETED: "-", ChangeKind.UNCHANGED: " "}
_VERBS = {ChangeKind.CREATED: "create", ChangeKind.CHANGED: "change", ChangeKind.DELETED: "delete"}
_COLOURS = {ChangeKind.CREATED: "green", ChangeKind.CHANGED: "yellow", ChangeKind.DELETED: "red"}
_LINE_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
_INDENT = " " * 4
_NO_LINE_FEED = " (no line feed at the end)"
_CONTEXT_LINES = 3
# One value on one line; a longer one is cut, for a list of 10,000 devices helps nobody.
_MOST_VALUE_CHARACTERS = 200
_SAME_CHARACTERS = 60  # shown before a difference, when what is before it is cut
_MOST_ITEMS = 10  # of those added to a list, and of those removed
# Of one kind, so that a plan with 10,000 devices ends with what one wants to read. `--output jsonl` has them all.
_MOST_CHANGES = 50


def lines(plan: PlanView, *, is_done: bool = True) -> Iterator[str]:
    """The plan, without what does not change, and its counts; in the words of what would be, unless it is done."""
    changes = [change for change in plan.changes if change.is_one]
    outlooks = {outlook.job: outlook for outlook in plan.outlooks}
    for kind, group in groupby(changes, lambda change: change.kind):
        count: Counter[ChangeKind] = Counter()
        for change in group:
            count[change.change] += 1
            if count[change.change] <= _MOST_CHANGES:
                yield from _change(change, outlooks.get(change.name) if kind is Kind.JOB else None, is_done)
        for what, number in count.items():
            if number > _MOST_CHANGES:
                more = f"{_SIGNS[what]} ... and {number - _MOST_CHANGES} more of kind {kind.value}"
                yield click.style(more, fg=_COLOURS.get(what), bold=True) + f"  {_words(what, is_done)}"
    if plan.reordered:
        yield click.style("~ order of the devices", fg=_COLOURS[ChangeKind.CHANGED], bold=True) + "  changed"
    for warning in plan.warnings:
        yield click.style(f"warning: {plain(warning)}", fg="yellow")
    if plan.changes_something:
        yield ""
    yield counts(plan.changes, is_done=is_done)


def _words(change: ChangeKind, is_done: bool) -> str:
    return change.value if is_done else f"would be {change.value}"


def _change(change: Change, outlook: JobOutlook | None, is_done: bool) -> Iterator[str]:
    yield _heading(change, is_done)
    if change.change is ChangeKind.CHANGED:
        for field in fields(change):
            yield from _field(field)
    if outlook is not None:
        yield from _outlook(outlook)


def _outlook(outlook: JobOutlook) -> Iterator[str]:
    """Where the job goes, when it fires, and what is doubtful."""
    more = ", ..." if outlook.devices > len(outlook.sample) else ""
    names = f": {plain(', '.join(outlook.sample))}{more}" if outlook.sample else ""
    count = f"one of {outlook.devices}" if outlook.where is Where.ANY else str(outlook.devices)
    where = count + names
    if outlook.where is Where.LOCAL:
        where = "the one that asks" + (f"; by itself {plain(outlook.sample[0])}" if outlook.fire_times else "")
    yield click.style(f"{_INDENT}devices  {where}", dim=True)
    if outlook.fire_times:
        times = ", ".join(time.astimezone().isoformat(" ", "seconds") for time in outlook.fire_times)
        yield click.style(f"{_INDENT}fires    {times}", dim=True)
    for warning in outlook.warnings:
        yield click.style(f"{_INDENT}warning: {plain(warning)}", fg="yellow")


def counts(changes: Iterable[Change], *, is_done: bool = True) -> str:
    """ "1 created, 2 changed, 7 unchanged"; "would create 1, change 2, 7 unchanged"."""
    count = Counter(change.change for change in changes)
    if is_done:
        parts = [f"{count[kind]} {kind.value}" for kind in ChangeKind if count[kind]]
    else:
        parts = [f"{verb} {count[kind]}" for kind, verb in _VERBS.items() if count[kind]]
        parts[:1] = [f"would {part}" for part in parts[:1]]
        parts += [f"{count[ChangeKind.UNCHANGED]} unchanged"] if count[ChangeKind.UNCHANGED] else []
    return ", ".join(parts) or "nothing declared"


def _heading(change: Change, is_done: bool) -> str:
    name = "variables of the fleet" if change.kind is Kind.FLEET else f"{change.kind.value} {plain(change.name)}"
    words = _words(change.change, is_done)
    if change.adopted_from is not None:
        words += f", adopted from {plain(change.adopted_from)}"
    return click.style(f"{_SIGNS[change.change]} {name}", fg=_COLOURS.get(change.change), bold=True) + f"  {words}"


def _field(field: FieldChange) -> Iterator[str]:
    before, after, path = field.before, field.after, plain(field.path)
    if _is_text(before, after):
        yield f"{_INDENT}{path}"
        for line in _differing_lines(*("" if value is MISSING else value for value in (before, after))):
            yield click.style(f"{_INDENT}  {line}", fg=_LINE_COLOURS.get(line[:1]))
    elif isinstance(before, list) and isinstance(after, list) and (words := _items(before, after)):
        yield f"{_INDENT}{path}  {words}"
    else:
        yield f"{_INDENT}{path}  {' -> '.join(_cut(_encoded(before), _encoded(after)))}"


def _is_text(*values: Any) -> bool:
    """Whether values are read line by line."""
    texts = [value for value in values if isinstance(value, str)]
    return all(isinstance(value, str) or value is MISSING for value in values) and any("\n" in text for text in texts)


def _differing_lines(before: str, after: str) -> Iterator[str]:
    """A unified diff. When anything cannot be seen, all of both texts is escaped: a tab is no backslash and t."""
    old, new = (text.removesuffix("\n").split("\n") if text else [] for text in (before, after))
    if old and new and before.endswith("\n") != after.endswith("\n"):
        (new if before.endswith("\n") else old)[-1] += _NO_LINE_FEED
    if not all(line.isprintable() for line in (*old, *new)):
        old, new = ([escaped(line.replace("\\", "\\\\")) for line in lines] for lines in (old, new))
    yield from list(difflib.unified_diff(old, new, lineterm="", n=_CONTEXT_LINES))[2:]  # without the names of files


def _items(before: list[Any], after: list[Any]) -> str:
    """What a list gained and lost; empty when only the order differs."""
    old, new = (Counter(map(_encoded, value)) for value in (before, after))
    added, removed = list((new - old).elements()), list((old - new).elements())
    if len(added) == len(removed) == 1:
        removed, added = ([one] for one in _cut(removed[0], added[0]))
    words = []
    for sign, items in (("+", added), ("-", removed)):
        words += [f"{sign}{_cut(item, item)[0]}" for item in items[:_MOST_ITEMS]]
        if len(items) > _MOST_ITEMS:
            words.append(f"{sign}... ({len(items)} in all)")
    kept = (
        [item for item in dict.fromkeys(map(_encoded, value)) if item in old and item in new]
        for value in (before, after)
    )
    return " ".join(words) + (", in another order" if words and next(kept) != next(kept) else "")


def _encoded(value: Any) -> str:
    return "nothing" if value is MISSING else escaped(json.dumps(value, ensure_ascii=False))


def _cut(before: str, after: str) -> tuple[str, str]:
    """Both texts short enough for a line, from a place at which their difference can be seen."""
    longest = max(len(before), len(after))
    same = next((at for at, (old, new) in enumerate(zip(before, after, strict=False)) if old != new), longest)
    if before == after or longest <= _MOST_VALUE_CHARACTERS:
        start = 0
    else:
        start = max(0, min(same, len(before), len(after)) - _SAME_CHARACTERS)
    return _window(before, start), _window(after, start)


def _window(text: str, start: int) -> str:
    shown = text[start : start + _MOST_VALUE_CHARACTERS]
    return ("..." if start else "") + shown + ("..." if start + len(shown) < len(text) else "")
