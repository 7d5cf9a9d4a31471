"""What a schema cannot say of how a job spreads over its devices, reaches them and is logged, each at its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from runlet.errors import InvalidInput
from runlet.model import duration, size
from runlet.model.execution import State
from runlet.model.logs import LEAST_LIMIT, MOST_LIMIT
from runlet.model.rollout import Delays, OnInterrupted
from runlet.spec.document import Address

# Nobody waits longer on purpose, and instants stay within what a datetime can say.
MAX_WAIT = timedelta(days=366)

_FROM: Address = ("retry", "backoff", "from")
_TO: Address = ("retry", "backoff", "to")
_LIMIT: Address = ("logs", "limit")
_ON: Address = ("retry", "on")
# What makes `onInterrupted` say more than `retry` could.
_DECIDES = (OnInterrupted.RERUN, OnInterrupted.ASK)
_WITHIN: Address = ("delivery", "deliverWithin")
_DURATIONS: tuple[Address, ...] = (("rollout", "pause"), _FROM, _TO, _WITHIN)


def mistakes(job: Mapping[str, Any]) -> Iterator[tuple[Address, str]]:
    """Every such mistake of a job, which may break its schema: nothing about its shape is taken for sure."""
    read: dict[Address, timedelta] = {}
    for address in _DURATIONS:
        written = _at(job, address)
        if not isinstance(written, str):
            continue
        try:
            read[address] = duration.parse(written)
        except InvalidInput as error:
            hint = f"; {error.hint}" if error.hint else ""
            yield address, f"{error.message}{hint}"
            continue
        if read[address] > MAX_WAIT:
            yield address, f"this is longer than {MAX_WAIT.days} days"
        if address == _WITHIN and not read[address]:
            yield address, "nothing is delivered within no time; offline: fail waits for no device"
    longest = read.get(_TO)
    first = read.get(_FROM, Delays().first)
    if longest is not None and first > longest:
        yield _TO, f"the longest delay is shorter than the first, {duration.text(first)}"
    on = _at(job, _ON)
    if _at(job, ("onInterrupted",)) in _DECIDES and isinstance(on, list) and State.INTERRUPTED in on:
        yield _ON, "onInterrupted says what follows an interruption; leave interrupted out here"
    yield from _in_limit(_at(job, _LIMIT))


def _in_limit(written: Any) -> Iterator[tuple[Address, str]]:
    if isinstance(written, str):
        try:
            limit = size.parse(written)
        except InvalidInput:
            return  # the schema tells
        if not LEAST_LIMIT <= limit <= MOST_LIMIT:
            yield _LIMIT, f"this is not between {size.text(LEAST_LIMIT)} and {size.text(MOST_LIMIT)}"


def _at(value: Any, address: Address) -> Any:
    for step in address:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value
