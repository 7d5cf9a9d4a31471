"""No input crashes the loader, none takes over a second or 256 MB.

The worst files known are loaded in a process of their own each, which tells its processor time and its memory: neither
counts what else the machine does. What random files cost is counted in calls of functions.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from runlet.errors import InvalidFiles
from runlet.spec import tree
from runlet.spec.document import Value
from runlet.spec.reader import MAX_FILE_BYTES, MAX_NODES, parse

MOST_SECONDS = 1.0
MOST_BYTES = 256 * 1024**2
# A call takes about 0.1 µs and more with what it does; random files are small, and their cost is mostly fixed.
MOST_CALLS = 1_000_000

MEASURE = """
import json, sys, time
from pathlib import Path
import jinja2, jsonschema
from runlet.errors import InvalidFiles
from runlet.spec import tree
begin = time.process_time()
try:
    tree.load([Path(sys.argv[1])])
    told = ""
except InvalidFiles as error:
    told = str(error)
# Not getrusage's, which begins with that of the process that started this one.
used = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024
print(json.dumps([time.process_time() - begin, used, told]))
"""

FULL = "a{}:\n  script: x\n  where: all\n  cwd: /\n  showDuration: true\n  description: x\n  every: 6h\n"
FILTERS = "{{args[0]|q|q|q|q|q|q|q|q|q|q|q}}"
WORST = {
    "jobs": ("".join(f"a{n}: x\n" for n in range(49_900)), "more than 1000 jobs"),
    "empty jobs": ("".join(f"a{n}: {{}}\n" for n in range(49_900)), "1000 mistakes or more"),
    "full jobs": ("".join(map(FULL.format, range(7_100))) + "b: []\n", "must be text or a map"),
    "names": ("".join(f"a {n}: x\n" for n in range(49_900)), "1000 mistakes or more"),
    "items": ("a:\n  script: x\n  where: custom\n  whereCustom:\n" + "  - a\n" * 98_000 + "  - 1\n", "longer than"),
    "keys": ("a:\n" + "".join(f"  whereCustor{n}: x\n" for n in range(40_000)), "unknown key"),
    "entrypoint": ("a:\n  script: x\n  entrypoint: " + "a " * 520_000, ""),
    "entrypoints": ("".join(f"a{n}: {{script: x, entrypoint: {'a ' * 2_000}}}\n" for n in range(250)), ""),
    "templates": ("".join(f"a{n}: '{FILTERS * 100}'\n" for n in range(310)), "50000 tokens; split the file"),
    "broken templates": ("".join(f"a{n}: '{{% if args %}}'\n" for n in range(40_000)), "is not closed"),
    "Go's templates": ("".join(f"a{n}: |\n" + "  {{ .Args }}\n" * 18_000 for n in range(4)), "Go template"),
    "settings": ("settings:\n  daemons:\n" + "".join(f"    a{n}: {{enabled: 1}}\n" for n in range(24_000)), "must be"),
    "anchors": ("".join(f"a{n}: &anchor{n} x\nb{n}: *anchor{n}x\n" for n in range(20_000)), "did you mean"),
    "aliases": ("a: &a " + "x" * 90_000 + "\n" + "".join(f"b{n}: *a\n" for n in range(9_000)), "1024 KiB of text"),
    "merges": (
        "a: &a\n  script: x\n" + "".join(f"b{n}: &b{n} {{<<: [*a, *a, *a]}}\n" for n in range(3_000)),
        "more than 1000 jobs",
    ),
    "chain": (
        "a0: &a0\n  script: x\n" + "".join(f"a{n}: &a{n} {{<<: *a{n - 1}, k{n}: x}}\n" for n in range(1, 9_000)),
        "nested deeper",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WORST)
def test_the_worst_files_take_little(name: str, tmp_path: Path) -> None:
    text, told = WORST[name]
    file = tmp_path / "worst.yaml"
    file.write_bytes(text.encode()[:MAX_FILE_BYTES])
    done = subprocess.run([sys.executable, "-c", MEASURE, file], capture_output=True, text=True, check=True)
    seconds, used, mistakes = json.loads(done.stdout)
    assert told in mistakes
    assert seconds < MOST_SECONDS
    assert used < MOST_BYTES


def _calls(work: Callable[[], object]) -> int:
    """How many functions `work` calls, Python's and C's."""
    count = 0

    def note(_: FrameType, event: str, __: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


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
        assert _calls(lambda file=file: _load(file)) < MOST_CALLS  # type: ignore[misc]


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
