"""The command that only reads files: validate."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runlet.cli import render
from runlet.cli.inert import plain
from runlet.cli.inputs import InputPath
from runlet.cli.options import Output, remember_output
from runlet.cli.problems import annotation, sarif
from runlet.errors import InvalidFiles, Problem

if TYPE_CHECKING:
    from runlet.spec.tree import Tree


class Report(StrEnum):
    """How `validate` tells mistakes: in an error of any command's form, or as a report for another program."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    SARIF = "sarif"
    GITHUB = "github"

    @property
    def output(self) -> Output:
        """The form of errors, and of what is found; beside a report, words for people."""
        return Output.TABLE if self in (Report.SARIF, Report.GITHUB) else Output(self.value)


def _remember(context: click.Context, _: click.Parameter, value: str) -> Report:
    report = Report(value)
    remember_output(context, report.output)
    return report


report_option = click.option(
    "--output",
    "-o",
    "report",
    type=click.Choice([form.value for form in Report]),
    default=Report.TABLE.value,
    show_default=True,
    callback=_remember,
    help="How to print: for people, as JSON, or the mistakes as SARIF or as annotations of GitHub Actions.",
)
_paths = click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=InputPath())


@click.command()
@_paths
@report_option
def validate(paths: tuple[Path, ...], report: Report) -> None:
    """Check playbooks and inventories without sending anything. Every mistake is told with its file, line and column.

    It needs no controller: use it while you write, before commits, and in CI. A file is an inventory when it is
    called inventory.yaml, inventory.*.yaml or inventory-*.yaml, and a playbook otherwise. `-` is a playbook on
    stdin.

    \b
    Examples:
      runlet validate playbooks/upgrade.yaml
      runlet validate playbooks/ inventory.yaml
      runlet validate --output sarif runlet/ > runlet.sarif
    """
    try:
        tree = _load(paths)
    except InvalidFiles as error:
        _report(error.problems, report)
        raise
    tell_doubts(tree)
    if report.output is not Output.TABLE:
        render.print_json([job.to_mapping() for job in tree.jobs], report.output)
    elif report is Report.TABLE:
        found = [plain(job.name) for job in tree.jobs]
        if tree.inventory is not None:
            found.append(f"an inventory of {len(tree.inventory.devices)}")
        click.echo(f"valid: {', '.join(found)}" if found else "valid, and declares nothing")
    else:
        _report((), report)


def tell_doubts(tree: Tree) -> None:
    """On stderr, as the mistakes are."""
    for doubt in tree.doubts:
        click.echo(f"{doubt.place}: warning: {plain(doubt.message)}", err=True)


def _report(problems: Sequence[Problem], report: Report) -> None:
    """The mistakes on stdout, for the forms that are not those of every command's errors."""
    if report is Report.SARIF:
        render.print_json(sarif(problems), Output.JSON)
    elif report is Report.GITHUB:
        for problem in problems:
            click.echo(annotation(problem))


def _load(paths: Sequence[Path]) -> Tree:
    # Imported here: the command needs yaml, its help does not.
    from runlet.spec.tree import load

    return load(paths)
