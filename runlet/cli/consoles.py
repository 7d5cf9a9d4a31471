"""The commands that look into programs' terminals: attach, logs."""

from __future__ import annotations

import asyncio
import os
import sys

import click

from runlet.cli import watch
from runlet.cli.completing import device_names, run_numbers
from runlet.cli.endpoint import Endpoint
from runlet.cli.follow import Follower, follow, follow_raw
from runlet.cli.options import Options, Output, RunType, colours_on_stdout, lines_option, pass_options
from runlet.cli.picture import Picture, waiting_words
from runlet.cli.printers import InertPrinter, JsonlPrinter, LinePrinter, Printer
from runlet.cli.replay import CurrentLine
from runlet.cli.terminal import is_interactive
from runlet.cli.trailer import left_out
from runlet.errors import InvalidInput, UnknownName
from runlet.model.run import RunId
from runlet.protocol.frames import Attach, Position
from runlet.protocol.views import ExecutionView, RunView

# How far back the line that a program is asking on may have begun; older output is in `logs`.
_CURRENT_LINE_BYTES = 4096
MOST_ATTEMPT = 10_000  # what the controller takes for one

_run_argument = click.argument("run", type=RunType(), default="latest", shell_complete=run_numbers)
_device_option = click.option(
    "--device", metavar="DEVICE", shell_complete=device_names, help="Only this device of the run."
)


@click.command()
@_run_argument
@_device_option
@click.option("--read-only", is_flag=True, help="Look only: nothing typed reaches the program.")
@click.option("--predict", is_flag=True, help="Show what you type before its echo has come, underlined; on one device.")
@click.option("--lines", is_flag=True, help="Several devices: their output as lines that scroll, as `run` shows it.")
@pass_options
def attach(options: Options, run: RunId, device: str | None, read_only: bool, predict: bool, lines: bool) -> int:
    """Take the terminals of a run. RUN is a number or `latest`, the default.

    One device: its terminal, as if you sat there; Ctrl-] d detaches and the run goes on, Ctrl-] ? shows the other keys.
    Several: a screen with what they ask and a line for each; its keys are at its bottom, and ? shows the others. When
    stdin is no terminal, its bytes are typed on one device, and the output follows until the program ends. The exit
    code is that of `run`.

    \b
    Examples:
      runlet attach
      runlet attach 12 --device pi-2
      runlet attach 12 --lines
      printf 'y\\n' | runlet attach 12 --device pi-2
    """
    endpoint = options.endpoint()
    with endpoint.api() as api:
        found = api.run(run)
        devices = selected(found, device)
        picture = Picture(found, devices)
        words = waiting_words(picture.executions, api.devices(facts=False))
    if is_interactive():
        return watch.attach(
            endpoint, found, devices, words, read_only=read_only, from_start=False, predict=predict, board=not lines
        )
    if os.isatty(0) or read_only:
        return watch.stream(endpoint, found, devices, words)
    for line in words:
        click.echo(line, err=True)
    return _type_stdin(endpoint, picture)


@click.command()
@_run_argument
@_device_option
@click.option("-f", "--follow", "following", is_flag=True, help="Go on until the run ends.")
@click.option(
    "--attempt",
    metavar="N",
    type=click.IntRange(1, MOST_ATTEMPT),
    help="The N-th attempt of one device, where it was tried again. Default: the last.",
)
@click.option("--raw", is_flag=True, help="The exact bytes of one device; not to a terminal.")
@lines_option
@pass_options
def logs(
    options: Options,
    run: RunId,
    device: str | None,
    following: bool,
    attempt: int | None,
    raw: bool,
    output: Output,
) -> None:
    """Print what a run's programs wrote. RUN is a number or `latest`, the default.

    For reading what was printed; `attach` is for typing, `replay` shows the pace. What could act on your terminal
    is taken out, all but colours; --raw keeps everything, for a file or a pipe.

    \b
    Examples:
      runlet logs
      runlet logs 12 --device pi-1 -f
      runlet logs 12 --device pi-1 --attempt 1
      runlet logs 12 --device pi-1 --raw > session.bin
      runlet logs 12 -f --output jsonl
    """
    if raw and os.isatty(1):
        raise InvalidInput(
            "raw output could do anything to your terminal", "send it to a file or a pipe, or leave out --raw"
        )
    if raw and output is not Output.TABLE:
        raise InvalidInput("raw output is bytes, and no lines of JSON", "leave out --raw or --output")
    endpoint = options.endpoint()
    with endpoint.api() as api:
        found = api.run(run)
    picture = Picture(found, selected(found, device))
    if attempt is not None:
        only_one(picture, "attempts are those of one device")
        if following:
            raise InvalidInput("--attempt and --follow exclude each other", "leave out one of them")
    if raw:
        _print_raw(endpoint, picture, following, attempt)
    elif following:
        _follow(endpoint, picture, output)
    else:
        _print_stored(endpoint, picture, attempt, output)


