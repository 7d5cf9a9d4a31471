"""The language of templates: the part of Jinja2 that scripts may use, and how what is outside of it is told.

It is an allow-list: placing arguments and variables, choosing and repeating by them. No calls, no arithmetic that
multiplies, no variables of its own, no loop inside a loop, so that rendering is bounded by the script and what is
placed in it. Computing is the script's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from jinja2 import nodes

from runlet.spec import filters

# A template's own nesting, `if` within `if` and so on; Jinja's compiler and Python's recurse with it.
MAX_DEPTH = 50

_ALLOWED = (
    nodes.Template,
    nodes.TemplateData,
    nodes.Output,
    nodes.If,
    nodes.For,
    nodes.CondExpr,
    nodes.Name,
    nodes.Const,
    nodes.Getitem,
    nodes.Getattr,
    nodes.Slice,
    nodes.Filter,
    nodes.Test,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Add,
    nodes.Sub,
    nodes.Neg,
    nodes.Concat,
    nodes.Tuple,
    nodes.List,
)
TESTS = ("defined", "undefined")
# What every template has beside the variables.
ARGS = "args"

_RAW = "to write {{ or {% itself, put {% raw %} before and {% endraw %} after it"
_PLACEHOLDER = re.compile(r"\{\{[^{}\n]*\}\}")
# Runlet's first version used Go templates: {{ index .Args 1 }}.
_GO = re.compile(r"\.Args\b")
_GO_INDEX = re.compile(r"index\s+\.Args\s+([0-9]+)")


def go_templates(script: str) -> Iterator[tuple[int, str]]:
    """What is written in the language of Runlet's first version: (line from 1, message)."""
    for number, line in enumerate(script.split("\n"), start=1):
        for written in _PLACEHOLDER.findall(line):
            if _GO.search(written):
                yield number, _about_go(written)


def without_go_templates(script: str) -> str:
    """The script with something valid in their place, so that it can be read on."""
    return _PLACEHOLDER.sub(lambda match: f"{{{{ {ARGS} }}}}" if _GO.search(match[0]) else match[0], script)


def objections(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    """What in a template is outside the allowed language. Walks with its own stack: the tree may be deep."""
    waiting: list[tuple[nodes.Node, int, bool]] = [(tree, 0, False)]
    while waiting:
        node, depth, in_loop = waiting.pop()
        if depth > MAX_DEPTH:
            yield node.lineno, f"the template is nested deeper than {MAX_DEPTH} levels"
            return
        message = _objection(node, in_loop)
        if message:
            yield node.lineno, message
            continue
        inside = in_loop or isinstance(node, nodes.For)
        waiting.extend((child, depth + 1, inside) for child in node.iter_child_nodes())


def _objection(node: nodes.Node, in_loop: bool) -> str | None:
    if isinstance(node, nodes.Name) and node.ctx == "store" and node.name == "loop":
        return "a loop's variable cannot be called loop"
    if isinstance(node, nodes.Name) and node.name == "self":
        return "self is the template itself, not a value; a variable needs another name"
    if isinstance(node, nodes.Filter | nodes.Test):
        return _objection_to_call(node)
    if isinstance(node, nodes.For) and (in_loop or node.recursive):
        return "a loop inside a loop is not allowed in a template; loop in the script"
    if isinstance(node, nodes.Getattr) and (node.attr.startswith("_") or _root(node) == ARGS):
        return f"a template has no attributes such as .{node.attr}; the first argument is args[1]; {_RAW}"
    if not isinstance(node, _ALLOWED) and not isinstance(node, nodes.Helper):
        return f"a template only places values, it cannot use {type(node).__name__.lower()}; compute in the script"
    return None


def _objection_to_call(node: nodes.Filter | nodes.Test) -> str | None:
    """What is wrong with the name or the arguments of a filter or test."""
    word = "filter" if isinstance(node, nodes.Filter) else "test"
    known = filters.TAKES if isinstance(node, nodes.Filter) else dict.fromkeys(TESTS, 0)
    if node.name not in known:
        return f"unknown {word} '{node.name}'; known are {', '.join(known)}"
    by_name = [pair.key for pair in node.kwargs]
    if node.dyn_args or node.dyn_kwargs or len(node.args) + len(by_name) > known[node.name]:
        return f"the {word} {node.name} has too many arguments; it takes {known[node.name] or 'none'}"
    if any(name != filters.NAMED.get(node.name) for name in by_name):
        return f"the {word} {node.name} has no argument called {by_name[0]}"
    return None


def _root(node: nodes.Node) -> str | None:
    """The name that a chain of dots and brackets begins with."""
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        node = node.node
    return node.name if isinstance(node, nodes.Name) else None


def syntax(message: str) -> str:
    """Jinja's words about a template that cannot be read, in ours."""
    unclosed = re.search(r"needs to be closed is '(\w+)'", message)
    if unclosed:
        told = f"{{% {unclosed[1]} %}} is not closed by {{% end{unclosed[1]} %}}"
    else:
        told = f"the template breaks off here: {message.rstrip('.')}"
    return f"{told}; {_RAW}"


def _about_go(written: str) -> str:
    index = _GO_INDEX.search(written)
    better = f"{{{{ args[{index[1]}] }}}}" if index else "{{ args[1] }}"
    return f"this is a Go template; templates are Jinja2 now: write {better}"
