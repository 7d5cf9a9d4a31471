"""The command that only reads files: validate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from runlet.cli import render
from runlet.cli.inert import plain
from runlet.cli.options import Output, output_option
from runlet.model.job import Job

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


def _load(paths: Sequence[Path]) -> list[Job]:
    from runlet.spec.playbook import load

    return load(paths)
