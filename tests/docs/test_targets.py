"""docs/reference/targets.md: its grammar's examples are resolved, its mistakes are made."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from runlet.errors import InvalidInput
from runlet.model.pattern import MAX_CHARACTERS
from runlet.model.regex import MAX_WAYS, NAME_CHARACTERS
from runlet.model.target import MAX_SEARCHING_TERMS, MAX_TERMS, Candidate, Target, Where, explain, resolve
from runlet.spec import inventory
from tests.docs import pages

PAGE = pages.read("docs/reference/targets.md")


def _rows(heading: str) -> list[tuple[str, str]]:
    """The rows of a section's last table, patterns first."""
    table = pages.section(PAGE, heading).rpartition("|---|---|\n")[2]
    rows = re.findall(r"^\| `(.+)` \| (.+) \|$", table, re.MULTILINE)
    return [(pattern.replace("\\|", "|"), told.replace("\\|", "|")) for pattern, told in rows]


@pytest.fixture
def fleet(tmp_path: Path) -> dict[str, Candidate]:
    """The devices of the page, all but one connected."""
    (block,) = [block for block in pages.blocks(PAGE) if block.title]
    file = tmp_path / "inventory.yaml"
    file.write_text(block.text)
    declared = inventory.load(file)
    return {
        name: Candidate(
            name,
            connected=name != "pi-2",
            enabled=device.enabled,
            groups=frozenset(declared.groups_of(name)),
            labels=device.labels,
            facts={"os.family": "arch" if name == "nas" else "debian"},
        )
        for name, device in declared.devices.items()
    }


@pytest.mark.parametrize(("patterns", "devices"), _rows("## Examples"))
def test_examples_select_what_the_page_says(patterns: str, devices: str, fleet: dict[str, Candidate]) -> None:
    target = Target.parse(patterns)
    assert resolve(target, fleet) == devices.split()
    assert [one.device for one in explain(target, fleet) if one.excluded_by is None] == devices.split()
    reconnected = {name: replace(device, connected=True) for name, device in fleet.items()}
    assert resolve(target, reconnected) == devices.split(), "being connected makes no difference"


@pytest.mark.parametrize(("pattern", "told"), _rows("## Mistakes"))
def test_mistakes_are_told_as_the_page_says(pattern: str, told: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Target.parse(pattern)
    assert caught.value.message == f"pattern {pattern!r}, {told}"


@pytest.mark.parametrize("where", [where for where in Where if where is not Where.CUSTOM])
def test_every_value_of_where_is_described(where: Where) -> None:
    assert f"\n| `{where}` | " in PAGE


def test_limits_are_the_real_ones() -> None:
    for limit in (
        f"{MAX_CHARACTERS} characters at",
        f"a target {MAX_TERMS:,} patterns, of which {MAX_SEARCHING_TERMS} are not plain names",
        f"up to {NAME_CHARACTERS}, the length of a name",
        f"{MAX_WAYS:,} ways to match",
        f"counts {NAME_CHARACTERS + 1}",
    ):
        assert limit in PAGE
