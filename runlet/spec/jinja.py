"""The part of Jinja2 that scripts may use: placing arguments and variables, choosing and repeating by them.

The language is an allow-list, so that rendering is bounded by the script and what is placed in it: no calls, no
arithmetic that multiplies, no variables of its own, no loop inside a loop. Computing is the script's business. Values
are JSON's, and a dot reads a map's key and nothing else. The sandbox stands behind that, in case a node does more than
it seems to.
"""

from __future__ import annotations

import re
import shlex
import traceback
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, meta, nodes
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.runtime import LoopContext, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from runlet.errors import InvalidInput

# A template's own nesting, `if` within `if` and so on; Jinja's compiler and Python's recurse with it.
MAX_DEPTH = 50
# Some 500 placements of nine tokens each. All templates of one file are bounded by template.MAX_FILE_TOKENS.
MAX_TOKENS = 5_000
# A template with more mistakes than this is text that is no template.
MAX_MISTAKES = 100

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
FILTERS = ("default", "d", "first", "join", "last", "length", "lower", "tojson", "trim", "upper")
TESTS = ("defined", "undefined")
# What every template has beside the variables.
ARGS = "args"

_RAW = "to write {{ or {% itself, put {% raw %} before and {% endraw %} after it"
_PLACEHOLDER = re.compile(r"\{\{[^{}\n]*\}\}")
# Runlet's first version used Go templates: {{ index .Args 1 }}.
_GO = re.compile(r"\.Args\b")
_GO_INDEX = re.compile(r"index\s+\.Args\s+([0-9]+)")


class _Arguments(tuple[str, ...]):
    """The run's arguments, told apart from the slices a template makes of them."""

    __slots__ = ()


class _Absent(StrictUndefined):
    """What a template asked for and is not there; any use of it fails, with words about what is missing."""

    __slots__ = ()

    def __init__(
        self, hint: str | None = None, obj: Any = missing, name: Any = None, exc: type[Exception] = UndefinedError
    ) -> None:
        if isinstance(obj, _Arguments) and type(name) is int:
            hint = f"args[{name}] is not given"
        elif isinstance(obj, tuple) and type(name) is int:
            hint = f"these arguments have no [{name}]"
        elif obj is missing:
            hint = f"no variable is called {name}"
        elif isinstance(obj, Mapping):
            hint = f"this map has no {name}"
        super().__init__(hint, obj, name, exc)  # type: ignore[arg-type]  # jinja2 does not export its narrower type


def check(script: str) -> list[tuple[int, str]]:
    """What is wrong with the template: (line from 1, message), in order of lines."""
    go = (
        (number, _about_go(written))
        for number, line in enumerate(script.split("\n"), start=1)
        for written in _PLACEHOLDER.findall(line)
        if _GO.search(written)
    )
    problems = list(islice(go, MAX_MISTAKES))
    script = _PLACEHOLDER.sub(lambda match: "{{ args }}" if _GO.search(match[0]) else match[0], script)
    try:
        for count, (line, *_) in enumerate(_environment().lex(script)):
            if count >= MAX_TOKENS:
                return [*problems, (line, f"the template has more than {MAX_TOKENS} tokens")]
        tree = _environment().parse(script)
    except TemplateSyntaxError as error:
        return sorted([*problems, (error.lineno, f"{_syntax(str(error.message))}; {_RAW}")])
    except (RecursionError, ValueError, OverflowError):
        return [*problems, (1, "the template is nested too deeply, or holds a number that is too long")]
    return sorted({*problems, *_objections(tree)})[:MAX_MISTAKES]


def tokens(script: str) -> int:
    """How many tokens a template has, as far as MAX_TOKENS; it need not be a right one."""
    try:
        return sum(1 for _ in islice(_environment().lex(script), MAX_TOKENS))
    except TemplateSyntaxError:
        return MAX_TOKENS


def variables(script: str) -> dict[str, int]:
    """The variables that a template without mistakes cannot do without, each with the first line that names it.

    One that has a default, or is asked whether it is defined, it can do without.
    """
    tree = _environment().parse(script)
    optional = {
        node.node.name
        for node in tree.find_all((nodes.Filter, nodes.Test))
        if node.name in ("default", "d", *TESTS) and isinstance(node.node, nodes.Name)
    }
    needed = meta.find_undeclared_variables(tree) - {ARGS} - optional
    lines: dict[str, int] = {}
    for name in tree.find_all(nodes.Name):
        if name.name in needed:
            lines[name.name] = min(lines.get(name.name, name.lineno), name.lineno)
    return lines


