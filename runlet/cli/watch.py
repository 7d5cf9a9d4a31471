"""Staying with a run to its end, attached to this terminal or streaming; what is said then, and the exit code."""

from __future__ import annotations

import asyncio

import click

from runlet.cli import render
from runlet.cli.console import Ending, attach_terminal
from runlet.cli.endpoint import Endpoint
from runlet.cli.follow import Follower, follow
from runlet.cli.options import INTERRUPTED, Output, colours_on_stdout
from runlet.cli.picture import Picture
from runlet.cli.printers import JsonlPrinter, LinePrinter, Printer, SilentPrinter
from runlet.cli.trailer import trailer
from runlet.model.run import ExitCode, progress
from runlet.protocol.frames import Attach
from runlet.protocol.views import RunView


def attach(
    endpoint: Endpoint,
    run: RunView,
    devices: tuple[str, ...] | None,
    words: list[str],
    *,
    read_only: bool,
    from_start: bool,
    timeout: float | None = None,
    predict: bool = False,
    board: bool = False,
) -> int:
    """Give this terminal to the run, or to its executions on `devices`; several on a `board`, or as lines."""
    picture = Picture(run, devices)
    ending = asyncio.run(
        attach_terminal(
            endpoint,
            picture,
            words,
            read_only=read_only,
            from_start=from_start,
            timeout=timeout,
            predict=predict,
            board=board,
        )
    )
    match ending:
        case Ending.DETACHED:
            click.echo(f"detached from run {run.id}; attach again with: runlet attach {run.id}")
            return ExitCode.SUCCEEDED
        case Ending.TERMINAL_GONE:
            return ExitCode.SUCCEEDED  # the run goes on; nobody is there to be told
        case Ending.TIMED_OUT:
            _tell_timeout(run, timeout)
        case Ending.SETTLED if len(picture.executions) == 1:
            for line in trailer(picture.executions[0], show_duration=run.show_duration):
                click.echo(line)
        case Ending.SETTLED:
            _tell_summary(picture)
    return picture.exit_code


def stream(
    endpoint: Endpoint,
    run: RunView,
    devices: tuple[str, ...] | None,
    words: list[str],
    *,
    output: Output = Output.TABLE,
    timeout: float | None = None,
) -> int:
    """Print the run's output as it comes, and how it ended."""
    for line in words:
        click.echo(line, err=True)
    picture = Picture(run, devices)
    follower = Follower(picture, _printer(run, output), with_trailer=True)
    try:
        asyncio.run(_within(timeout, endpoint, follower))
    except TimeoutError:
        _tell_timeout(run, timeout)
    except KeyboardInterrupt:
        click.echo(f"\nrun {run.id} goes on; cancel it with: runlet cancel {run.id}", err=True)
        return INTERRUPTED
    if output is Output.JSON:
        with endpoint.api() as api:
            render.print_json(api.run(run.id), output)
    _tell_summary(picture)
    return picture.exit_code


async def _within(timeout: float | None, endpoint: Endpoint, follower: Follower) -> None:
    async with asyncio.timeout(timeout):
        await follow(endpoint, follower, Attach(follower.picture.devices, read_only=True))


def _printer(run: RunView, output: Output) -> Printer:
    match output:
        case Output.TABLE:
            return LinePrinter(run, colours=colours_on_stdout(), prefixed=True)
        case Output.JSONL:
            return JsonlPrinter(run)
        case Output.JSON:
            return SilentPrinter()


def _tell_timeout(run: RunView, timeout: float | None) -> None:
    click.echo(f"waited {timeout:g} s; run {run.id} goes on: runlet attach {run.id}", err=True)


def _tell_summary(picture: Picture) -> None:
    click.echo(f"run {picture.run.id}: {progress(one.standing for one in picture.executions)}", err=True)
