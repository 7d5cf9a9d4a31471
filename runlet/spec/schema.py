"""Values checked against schemas/*.json, every violation in words for the person who wrote the file.

The schemas carry some of the words themselves: `patternErrorMessage` says what a pattern means and `errorMessage` what
a condition means, in the spelling that editors' YAML language servers show too; `title` names what a map stands for.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runlet.errors import Problem, Rule
from runlet.spec import fits
from runlet.spec.document import MAX_PROBLEMS, Address, Document, shorten

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

_BASE = "https://runlet.app/schemas/"
_SUFFIX = ".schema.json"

# A name longer than this is no slip of the finger, and comparing it is slow.
MAX_NAME_TO_GUESS = 100

# Keys of other programs, with the key that has their meaning here; none has that of those with an empty one.
_OF_OTHERS = {
    **dict.fromkeys(("shell", "command", "cmd", "run"), "script"),
    **dict.fromkeys(("hosts", "runs-on"), "where"),
    **dict.fromkeys(("when", "register", "restart"), ""),
    "environment": "env",
    "cron": "every",
}

_TYPES = {
    "string": "text",
    "object": "a map",
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "nothing",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One way in which a value breaks its schema; at the key of `address`, or at its value."""

    address: Address
    message: str
    at_key: bool = False


def check(document: Document, schema: str) -> list[Problem]:
    """Every violation in a document, at its place; `schema` is a file's name before `.schema.json`."""
    problems = [
        document.problem(violation.address, violation.message, at_key=violation.at_key, rule=Rule.SCHEMA)
        for violation in islice(violations(document.value, schema), MAX_PROBLEMS)
        if not document.is_unread(violation.address)  # a consequence of what was refused there
    ]
    if len(problems) == MAX_PROBLEMS:
        problems.append(
            Problem(document.path, 0, 0, f"{MAX_PROBLEMS} mistakes or more; the rest is not told", Rule.FILE)
        )
    return problems


def violations(value: Any, schema: str) -> Iterator[Violation]:
    """Every violation of a schema in `value`."""
    root = _schemas()[f"{_BASE}{schema}{_SUFFIX}"]
    if not _judge().of(root, root["$id"])(value):
        for error in _validator(schema).iter_errors(value):
            yield from _tell(error)


def folder() -> Path:
    """Where the schemas are: beside this module in an installed wheel, else at the top of the repository."""
    installed = Path(__file__).with_name("schemas")
    return installed if installed.is_dir() else Path(__file__).parents[2] / "schemas"


def names() -> list[str]:
    """The schemas that are shipped."""
    return sorted(path.name.removesuffix(_SUFFIX) for path in folder().glob(f"*{_SUFFIX}"))


def text(name: str) -> str:
    """A schema as it is shipped."""
    return (folder() / f"{name}{_SUFFIX}").read_text("utf-8")


@cache
def _schemas() -> dict[str, dict[str, Any]]:
    """By `$id`."""
    contents = [json.loads(text(name)) for name in names()]
    return {content["$id"]: content for content in contents}


@cache
def _judge() -> fits.Judge:
    return fits.Judge(_schemas())


@cache
def _validator(schema: str) -> Validator:
    # Imported here: 60 ms that a command whose files are right does not pay.
    from jsonschema import Draft202012Validator, validators
    from referencing import Registry, Resource

    registry: Registry[Any] = Registry().with_resources(
        (name, Resource.from_contents(content)) for name, content in _schemas().items()
    )
    words = {
        "pattern": _check_pattern,
        "properties": _check_properties,
        "additionalProperties": _check_additional,
        "propertyNames": _check_names,
        "items": _check_items,
    }
    kind = validators.extend(Draft202012Validator, words)  # type: ignore[no-untyped-call]
    validator: Validator = kind(_schemas()[f"{_BASE}{schema}{_SUFFIX}"], registry=registry)
    return validator


