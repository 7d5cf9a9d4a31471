"""The commands that only look: ps, show, devices, jobs."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from runlet.cli import render
from runlet.cli.answers import print_answers
from runlet.cli.completing import device_names, run_numbers
from runlet.cli.inert import plain
from runlet.cli.options import Options, Output, RunType, output_option, pass_options
from runlet.errors import InvalidInput
from runlet.model.run import RunId
from runlet.protocol.values import to_json


@click.command()
@click.option("-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many runs to list.")
@click.option("--all", "-a", "list_all", is_flag=True, help="List all runs there are.")
@output_option
@pass_options
def ps(options: Options, limit: int, list_all: bool, output: Output) -> None:
    """List runs, the newest first.

    With --all they are printed as they come, a thousand at a time; --output jsonl is best for reading so many.

    \b
    Examples:
      runlet ps
      runlet ps -n 5 --output jsonl
      runlet ps --all --output jsonl
    """
    with options.endpoint().api() as api:
        pages = api.runs(None if list_all else limit)
        if output is Output.JSON:
            render.print_json([run for page in pages for run in page], output)
            return
        found = False
        for page in pages:
            if output is Output.JSONL:
                render.print_json(page, output)
            else:
                render.print_runs(page, datetime.now(UTC), headed=not found)
            found = True
    if not found and output is Output.TABLE:
        click.echo("no runs yet; start one with: runlet run JOB", err=True)


@click.command()
@click.argument("run", type=RunType(), default="latest", shell_complete=run_numbers)
@click.option(
    "--script",
    "device",
    metavar="DEVICE",
    shell_complete=device_names,
    help="The script instead, as this device got it.",
)
@output_option
@pass_options
def show(options: Options, run: RunId, device: str | None, output: Output) -> None:
    """Show a run, its executions, and who answered what they asked. RUN is a number or `latest`, the default.

    Look here first when something failed, or waits. Earlier attempts are listed by themselves; `logs --attempt` has
    their output.

    \b
    Examples:
      runlet show
      runlet show 12 --output json
      runlet show 12 --script pi-1
    """
    with options.endpoint().api() as api:
        if device is not None:
            render.print_rendering(api.rendering(run, device), output)
            return
        found = api.run(run)
        answers = list(api.answers(found.id))
    if output is not Output.TABLE:
        render.print_json({**to_json(found), "answers": to_json(answers)}, output)
        return
    render.print_run(found, datetime.now(UTC))
    if answers:
        click.echo()
        print_answers(answers)


@click.command()
@click.argument("names", metavar="[DEVICE]...", nargs=-1, shell_complete=device_names)
@click.option("--where", metavar="EXPR", help="What a target selects, and why.")
@output_option
@pass_options
def devices(options: Options, names: tuple[str, ...], where: str | None, output: Output) -> None:
    """List the devices and their presence, show the facts of those named, or explain what an expression selects.

    \b
    Examples:
      runlet devices
      runlet devices pi-1
      runlet devices --where 'web,&room=attic,!pi-3'
      runlet devices --output json
    """
    if where is not None:
        if names:
            raise InvalidInput("--where and names of devices exclude each other")
        _explain(options, where, output)
        return
    with options.endpoint().api() as api:
        found = api.devices(names)
    now = datetime.now(UTC)
    if output is not Output.TABLE:
        render.print_json(found, output)
    elif names:
        for number, device in enumerate(found):
            if number:
                click.echo()
            render.print_device(device, now)
    else:
        render.print_devices(found, now)


def _explain(options: Options, where: str, output: Output) -> None:
    with options.endpoint().api() as api:
        found = api.explain(where)
    if output is not Output.TABLE:
        render.print_json(found, output)
        return
    if found:
        render.print_chosen(found)
    selected = sum(one.excluded_by is None for one in found)
    click.echo(f"{selected} selected by {plain(where)}")


@click.command()
@output_option
@pass_options
def jobs(options: Options, output: Output) -> None:
    """List the jobs that the controller holds.

    \b
    Example:
      runlet jobs
    """
    with options.endpoint().api() as api:
        found = api.jobs()
    if output is not Output.TABLE:
        render.print_json(found, output)
    elif found:
        render.print_jobs(found, datetime.now(UTC))
    else:
        click.echo("no jobs yet; bring some with: runlet apply PLAYBOOK", err=True)
