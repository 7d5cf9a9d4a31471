"""Which variables a template cannot do without, use by use.

A use that has a default, or asks whether the variable is defined, needs nothing; neither does one where the question
was answered with yes, as within `{% if name is defined %}`. Every other use does.
"""

from __future__ import annotations

from jinja2 import nodes

_Names = frozenset[str]
_NONE: _Names = frozenset()


def of(tree: nodes.Template, given: _Names) -> dict[str, int]:
    """The variables needed, each with the first line that needs it; `given` are always there."""
    found: dict[str, int] = {}
    _walk(tree, given, found)
    return found


def _walk(node: nodes.Node, there: _Names, found: dict[str, int]) -> None:
    """Note what `node` needs beside the names that are `there`. A checked template is not nested deeply."""
    if isinstance(node, nodes.Name):
        if node.name not in there:
            found[node.name] = min(found.get(node.name, node.lineno), node.lineno)
    elif isinstance(node, nodes.If):
        _if(node, there, found)
    elif isinstance(node, nodes.CondExpr):
        _walk(node.test, there, found)
        _walk(node.expr1, there | _assured(node.test, True), found)
        if node.expr2 is not None:
            _walk(node.expr2, there | _assured(node.test, False), found)
    elif isinstance(node, nodes.And | nodes.Or):
        _walk(node.left, there, found)
        _walk(node.right, there | _assured(node.left, isinstance(node, nodes.And)), found)
    elif isinstance(node, nodes.For):
        _for(node, there, found)
    else:
        asked = node.node if _asks(node) else None  # type: ignore[attr-defined]  # a filter or test has one
        for child in node.iter_child_nodes():
            if child is not asked:
                _walk(child, there, found)


def _if(node: nodes.If, there: _Names, found: dict[str, int]) -> None:
    for branch in (node, *node.elif_):
        _walk(branch.test, there, found)
        _walk_all(branch.body, there | _assured(branch.test, True), found)
        there |= _assured(branch.test, False)
    _walk_all(node.else_, there, found)


def _for(node: nodes.For, there: _Names, found: dict[str, int]) -> None:
    _walk(node.iter, there, found)
    _walk_all(node.else_, there, found)
    targets = [node.target] if isinstance(node.target, nodes.Name) else node.target.find_all(nodes.Name)
    inside = there | {name.name for name in targets}
    if node.test is not None:
        _walk(node.test, inside, found)
        inside |= _assured(node.test, True)
    _walk_all(node.body, inside | {"loop"}, found)


def _walk_all(many: list[nodes.Node], there: _Names, found: dict[str, int]) -> None:
    for node in many:
        _walk(node, there, found)


def _assured(test: nodes.Node, outcome: bool) -> _Names:
    """The names that are defined when `test` has this outcome."""
    if isinstance(test, nodes.Not):
        return _assured(test.node, not outcome)
    if isinstance(test, nodes.And | nodes.Or):
        left, right = _assured(test.left, outcome), _assured(test.right, outcome)
        return left | right if isinstance(test, nodes.And) == outcome else left & right
    if isinstance(test, nodes.Test) and isinstance(test.node, nodes.Name) and _asks(test):
        return frozenset({test.node.name}) if (test.name == "defined") == outcome else _NONE
    return _NONE


def _asks(node: nodes.Node) -> bool:
    """Whether it is content with a variable that is not there."""
    words = ("default", "d") if isinstance(node, nodes.Filter) else ("defined", "undefined")
    return isinstance(node, nodes.Filter | nodes.Test) and node.name in words and isinstance(node.node, nodes.Name)
