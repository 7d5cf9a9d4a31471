from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from runlet.model import duration, environment
from runlet.model.inventory import DEVICE_NAME, LABEL_NAME, VARIABLE_NAME
from runlet.model.job import Job
from runlet.model.target import Where
from runlet.spec import schema

SCHEMAS = {path.name: json.loads(path.read_text("utf-8")) for path in sorted(schema.folder().glob("*.json"))}


def _properties(content: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(content, dict):
        for name, inner in content.get("properties", {}).items():
            if "const" not in inner and "not" not in inner:  # a condition, not a declaration
                yield f"{path}.{name}", inner
        for key, inner in content.items():
            yield from _properties(inner, f"{path}/{key}")


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_schemas(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["$id"] == f"https://runlet.app/schemas/{name}"


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_field_has_a_description(name: str) -> None:
    definitions = SCHEMAS["playbook.schema.json"]["$defs"] | SCHEMAS[name].get("$defs", {})
    for path, field in _properties(SCHEMAS[name]):
        target = definitions[field["$ref"].rsplit("/", 1)[1]] if "$ref" in field else field
        assert field.get("description") or target.get("description"), path


def _parts(content: Any, path: str = "", where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema within a schema that says what a value is, and not only when another holds."""
    if not isinstance(content, dict) or where in ("if", "then", "else", "not"):
        return
    yield path, content
    for word in ("properties", "$defs", "patternProperties"):
        for name, part in content.get(word, {}).items():
            yield from _parts(part, f"{path}/{word}/{name}")
    for word in ("items", "additionalProperties", "propertyNames"):
        yield from _parts(content.get(word), f"{path}/{word}")
    for word in ("allOf", "anyOf", "oneOf"):
        for index, part in enumerate(content.get(word, ())):
            yield from _parts(part, f"{path}/{word}/{index}")


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_part_is_described_and_every_map_is_closed(name: str) -> None:
    for path, part in _parts(SCHEMAS[name]):
        if not re.search(r"/(allOf|anyOf|oneOf)/\d+$", path):
            assert "description" in part or "$ref" in part, path
        if "properties" in part or "object" in part.get("type", ()):
            assert "additionalProperties" in part, path


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_example_is_valid(name: str) -> None:
    registry: Registry[Any] = Registry().with_resources(
        (content["$id"], Resource.from_contents(content)) for content in SCHEMAS.values()
    )
    examples = 0
    for path, part in _parts(SCHEMAS[name]):
        if "examples" in part:
            referred = {"$ref": f"{SCHEMAS[name]['$id']}#{path}"}
            for example in part["examples"]:
                Draft202012Validator(referred, registry=registry).validate(example)
                examples += 1
    assert examples
    assert "examples" in SCHEMAS[name]


def test_schemas_and_model_agree() -> None:
    definitions = SCHEMAS["playbook.schema.json"]["$defs"]
    assert definitions["deviceName"]["pattern"] == f"^{DEVICE_NAME.pattern}$"
    inventory = SCHEMAS["inventory.schema.json"]
    assert inventory["$defs"]["groupName"]["pattern"] == f"^{DEVICE_NAME.pattern}$"
    assert inventory["$defs"]["vars"]["propertyNames"]["pattern"] == f"^{VARIABLE_NAME.pattern}$"
    labels = inventory["properties"]["devices"]["additionalProperties"]["properties"]["labels"]
    assert labels["propertyNames"]["pattern"] == f"^{LABEL_NAME.pattern}$"
    assert definitions["where"]["enum"] == [where.value for where in Where]
    assert definitions["variableName"]["pattern"] == f"^{environment.NAME.pattern}$"
    assert definitions["timeout"]["pattern"] == f"^{duration._WRITTEN.pattern}$"
    job = SCHEMAS["job.schema.json"]
    assert set(job["required"]) == set(Job("a", "b").to_mapping())
    assert set(job["properties"]) >= set(SCHEMAS["playbook.schema.json"]["$defs"]["job"]["properties"])


@pytest.mark.parametrize(
    ("every", "fits"),
    [
        ("0 16 * * *", True),
        ("*/5 0-6,12 1 jan-mar mon#1", True),
        ("6h", True),
        ("90s", True),
        ("every weekday at 08:00", True),
        ("Every 5 minutes", True),
        ("first monday of the month at 9am", True),
        ("0h", False),
        ("6 h", False),
        ("6y", False),
        ("* * * *", False),
        ("* * * * * *", False),
        ("every ", False),
        ("6h\n", False),
        ("noon", False),
    ],
)
def test_the_shape_of_every(every: str, fits: bool) -> None:
    found = list(schema.violations({"job": {"script": "ls", "every": every}}, "playbook"))
    assert [violation.address for violation in found] == ([] if fits else [("job", "every")])


def test_a_guess_is_offered_for_a_slip_only() -> None:
    found = schema.violations({"job": {"script": "ls", "wheer": "all", "z" * 200: 1}}, "playbook")
    slip, noise = (violation.message for violation in found)
    assert slip == "unknown key 'wheer' in job 'job'; did you mean 'where'?"
    assert re.fullmatch(r"unknown key 'z{37}\.\.\.' in job 'job'; known are name, .*timeout", noise)


def test_importing_the_package_loads_no_validator_and_no_template_engine() -> None:
    modules = "import sys, runlet.spec.playbook, runlet.spec.inventory; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", modules], capture_output=True, text=True, check=True).stdout.split()
    assert not {"jsonschema", "referencing", "jinja2"} & set(loaded)
