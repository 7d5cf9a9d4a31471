from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlet.errors import InvalidInput
from runlet.spec import template
from runlet.spec.template import MAX_SCRIPT_BYTES, render

# What a hostile template may cost. Each takes a fifth of this at most, so that a busy machine passes.
MOST_SECONDS = 1.0
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def check(script: str) -> list[tuple[int, str]]:
    return template.check(script, {})


@pytest.mark.parametrize(
    ("script", "args", "expected"),
    [
        ("echo {{ args[1] }}\n", ["job", "hi"], "echo hi\n"),
        ("{{ args[0] }}", ["job"], "job"),
        ("{{ args.1 }}", ["job", "x"], "x"),
        ("{{ args[1] | q }}", ["job", "it's"], shlex.quote("it's")),
        ("{{ args[1:] | q }}", ["job", "a b", "c"], "'a b' c"),
        ("{{ args[1] | default('x') }}", ["job"], "x"),
        ("{{ args[1] | upper }}{{ args | length }}", ["job", "a"], "A2"),
        ("{% if args[1] is defined %}y{% else %}n{% endif %}", ["job"], "n"),
        ("{% for a in args[1:] %}{{ loop.index }}{{ a }};{% endfor %}", ["job", "a", "b"], "1a;2b;"),
        ("{{ 'all' if args | length == 1 else args[1] }}", ["job"], "all"),
        ("{% raw %}{{ .Names }}{% endraw %}", ["job"], "{{ .Names }}"),
        ("${#x} {{ args[0] }} {# not a comment #}", ["job"], "${#x} job {# not a comment #}"),
        ("<{{ args[1] }}>&", ["job", "<b>"], "<<b>>&"),
        ("a }} %} b", ["job"], "a }} %} b"),
        ("{{ args[1] }}\n\n", ["job", "{{ args[0] }}"], "{{ args[0] }}\n\n"),
    ],
)
def test_rendering(script: str, args: list[str], expected: str) -> None:
    assert check(script) == []
    assert render(script, args, {}) == expected


