"""Mistakes in files in the forms that other programs show beside the lines: SARIF 2.1.0, and GitHub's annotations.

Both are read in the repository: paths are relative to the present folder where they are below it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from runlet import __version__
from runlet.errors import Problem, Rule

_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_TOLD: dict[Rule, str] = {
    Rule.FILE: "A file can be read, and is not larger than allowed.",
    Rule.YAML: "A file is YAML as Runlet accepts it.",
    Rule.SCHEMA: "Keys and values are those of the schema.",
    Rule.TEMPLATE: "A script is a template that can be rendered.",
    Rule.VALUE: "A value means something.",
    Rule.NAME: "A name is declared once.",
}


def sarif(problems: Iterable[Problem]) -> dict[str, Any]:
    """One SARIF log with one run."""
    rules = list(Rule)
    return {
        "$schema": _SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "runlet",
                        "semanticVersion": __version__,
                        "rules": [{"id": rule.value, "shortDescription": {"text": _TOLD[rule]}} for rule in rules],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [
                    {
                        "ruleId": problem.rule.value,
                        "ruleIndex": rules.index(problem.rule),
                        "level": "error",
                        "message": {"text": problem.message},
                        "locations": [_location(problem)],
                    }
                    for problem in problems
                ],
            }
        ],
    }


def _location(problem: Problem) -> dict[str, Any]:
    path = _relative(problem.path)
    uri = quote(os.fsencode(path)) if not os.path.isabs(path) else "file://" + quote(os.fsencode(path))
    # A mistake of the whole file is shown at its first line: GitHub shows none that has no line.
    region = {"startLine": max(1, problem.line), "startColumn": max(1, problem.column)}
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}


def annotation(problem: Problem) -> str:
    """One workflow command of GitHub Actions."""
    properties = {
        "file": _relative(problem.path),
        "line": str(max(1, problem.line)),
        "col": str(max(1, problem.column)),
        "title": f"runlet {problem.rule.value}",
    }
    written = ",".join(f"{name}={_escape(value, ':,')}" for name, value in properties.items())
    return f"::error {written}::{_escape(problem.message)}"


def _escape(text: str, more: str = "") -> str:
    """As actions/toolkit does it: the percent sign first, since it begins an escape."""
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def _relative(path: str) -> str:
    absolute = Path(os.path.abspath(path))
    here = Path.cwd()
    return absolute.relative_to(here).as_posix() if absolute.is_relative_to(here) else str(absolute)
