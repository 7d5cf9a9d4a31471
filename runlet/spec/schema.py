"""Values checked against schemas/*.json, every violation in words for the person who wrote the file.

The schemas carry some of the words themselves: `patternErrorMessage` says what a pattern means and `errorMessage` what
a condition means, in the spelling that editors' YAML language servers show too; `title` names what a map stands for.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runlet.errors import Problem
from runlet.spec.document import MAX_PROBLEMS, Address, Document, shorten

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

# A name longer than this is no slip of the finger, and comparing it is slow.
MAX_NAME_TO_GUESS = 100

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
        document.problem(violation.address, violation.message, at_key=violation.at_key)
        for violation in islice(violations(document.value, schema), MAX_PROBLEMS)
        if violation.address not in document.unread  # a consequence of what was refused there
    ]
    if len(problems) == MAX_PROBLEMS:
        problems.append(Problem(document.path, 0, 0, f"{MAX_PROBLEMS} mistakes or more; the rest is not told"))
    return problems


def violations(value: Any, schema: str) -> Iterator[Violation]:
    """Every violation of a schema in `value`."""
    for error in _validator(schema).iter_errors(value):
        yield from _tell(error)


def folder() -> Path:
    """Where the schemas are: beside this module in an installed wheel, else at the top of the repository."""
    installed = Path(__file__).with_name("schemas")
    return installed if installed.is_dir() else Path(__file__).parents[2] / "schemas"


@cache
def _validator(schema: str) -> Validator:
    # Imported here: 60 ms that a command which reads no file does not pay.
    from jsonschema import Draft202012Validator, validators
    from referencing import Registry, Resource

    contents = [json.loads(path.read_text("utf-8")) for path in sorted(folder().glob("*.schema.json"))]
    registry: Registry[Any] = Registry().with_resources(
        (content["$id"], Resource.from_contents(content)) for content in contents
    )
    kind = validators.extend(  # type: ignore[no-untyped-call]
        Draft202012Validator, {"pattern": _check_pattern}
    )
    (chosen,) = (content for content in contents if content["$id"].endswith(f"/{schema}.schema.json"))
    validator: Validator = kind(chosen, registry=registry)
    return validator


def _check_pattern(_: Validator, pattern: str, value: Any, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    """As JSON Schema means it: its `$` is the very end, where Python's also matches before a last newline."""
    from jsonschema import ValidationError

    if isinstance(value, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), value):
        yield ValidationError(schema.get("patternErrorMessage", f"does not match {pattern}"))


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
        yield Violation(address, _wrong_type(name, schema["type"], value))
    elif rule == "enum":
        yield Violation(address, f"{name} must be one of {', '.join(schema['enum'])}, not {_shown(value)}")
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
            meant = f"; did you mean '{close[0]}'?" if close else f"; known are {', '.join(known)}"
            yield Violation((*address, key), f"unknown key {shorten(key)} in {name}{meant}", at_key=True)


def _missing(error: ValidationError, name: str) -> str:
    # jsonschema tells the missing key only inside its message: "'script' is a required property".
    key = error.message.split("'")[1]
    return f"{name} has no {key}"


def _wrong_type(name: str, expected: str | list[str], value: Any) -> str:
    kinds = [expected] if isinstance(expected, str) else expected
    wanted = " or ".join(_TYPES[kind] for kind in kinds)
    if value is None:
        return f"{name} is empty; it must be {wanted}"
    quote = "; put it in quotes to make it text" if "string" in kinds and isinstance(value, bool | int | float) else ""
    return f"{name} must be {wanted}, not {_shown(value)}{quote}"


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    return shorten(value) if isinstance(value, str) else json.dumps(value)