def render(script: str, args: Sequence[str], values: Mapping[str, Any], most: int) -> str:
    """The script with `args` and the variables' `values` placed, at most `most` bytes of it. Raises InvalidInput."""
    for line, message in check(script):
        raise InvalidInput(f"line {line}: {message}")
    template = _environment().from_string(script)
    pieces = []
    size = 0
    try:
        for piece in template.generate({**values, ARGS: _Arguments(args)}):
            size += len(piece.encode())
            if size > most:
                raise InvalidInput(
                    f"the rendered script is larger than {most // 1024} KiB", "pass large data in a file"
                )
            pieces.append(piece)
    except UndefinedError as error:
        raise InvalidInput(f"line {_line(error)}: {error.message}", _how_to_mend(str(error.message), args)) from None
    except (TypeError, ValueError, SecurityError) as error:
        raise InvalidInput(f"line {_line(error)}: the template cannot be rendered: {error}") from None
    return "".join(pieces)


class _Environment(ImmutableSandboxedEnvironment):
    """A dot and brackets read maps, lists and texts, never the attributes of Python's objects."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, LoopContext):
            return super().getattr(obj, attribute)
        return self.getitem(obj, attribute) if isinstance(obj, Mapping | Undefined) else self._nothing(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Undefined):
            return obj[argument]  # raises, with what was missing in the first place
        try:
            return obj[argument]
        except (LookupError, TypeError):
            return self._nothing(obj, argument)

    def _nothing(self, obj: Any, name: Any) -> Undefined:
        return self.undefined(obj=obj, name=name)


@cache
def _environment() -> _Environment:
    environment = _Environment(
        # Jinja's own '{#' is common in shell: ${#name} is a length. NUL cannot occur in a playbook, so that with it
        # in the delimiters templates have no comments; the script's language has its own.
        comment_start_string="\0{",
        comment_end_string="}\0",
        undefined=_Absent,
        autoescape=False,
        keep_trailing_newline=True,
        finalize=_one_text,
    )
    environment.globals.clear()
    environment.filters = {name: environment.filters[name] for name in FILTERS} | {"q": _quote}
    environment.tests = {name: environment.tests[name] for name in TESTS}
    return environment


def _quote(value: Any) -> str:
    """Quoted for a shell: one word of a text, one word of each item of a list."""
    if isinstance(value, tuple | list):
        return " ".join(shlex.quote(str(item)) for item in value)
    return shlex.quote(str(value))


def _one_text(value: Any) -> Any:
    """As it is written in YAML, where that differs from Python."""
    if isinstance(value, tuple | list):
        raise TypeError("this is a list; choose one with [1], or write | q for all of them as words of a shell")
    if isinstance(value, Mapping):
        raise TypeError("this is a map; choose a key with .key, or write | tojson for all of it")
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else value


def _objections(tree: nodes.Template) -> Iterator[tuple[int, str]]:
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
    if isinstance(node, nodes.Filter) and node.name not in _environment().filters:
        return f"unknown filter '{node.name}'; known are {', '.join(sorted(_environment().filters))}"
    if isinstance(node, nodes.Test) and node.name not in TESTS:
        return f"unknown test '{node.name}'; known are {', '.join(TESTS)}"
    if isinstance(node, nodes.For) and in_loop:
        return "a loop inside a loop is not allowed in a template; loop in the script"
    if isinstance(node, nodes.Getattr) and (node.attr.startswith("_") or _root(node) == ARGS):
        return f"a template has no attributes such as .{node.attr}; the first argument is args[1]; {_RAW}"
    if not isinstance(node, _ALLOWED) and not isinstance(node, nodes.Helper):
        return f"a template only places values, it cannot use {type(node).__name__.lower()}; compute in the script"
    return None


def _root(node: nodes.Node) -> str | None:
    """The name that a chain of dots and brackets begins with."""
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        node = node.node
    return node.name if isinstance(node, nodes.Name) else None


def _syntax(message: str) -> str:
    unclosed = re.search(r"needs to be closed is '(\w+)'", message)
    if unclosed:
        return f"{{% {unclosed[1]} %}} is not closed by {{% end{unclosed[1]} %}}"
    return f"the template breaks off here: {message.rstrip('.')}"


def _about_go(written: str) -> str:
    index = _GO_INDEX.search(written)
    better = f"{{{{ args[{index[1]}] }}}}" if index else "{{ args[1] }}"
    return f"this is a Go template; templates are Jinja2 now: write {better}"


def _line(error: Exception) -> int:
    """The template's line in which an error was raised; Jinja puts it into the traceback."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"]
    return (lines[-1] if lines else None) or 1


def _how_to_mend(message: str, args: Sequence[str]) -> str | None:
    unknown = re.fullmatch(r"no variable is called (\w+)", message)
    if unknown:
        return f"declare it in the job's vars or in the inventory, or give it with: -e {unknown[1]}=VALUE"
    asked = re.fullmatch(r"args\[([0-9]+)\] is not given", message)
    if not asked or not args:
        return None
    lacking = max(1, int(asked[1]) - len(args) + 1)
    return f"run it with: runlet run {shlex.join(args)}{' VALUE' * lacking}"
