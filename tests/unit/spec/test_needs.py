"""What templates need: told when it is missing, and never when a rendering could do without it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from runlet.errors import InvalidInput
from runlet.model.variables import holds
from runlet.spec import template
from runlet.spec.template import check, needed, render

_NAMES = st.sampled_from(["a", "b", "a.b", "a['b c']", "a.b.c", "b.c", "c"])
_ASKS = st.builds("({} is {})".format, _NAMES, st.sampled_from(["defined", "undefined"])) | st.builds(
    "('{}' in {})".format, st.sampled_from(["b", "b c", "c"]), _NAMES
)
_TESTS = st.recursive(
    _NAMES | _ASKS,
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or", "==", "in", "not in"]), inner)
        | st.builds("(not {})".format, inner)
    ),
    max_leaves=4,
)
_VALUES = st.builds(
    "{{{{ ({}) | tojson }}}}".format,
    st.one_of(
        _NAMES,
        _TESTS,
        st.builds("{} | default({})".format, _NAMES, _NAMES),
        st.builds("{} if {} else {}".format, _NAMES, _TESTS, _NAMES),
        st.builds("[{}, {}] | {}".format, _NAMES, _NAMES, st.sampled_from(["length", "first", "tojson"])),
    ),
)
_IF = "{{% if {} %}}{}{{% elif {} %}}{}{{% else %}}{}{{% endif %}}"
_TEMPLATES = st.recursive(
    _VALUES,
    lambda inner: st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds(_IF.format, _TESTS, inner, _TESTS, inner, inner),
        st.builds("{{% for b in {} if {} %}}{}{{% else %}}{}{{% endfor %}}".format, _NAMES, _TESTS, _VALUES, _VALUES),
    ),
    max_leaves=4,
)
_PATHS = [("a",), ("b",), ("c",), ("a", "b"), ("a", "b c"), ("a", "b", "c"), ("b", "c")]


@st.composite
def _values(draw: st.DrawFn) -> dict[str, Any]:
    """Everything that the names above ask for, but for some of it."""
    values: dict[str, Any] = {"a": {"b": {"c": "x"}, "b c": "y"}, "b": {"c": ["c"]}, "c": "b c"}
    for *outer, last in draw(st.lists(st.sampled_from(_PATHS), max_size=2)):
        inner: Any = values
        for step in outer:
            inner = inner.get(step, {})
        inner.pop(last, None)
    return values


def words(script: str, *, certain: bool | None = None) -> set[str]:
    return {need.words for need in needed(script) if certain in (None, need.certain)}


def test_what_a_script_needs_is_known_with_its_lines() -> None:
    script = (
        "{{ args[1] }}\n{{ site.name }}{{ later }}\n{{ later }}{{ a | d('') }}{% if b is defined %}{{ b }}{% endif %}"
        "{% for c in d %}{{ c }}{{ loop.index }}{% endfor %}"
    )
    assert [(need.words, need.line) for need in needed(script)] == [("later", 2), ("site.name", 2), ("d", 3)]
    assert needed("no template") == []


@pytest.mark.parametrize(
    ("script", "names"),
    [
        ("{{ a }}{{ a | default(1) }}", {"a"}),
        ("{% if a is defined %}{{ a }}{% endif %}", set()),
        ("{% if a is defined %}{% endif %}{{ a }}", {"a"}),
        ("{% if a is undefined %}x{% else %}{{ a }}{% endif %}", set()),
        ("{% if not (a is undefined) %}{{ a }}{% else %}{{ b }}{% endif %}", {"b"}),
        ("{% if a is defined and b is defined %}{{ a }}{{ b }}{% elif c %}{{ b }}{% endif %}", {"b", "c"}),
        ("{% if a is defined or b is defined %}{{ a }}{% endif %}", {"a"}),
        ("{{ a if a is defined else b }}", {"b"}),
        ("{{ a is defined and a }}{{ b is undefined or b }}", set()),
        ("{% for x, y in z if x == w %}{{ x }}{{ y }}{% else %}{{ x }}{% endfor %}", {"z", "w", "x"}),
        ("{{ a.b | default(c) }}", {"a", "c"}),
        ("{{ a.b.c is defined }}", {"a.b"}),
        ("{% if a.b is defined %}{{ a.b }}{{ a.c }}{% endif %}", {"a", "a.c"}),
        ("{% if 'b' in a %}{{ a.b }}{% endif %}", {"a"}),
        ("{% if 'b' not in a %}x{% else %}{{ a.b }}{% endif %}", {"a"}),
        ("{{ a['b'].c }}{{ a['b c'][0].d }}", {"a.b.c", 'a["b c"]'}),
        ("{{ a[b].c }}{{ a.b[1:] }}", {"a", "b", "a.b"}),
        ("{% for a in b.c %}{{ a.d }}{{ loop.index }}{% endfor %}", {"b.c"}),
    ],
)
def test_each_use_needs_for_itself(script: str, names: set[str]) -> None:
    assert check(script, {}) == []
    assert words(script) == names


@pytest.mark.parametrize(
    ("script", "certain"),
    [
        ("{{ a.b }}", {"a.b"}),
        ("{{ a.b | q }}{{ [c.d] | length }}", {"a.b"}),
        ("{% if a %}{{ b }}{% elif c %}{% endif %}", {"a"}),
        ("{% for x in a.b if x == c %}{{ d }}{% else %}{{ e }}{% endfor %}", {"a.b"}),
        ("{{ a and b }}{{ c or d }}{{ e if f else g }}", {"a", "c", "f"}),
        ("{{ a < b < c }}", {"a", "b"}),
        ("{% if args[1] is defined %}{{ a }}{% endif %}{{ a }}", {"a"}),
    ],
)
def test_what_depends_on_values_is_not_certain(script: str, certain: set[str]) -> None:
    assert words(script, certain=True) == certain


@given(_TEMPLATES, _values())
@settings(max_examples=300)
def test_without_what_is_certainly_needed_no_rendering_succeeds(script: str, values: dict[str, Any]) -> None:
    assert check(script, {}) == []
    missing = [need.words for need in needed(script) if need.certain and not holds(values, need.path)]
    try:
        render(script, ["job"], values)
    except InvalidInput:
        event(f"not rendered, and told before: {bool(missing)}")
    else:
        event("rendered")
        assert missing == []


@pytest.mark.parametrize(
    ("script", "mistakes"),
    [
        ("{{ m.k }}{{ n }}{{ other.k }}", []),
        ("x\n{{ m.kk }}", [(2, "there is no m.kk in the job's vars")]),
        ("{{ m.k.deeper }}", [(1, "there is no m.k.deeper in the job's vars")]),
        ("{{ m.kk | default('') }}{% if m.kk is defined %}{{ m.kk }}{% endif %}", []),
        ("{% if n == 2 %}{{ m.kk }}{% endif %}", []),
        ("{{ device.name }}{{ device.labels.room }}{{ device.facts['os.id'] }}{{ device.groups[0] }}", []),
        ("{{ device.vars.x }}", [(1, "device has no vars; it has name, groups, labels, facts")]),
        ("{% if n %}{{ device.fact }}{% endif %}", [(1, "device has no fact; it has name, groups, labels, facts")]),
        ("{{ device.facts.arhc }}", [(1, "no fact is called arhc; did you mean arch?")]),
        (
            "{{ device.facts.os.id }}",
            [(1, 'the name of this fact has a dot: write device.facts["os.id"]')],
        ),
        ("{{ device.facts.frobnicates | default('') }}", []),
    ],
)
def test_what_no_inventory_could_mend_is_a_mistake(script: str, mistakes: list[tuple[int, str]]) -> None:
    assert template.check(script, {"m": {"k": "v"}, "n": 1}) == mistakes
