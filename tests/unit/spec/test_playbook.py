from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.errors import InvalidFiles, InvalidInput
from runlet.model.job import Job
from runlet.model.schedule import Schedule
from runlet.model.target import Target
from runlet.spec import tree
from runlet.spec.playbook import MAX_JOBS, from_mapping
from runlet.spec.reader import parse
from runlet.spec.template import MAX_SCRIPT_BYTES

JOB = Job(
    "job",
    "ls",
    target=Target.custom(["pi-1"]),
    schedule=Schedule("6h"),
    entrypoint=("sh",),
    barred=frozenset({"mac"}),
)


def load(paths: Iterable[Path]) -> list[Job]:
    return list(tree.load(paths).jobs)


def _refusal(*paths: Path) -> list[str]:
    with pytest.raises(InvalidFiles) as caught:
        load(paths)
    return [str(problem) for problem in caught.value.problems]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the present one, so that messages hold short paths."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_folders_are_searched_in_order(folder: Path) -> None:
    for name in ("b.yml", "a.yaml", "sub/c.yaml", ".inventory.yaml", ".hidden/d.yaml", "e.txt"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{path.stem}: ls\n")
    assert [job.name for job in load([Path()])] == ["a", "b", "c"]


def test_a_file_named_twice_is_read_once(folder: Path) -> None:
    Path("a.yaml").write_text("a: ls\n")
    assert len(load([Path("a.yaml"), folder / "a.yaml", folder])) == 1


def test_every_mistake_of_every_file_is_told(folder: Path) -> None:
    Path("a.yaml").write_text("a: ls\nb:\n  where: all\n")
    Path("b.yaml").write_text("a: ls\na: ls\n")
    Path("c.yaml").write_text("a: '\n")
    Path("none").mkdir()
    assert _refusal(*map(Path, ("none.yaml", "none", "c.yaml", "b.yaml", "a.yaml"))) == [
        "a.yaml:1:1: job 'a' is already declared at b.yaml:1:1",
        "a.yaml:2:1: job 'b' has no script",
        "b.yaml:2:1: duplicate key 'a' (first in line 1)",
        "c.yaml:1:4: this quote is not closed",
        "none: there is no playbook and no inventory (*.yaml, *.yml) in this folder",
        "none.yaml: no such file",
    ]


def test_a_script_over_the_limit(folder: Path) -> None:
    Path("a.yaml").write_text(f"a: {'é' * (MAX_SCRIPT_BYTES // 2 + 1)}\n")
    assert _refusal(Path("a.yaml")) == ["a.yaml:1:4: the script is larger than 256 KiB; put large data into a file"]


def test_more_jobs_than_allowed(folder: Path) -> None:
    Path("a.yaml").write_text("".join(f"job-{number}: ls\n" for number in range(MAX_JOBS)))
    assert len(load([Path("a.yaml")])) == MAX_JOBS
    Path("b.yaml").write_text("one-more: ls\nand-more: ls\n")
    assert _refusal(folder / "a.yaml", Path("b.yaml")) == [f"b.yaml:1:1: more than {MAX_JOBS} jobs are declared"]


def test_settings_hold_for_their_own_file(folder: Path) -> None:
    Path("a.yaml").write_text("settings: {entrypoint: python3 -u}\na: print()\n")
    Path("b.yaml").write_text("b: ls\n")
    assert [job.entrypoint for job in load([Path()])] == [("python3", "-u"), None]


@pytest.mark.parametrize("job", [JOB, Job("a", "echo {{ args[1] }}")])
def test_a_mapping_is_read_back(job: Job) -> None:
    assert from_mapping(json.loads(json.dumps(job.to_mapping()))) == job


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "a b"}, "a job's name is letters"),
        ({"script": "x" * (MAX_SCRIPT_BYTES + 1)}, "larger than 256 KiB"),
        ({"script": "\n{{ x() }}"}, "line 2 of the script: a template only places values"),
        ({"script": "a\0b"}, "NUL"),
        ({"description": "\ud800"}, "surrogate"),
        ({"where": "all"}, "where: all takes no whereCustom"),
        ({"whereCustom": []}, "whereCustom is empty"),
        ({"whereCustom": ["pi-1,pi-2"]}, "column 5: ',' cannot be part of a name"),
        ({"whereCustom": ["pi-1", "pi-1"]}, "whereCustom must hold each pattern once"),
        ({"whereCustom": [" pi-1"]}, "whereCustom must hold each pattern once, one an item, without blanks"),
        ({"whereCustom": None}, "whereCustom is empty"),
        ({"entrypoint": []}, "entrypoint is empty"),
        ({"entrypoint": [""]}, "entrypoint names no program"),
        ({"entrypoint": "sh"}, "entrypoint must be a list"),
        ({"env": {"A": "x" * 65_536}}, "env is larger than 64 KiB"),
        ({"env": {"A": "x", "BIG": "x" * 65_536}}, "the largest in it is BIG with 65539 bytes"),
        ({"vars": {"big": ["x" * 32_768]}}, "big: the variable holds 32772 bytes as JSON, 32768 is the most"),
        ({"vars": {"args": 1}}, "'args': templates have something of their own under this name"),
        ({"vars": {"device": 1}}, "'device': templates have something of their own under this name"),
        ({"vars": {"loop": 1}}, "'loop': templates have something of their own under this name"),
        ({"timeout": "1y"}, "this is not a duration"),
        ({"barred": ["a.b"]}, "a device's name is letters"),
        ({"every": "sometime"}, "at column 1: a phrase should begin with"),
        ({"schedule": {"timezone": "Mars"}}, "no time zone is called 'Mars'"),
        ({"schedule": {"misfire": {"all": 1000}}}, "misfire.all is a number from 1 to 100"),
        ({"schedule": {"window": "01:00-05:00"}}, "may miss it every time"),
        ({"extra": 1}, "unknown key 'extra' in the job"),
    ],
)
def test_what_is_not_a_job(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        from_mapping({**JOB.to_mapping(), **changes})


@pytest.mark.parametrize("key", ["name", "script"])
def test_a_mapping_has_at_least_a_name_and_a_script(key: str) -> None:
    content = JOB.to_mapping()
    del content[key]
    with pytest.raises(InvalidInput, match=f"the job has no {key}"):
        from_mapping(content)


def test_a_schedule_belongs_to_an_every() -> None:
    with pytest.raises(InvalidInput, match="schedule is only for a job with every"):
        from_mapping({"name": "a", "script": "b", "schedule": {"splay": "1m"}})


def test_what_is_as_by_default_is_left_out() -> None:
    assert Job("a", "b").to_mapping() == {"name": "a", "script": "b"}
    assert from_mapping({"name": "a", "script": "b", "where": "local", "env": {}}) == Job("a", "b")


def test_deep_content_is_refused() -> None:
    content: Any = "x"
    for _ in range(900):
        content = [content]
    with pytest.raises(InvalidInput, match="nested deeper than"):
        from_mapping({**JOB.to_mapping(), "script": content})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON | st.dictionaries(st.sampled_from(sorted(JOB.to_mapping())), JSON).map(JOB.to_mapping().__or__))
def test_any_json_is_a_job_or_refused(content: object) -> None:
    try:
        job = from_mapping(content)
    except InvalidInput:
        return
    assert len(job.revision) == 64


KEYS = st.sampled_from(
    ["job", "settings", "name", "script", "where", "whereCustom", "entrypoint", "every", "schedule", "window"]
)
VALUES = st.sampled_from(
    ["custom", "all", "{{ args[1] }}", "{{ x }}", "{% if", "bash '", "6h", "01:00-05:00", "", "a\nb {{ c }}"]
)


@given(
    st.dictionaries(
        KEYS, st.recursive(VALUES | JSON, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=6)
    )
)
def test_any_values_load_or_are_refused(tmp_path_factory: pytest.TempPathFactory, content: object) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_text(json.dumps(content))
    try:
        jobs = load([file])
    except InvalidFiles:
        return
    assert [from_mapping(job.to_mapping()) for job in jobs] == jobs


@given(st.text())
def test_any_text_loads_or_is_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(text.encode())
    try:
        jobs = load([file])
    except InvalidFiles:
        return
    assert jobs or not parse("f", text.encode()).value
