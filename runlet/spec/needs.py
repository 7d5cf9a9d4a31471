"""What a template cannot do without, use by use: variables, and what it reads in them by name.

A use that has a default, or asks whether something is defined, needs only what it is read from; neither needs it where
the question was answered with yes, as within `{% if name is defined %}`. Every other use does. It is *certain* when
each rendering comes to it: not in a branch, a loop's body or behind `and`, where that depends on values.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from jinja2 import nodes

from runlet.model import facts
from runlet.model.variables import DEVICE, FACTS, OF_DEVICE, Path, holds

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Need:
    """One use: a variable, or what the names behind it lead to. Lists' items are left to their rendering."""

    path: Path
    line: int  # from 1
    certain: bool

    @property
    def words(self) -> str:
        """As a template has it: `site.ports`, `device.facts["os.id"]`."""
        root, *steps = self.path
        return root + "".join(f".{step}" if _WORD.fullmatch(step) else f'["{step}"]' for step in steps)


@dataclass(frozen=True, slots=True)
class _Scope:
    """What is known where a node stands."""

    own: frozenset[str]  # names that are no variables: a loop's, and those always there
    there: frozenset[Path] = frozenset()  # what was asked for, and is there
    certain: bool = True

    def maybe(self, there: frozenset[Path] = frozenset()) -> _Scope:
        """Inside of what need not be rendered; where it is, these are there too."""
        return replace(self, there=self.there | there, certain=False)


def of(tree: nodes.Template, given: frozenset[str]) -> list[Need]:
    """What is needed, in order of lines, each once; the names `given` are always there."""
    found: dict[tuple[Path, bool], Need] = {}
    for need in _needs(tree, _Scope(given)):
        known = found.setdefault((need.path, need.certain), need)
        if need.line < known.line:
            found[need.path, need.certain] = need
    return sorted(found.values(), key=lambda need: (need.line, need.path))


def mistake(need: Need, variables: Mapping[str, Any]) -> str | None:
    """Why no device can have it, if that is so whatever the inventory says; `variables` are the job's own."""
    root, *steps = need.path
    if root == DEVICE and steps:
        return _about_device(steps)
    if root in variables and need.certain and not holds(variables[root], steps):
        return f"there is no {need.words} in the job's vars"
    return None


def _about_device(steps: list[str]) -> str | None:
    first, *rest = steps
    if first not in OF_DEVICE:
        return f"device has no {first}; it has {', '.join(OF_DEVICE)}"
    if first != FACTS or not rest or rest[0] in facts.NAMES:
        return None
    dotted = ".".join(rest)
    if dotted in facts.NAMES:
        return f'the name of this fact has a dot: write device.facts["{dotted}"]'
    close = difflib.get_close_matches(dotted, facts.NAMES, n=1)
    return f"no fact is called {dotted}" + (f"; did you mean {close[0]}?" if close else "")


def _needs(node: nodes.Node, scope: _Scope) -> Iterator[Need]:
    """A checked template is not nested deeply."""
    if (path := _path(node)) is not None:
        yield from _use(path, node.lineno, scope)
    elif isinstance(node, nodes.If):
        yield from _if(node, scope)
    elif isinstance(node, nodes.CondExpr):
        yield from _needs(node.test, scope)
        yield from _needs(node.expr1, scope.maybe(_assured(node.test, True)))
        if node.expr2 is not None:
            yield from _needs(node.expr2, scope.maybe(_assured(node.test, False)))
    elif isinstance(node, nodes.And | nodes.Or):
        yield from _needs(node.left, scope)
        yield from _needs(node.right, scope.maybe(_assured(node.left, isinstance(node, nodes.And))))
    elif isinstance(node, nodes.Compare):
        yield from _all([node.expr, *node.ops[:1]], scope)
        yield from _all(node.ops[1:], scope.maybe())
    elif isinstance(node, nodes.For):
        yield from _for(node, scope)
    elif (asked := _asked(node)) is not None:
        if asked[:-1]:
            yield from _use(asked[:-1], node.lineno, scope)
        yield from _all([child for child in node.iter_child_nodes() if _path(child) != asked], scope.maybe())
    else:
        # An item of a list is used when the list is.
        inside = scope.maybe() if isinstance(node, nodes.List | nodes.Tuple) else scope
        yield from _all(node.iter_child_nodes(), inside)


def _all(many: Iterator[nodes.Node] | list[Any], scope: _Scope) -> Iterator[Need]:
    for node in many:
        yield from _needs(node, scope)


def _use(path: Path, line: int, scope: _Scope) -> Iterator[Need]:
    if path[0] not in scope.own and not any(asked[: len(path)] == path for asked in scope.there):
        yield Need(path, line, scope.certain)


def _if(node: nodes.If, scope: _Scope) -> Iterator[Need]:
    for branch in (node, *node.elif_):
        yield from _needs(branch.test, scope)
        yield from _all(branch.body, scope.maybe(_assured(branch.test, True)))
        scope = scope.maybe(_assured(branch.test, False))
    yield from _all(node.else_, scope)


def _for(node: nodes.For, scope: _Scope) -> Iterator[Need]:
    yield from _needs(node.iter, scope)
    yield from _all(node.else_, scope.maybe())
    targets = [node.target] if isinstance(node.target, nodes.Name) else node.target.find_all(nodes.Name)
    inside = replace(scope.maybe(), own=scope.own | {name.name for name in targets})
    if node.test is not None:
        yield from _needs(node.test, inside)
        inside = inside.maybe(_assured(node.test, True))
    yield from _all(node.body, replace(inside, own=inside.own | {"loop"}))


def _path(node: nodes.Node) -> Path | None:
    """The names that a use reads one in the other; None when something else is in it too."""
    steps: list[str] = []
    while not isinstance(node, nodes.Name):
        if isinstance(node, nodes.Getattr):
            steps.append(node.attr)
        elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            steps.append(node.arg.value)
        else:
            return None
        node = node.node
    return (node.name, *reversed(steps))


def _assured(test: nodes.Node, outcome: bool) -> frozenset[Path]:
    """What is there when `test` has this outcome."""
    if isinstance(test, nodes.Not):
        return _assured(test.node, not outcome)
    if isinstance(test, nodes.And | nodes.Or):
        left, right = _assured(test.left, outcome), _assured(test.right, outcome)
        return left | right if isinstance(test, nodes.And) == outcome else left & right
    if isinstance(test, nodes.Test) and (asked := _asked(test)) is not None:
        return frozenset({asked} if (test.name == "defined") == outcome else ())
    if isinstance(test, nodes.Compare):
        return _found_in(test, outcome)
    return frozenset()


def _found_in(test: nodes.Compare, outcome: bool) -> frozenset[Path]:
    """`"key" in map` asks for a key."""
    first, *more = test.ops
    inside = _path(first.expr)
    asks = first.op == ("in" if outcome else "notin") and not more
    if asks and inside is not None and isinstance(test.expr, nodes.Const) and isinstance(test.expr.value, str):
        return frozenset({(*inside, test.expr.value)})
    return frozenset()


def _asked(node: nodes.Node) -> Path | None:
    """What a filter or test is content not to find."""
    if isinstance(node, nodes.Filter) and node.name in ("default", "d"):
        return None if node.node is None else _path(node.node)
    if isinstance(node, nodes.Test) and node.name in ("defined", "undefined"):
        return _path(node.node)
    return None
