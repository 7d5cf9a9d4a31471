"""docs/reference/playbook.md and inventory.md are held to the schemas, the limits and the loaders."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from runlet.model import environment
from runlet.model.inventory import MAX_VARIABLE_BYTES
from runlet.spec import aliases, filters, playbook, reader, schema, template, tree

REFERENCE = Path(__file__).parents[3] / "docs/reference"
PAGE = (REFERENCE / "playbook.md").read_text("utf-8")


def test_the_example_loads(tmp_path: Path) -> None:
    example, *_ = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    file = tmp_path / "example.yaml"
    file.write_text(example)
    assert [job.name for job in tree.load([file]).jobs] == ["uptime", "backup"]


def test_every_key_of_a_job_is_described() -> None:
    content = json.loads((schema.folder() / "playbook.schema.json").read_text("utf-8"))
    for key in content["$defs"]["job"]["properties"]:
        assert f"\n| `{key}` |" in PAGE


def test_every_key_of_an_inventory_is_described() -> None:
    page = (REFERENCE / "inventory.md").read_text("utf-8")
    content = json.loads((schema.folder() / "inventory.schema.json").read_text("utf-8"))
    _, whole, group, device, _ = re.split(r"^\| key.*$|^## Names$", page, flags=re.MULTILINE)
    for part, keys in ((whole, content), (group, _of_each(content, "groups")), (device, _of_each(content, "devices"))):
        assert set(re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)) == set(keys["properties"])


def _of_each(content: Any, kind: str) -> Any:
    return content["properties"][kind]["additionalProperties"]


def test_the_inventory_of_the_page_gives_the_variables_that_it_tells(tmp_path: Path) -> None:
    page = (REFERENCE / "inventory.md").read_text("utf-8")
    (example,) = re.findall(r"```yaml.*?\n(.*?)```", page, re.DOTALL)
    file = tmp_path / "inventory.yaml"
    file.write_text(example)
    found = tree.load([file]).inventory
    assert found is not None
    assert found.groups_of("pi-1") == ("site", "db", "web")
    told = dict(re.findall(r"^\| `(\w+)` \| `(.+)` \|", page.rpartition("variable of pi-1")[2], re.MULTILINE))
    assert told == {name: str(value) for name, value in found.variables_of("pi-1").items()}


def test_limits_are_the_real_ones() -> None:
    for limit in (
        f"| file | {reader.MAX_FILE_BYTES // 1024**2} MiB |",
        f"| nesting | {reader.MAX_DEPTH} levels |",
        f"| keys and values of a file | {reader.MAX_NODES:,} |",
        f"| text of a file, aliases written out | {reader.MAX_FILE_BYTES // 1024**2} MiB |",
        f"| aliases of a file | {aliases.MAX_ALIASES:,} |",
        f"| templates of a file | {template.MAX_FILE_TOKENS:,} tokens;",
        f"| script, as written and as rendered | {template.MAX_SCRIPT_BYTES // 1024} KiB |",
        f"| one rendering | {filters.MAX_STEPS:,} steps;",
        f"| all renderings of a run | {template.MAX_STEPS_OF_ALL:,} steps; 64 MiB",
        f"| a variable, as JSON | {MAX_VARIABLE_BYTES // 1024} KiB |",
        f"| `env` and all variables, names and values | {environment.MAX_BYTES // 1024} KiB |",
        f"| jobs of one `apply` | {playbook.MAX_JOBS:,} |",
    ):
        assert limit in PAGE


def test_every_filter_is_described() -> None:
    (sentence,) = re.findall(r"Filters are (.*?)\.", PAGE, re.DOTALL)
    assert set(re.findall(r"`(\w+)`", sentence)) == set(filters.TAKES)
