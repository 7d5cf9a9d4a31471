"""The quick judgement is held to jsonschema's, which explains what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from runlet.spec import schema
from runlet.spec.fits import Judge

SCHEMAS = {content["$id"]: content for content in (json.loads(schema.text(name)) for name in schema.names())}
REGISTRY: Registry[Any] = Registry().with_resources(
    (name, Resource.from_contents(content)) for name, content in SCHEMAS.items()
)
BY_NAME = {name.rsplit("/", 1)[1]: name for name in SCHEMAS}


def _agree(content: dict[str, Any], value: object, judge: Judge | None = None) -> bool:
    fits = (judge or Judge(SCHEMAS)).of(content, content.get("$id", ""))(value)
    assert fits == Draft202012Validator(content, registry=REGISTRY).is_valid(value), (content, value)
    return fits


# Words that the schemas know, and those that only look like them.
WORDS = sorted(
    {word for name in schema.names() for word in json.dumps(SCHEMAS[BY_NAME[f"{name}.schema.json"]]).split('"')}
)
KEYS = st.sampled_from([word for word in WORDS if word.isidentifier()]) | st.text(max_size=3)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
TEXTS = st.sampled_from(["custom", "all", "6h", "pi-1", "a b", "", "every day", "ls"])
VALUES = st.recursive(
    SCALARS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("name", sorted(BY_NAME))
@given(value=st.dictionaries(KEYS, VALUES, max_size=4) | VALUES)
def test_any_value_is_judged_as_jsonschema_does(name: str, value: object) -> None:
    _agree(SCHEMAS[BY_NAME[name]], value)


NUMBERS = st.integers(-3, 3) | st.sampled_from([0.5, 1.0, 2.0])
SMALL = st.sampled_from([0, 1, 2, 3])
KEYWORDS: dict[str, st.SearchStrategy[Any]] = {
    "type": st.sampled_from(["string", "object", "array", "boolean", "null", "number", "integer", ["null", "string"]]),
    "enum": st.lists(st.sampled_from(["a", 1, True, None, 0, False]), min_size=1, unique_by=repr),
    "const": st.sampled_from(["a", 1, True, None]),
    "pattern": st.sampled_from(["^a", "b$", "^[a-b]{1,2}$"]),
    "required": st.lists(st.sampled_from("ab"), unique=True),
    "dependentRequired": st.dictionaries(st.sampled_from("ab"), st.lists(st.sampled_from("ab"), unique=True)),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), SMALL),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), NUMBERS),
}
PLAIN = st.fixed_dictionaries({}, optional=KEYWORDS).map(lambda all_: dict(list(all_.items())[:4]))
ANY_SCHEMA = st.recursive(
    st.booleans() | PLAIN,
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
            "additionalProperties": inner,
            "propertyNames": inner,
            "items": inner,
            **dict.fromkeys(("allOf", "anyOf", "oneOf"), st.lists(inner, min_size=1, max_size=2)),
            **dict.fromkeys(("not", "if", "then", "else"), inner),
        },
    ),
    max_leaves=4,
)
SMALL_VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=6,
)


@given(ANY_SCHEMA, SMALL_VALUES)
def test_every_keyword_means_what_it_means_to_jsonschema(content: dict[str, Any] | bool, value: object) -> None:
    if isinstance(content, dict):
        _agree(content, value)


def test_an_unknown_keyword_is_our_mistake() -> None:
    with pytest.raises(NotImplementedError, match="'contains'"):
        Judge({}).of({"contains": {}}, "")