def _check_pattern(_: Validator, pattern: str, value: Any, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    from jsonschema import ValidationError

    if isinstance(value, str) and not fits.compiled(pattern).search(value):
        yield ValidationError(schema.get("patternErrorMessage", f"does not match {pattern}"))


# The four below are jsonschema's, but pass over the parts of a value that fit: a file may have many, and few that not.


def _check_properties(
    validator: Any, properties: Mapping[str, Any], value: Any, _: Mapping[str, Any]
) -> Iterator[ValidationError]:
    for key, part in properties.items() if isinstance(value, dict) else ():
        if key in value and not _judge().known(part)(value[key]):
            yield from validator.descend(value[key], part, path=key, schema_path=key)


def _check_additional(validator: Any, part: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    from jsonschema import ValidationError

    rest = value.keys() - schema.get("properties", {}).keys() if isinstance(value, dict) else set()
    if part is False and rest:
        yield ValidationError("additional properties")  # told by _unknown_keys
    elif isinstance(part, dict):
        fit = _judge().known(part)
        for key in value if rest else ():
            if key in rest and not fit(value[key]):
                yield from validator.descend(value[key], part, path=key)


def _check_names(
    validator: Any, part: Mapping[str, Any], value: Any, _: Mapping[str, Any]
) -> Iterator[ValidationError]:
    fit = _judge().known(part)
    for name in value if isinstance(value, dict) else ():
        if not fit(name):
            yield from validator.descend(name, part)


def _check_items(
    validator: Any, part: Mapping[str, Any], value: Any, _: Mapping[str, Any]
) -> Iterator[ValidationError]:
    fit = _judge().known(part)
    for index, item in enumerate(value if isinstance(value, list) else ()):
        if not fit(item):
            yield from validator.descend(item, part, path=index)


def _tell(error: ValidationError) -> Iterator[Violation]:
    address: Address = tuple(error.absolute_path)
    rule, schema = str(error.validator), error.schema
    value: Any = error.instance
    assert isinstance(schema, Mapping), "the schemas hold no bare true or false where a value can break them"
    name = _name(address, schema)
    if rule == "additionalProperties":
        yield from _unknown_keys(address, name, schema["properties"], value)
    elif "propertyNames" in error.absolute_schema_path:
        yield Violation((*address, value), f"{shorten(value)}: {error.message}", at_key=True)
    elif rule == "required":
        yield Violation(address, schema.get("errorMessage") or _missing(error, name), at_key=True)
    elif rule == "type":
        yield Violation(address, schema.get("errorMessage") or _wrong_type(name, schema, value))
    elif rule == "enum":
        known = f"{name} must be one of {', '.join(schema['enum'])}, not {_shown(value)}"
        yield Violation(address, schema.get("errorMessage") or known)
    elif rule in ("minLength", "minItems", "minProperties"):
        yield Violation(address, f"{name} is empty")
    elif rule in ("maxLength", "maxItems", "maxProperties"):
        unit = {"maxLength": "characters", "maxItems": "items", "maxProperties": "keys"}[rule]
        yield Violation(address, f"{name} is longer than {schema[rule]} {unit}")
    else:
        yield Violation(address, schema.get("errorMessage") or error.message)


def _name(address: Address, schema: Mapping[str, Any]) -> str:
    """What a message calls the value at `address`: "job 'backup'", "whereCustom[0]"."""
    last = next((index for index in reversed(range(len(address))) if isinstance(address[index], str)), None)
    title = schema.get("title")
    if last is None:
        return f"the {title}"
    if title and last == len(address) - 1:
        return f"{title} {shorten(str(address[-1]))}"
    return str(address[last]) + "".join(f"[{index}]" for index in address[last + 1 :])


def _unknown_keys(address: Address, name: str, known: Mapping[str, Any], value: Any) -> Iterator[Violation]:
    for key in value:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1) if len(key) <= MAX_NAME_TO_GUESS else []
            if "script" in known and key in _OF_OTHERS:
                close = [_OF_OTHERS[key]] if _OF_OTHERS[key] else []
            meant = f"; did you mean '{close[0]}'?" if close else f"; known are {', '.join(known)}"
            yield Violation((*address, key), f"unknown key {shorten(key)} in {name}{meant}", at_key=True)


def _missing(error: ValidationError, name: str) -> str:
    # jsonschema tells the missing key only inside its message: "'script' is a required property".
    key = error.message.split("'")[1]
    return f"{name} has no {key}"


def _is_duration(schema: Mapping[str, Any]) -> bool:
    told = any("90s" in str(schema.get(key, "")) for key in ("examples", "patternErrorMessage"))
    return told or "6h" in schema.get("examples", ())


def _wrong_type(name: str, schema: Mapping[str, Any], value: Any) -> str:
    expected = schema["type"]
    kinds = [expected] if isinstance(expected, str) else expected
    if _is_duration(schema) and isinstance(value, int | float) and not isinstance(value, bool):
        if not isinstance(value, int) or value <= 0:
            return f"{name} needs a whole number and a unit: 90s, 15m, 6h or 2d"
        return f"{name} needs a unit: {_shown(value)}s, {_shown(value)}m, {_shown(value)}h or {_shown(value)}d"
    wanted = " or ".join(_TYPES[kind] for kind in kinds)
    if value is None:
        return f"{name} is empty; it must be {wanted}"
    way_out = ""
    if "string" in kinds and isinstance(value, bool | int | float):
        way_out = "; put it in quotes to make it text"
    elif expected == "array" and isinstance(value, str):
        way_out = "; put it in brackets to make it a list: [...]"
    return f"{name} must be {wanted}, not {_shown(value)}{way_out}"


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    return shorten(value) if isinstance(value, str) else json.dumps(value)
