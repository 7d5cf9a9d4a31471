"""The part of Jinja2 that scripts may use: placing arguments, choosing and repeating by them.

The language is an allow-list, so that rendering is bounded by the script and its arguments: no calls, no arithmetic
that multiplies, no variables of its own, no loop inside a loop. Computing is the script's business. The sandbox stands
behind that, in case a node does more than it seems to.
"""

from __future__ import annotations

import re
import shlex
import traceback
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError, UndefinedError
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
FILTERS = ("default", "d", "first", "last", "length", "lower", "trim", "upper")
TESTS = ("defined", "undefined")

_RAW = "to write {{ or {% itself, put {% raw %} before and {% endraw %} after it"
_PLACEHOLDER = re.compile(r"\{\{[^{}\n]*\}\}")
# Runlet's first version used Go templates: {{ index .Args 1 }}.
_GO = re.compile(r"\.Args\b")
_GO_INDEX = re.compile(r"index\s+\.Args\s+([0-9]+)")


class _Arguments(tuple[str, ...]):
    """The run's arguments, told apart from the slices a template makes of them."""

    __slots__ = ()


class _Absent(StrictUndefined):
    """What a template asked for and is not there; any use of it fails, with words about arguments."""

    __slots__ = ()

    def __init__(
        self, hint: str | None = None, obj: Any = missing, name: Any = None, exc: type[Exception] = UndefinedError
    ) -> None:
        if isinstance(obj, _Arguments) and type(name) is int:
            hint = f"args[{name}] is not given"
        elif isinstance(obj, tuple) and type(name) is int:
            hint = f"these arguments have no [{name}]"
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


def render(script: str, args: Sequence[str], most: int) -> str:
    """The script with `args` placed, at most `most` bytes of it. Raises InvalidInput."""
    for line, message in check(script):
        raise InvalidInput(f"line {line}: {message}")
    template = _environment().from_string(script)
    pieces = []
    size = 0
    try:
        for piece in template.generate(args=_Arguments(args)):
            size += len(piece.encode())
            if size > most:
                raise InvalidInput(
                    f"the rendered script is larger than {most // 1024} KiB", "pass large data in a file"
                )
            pieces.append(piece)
    except UndefinedError as error:
        raise InvalidInput(f"line {_line(error)}: {error.message}", _how_to_run(str(error.message), args)) from None
    except (TypeError, ValueError, SecurityError) as error:
        raise InvalidInput(f"line {_line(error)}: the template cannot be rendered: {error}") from None
    return "".join(pieces)


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
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
    if isinstance(value, tuple | list):
        raise TypeError("this is a list; choose one with [1], or write | q for all of them as words of a shell")
    return value


def _objections(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    """What in a template is outside the allowed language. Walks with its own stack: the tree may be deep.

    `names` are those that are known at a node: the loop's around it, besides args.
    """
    waiting: list[tuple[nodes.Node, int, frozenset[str]]] = [(tree, 0, frozenset(("args",)))]
    while waiting:
        node, depth, names = waiting.pop()
        if depth > MAX_DEPTH:
            yield node.lineno, f"the template is nested deeper than {MAX_DEPTH} levels"
            return
        message = _objection(node, names)
        if message:
            yield node.lineno, message
            continue
        if isinstance(node, nodes.For):
            targets = (node.target, *node.target.find_all(nodes.Name))
            inside = names | {name.name for name in targets if isinstance(name, nodes.Name)}
            parts = [(node.iter, names), *((one, names) for one in node.else_), (node.target, inside)]
            parts += [(node.test, inside)] if node.test else []
            parts += ((one, inside | {"loop"}) for one in node.body)
            waiting.extend((part, depth + 1, known) for part, known in parts)
        else:
            waiting.extend((child, depth + 1, names) for child in node.iter_child_nodes())


def _objection(node: nodes.Node, names: frozenset[str]) -> str | None:
    if isinstance(node, nodes.Name) and node.ctx == "load" and node.name not in names:
        return f"{node.name} is not known to a template; args is all there is; {_RAW}"
    if isinstance(node, nodes.Name) and node.ctx == "store" and node.name == "loop":
        return "a loop's variable cannot be called loop"
    if isinstance(node, nodes.Filter) and node.name not in _environment().filters:
        return f"unknown filter '{node.name}'; known are {', '.join(sorted(_environment().filters))}"
    if isinstance(node, nodes.Test) and node.name not in TESTS:
        return f"unknown test '{node.name}'; known are {', '.join(TESTS)}"
    if isinstance(node, nodes.For) and "loop" in names:
        return "a loop inside a loop is not allowed in a template; loop in the script"
    if isinstance(node, nodes.Getattr) and not (isinstance(node.node, nodes.Name) and node.node.name == "loop"):
        return f"a template has no attributes such as .{node.attr}; the first argument is args[1]; {_RAW}"
    if not isinstance(node, _ALLOWED) and not isinstance(node, nodes.Helper):
        return f"a template only places arguments, it cannot use {type(node).__name__.lower()}; compute in the script"
    return None


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


def _how_to_run(message: str, args: Sequence[str]) -> str | None:
    asked = re.fullmatch(r"args\[([0-9]+)\] is not given", message)
    if not asked or not args:
        return None
    lacking = max(1, int(asked[1]) - len(args) + 1)
    return f"run it with: runlet run {shlex.join(args)}{' VALUE' * lacking}"
