"""What arrives over HTTP as a declaration, checked as a file's would be."""

from __future__ import annotations

from itertools import chain, islice
from typing import Any

from runlet.errors import InvalidInput
from runlet.model.declaration import Declaration, Kind
from runlet.spec import inventory, playbook, schema
from runlet.spec.foreign import unspeakable

# How many mistakes of one declaration an answer names.
MAX_MISTAKES_TOLD = 20
# The smallest inventory, around a declaration that is a part of one.
_WITHOUT = {"devices": {"device": None}}


def check(kind: Kind, name: str, content: dict[str, Any]) -> Declaration:
    """The declaration, in the spelling that a file's gets. Raises InvalidInput with its mistakes."""
    if kind is Kind.JOB:
        job = playbook.from_mapping(content)
        if job.name != name:
            raise InvalidInput(f"the declaration of job {name!r} has the content of job {job.name!r}")
        return job.declaration()
    mistakes = [*unspeakable([name, content])]
    if not mistakes:
        whole = (
            _WITHOUT
            | {
                Kind.DEVICE: {"devices": {name: content}},
                Kind.GROUP: {"groups": {name: content}},
                Kind.FLEET: content,
            }[kind]
        )
        violations = (one.message for one in schema.violations(whole, "inventory"))
        large = (f"{address[-1]}: {message}" for address, message in inventory.large(whole))
        mistakes = list(islice(chain(violations, large), MAX_MISTAKES_TOLD))
    if mistakes:
        raise InvalidInput(f"this is not a {kind}: {'; '.join(mistakes)}")
    return Declaration(kind, name, content)
