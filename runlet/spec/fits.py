"""Whether a value fits a schema, without a word about why not.

jsonschema explains; this only judges, some twenty times faster, so that explaining is for what needs it. A schema is
compiled once into functions. A keyword that is not known here is an error of ours: the tests compile every schema, and
hold this judgement to jsonschema's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Fits = Callable[[Any], bool]
_Schema = Mapping[str, Any]

# Annotations, and the keywords that are compiled together with another.
_SILENT = {
    "$schema", "$id", "$defs", "$comment", "title", "description", "default", "examples", "deprecated",
    "errorMessage", "patternErrorMessage", "then", "else",
}  # fmt: skip
_TYPES: dict[str, Fits] = {
    "string": lambda value: isinstance(value, str),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: (
        not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
    ),
}
_is_number, _is_text = _TYPES["number"], _TYPES["string"]
_is_map, _is_list = _TYPES["object"], _TYPES["array"]


class Judge:
    """Schemas by their `$id`, and the functions that they become."""

    def __init__(self, schemas: Mapping[str, _Schema]) -> None:
        self._schemas = schemas
        self._compiled: dict[int, Fits] = {}  # by the identity of a schema, which `schemas` keeps alive

    def of(self, schema: _Schema | bool, base: str) -> Fits:
        """The function of a schema that stands in the document `base`."""
        if isinstance(schema, bool):
            return lambda _: schema
        fits = self._compiled.get(id(schema))
        if fits is None:
            fits = self._compiled[id(schema)] = self._compile(schema, base)
        return fits

    def known(self, schema: _Schema) -> Fits:
        """The function of a part of a schema that was compiled with it."""
        return self._compiled[id(schema)]

    def _compile(self, schema: _Schema, base: str) -> Fits:
        parts = [self._keyword(word, schema, base) for word in schema if word not in _SILENT]
        if len(parts) == 1:
            return parts[0]
        return lambda value: all(fits(value) for fits in parts)

    def _keyword(self, word: str, schema: _Schema, base: str) -> Fits:
        argument = schema[word]
        if word in _BOUNDS:
            applies, holds = _BOUNDS[word]
            return lambda value: not applies(value) or holds(value, argument)
        match word:
            case "$ref":
                return self._referred(argument, base)
            case "type":
                kinds = [_TYPES[kind] for kind in ([argument] if isinstance(argument, str) else argument)]
                return kinds[0] if len(kinds) == 1 else lambda value: any(kind(value) for kind in kinds)
            case "enum" | "const":
                return _one_of(argument if word == "enum" else [argument])
            case "pattern":
                search = compiled(argument).search
                return lambda value: not isinstance(value, str) or search(value) is not None
            case "required":
                return lambda value: not isinstance(value, dict) or all(key in value for key in argument)
            case "dependentRequired":
                return lambda value: (
                    not isinstance(value, dict)
                    or all(key in value for one, keys in argument.items() if one in value for key in keys)
                )
            case "properties":
                return self._properties(argument, base)
            case "additionalProperties":
                rest, declared = self.of(argument, base), schema.get("properties", {})
                return lambda value: (
                    not isinstance(value, dict) or all(rest(item) for key, item in value.items() if key not in declared)
                )
            case "propertyNames":
                name = self.of(argument, base)
                return lambda value: not isinstance(value, dict) or all(map(name, value))
            case "items":
                item = self.of(argument, base)
                return lambda value: not isinstance(value, list) or all(map(item, value))
            case "allOf" | "anyOf" | "oneOf":
                return self._several(word, [self.of(one, base) for one in argument])
            case "not":
                barred = self.of(argument, base)
                return lambda value: not barred(value)
            case "if":
                holds_if = self.of(argument, base)
                then, otherwise = (self.of(schema.get(branch, True), base) for branch in ("then", "else"))
                return lambda value: then(value) if holds_if(value) else otherwise(value)
        raise NotImplementedError(f"the schema keyword {word!r} is not known here")

    def _referred(self, reference: str, base: str) -> Fits:
        file, _, pointer = reference.partition("#")
        where = base.rpartition("/")[0] + "/" + file if file else base
        found: Any = self._schemas[where]
        for step in pointer.split("/")[1:]:
            found = found[step]
        return self.of(found, where)

    def _properties(self, declared: Mapping[str, Any], base: str) -> Fits:
        fits = {key: self.of(one, base) for key, one in declared.items()}
        return lambda value: (
            not isinstance(value, dict) or all(fits[key](item) for key, item in value.items() if key in fits)
        )

    def _several(self, word: str, all_of: list[Fits]) -> Fits:
        least, most = {"allOf": (len(all_of), len(all_of)), "anyOf": (1, len(all_of)), "oneOf": (1, 1)}[word]
        return lambda value: least <= sum(fits(value) for fits in all_of) <= most


def compiled(pattern: str) -> re.Pattern[str]:
    """As JSON Schema means it: its `$` is the very end, where Python's also matches before a last newline."""
    return re.compile(re.sub(r"\$$", r"\\Z", pattern))


def _one_of(allowed: list[Any]) -> Fits:
    """Python's True is 1, JSON's is not."""
    return lambda value: any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in allowed)


_BOUNDS: dict[str, tuple[Fits, Callable[[Any, Any], bool]]] = {
    "minLength": (_is_text, lambda value, least: len(value) >= least),
    "maxLength": (_is_text, lambda value, most: len(value) <= most),
    "minItems": (_is_list, lambda value, least: len(value) >= least),
    "maxItems": (_is_list, lambda value, most: len(value) <= most),
    "minProperties": (_is_map, lambda value, least: len(value) >= least),
    "maxProperties": (_is_map, lambda value, most: len(value) <= most),
    "minimum": (_is_number, lambda value, least: value >= least),
    "maximum": (_is_number, lambda value, most: value <= most),
    "exclusiveMinimum": (_is_number, lambda value, least: value > least),
    "exclusiveMaximum": (_is_number, lambda value, most: value < most),
}
