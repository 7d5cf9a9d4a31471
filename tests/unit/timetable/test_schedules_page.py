"""docs/reference/schedules.md is held to the code: its examples, its refusals, its numbers."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from runlet.errors import InvalidInput
from runlet.model.duration import LONGEST
from runlet.model.schedule import DEFAULT_MISFIRE_MAX, MOST_MISFIRES, Fold, Gap, Misfire, Overlap, Schedule
from runlet.spec import schema
from runlet.timetable import phrase
from runlet.timetable.due import GRACE, MOST_TOLD, preview
from runlet.timetable.firing import fire_times
from runlet.timetable.grammar import MAX_CHARACTERS, canonical, parse

PAGE = (Path(__file__).parents[3] / "docs/reference/schedules.md").read_text("utf-8")
ZURICH = ZoneInfo("Europe/Zurich")
APPLIED = datetime(2026, 3, 27, 12, tzinfo=ZURICH).astimezone(UTC)


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a row of headings, code without its marks."""
    (table,) = re.findall(rf"^{re.escape(heading)}\n[|-]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    return [[cell.strip().strip("`") for cell in line.split("|")[1:-1]] for line in table.splitlines()]


@pytest.mark.parametrize(("every", "same", "told"), rows("| every | the same as | fire times |"))
def test_examples(every: str, same: str, told: str) -> None:
    assert canonical(parse(every)) == same
    found = preview(Schedule(every), parse(every), ZURICH, APPLIED, APPLIED, 2)
    assert ", ".join(f"{instant.astimezone(ZURICH):%a %Y-%m-%d %H:%M}" for instant in found) == told


@pytest.mark.parametrize(("every", "because"), rows("| every | because |"))
def test_refusals(every: str, because: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(every)
    assert caught.value.message == because


@pytest.mark.parametrize(("every", "dst", "spring", "autumn"), rows("| every | dst | 2026-03-29 | 2026-10-25 |"))
def test_changes_of_clocks(every: str, dst: str, spring: str, autumn: str) -> None:
    key, _, value = dst.partition(": ")
    schedule = Schedule.from_mapping(every, {"dst": {key: value} if dst else {}})
    for day, told in ((datetime(2026, 3, 29, tzinfo=ZURICH), spring), (datetime(2026, 10, 25, tzinfo=ZURICH), autumn)):
        found = []
        for instant in fire_times(schedule, parse(every), ZURICH, APPLIED, day - timedelta(microseconds=1)):
            local = instant.astimezone(ZURICH)
            if (local.date(), local.replace(tzinfo=None)) > (day.date(), day.replace(hour=4, tzinfo=None)):
                break
            found.append(local.isoformat(timespec="minutes")[11:])
        assert ", ".join(found) == told


def test_the_grammar_is_the_code_s() -> None:
    assert phrase.__doc__ is not None
    forms = [line.strip() for line in phrase.__doc__.splitlines() if re.match(r"    (\w+ +=|    +\|)", line)]
    assert len(forms) > 8
    for line in forms:
        assert line in PAGE


def test_keys_and_their_defaults_are_the_schema_s() -> None:
    content = json.loads((schema.folder() / "playbook.schema.json").read_text("utf-8"))
    keys = content["$defs"]["schedule"]["properties"]
    wanted = {key: rule.get("default", "none") for key, rule in keys.items() if key != "dst"}
    wanted |= {f"dst.{key}": rule["default"] for key, rule in keys["dst"]["properties"].items()}
    written = {key: default for key, _, default in rows("| key | value | default |")}
    assert written == {key: json.dumps(value).strip('"') for key, value in wanted.items()}


@pytest.mark.parametrize("value", [*Overlap, *Misfire, *Gap, *Fold])
def test_every_value_has_its_meaning(value: str) -> None:
    assert re.search(rf"^\|.* `{value}` \|", PAGE, re.MULTILINE)


def test_numbers_are_the_code_s() -> None:
    for words in (
        f"The most is {MAX_CHARACTERS} characters",
        f"to {LONGEST.days} days",
        f"the newest {DEFAULT_MISFIRE_MAX} ",
        f"1 to {MOST_MISFIRES} ",
        f"the newest {MOST_TOLD:,} passed",
        f"at most {GRACE.total_seconds():g} s late",
        f"more than {GRACE.total_seconds():g} s late",
    ):
        assert words in PAGE