def selected(run: RunView, device: str | None) -> tuple[str, ...] | None:
    """The devices that --device selects, None for all. Raises UnknownName when the run is not there."""
    if device is None:
        return None
    if all(execution.device != device for execution in run.executions):
        raise UnknownName(f"run {run.id} has no execution on {device!r}", f"see where it runs: runlet show {run.id}")
    return (device,)


def only_one(picture: Picture, why: str) -> ExecutionView:
    if len(picture.executions) != 1:
        names = ", ".join(execution.device or "(any)" for execution in picture.executions)
        raise InvalidInput(f"run {picture.run.id} is on several devices: {names}", f"{why}: choose one with --device")
    return picture.executions[0]


def _type_stdin(endpoint: Endpoint, picture: Picture) -> int:
    """Type stdin's bytes on the one device, and print what comes from now on."""
    execution = only_one(picture, "stdin is typed on one device")
    stored = 0
    if execution.device is not None:
        with endpoint.api() as api:
            stored = api.transcript_length(picture.run.id, execution.device, execution.attempt)
    printer = InertPrinter(terminal=os.isatty(1), colours=colours_on_stdout())
    follower = Follower(picture, printer, with_trailer=True, current=CurrentLine(stored))
    request = Attach(
        devices=None if execution.device is None else (execution.device,),
        positions={execution.id: Position(execution.attempt, max(0, stored - _CURRENT_LINE_BYTES))},
    )
    asyncio.run(follow(endpoint, follower, request, typing_for=execution.id))
    return picture.exit_code


def _print_stored(endpoint: Endpoint, picture: Picture, attempt: int | None, output: Output) -> None:
    executions = [execution for execution in picture.executions if execution.device is not None]
    printer: Printer = LinePrinter(picture.run, colours=colours_on_stdout(), prefixed=len(picture.executions) > 1)
    if output is Output.JSONL:
        printer = JsonlPrinter(picture.run)
    with endpoint.api() as api:
        for execution in executions:
            for page in api.transcript(picture.run.id, str(execution.device), attempt=attempt):
                if page.left_out:
                    sys.stdout.write(printer.gap(execution.id, page.left_out))
                sys.stdout.write(printer.output(execution.id, page.data))
            sys.stdout.write(printer.finish(execution.id))


def _follow(endpoint: Endpoint, picture: Picture, output: Output) -> None:
    follower = Follower(picture, _live_printer(picture, output), with_trailer=False)
    asyncio.run(follow(endpoint, follower, Attach(picture.devices, read_only=True)))


def _live_printer(picture: Picture, output: Output) -> Printer:
    if output is Output.JSONL:
        return JsonlPrinter(picture.run)
    if len(picture.executions) > 1:
        return LinePrinter(picture.run, colours=colours_on_stdout(), prefixed=True)
    return InertPrinter(terminal=os.isatty(1), colours=colours_on_stdout())


def _print_raw(endpoint: Endpoint, picture: Picture, following: bool, attempt: int | None) -> None:
    execution = only_one(picture, "raw bytes are those of one device")
    if following:
        asyncio.run(follow_raw(endpoint, picture.run.id, Attach(picture.devices, read_only=True)))
    elif execution.device is not None:
        with endpoint.api() as api:
            for page in api.transcript(picture.run.id, execution.device, attempt=attempt):
                if page.left_out:
                    click.echo(left_out(page.left_out), err=True)
                sys.stdout.buffer.write(page.data)
