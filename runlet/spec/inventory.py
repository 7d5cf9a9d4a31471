"""Inventories: documents to declared devices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runlet.errors import InvalidFiles, Problem
from runlet.model.inventory import Device
from runlet.spec import schema
from runlet.spec.document import Document
from runlet.spec.reader import read


def load(path: Path) -> list[Device]:
    """The devices that a file declares, in its order. Raises InvalidFiles with every mistake."""
    document = read(path)
    problems = mistakes(document)
    if problems:
        raise InvalidFiles(problems)
    return list(build(document))


def mistakes(document: Document) -> list[Problem]:
    """Everything wrong within one document."""
    return [*document.problems, *schema.check(document, "inventory")]


def build(document: Document) -> Iterator[Device]:
    """The devices of a document without mistakes."""
    content: Any = document.value
    for name, declared in content["devices"].items():
        said = declared or {}
        yield Device(
            name=name,
            description=said.get("description", ""),
            labels=said.get("labels", {}),
            enabled=said.get("enabled", True),
        )
