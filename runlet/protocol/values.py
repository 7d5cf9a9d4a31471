"""Dataclasses as JSON values and back: the one decoder of what the HTTP API and an attachment's frames carry.

A value is checked once, here, against the annotations of its dataclass; behind this rim there are only typed values.
Unknown fields are ignored, so that a newer peer may add some; anything else that does not fit is a ProtocolError.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from runlet.errors import ProtocolError

T = TypeVar("T")

# The key in a field's metadata that holds its name on the wire, where that is not the field's own.
WIRE_NAME = "wire_name"


def to_json(value: Any) -> Any:
    """`value` (a dataclass, or what one may hold) as JSON values; instants in ISO 8601, durations in seconds."""
    if value is None or isinstance(value, str | int | float):
        return value  # most are: a page of a listing holds tens of thousands
    if is_dataclass(value) and not isinstance(value, type):
        return {wire: to_json(getattr(value, name)) for name, wire, _ in _fields(type(value))}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    return value


def from_json(kind: type[T], content: Any, where: str) -> T:
    """A `kind` from JSON values; `where` names the place for the ProtocolError that anything unfit raises."""
    if not isinstance(content, dict):
        raise ProtocolError(f"{where} must be an object")
    values = {
        name: _value(annotation, content[wire], f"{where}.{wire}")
        for name, wire, annotation in _fields(kind)  # type: ignore[arg-type]  # a type is hashable: python/mypy#11470
        if wire in content
    }
    try:
        return kind(**values)
    except TypeError as error:
        raise ProtocolError(f"{where}: {error}") from None


@cache
def _fields(kind: type[Any]) -> list[tuple[str, str, Any]]:
    """(name, name on the wire, annotation) of each field, resolved once: annotations are strings until then."""
    hints = get_type_hints(kind)
    return [(item.name, item.metadata.get(WIRE_NAME, item.name), hints[item.name]) for item in fields(kind)]


def _value(annotation: Any, value: Any, where: str) -> Any:
    if annotation is Any:
        return value
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return _one_of(get_args(annotation), value, where)
    if origin in (tuple, list):
        if not isinstance(value, list):
            raise ProtocolError(f"{where} must be a list")
        return origin(_value(get_args(annotation)[0], item, where) for item in value)
    if origin in (dict, Mapping):
        if not isinstance(value, dict):
            raise ProtocolError(f"{where} must be an object")
        of_key, of_item = get_args(annotation)
        return {
            _scalar(of_key, key, f"{where}.{key}"): _value(of_item, item, f"{where}.{key}")
            for key, item in value.items()
        }
    if is_dataclass(annotation):
        return from_json(annotation, value, where)  # type: ignore[arg-type]
    return _scalar(annotation, value, where)


def _one_of(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    """A value that may be absent, or of several kinds; then its type on the wire alone says which."""
    if value is None and type(None) in kinds:
        return None
    kinds = tuple(kind for kind in kinds if kind is not type(None))
    fitting = kinds if len(kinds) == 1 else [kind for kind in kinds if type(value) is (get_origin(kind) or kind)]
    if not fitting:
        names = ", ".join((get_origin(kind) or kind).__name__ for kind in kinds)
        raise ProtocolError(f"{where} must be one of {names}, not {type(value).__name__}")
    return _value(fitting[0], value, where)


def _scalar(annotation: type[Any], value: Any, where: str) -> Any:
    on_wire = str if issubclass(annotation, StrEnum | datetime) else float if annotation is timedelta else annotation
    if on_wire is float and type(value) is int:
        on_wire = int
    # Exact, for JSON true is not the integer 1; and first, for what is nested deeply cannot even be shown in a message.
    if type(value) is not on_wire:
        raise ProtocolError(f"{where} must be {on_wire.__name__}, not {type(value).__name__}")
    try:
        return _FROM_WIRE.get(annotation, annotation)(value)
    except (ValueError, OverflowError):
        raise ProtocolError(f"{where}: {value!r} is no {annotation.__name__.lower()}") from None


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant names its time zone")
    return instant


_FROM_WIRE: dict[type[Any], Callable[[Any], Any]] = {
    datetime: _instant,
    timedelta: lambda seconds: timedelta(seconds=seconds),
}
