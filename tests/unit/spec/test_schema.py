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

from runlet.model import environment
from runlet.model.inventory import DEVICE_NAME, LABEL_NAME, RESERVED_VARIABLES, VARIABLE_NAME
from runlet.model.job import Job
from runlet.model.schedule import MOST_MISFIRES, Fold, Gap, Misfire, Overlap, Schedule
from runlet.model.target import Where
from runlet.spec import schema
from runlet.timetable.grammar import MAX_CHARACTERS

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
    assert definitions["vars"]["propertyNames"]["pattern"] == f"^{VARIABLE_NAME.pattern}$"
    reserved = definitions["vars"]["propertyNames"]["allOf"][0]["pattern"]
    assert set(re.findall(r"[a-z]+", reserved)) == RESERVED_VARIABLES
    labels = inventory["properties"]["devices"]["additionalProperties"]["properties"]["labels"]
    assert labels["propertyNames"]["pattern"] == f"^{LABEL_NAME.pattern}$"
    assert definitions["where"]["enum"] == [where.value for where in Where]
    assert definitions["variableName"]["pattern"] == f"^{environment.NAME.pattern}$"
    schedule = definitions["schedule"]["properties"]
    assert set(schedule) == {"timezone", "overlap", "misfire", "startDeadline", "splay", "window", "dst", "suspend"}
    assert schedule["overlap"]["enum"] == list(Overlap)
    assert schedule["misfire"]["else"]["enum"] == list(Misfire)
    assert schedule["misfire"]["then"]["properties"]["all"]["maximum"] == MOST_MISFIRES
    assert [schedule["dst"]["properties"][key]["enum"] for key in ("gap", "overlap")] == [list(Gap), list(Fold)]
    assert Schedule.from_mapping(
        "6h", {key: rule["default"] for key, rule in schedule.items() if "default" in rule}
    ) == (Schedule("6h"))
    assert definitions["every"]["maxLength"] == MAX_CHARACTERS
    job = SCHEMAS["job.schema.json"]
    assert set(job["required"]) == set(Job("a", "b").to_mapping())
    assert set(job["properties"]) >= set(SCHEMAS["playbook.schema.json"]["$defs"]["job"]["properties"])


def test_a_guess_is_offered_for_a_slip_only() -> None:
    found = schema.violations({"job": {"script": "ls", "wheer": "all", "z" * 200: 1}}, "playbook")
    slip, noise = (violation.message for violation in found)
    assert slip == "unknown key 'wheer' in job 'job'; did you mean 'where'?"
    assert re.fullmatch(
        r"unknown key 'z{37}\.\.\.' in job 'job'; known are name, .*timeout, logs, input, notify", noise
    )


def test_importing_the_package_loads_no_validator_and_no_template_engine() -> None:
    modules = "import sys, runlet.spec.playbook, runlet.spec.inventory; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", modules], capture_output=True, text=True, check=True).stdout.split()
    assert not {"jsonschema", "referencing", "jinja2"} & set(loaded)
