from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pytest

from runlet.cli.problems import annotation, sarif
from runlet.errors import Problem, Rule

PROBLEMS = [
    Problem("playbooks/a b,c.yaml", 3, 5, "100% 'wrong'\nindeed", Rule.SCHEMA),
    Problem("/elsewhere/b.yaml", 0, 0, "no such file", Rule.FILE),
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_annotations_escape_what_ends_them() -> None:
    assert [annotation(problem) for problem in PROBLEMS] == [
        "::error file=playbooks/a b%2Cc.yaml,line=3,col=5,title=runlet schema::100%25 'wrong'%0Aindeed",
        "::error file=/elsewhere/b.yaml,line=1,col=1,title=runlet file::no such file",
    ]


def test_sarif_has_what_github_asks_for() -> None:
    """https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support"""
    log = sarif(PROBLEMS)
    assert (log["version"], log["$schema"]) == ("2.1.0", "https://json.schemastore.org/sarif-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "runlet"
    assert [rule["id"] for rule in driver["rules"]] == list(Rule)
    assert all(rule["shortDescription"]["text"] for rule in driver["rules"])
    for problem, result in zip(PROBLEMS, run["results"], strict=True):
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == problem.rule
        assert (result["level"], result["message"]["text"]) == ("error", problem.message)
    first, second = (result["locations"][0]["physicalLocation"] for result in run["results"])
    assert first["artifactLocation"]["uri"] == "playbooks/a%20b%2Cc.yaml"
    assert first["region"] == {"startLine": 3, "startColumn": 5}
    assert second["artifactLocation"]["uri"] == "file:///elsewhere/b.yaml"
    assert second["region"] == {"startLine": 1, "startColumn": 1}


def test_a_path_below_the_present_folder_is_relative(folder: Path) -> None:
    for path in (str(folder / "x/a.yaml"), "./x/a.yaml", "x/../x/a.yaml"):
        location = sarif([Problem(path, 1, 1, "")])["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
        assert location["artifactLocation"]["uri"] == "x/a.yaml"


def test_a_name_that_is_no_text_has_a_uri() -> None:
    location = sarif([Problem("a\udcff.yaml", 1, 1, "")])["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert unquote(location["artifactLocation"]["uri"], errors="surrogateescape") == "a\udcff.yaml"
