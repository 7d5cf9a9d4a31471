"""Options that commands share, and what they were set to."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import click

from runlet.cli.endpoint import Endpoint, find
from runlet.model.execution import OUTCOMES, State
from runlet.model.inventory import RESERVED_VARIABLES, VARIABLE_NAME
from runlet.model.run import RunId
from runlet.model.target import Target

F = TypeVar("F", bound=Callable[..., Any])

# Exit status 130: ended by Ctrl-C, as shells say it (128 + SIGINT).
INTERRUPTED = 130

MOST_RUN_DIGITS = 18  # a signed 64-bit number holds any of so many digits


class Output(StrEnum):
    """How a command prints what it found."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"


@dataclass
class Options:
    """The options of this invocation that others need: the endpoint, and how errors are to be printed."""

    controller: str | None = None
    output: Output = Output.TABLE

    def endpoint(self) -> Endpoint:
        return find(self.controller)


pass_options = click.make_pass_decorator(Options)


def remember_output(context: click.Context, output: Output) -> None:
    """Errors are printed in the form that results would have."""
    context.find_object(Options).output = output  # type: ignore[union-attr]  # main() made it


def _output_option(forms: Sequence[Output], told: str) -> Callable[[F], F]:
    """--output; remembered in Options, because an error is printed in the same form."""

    def remember(context: click.Context, _: click.Parameter, value: str) -> Output:
        remember_output(context, Output(value))
        return Output(value)

    return click.option(
        "--output",
        "-o",
        type=click.Choice([form.value for form in forms]),
        default=Output.TABLE.value,
        show_default=True,
        callback=remember,
        help=told,
    )


output_option = _output_option(list(Output), "How to print: for people, as one JSON value, or one JSON object a line.")
lines_option = _output_option([Output.TABLE, Output.JSONL], "How to print: for people, or one JSON object a line.")


class RunType(click.ParamType[RunId]):
    """The number of a run, or the word latest."""

    name = "run"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> RunId:
        if value == "latest":
            return "latest"
        text = str(value)
        if not text.isascii() or not text.isdecimal() or len(text) > MOST_RUN_DIGITS:
            self.fail(f"{text!r} is neither the number of a run nor the word latest. See them with: runlet ps")
        return int(text)


class VariableType(click.ParamType[tuple[str, str]]):
    """A variable and its value: name=value."""

    name = "variable"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, equals, text = str(value).partition("=")
        if not equals or not VARIABLE_NAME.fullmatch(name):
            self.fail(f"{value!r} is not a variable and its value. Write it as: -e name=value")
        if name in RESERVED_VARIABLES:
            self.fail(f"templates have something of their own under the name {name}; choose another")
        return name, text


variables_option = click.option(
    "-e",
    "--var",
    "variables",
    metavar="NAME=VALUE",
    type=VariableType(),
    multiple=True,
    help="A variable for the template and its program; wins over those of the job and the inventory.",
)


class OutcomesType(click.ParamType[tuple[State, ...]]):
    """Ways in which an execution ends, comma-separated."""

    name = "outcomes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[State, ...]:
        if isinstance(value, tuple):
            return value
        words = str(value).split(",")
        for word in words:
            if word not in OUTCOMES:
                self.fail(f"{word!r} ends no execution. Known are: {', '.join(sorted(OUTCOMES))}")
        return tuple(State(word) for word in words)


class TargetType(click.ParamType[Target]):
    """Patterns, comma-separated, or one of all, any, enrolled, local."""

    name = "target"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Target:
        return value if isinstance(value, Target) else Target.parse(str(value))


def colours_on_stdout() -> bool:
    """Colours are for terminals, unless NO_COLOR is set (no-color.org) or the terminal has none."""
    return os.isatty(1) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
