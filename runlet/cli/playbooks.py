"""The commands that read playbooks: validate, apply. Nothing is sent when anything in any file is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from runlet.cli import render
from runlet.cli.inert import plain
from runlet.cli.options import Options, Output, output_option, pass_options
from runlet.model.job import Job
from runlet.protocol.views import ChangeKind

_paths = click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))


@click.command()
@_paths
@output_option
def validate(paths: tuple[Path, ...], output: Output) -> None:
    """Check playbooks without sending anything. Every mistake is told with its file, line and column.

    \b
    Examples:
      runlet validate playbooks/upgrade.yaml
      runlet validate playbooks/
    """
    jobs = _load(paths)
    if output is not Output.TABLE:
        render.print_json([job.to_mapping() for job in jobs], output)
    else:
        click.echo(f"valid: {', '.join(plain(job.name) for job in jobs)}")


@click.command()
@_paths
@output_option
@pass_options
def apply(options: Options, paths: tuple[Path, ...], output: Output) -> None:
    """Make the controller hold the jobs of playbooks. Other jobs stay as they are.

    \b
    Examples:
      runlet apply playbooks/upgrade.yaml
      runlet apply playbooks/
    """
    jobs = _load(paths)
    with options.endpoint().api() as api:
        changes = api.apply(jobs)
    _warn_of_schedules(jobs)
    if output is not Output.TABLE:
        render.print_json(changes, output)
    else:
        render.print_changes(changes)
        counts = Counter(change.change for change in changes)
        click.echo(", ".join(f"{counts[kind]} {kind.value}" for kind in ChangeKind if counts[kind]))


def _load(paths: Sequence[Path]) -> list[Job]:
    from runlet.spec.playbook import load

    return load(paths)


def _warn_of_schedules(jobs: Sequence[Job]) -> None:
    for job in jobs:
        if job.every is not None:
            click.echo(
                f"warning: {plain(job.name)} has every: {plain(job.every)!r}, but this version runs no schedules; "
                f"start it with: runlet run {plain(job.name)}",
                err=True,
            )
