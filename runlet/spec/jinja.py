"""Templates made ready and rendered: Jinja2 in a sandbox, kept to what language.py allows.

Values are JSON's, and a dot reads a map's key and nothing else; what is done with them is in filters.py, and counted
there. The sandbox stands behind the allow-list, in case a node does more than it seems to.
"""

from __future__ import annotations

import re
import shlex
import traceback
from collections.abc import Mapping, Sequence
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
from runlet.spec.language import ARGS, TESTS, go_templates, objections, syntax, without_go_templates
from runlet.spec.needs import Need

# Some 500 placements of nine tokens each. All templates of one file are bounded by template.MAX_FILE_TOKENS.
MAX_TOKENS = 5_000
# A template with more mistakes than this is text that is no template.
MAX_MISTAKES = 100


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


def check(script: str, variables: Mapping[str, Any]) -> list[tuple[int, str]]:
    """What is wrong with the template of a job with these `variables`: (line from 1, message), in order of lines."""
    tree, mistakes = _parsed(script)
    if tree is None or mistakes:
        return mistakes
    found = ((need.line, needs.mistake(need, variables)) for need in needs.of(tree, frozenset({ARGS})))
    return [(line, message) for line, message in found if message is not None][:MAX_MISTAKES]


def _parsed(script: str) -> tuple[nodes.Template | None, list[tuple[int, str]]]:
    """The template's tree, and what is wrong with it; without a mistake there is a tree."""
    problems = list(islice(go_templates(script), MAX_MISTAKES))
    script = without_go_templates(script)
    try:
        for count, (line, *_) in enumerate(_environment().lex(script)):
            if count >= MAX_TOKENS:
                return None, [*problems, (line, f"the template has more than {MAX_TOKENS} tokens")]
        tree = _environment().parse(script)
    except TemplateSyntaxError as error:
        return None, sorted([*problems, (error.lineno, syntax(str(error.message)))])
    except (RecursionError, ValueError, OverflowError):
        return None, [*problems, (1, "the template is nested too deeply, or holds a number that is too long")]
    return tree, sorted({*problems, *objections(tree)})[:MAX_MISTAKES]


def tokens(script: str) -> int:
    """How many tokens a template has, as far as MAX_TOKENS; it need not be a right one."""
    try:
        return sum(1 for _ in islice(_environment().lex(script), MAX_TOKENS))
    except TemplateSyntaxError:
        return MAX_TOKENS


def needed(script: str) -> list[Need]:
    """What a template without mistakes cannot do without, in order of lines."""
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


# What a loop says of itself; its methods are no values, and nothing is called in a template.
_OF_LOOPS = frozenset({"index", "index0", "revindex", "revindex0", "first", "last", "length", "previtem", "nextitem"})


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
            return super().getattr(obj, attribute) if attribute in _OF_LOOPS else self._nothing(obj, attribute)
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
