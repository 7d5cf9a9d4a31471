"""The parts of the documentation that come from the code. `python -m tests.docs.generated` writes them anew."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from runlet.cli import init
from runlet.cli.main import cli
from runlet.controller import failures
from runlet.errors import RunletError
from runlet.model.execution import TRANSITIONS, Event, State
from runlet.model.facts import NAMES
from tests.docs import pages, rollout_example

_PART = re.compile(r"(<!-- generated: (.+?) -->\n)(.*?)(<!-- end of generated -->)", re.DOTALL)
# Wider than any help text: Markdown wraps by itself.
_WIDTH = 10_000


def transitions() -> str:
    """A row for each state that is no outcome, a column for each event."""
    lines = [_row("", *(f"`{event}`" for event in Event)), _rule(len(Event) + 1)]
    for state in State:
        if not state.is_outcome:
            after = (TRANSITIONS[state].get(event) for event in Event)
            lines.append(_row(f"`{state}`", *(f"`{one}`" if one else "" for one in after)))
    return "\n".join(lines)


def errors() -> str:
    """A row for each code."""
    lines = [_row("code", "HTTP", "class"), _rule(3)]
    for kind in error_classes():
        status = next(failures.STATUS[base] for base in kind.__mro__ if base in failures.STATUS)
        lines.append(_row(f"`{kind.code}`", str(status), f"`{kind.__name__}`"))
    return "\n".join(lines)


def facts() -> str:
    """A row for each fact that an agent tells."""
    return "\n".join([_row("fact", "is"), _rule(2), *(_row(f"`{name}`", told) for name, told in NAMES.items())])


def error_classes(root: type[RunletError] = RunletError) -> Iterator[type[RunletError]]:
    yield root
    for kind in root.__subclasses__():
        yield from error_classes(kind)


def command(name: str) -> str:
    """Usage, help and options of a command; `runlet` is the program itself."""
    context, found = command_context(name)
    usage = found.get_usage(context).removeprefix("Usage: ")
    parts = ["```text", " ".join(usage.split()), "```", ""]
    prose, _, examples = (found.help or "").partition("\b\n")
    parts += [_prose(prose), ""]
    if examples:
        parts += ["```text", textwrap.dedent(examples).rstrip(), "```", ""]
    rows = [
        _row(f"`{option}`".replace("|", "\\|"), " ".join(told.split()))
        for option, told in (parameter.get_help_record(context) or ("", "") for parameter in options(found))
    ]
    if rows:
        parts += [_row("option", "meaning"), _rule(2), *rows]
    return "\n".join(parts).rstrip()


def command_context(name: str) -> tuple[click.Context, click.Command]:
    root = click.Context(cli, info_name="runlet", max_content_width=_WIDTH, terminal_width=_WIDTH)
    if name == "runlet":
        return root, cli
    context: click.Context = root
    found: click.Command = cli
    for word in name.split():
        assert isinstance(found, click.Group), name
        inner = found.get_command(context, word)
        assert inner is not None, name
        context = click.Context(inner, context, info_name=word, max_content_width=_WIDTH, terminal_width=_WIDTH)
        found = inner
    return context, found


def command_names() -> list[str]:
    """Every command, those of groups of commands too: "inventory import"."""
    names = []
    for name in cli.list_commands(click.Context(cli)):
        _, found = command_context(name)
        inner = found.commands if isinstance(found, click.Group) else ()
        names += [name, *(f"{name} {one}" for one in inner)]
    return names


def options(found: click.Command) -> list[click.Option]:
    return [parameter for parameter in found.params if isinstance(parameter, click.Option)]


def starter_block(source: str) -> str:
    """A file of `runlet init`; those in YAML with the name that it is written to."""
    names = {of: name for files in (init.FILES, *init.PIPELINES.values()) for name, (of, _) in files.items()}
    language = Path(source).suffix.removeprefix(".")
    title = f' title="{names[source]}"' if language == "yaml" else ""
    return f"```{language}{title}\n{init.starter(source)}```"


def part(name: str) -> str:
    """The content of one generated part."""
    kind, _, argument = name.partition(" ")
    if kind == "starter":
        return starter_block(argument)
    makers: dict[str, Callable[[], str]] = {
        "transitions": transitions,
        "errors": errors,
        "facts": facts,
        "rollout": rollout_example.table,
    }
    return command(argument) if kind == "cli" else makers[kind]()


def renewed(text: str) -> str:
    """The page with every generated part as the code has it now."""
    return _PART.sub(lambda match: f"{match[1]}{part(match[2])}\n{match[4]}", text)


def _prose(text: str) -> str:
    """Paragraphs of a help text, each on a line; its words in capitals and quotes stay as they are."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n"))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(columns: int) -> str:
    return "|" + "---|" * columns


if __name__ == "__main__":
    for path in pages.PATHS:
        before = path.read_text("utf-8")
        if (after := renewed(before)) != before:
            path.write_text(after, "utf-8")
            sys.stdout.write(f"written: {pages.name(path)}\n")
