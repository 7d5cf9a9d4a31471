"""docs/reference/playbook.md is held to the schemas, the limits and the loader."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from runlet.spec import aliases, playbook, reader, schema, template, tree
from runlet.spec.jinja import FILTERS

PAGE = (Path(__file__).parents[3] / "docs/reference/playbook.md").read_text("utf-8")


def test_the_example_loads(tmp_path: Path) -> None:
    example, *_ = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    file = tmp_path / "example.yaml"
    file.write_text(example)
    assert [job.name for job in tree.load([file]).jobs] == ["uptime", "backup"]


@pytest.mark.parametrize("name", ["playbook", "inventory"])
def test_every_key_is_described(name: str) -> None:
    content = json.loads((schema.folder() / f"{name}.schema.json").read_text("utf-8"))
    keys = (
        content["$defs"]["job"]["properties"]
        if name == "playbook"
        else content["properties"]["devices"]["additionalProperties"]["properties"]
    )
    for key in keys:
        assert f"\n| `{key}` |" in PAGE


def test_limits_are_the_real_ones() -> None:
    for limit in (
        f"| file | {reader.MAX_FILE_BYTES // 1024**2} MiB |",
        f"| nesting | {reader.MAX_DEPTH} levels |",
        f"| keys and values of a file | {reader.MAX_NODES:,} |",
        f"| text of a file, aliases written out | {reader.MAX_FILE_BYTES // 1024**2} MiB |",
        f"| aliases of a file | {aliases.MAX_ALIASES:,} |",
        f"| templates of a file | {template.MAX_FILE_TOKENS:,} tokens;",
        f"| script, as written and as rendered | {template.MAX_SCRIPT_BYTES // 1024} KiB |",
        f"| jobs of one `apply` | {playbook.MAX_JOBS:,} |",
    ):
        assert limit in PAGE


def test_every_filter_is_described() -> None:
    (sentence,) = re.findall(r"Filters are (.*?)\.", PAGE, re.DOTALL)
    assert set(re.findall(r"`(\w+)`", sentence)) == {*FILTERS, "q"}
