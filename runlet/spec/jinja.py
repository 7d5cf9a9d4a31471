"""The part of Jinja2 that scripts may use: placing arguments and variables, choosing and repeating by them.

The language is an allow-list, so that rendering is bounded by the script and what is placed in it: no calls, no
arithmetic that multiplies, no variables of its own, no loop inside a loop. Computing is the script's business. Values
are JSON's, and a dot reads a map's key and nothing else; what is done with them is in filters.py, and counted there.
The sandbox stands behind that, in case a node does more than it seems to.
"""

from __future__ import annotations

import re
import shlex
import traceback
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.runtime import Context, LoopContext, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing
from jinja2.visitor import NodeTransformer

from runlet.errors import InvalidInput
from runlet.spec import filters, needs

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
        if hint is not None:
            pass
        elif isinstance(obj, _Arguments) and type(name) is int:
            hint = f"args[{name}] is not given"
        elif isinstance(obj, tuple) and type(name) is int:
            hint = f"these arguments have no [{name}]"
        elif obj is missing:
            hint = f"no variable is called {name}"
        elif isinstance(obj, Mapping):
            hint = f"this map has no {name}"
        else:
            hint = f"{filters.kind(obj)} has no {name if isinstance(name, str) else f'[{name}]'}"
        super().__init__(hint, obj, name, exc)  # type: ignore[arg-type]  # jinja2 does not export its narrower type


def check(script: str) -> list[tuple[int, str]]:
    """What is wrong with the template: (line from 1, message), in order of lines."""
    return _parsed(script)[1]


def _parsed(script: str) -> tuple[nodes.Template | None, list[tuple[int, str]]]:
    """The template's tree, and what is wrong with it; without a mistake there is a tree."""
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
                return None, [*problems, (line, f"the template has more than {MAX_TOKENS} tokens")]
        tree = _environment().parse(script)
    except TemplateSyntaxError as error:
        return None, sorted([*problems, (error.lineno, f"{_syntax(str(error.message))}; {_RAW}")])
    except (RecursionError, ValueError, OverflowError):
        return None, [*problems, (1, "the template is nested too deeply, or holds a number that is too long")]
    return tree, sorted({*problems, *_objections(tree)})[:MAX_MISTAKES]


def tokens(script: str) -> int:
    """How many tokens a template has, as far as MAX_TOKENS; it need not be a right one."""
    try:
        return sum(1 for _ in islice(_environment().lex(script), MAX_TOKENS))
    except TemplateSyntaxError:
        return MAX_TOKENS


def variables(script: str) -> dict[str, int]:
    """The variables that a template without mistakes cannot do without, each with the first line that needs it."""
    return needs.of(_environment().parse(script), frozenset({ARGS}))


class Compiled:
    """A template made ready, to be rendered any number of times. Raises InvalidInput for a mistake in it."""

    __slots__ = ("_template", "steps")

    def __init__(self, script: str) -> None:
        tree, mistakes = _parsed(script)
        for line, message in mistakes:
            raise InvalidInput(f"line {line}: {message}")
        assert tree is not None, "there is a tree where there is no mistake"
        environment = _environment()
        code = environment.compile(_Counting().visit(tree).set_environment(environment))
        self._template = Template.from_code(environment, code, {})
        self.steps = 0  # that all renderings so far took, in filters.MAX_STEPS' unit

    def render(self, args: Sequence[str], values: Mapping[str, Any], most: int) -> str:
        """With `args` and the variables' `values` placed, at most `most` bytes of it. Raises InvalidInput."""
        budget = filters.Budget(most)
        pieces = []
        size = 0
        try:
            for piece in self._template.generate({**values, ARGS: _Arguments(args), filters.BUDGET: budget}):
                size += len(piece.encode())
                if size > most:
                    raise InvalidInput(
                        f"the rendered script is larger than {most // 1024} KiB", "pass large data in a file"
                    )
                pieces.append(piece)
        except UndefinedError as error:
            raise InvalidInput(
                f"line {_line(error)}: {error.message}", _how_to_mend(str(error.message), args)
            ) from None
        except (filters.Refused, TypeError, ValueError, SecurityError) as error:
            words = filters.python_words(error)
            raise InvalidInput(f"line {_line(error)}: the template cannot be rendered: {words}") from None
        finally:
            self.steps += filters.MAX_STEPS - budget.steps
        return "".join(pieces)


class _Counting(NodeTransformer):
    """Puts a counting filter wherever a template could take time or memory and no filter of its own counts it."""

    def visit_For(self, node: nodes.For) -> nodes.For:
        inside = [*node.body, *([node.test] if node.test else [])]
        weight = len(inside) + sum(1 for part in inside for _ in part.find_all(nodes.Node))
        self.generic_visit(node)
        node.iter = _filter(node.iter, filters.EACH, nodes.Const(1 + weight))
        return node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Compare:
        self.generic_visit(node)
        node.expr = _filter(node.expr, filters.COMPARED)
        for operand in node.ops:
            operand.expr = _filter(operand.expr, filters.COMPARED)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:
        self.generic_visit(node)
        return _filter(nodes.List(node.nodes, lineno=node.lineno), filters.JOINED)


def _filter(node: nodes.Node, name: str, *args: nodes.Expr) -> nodes.Filter:
    assert isinstance(node, nodes.Expr), "what is looped over, compared or joined is an expression"
    return nodes.Filter(node, name, list(args), [], None, None, lineno=node.lineno)


class _Environment(ImmutableSandboxedEnvironment):
    """A dot and brackets read maps, lists and texts, never the attributes of Python's objects; sums are counted."""

    intercepted_binops = frozenset({"+", "-"})
    intercepted_unops = frozenset({"-"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        return (filters.add if operator == "+" else filters.subtract)(context, left, right)

    def call_unop(self, context: Context, operator: str, arg: Any) -> Any:
        return filters.negate(arg)

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
        finalize=filters.placed,
    )
    environment.globals.clear()
    environment.filters = dict(filters.BY_NAME)
    environment.tests = {name: environment.tests[name] for name in TESTS}
    return environment


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
