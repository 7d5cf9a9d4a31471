"""What applying does, against a plain model: a dictionary per source."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.errors import NotTheOwner
from runlet.model.declaration import (
    MISSING,
    Change,
    ChangeKind,
    Declaration,
    FieldChange,
    Held,
    Key,
    Kind,
    after,
    base,
    compare,
    digest,
    fields,
)

BACKUP = Declaration(Kind.JOB, "backup", {"script": "tar", "where": "all"})
CHANGED = Declaration(Kind.JOB, "backup", {"script": "tar -z", "where": "all"})
SOURCES = ("site-a", "site-b")

trees = st.dictionaries(st.tuples(st.sampled_from(Kind), st.sampled_from("abcd")), st.integers(0, 2), max_size=6)


json_values = st.recursive(
    st.none() | st.booleans() | st.sampled_from([0, 1, 1.0, "", "a"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=6,
)
json_maps = st.dictionaries(st.sampled_from("abc"), json_values, max_size=3)


def holding(*declarations: Declaration, owner: str = "site-a") -> dict[Key, Held]:
    return {one.key: Held(one, owner) for one in declarations}


def tree_of(content: dict[Key, int]) -> list[Declaration]:
    return [Declaration(*key, {"value": value}) for key, value in content.items()]


def test_what_is_not_held_is_created() -> None:
    assert compare([BACKUP], {}, "site-a") == [Change(*BACKUP.key, ChangeKind.CREATED, after=BACKUP.content)]


def test_what_differs_is_changed_and_what_does_not_is_not() -> None:
    held = holding(BACKUP)
    assert [change.change for change in compare([CHANGED], held, "site-a")] == [ChangeKind.CHANGED]
    assert [change.is_one for change in compare([BACKUP], held, "site-a")] == [False]


def test_nothing_is_deleted_unless_asked() -> None:
    assert compare([], holding(BACKUP), "site-a") == []
    assert [change.change for change in compare([], holding(BACKUP), "site-a", prune=True)] == [ChangeKind.DELETED]


def test_pruning_leaves_what_others_declared() -> None:
    assert compare([], holding(BACKUP, owner="site-b"), "site-a", prune=True) == []


def test_a_job_is_deleted_by_name_for_its_owner_only() -> None:
    device, other = Declaration(Kind.DEVICE, "backup", {}), Declaration(Kind.JOB, "other", {})
    held = holding(BACKUP, device, other)
    [change] = compare([], held, "site-a", delete=["backup"])
    assert (change.key, change.change) == (BACKUP.key, ChangeKind.DELETED)
    assert compare([], held, "site-b", delete=["backup"]) == []


def test_what_belongs_to_another_is_refused_naming_the_owner() -> None:
    with pytest.raises(NotTheOwner) as refused:
        compare([CHANGED], holding(BACKUP, owner="site-b"), "site-a")
    assert refused.value.message == "job 'backup' belongs to site-b"


def test_adopting_is_a_change_even_of_equal_content() -> None:
    [change] = compare([BACKUP], holding(BACKUP, owner="site-b"), "site-a", adopt=True)
    assert (change.change, change.adopted_from, change.is_one) == (ChangeKind.UNCHANGED, "site-b", True)
    assert after([change], holding(BACKUP, owner="site-b"), "site-a") == holding(BACKUP, owner="site-a")


def test_fields_are_told_one_by_one_and_lists_as_a_whole() -> None:
    change = Change(
        Kind.JOB,
        "backup",
        ChangeKind.CHANGED,
        before={"script": "a", "schedule": {"splay": "1m", "window": None}, "whereCustom": ["pi-1"]},
        after={"script": "a", "schedule": {"splay": "2m", "window": None}, "whereCustom": ["pi-1", "pi-2"]},
    )
    assert list(fields(change)) == [
        FieldChange("schedule.splay", "1m", "2m"),
        FieldChange("whereCustom", ["pi-1"], ["pi-1", "pi-2"]),
    ]


def test_what_json_tells_apart_is_a_change() -> None:
    before = {"a": 1, "b": None, "c": None, "d": {"x": 1, "y": 2}}
    later = {"a": True, "b": None, "d": {"y": 2, "x": 1}, "e": None}
    assert list(fields(Change(Kind.JOB, "backup", ChangeKind.CHANGED, before=before, after=later))) == [
        FieldChange("a", 1, True),
        FieldChange("c", None, MISSING),
        FieldChange("e", MISSING, None),
    ]


@given(json_maps, json_maps)
def test_no_change_is_hidden(before: dict[str, object], later: dict[str, object]) -> None:
    change = Change(Kind.JOB, "backup", ChangeKind.CHANGED, before=before, after=later)
    assert bool(list(fields(change))) == (digest(before) != digest(later))


def test_a_plan_is_stale_once_something_it_depends_on_has_changed() -> None:
    other = Declaration(Kind.JOB, "other", {})
    planned = base([BACKUP], holding(BACKUP), "site-a")
    assert base([BACKUP], holding(BACKUP) | holding(other, owner="site-b"), "site-a") == planned, "not concerned"
    assert base([BACKUP], holding(CHANGED), "site-a") != planned
    assert base([BACKUP], holding(BACKUP, other), "site-a") != planned, "pruning would delete it"
    assert base([BACKUP], holding(BACKUP, owner="site-b"), "site-a") != planned, "it was adopted meanwhile"


@given(st.lists(st.tuples(st.sampled_from(SOURCES), trees, st.booleans()), max_size=8))
def test_any_sequence_of_applies_ends_in_the_last_trees_and_sources_never_mix(
    applies: list[tuple[str, dict[Key, int], bool]],
) -> None:
    held: dict[Key, Held] = {}
    model: dict[str, dict[Key, int]] = {source: {} for source in SOURCES}
    for source, content, prune in applies:
        theirs = model[SOURCES[1 - SOURCES.index(source)]]
        foreign = set(content) & set(theirs)
        if foreign:
            with pytest.raises(NotTheOwner) as refused:
                compare(tree_of(content), held, source, prune=prune)
            assert len(refused.value.message.splitlines()) == len(foreign)
            continue
        changes = compare(tree_of(content), held, source, prune=prune)
        held = after(changes, held, source)
        model[source] = dict(content) if prune else model[source] | content
        again = compare(tree_of(content), held, source, prune=prune)
        assert not any(change.is_one for change in again), "applying twice changes nothing"
    for source in SOURCES:
        ours = {key: one.declaration.content["value"] for key, one in held.items() if one.owner == source}
        assert ours == model[source]
