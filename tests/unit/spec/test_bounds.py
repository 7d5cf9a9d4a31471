"""No input crashes the loader, none takes over a second or 256 MB.

What they cost is counted in calls of functions; bench/validate.py measures what the worst take. Those are loaded in a
process of their own each, which tells its memory.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from runlet.errors import InvalidFiles
from runlet.spec import tree
from runlet.spec.document import Value
from runlet.spec.reader import MAX_NODES, parse
from tests.costs import WORST, calls

ROOT = Path(__file__).parents[3]
# The costliest of the worst files, which takes 0.7 s by bench/validate.py, makes 7.6 million.
MOST_CALLS = 9_000_000
MOST_BYTES = 256 * 1024**2
# Random files are small, and their cost is mostly fixed.
MOST_CALLS_OF_SMALL = 1_000_000
# Far more than any takes: for what a few calls can do in C, a regular expression for one.
PATIENCE_SECONDS = 240.0

MEASURE = """
import json, sys
from pathlib import Path
import jinja2, jsonschema
from runlet.errors import InvalidFiles
from runlet.spec import tree
from tests.costs import calls
told = ""
def load():
    global told
    try:
        tree.load([Path(sys.argv[1])])
    except InvalidFiles as error:
        told = str(error)
count = calls(load)
# Not getrusage's, which begins with that of the process that started this one.
used = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024
print(json.dumps([count, used, told]))
"""


@pytest.mark.parametrize("name", WORST)
def test_the_worst_files_take_little(name: str, tmp_path: Path) -> None:
    content, told = WORST[name]
    file = tmp_path / "worst.yaml"
    file.write_bytes(content)
    command = [sys.executable, "-c", MEASURE, file]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=PATIENCE_SECONDS)
    count, used, mistakes = json.loads(done.stdout)
    assert told in mistakes
    assert count < MOST_CALLS
    assert used < MOST_BYTES


def _load(file: Path) -> None:
    try:
        tree.load([file])
    except InvalidFiles:
        return


SCALARS = st.sampled_from(
    ["ls", "all", "custom", "12", "no", "'a b'", "''", "{}", "[]", '"{{ args[1] }}"', "&z y", "*z"]
)
KEYS = st.sampled_from(["a", "b", "script", "where", "whereCustom", "settings", "<<", "entrypoint", "name", "'<<'"])
NAMES = st.sampled_from("pqr")


def _flow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.lists(st.tuples(KEYS, inner).map(": ".join), max_size=4)
    collections = st.lists(inner, max_size=4).map(lambda items: f"[{', '.join(items)}]") | pairs.map(
        lambda items: f"{{{', '.join(items)}}}"
    )
    anchored = st.tuples(NAMES, collections).map(lambda pair: f"&{pair[0]} {pair[1]}")
    return collections | anchored | NAMES.map("*{} ".format)


NODES = st.recursive(SCALARS, _flow, max_leaves=25)
YAML = st.lists(st.tuples(KEYS, NODES).map(": ".join), max_size=8).map("\n".join)
VALID = (Path(__file__).parents[2] / "cases/valid/aliases.yaml").read_text("utf-8")


@st.composite
def _mutated(draw: st.DrawFn) -> str:
    """A right playbook in which some pieces are taken out, doubled or put elsewhere."""
    pieces = VALID.splitlines(keepends=True) if draw(st.booleans()) else list(VALID)
    for _ in range(draw(st.integers(1, 5))):
        begin, length, to = draw(st.tuples(*[st.integers(0, len(pieces))] * 3))
        cut = pieces[begin : begin + length % 5]
        if draw(st.booleans()):
            del pieces[begin : begin + length % 5]
        pieces[to:to] = cut
    return "".join(pieces)


@given(YAML | _mutated() | st.text() | st.binary())
@example("a: &p {<<: *p}\na: *p")
@example("a: &p {<<: &q {a: b}, <<: *q}")
@example("a: &p [*q]\nb: &q [*p]\n")
@example("'<<': &p {'<<': {'<<': *p}}")
def test_anything_loads_or_is_refused(tmp_path_factory: pytest.TempPathFactory, content: str | bytes) -> None:
    for name in ("any.yaml", "inventory.yaml"):
        file = tmp_path_factory.getbasetemp() / name
        file.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
        assert calls(lambda file=file: _load(file)) < MOST_CALLS_OF_SMALL  # type: ignore[misc]


def _size(value: Value) -> int:
    """Keys and values, shared ones as often as they can be reached."""
    count, waiting = 0, [value]
    while waiting:
        one = waiting.pop()
        count += 1
        if isinstance(one, dict):
            count += len(one)
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return count


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 40)), max_size=12))
def test_what_aliases_stand_for_is_within_the_limit(references: list[tuple[int, int]]) -> None:
    """Each list holds some of the one so many before it, many times over."""
    text = "a0: &a0 [x, x]\n"
    for number, (back, times) in enumerate(references, start=1):
        text += f"a{number}: &a{number} [{', '.join([f'*a{max(0, number - 1 - back)}'] * times)}]\n"
    try:
        document = parse("f", text.encode())
    except InvalidFiles:
        return
    assert _size(document.value) <= MAX_NODES


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc:*&- ", max_size=4), inner, max_size=4),
    max_leaves=20,
)


@given(st.lists(PLAIN, min_size=1, max_size=4), st.booleans())
def test_what_pyyaml_writes_is_read_back(values: list[Any], flow: bool) -> None:
    """Shared parts too: PyYAML writes them as aliases."""
    content = {"one": values, "two": values, "three": [values[0]]}
    dumped = yaml.safe_dump(content, default_flow_style=flow, allow_unicode=False)
    try:
        document = parse("f", dumped.encode())
    except InvalidFiles as error:
        assert "NUL" in str(error) or "nested deeper" in str(error)  # noqa: PT017
        return
    if not document.problems:
        assert document.value == content