SITE = {"site": {"name": "lab", "ports": [80, 443], "open": True, "note": None, "keys": "k"}, "owner": "Ana", "port": 8}


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("{{ owner }} of {{ site.name }}", "Ana of lab"),
        ("{{ site['name'] }} {{ site.ports[0] }}", "lab 80"),
        ("{{ site.ports | q }}", "80 443"),
        ("{% for port in site.ports %}{{ port }},{% endfor %}", "80,443,"),
        ("{{ site.ports | join('-') }}", "80-443"),
        ("{{ site.open }}{{ site.note }}", "true"),
        ("{{ site.ports | tojson }}", "[80, 443]"),
        ("{{ site.keys }}", "k"),  # a map's key, not a method of Python's
        ("{{ nothing | default('none') }}{{ site.nothing | d('x') }}", "nonex"),
        ("{{ nothing is defined }}", "false"),
    ],
)
def test_variables_are_placed(script: str, expected: str) -> None:
    assert check(script) == []
    assert render(script, ["job"], SITE) == expected


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("\n{{ nothing }}", "line 2: no variable is called nothing"),
        ("{{ nothing.more }}", "line 1: no variable is called nothing"),
        ("{{ site.nothing }}", "line 1: this map has no nothing"),
        ("{{ site }}", "line 1: the template cannot be rendered: this is a map"),
        ("{{ site.ports }}", "line 1: the template cannot be rendered: this is a list"),
        ("{{ owner.upper }}", "line 1: a text has no upper"),
        ("{{ owner['upper'] }}", "line 1: a text has no upper"),
        ("{{ site.items }}", "line 1: this map has no items"),
        ("{{ site.ports[5] }}", "line 1: a list has no [5]"),
        ("{% for x in port %}{% endfor %}", "line 1: the template cannot be rendered: a number cannot be looped over"),
        ("{% for a, b in site.ports %}{% endfor %}", "line 1: the template cannot be rendered: an item of the loop"),
        ("{{ port | length }}", "line 1: the template cannot be rendered: a number has no length"),
        ("{{ port < owner }}", "line 1: the template cannot be rendered: a number cannot be compared with a text"),
        ("{{ owner in port }}", "line 1: the template cannot be rendered: a number holds nothing"),
        ("{{ -owner }}", "line 1: the template cannot be rendered: a text cannot be negative"),
        ("{{ [nothing] | tojson }}", "line 1: no variable is called nothing"),
        ("{{ owner ~ nothing }}", "line 1: no variable is called nothing"),
        ("{{ '' | first }}", "line 1: a text that is empty has no first item"),
    ],
)
def test_variables_that_cannot_be_placed(script: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        render(script, ["job"], SITE)
    assert caught.value.message.startswith(message)


def test_an_argument_is_not_hidden_by_a_variable_of_its_name() -> None:
    assert render("{{ args[1] }}", ["job", "x"], {"args": ["job", "y"]}) == "x"


@pytest.mark.parametrize(
    ("script", "args", "message", "hint"),
    [
        ("a\n\n{{ args[1] }}", ["job"], "line 3: args[1] is not given", "run it with: runlet run job VALUE"),
        (
            "{{ args[3] }}",
            ["job", "a b"],
            "line 1: args[3] is not given",
            "run it with: runlet run job 'a b' VALUE VALUE",
        ),
        ("{{ args[1] | q }}", ["job"], "line 1: args[1] is not given", "run it with: runlet run job VALUE"),
        ("{{ args[-3] }}", ["job"], "line 1: args[-3] is not given", None),
        ("{{ args[1:][0] }}", ["job"], "line 1: these arguments have no [0]", None),
        ("\n{{ args }}", ["job"], "line 2: the template cannot be rendered: this is a list; choose one", None),
        ("{{ args[::0] }}", ["job"], "line 1: the template cannot be rendered: slice step", None),
        (
            "{{ args[0] + 1 }}",
            ["job"],
            "line 1: the template cannot be rendered: a text and a number cannot be added",
            None,
        ),
        ("{{ '\\ud800' }}", ["job"], "line 1: the template cannot be rendered", None),
        (
            "{{ nothing }}",
            ["job"],
            "line 1: no variable is called nothing",
            "declare it in the job's vars or in the inventory, or give it with: -e nothing=VALUE",
        ),
        ("plain", ["job", "a\0b"], "args[1] holds the character NUL", None),
        ("plain", ["job", "\udc80"], "args[1] holds a character that UTF-8 cannot hold", None),
    ],
)
def test_what_cannot_be_rendered(script: str, args: list[str], message: str, hint: str | None) -> None:
    with pytest.raises(InvalidInput) as caught:
        render(script, args, {})
    assert caught.value.message.startswith(message)
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("script", "line", "message"),
    [
        ("a\n{{ index .Args 1 }}", 2, "write {{ args[1] }}"),
        ("{{- index .Args 12 -}}", 1, "write {{ args[12] }}"),
        ("{{ range .Args }}", 1, "this is a Go template"),
        ("docker ps --format '{{.Names}}'", 1, "put {% raw %} before"),
        ("{% if args[1] %}", 1, "{% if %} is not closed by {% endif %}"),
        ("{{ args[1]", 1, "the template breaks off here"),
        ("{{ args.__class__ }}", 1, "no attributes such as .__class__"),
        ("{{ args[1].split() }}", 1, "cannot use call"),
        ("{{ args['__class__'].x }}", 1, "no attributes"),
        ("{{ site.__class__ }}", 1, "no attributes such as .__class__"),
        ("{{ 'a' * 50000000 }}", 1, "cannot use mul"),
        ("{{ 10 ** 10 ** 10 }}", 1, "cannot use pow"),
        ("{{ '%999999999d' % 1 }}", 1, "cannot use mod"),
        ("{% set a = 1 %}", 1, "cannot use assign"),
        ("{% macro m() %}{% endmacro %}", 1, "cannot use macro"),
        ("{% include 'x' %}", 1, "cannot use include"),
        ("{% for a in args %}\n{% for b in args %}{% endfor %}{% endfor %}", 2, "a loop inside a loop"),
        ("{{ args | map('upper') }}", 1, "unknown filter 'map'; known are d, default"),
        ("{{ 1 is divisibleby 0 }}", 1, "unknown test 'divisibleby'"),
        ("{% for a in args recursive %}{% endfor %}", 1, "a loop inside a loop"),
        ("{{ args | join(',', 'a') }}", 1, "the filter join has too many arguments; it takes 1"),
        ("{{ args | tojson(width=2) }}", 1, "the filter tojson has no argument called width"),
        ("{{ args | <each>(2) }}", 1, "breaks off"),
    ],
)
def test_mistakes_are_found_without_arguments(script: str, line: int, message: str) -> None:
    ((found_line, found),) = check(script)
    assert found_line == line
    assert message in found


def test_every_go_placeholder_is_told() -> None:
    found = check("{{ index .Args 1 }}\n{{ a }}\n{{ index .Args 2 }} {{ b }}")
    assert [line for line, _ in found] == [1, 3]


@pytest.mark.parametrize(
    "script",
    [
        "{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}",
        "{{ " + "-" * 100_000 + "1 }}",
        "{{ " + "9" * 100_000 + " }}",
        "{{ [" + "1," * 100_000 + "] }}",
        "{{ args" + "[0]" * 80_000 + " }}",
        "{{ args[0] }}" * 20_000,
        "{% if args %}" * 60 + "{% endif %}" * 60,
        "{%if a%}" * 30_000,
        "{{" * 100_000,
        "{{ " + ".Args " * 40_000,
        "{{ .Args }}\n" * 20_000,
    ],
    ids=lambda script: script[:12],
)
def test_hostile_templates_are_refused_in_no_time(script: str) -> None:
    start = time.process_time()
    assert check(script)
    assert time.process_time() - start < MOST_SECONDS


