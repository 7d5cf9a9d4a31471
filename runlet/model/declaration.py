"""Declared things: what files say the controller shall hold, and how that differs from what it holds.

A declaration is a job, a device, a group or what holds for the whole fleet: a kind, a name and plain JSON content.
Each has one owner, the source (a repository) that applied it last. `compare` is all that planning is: `apply` does what
it says, in one transaction, so that a plan cannot promise something else than what then happens.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any

from runlet.errors import InvalidInput, NotTheOwner


class Kind(StrEnum):
    """What can be declared; in the order in which changes are told."""

    FLEET = "fleet"  # one, called FLEET_NAME
    GROUP = "group"
    DEVICE = "device"
    JOB = "job"


FLEET_NAME = "all"

Key = tuple[Kind, str]
Content = Mapping[str, Any]


def digest(content: Any) -> str:
    """The hex SHA-256 of JSON content: equal content, equal digest."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Declaration:
    """One declared thing; `content` is what its `to_mapping` gives."""

    kind: Kind
    name: str
    content: Content = field(hash=False)

    @property
    def key(self) -> Key:
        return self.kind, self.name

    @property
    def revision(self) -> str:
        return digest(self.content)


@dataclass(frozen=True, slots=True)
class Held:
    """What a controller holds, and whose it is."""

    declaration: Declaration
    owner: str


@dataclass(frozen=True, slots=True)
class Submission:
    """A tree of declarations on behalf of a source. `base` is that of the plan it must still fit, if there was one."""

    source: str
    by: str  # who applies it, as they say
    declarations: tuple[Declaration, ...]
    commit: str | None = None
    dirty: bool = False  # files differ from the commit
    prune: bool = False
    adopt: bool = False
    base: str | None = None
    delete: tuple[str, ...] = ()  # jobs of this source to delete, beside what `prune` does
    note: str = ""  # for the history
    origin: str | None = None  # the device that applies, if it is one


class ChangeKind(StrEnum):
    """What applying does with one declared thing."""

    CREATED = "created"
    CHANGED = "changed"
    DELETED = "deleted"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Change:
    """One declared thing before and after. `adopted_from` is the owner it had, when that changes."""

    kind: Kind
    name: str
    change: ChangeKind
    before: Content | None = field(default=None, hash=False)
    after: Content | None = field(default=None, hash=False)
    adopted_from: str | None = None

    @property
    def key(self) -> Key:
        return self.kind, self.name

    @property
    def is_one(self) -> bool:
        """Whether anything changes at all."""
        return self.change is not ChangeKind.UNCHANGED or self.adopted_from is not None


def compare(
    declared: Sequence[Declaration],
    held: Mapping[Key, Held],
    source: str,
    *,
    prune: bool = False,
    adopt: bool = False,
    delete: Collection[str] = (),
) -> list[Change]:
    """What applying `declared` on behalf of `source` does, in order of kind and name.

    With `prune`, what this source declared before and does not declare now is deleted; nobody else's ever is. Its jobs
    that `delete` names are deleted without it. With `adopt`, what belongs to another source becomes this one's. Raises
    NotTheOwner with everything that does otherwise.
    """
    changes = {declaration.key: _one(declaration, held.get(declaration.key), source) for declaration in declared}
    if len(changes) != len(declared):
        raise InvalidInput("something is declared twice in one submission", "declare each name of a kind once")
    foreign = sorted(change.key for change in changes.values() if change.adopted_from is not None)
    if foreign and not adopt:
        raise NotTheOwner(
            "\n".join(f"{kind} {name!r} belongs to {held[kind, name].owner}" for kind, name in foreign),
            "change it there; or make it this source's own with --adopt",
        )
    for key, one in held.items():
        if one.owner == source and key not in changes and (prune or (key[0] is Kind.JOB and key[1] in delete)):
            changes[key] = Change(*key, ChangeKind.DELETED, before=one.declaration.content)
    order = list(Kind)
    return sorted(changes.values(), key=lambda change: (order.index(change.kind), change.name))


def _one(declaration: Declaration, held: Held | None, source: str) -> Change:
    if held is None:
        return Change(*declaration.key, ChangeKind.CREATED, after=declaration.content)
    same = held.declaration.revision == declaration.revision
    return Change(
        *declaration.key,
        ChangeKind.UNCHANGED if same else ChangeKind.CHANGED,
        before=held.declaration.content,
        after=declaration.content,
        adopted_from=None if held.owner == source else held.owner,
    )


def after(changes: Iterable[Change], held: Mapping[Key, Held], source: str) -> dict[Key, Held]:
    """What is held once the changes are made."""
    result = dict(held)
    for change in changes:
        if change.after is None:
            del result[change.key]
        else:
            result[change.key] = Held(Declaration(*change.key, change.after), source)
    return result


def base(declared: Sequence[Declaration], held: Mapping[Key, Held], source: str) -> str:
    """A digest of everything held that a plan for `source` depends on: while it is the same, so is the plan."""
    concerned = {declaration.key for declaration in declared}
    return digest(
        sorted(
            (kind, name, one.declaration.revision, one.owner)
            for (kind, name), one in held.items()
            if one.owner == source or (kind, name) in concerned
        )
    )


class Missing(Enum):
    """What a field is that is not there, for null is a value."""

    MISSING = "missing"


MISSING = Missing.MISSING


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field before and after, either may be MISSING. `path` has dots where maps are nested."""

    path: str
    before: Any
    after: Any


def fields(change: Change) -> Iterator[FieldChange]:
    """The fields that differ, in the order of the content; lists are compared as a whole."""
    yield from _differing("", change.before or {}, change.after or {})


def _differing(prefix: str, before: Content, after: Content) -> Iterator[FieldChange]:
    for key in dict.fromkeys([*before, *after]):
        old, new = before.get(key, MISSING), after.get(key, MISSING)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _differing(f"{prefix}{key}.", old, new)
        elif MISSING in (old, new) or digest(old) != digest(new):  # as JSON: 1 is not true
            yield FieldChange(f"{prefix}{key}", old, new)