def test_output_is_bounded() -> None:
    script = "{% for a in args[1] %}" + "x" * 1000 + "{% endfor %}"
    with pytest.raises(InvalidInput, match="larger than 256 KiB"):
        render(script, ["job", "a" * 1_000], {})
    assert len(render("{{ args[1] }}", ["job", "a" * MAX_SCRIPT_BYTES], {})) == MAX_SCRIPT_BYTES


@given(TEXT)
def test_quoted_arguments_are_one_word(argument: str) -> None:
    assert shlex.split(render("{{ args[1] | q }}", ["job", argument], {})) == [argument]


@given(TEXT.filter(lambda text: "{{" not in text and "{%" not in text))
def test_a_script_without_placeholders_is_used_as_it_is(script: str) -> None:
    assert check(script) == []
    assert render(script, ["job"], {}) == script


def test_a_plain_script_does_not_load_the_template_engine() -> None:
    program = (
        f"import sys; from {template.__name__} import *; "
        "check('ls', {}); needed('ls'); render('ls', ['a'], {}); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "jinja2" not in loaded


def test_a_template_is_made_ready_once_for_many_renderings() -> None:
    ready = template.Template("{{ n }}")
    assert [ready.render(["job"], {"n": n}) for n in range(3)] == ["0", "1", "2"]


def test_what_all_renderings_of_a_script_take_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "MAX_STEPS_OF_ALL", 100)
    ready = template.Template("{% for a in args[1] %}{{ a }}{% endfor %}")
    args = ["job", "a" * 100]
    ready.render(args, {})
    with pytest.raises(InvalidInput, match="for so many devices takes more than 100 steps"):
        ready.render(args, {})


# What costs the most: each asks for more than a rendering may take, or for just as much.
COSTLY = {
    "joined": "{{ a | join(a) | length }}",
    "filters": "{% for c in a %}{{ c | upper | lower | trim | q }}{% endfor %}",
    "searched": "{% for c in l %}{% if c in l %}{% endif %}{% endfor %}",
    "compared": "{% for c in l[:100] %}{% if l == l[:] %}{% endif %}{% endfor %}",
    "put together": "{{ " + "~".join("a" * 500) + " }}",
    "added": "{{ " + "+".join("a" * 40) + " }}",
    "lists": "{{ (" + "+".join("l" * 40) + ") | length }}",
    "nested": "{{ [" + ",".join(["[" + ",".join("l" * 50) + "]"] * 40) + "] | tojson | length }}",
    "quoted": "{% for c in l[:200] %}{% if marks | q %}{% endif %}{% endfor %}",
    "JSON": "{% for c in l[:200] %}{% if marks | tojson %}{% endif %}{% endfor %}",
    "looped": "{% for c in a %}{{ c }}{% endfor %}",
    "indented": "{{ l | tojson(indent=8) | length }}",
}
MOST_BYTES = 64 * 1024**2
MEASURE = """
import json, sys, time
from pathlib import Path
from runlet.errors import InvalidInput
from runlet.spec import template
template.render("{{ 1 }}", ["job"], {})
values = {"a": "a" * 30_000, "l": list(range(12_000)), "marks": "'<" * 8_000}
begin = time.process_time()
try:
    template.render(sys.argv[1], ["job"], values)
except InvalidInput:
    pass
used = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024
print(json.dumps([time.process_time() - begin, used]))
"""


@pytest.mark.parametrize("name", COSTLY)
def test_the_costliest_templates_take_little(name: str) -> None:
    assert check(COSTLY[name]) == []
    command = [sys.executable, "-c", MEASURE, COSTLY[name]]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, used = json.loads(done.stdout)
    assert seconds < MOST_SECONDS
    assert used < MOST_BYTES


@pytest.mark.parametrize(
    "placed",
    [
        "{{ self }}",
        "{{ self ~ 'x' }}",
        "{{ self | upper }}",
        *(
            f"{{% for one in [1, 2] %}}{written}{{% endfor %}}"
            for written in (
                "{{ loop.cycle }}",
                "{{ loop.changed }}",
                "{{ loop['cycle'] }}",
                "{{ loop.cycle ~ 'x' }}",
                "{{ loop.cycle | upper }}",
                "{{ loop.cycle | q }}",
                "{{ [loop.cycle] | join(' ') }}",
                "{{ loop ~ 'x' }}",
                "{{ loop | q }}",
                "{{ loop | upper }}",
                "{{ [loop] | join(' ') }}",
            )
        ),
    ],
)
def test_an_object_of_python_is_a_mistake_and_never_printed(placed: str) -> None:
    with pytest.raises(InvalidInput):
        render(placed, [], {})
