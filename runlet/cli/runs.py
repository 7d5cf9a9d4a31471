"""The commands that start, steer and end runs: run, exec, rerun, gate, cancel."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from runlet.cli import junit, watch
from runlet.cli import render as rendering
from runlet.cli.completing import device_names, job_names, patterns, run_numbers
from runlet.cli.endpoint import Endpoint
from runlet.cli.inert import plain
from runlet.cli.options import (
    Options,
    OutcomesType,
    Output,
    RunType,
    TargetType,
    output_option,
    pass_options,
    variables_option,
)
from runlet.cli.picture import waiting_words
from runlet.cli.prefix import device_name
from runlet.cli.rollouts import details, standing
from runlet.cli.secrets import Sealed, gather, missing_words, seal, secrets_option
from runlet.cli.terminal import is_interactive, terminal_size
from runlet.client.api import DEFAULT_TERM, Api
from runlet.errors import InvalidInput
from runlet.model.declared_answers import Rules
from runlet.model.execution import State
from runlet.model.run import ExitCode, RunId
from runlet.model.target import Target
from runlet.protocol.views import DeclaredJob, RunView, Steering

F = TypeVar("F", bound=Callable[..., Any])
# Starts a run, given this machine's device and whether the run gets this terminal.
Start = Callable[[Api, str | None, bool, Sealed], RunView]


@dataclass(frozen=True, slots=True)
class _Staying:
    """How the command stays with the run that it starts."""

    detach: bool
    wait: bool
    timeout: float | None
    report: Path | None
    output: Output

    def check(self) -> None:
        if self.detach and (self.wait or self.report):
            raise InvalidInput("--detach does not wait", "leave it out, or leave out --wait and --junit")
        if self.report:
            junit.check(self.report)

    @property
    def interactive(self) -> bool:
        """Whether it takes the programs' terminals."""
        waits = self.detach or self.wait or self.report is not None
        return is_interactive() and not waits and self.output is Output.TABLE


# Their names are those of _Staying's fields.
_STAYING_OPTIONS = (
    click.option("--detach", "-d", is_flag=True, help="Start it and come back at once."),
    click.option("--wait", is_flag=True, help="On a terminal too: stream the output, and take no terminal."),
    click.option(
        "--timeout",
        metavar="SECONDS",
        type=click.FloatRange(min=0, min_open=True),
        help="Wait no longer than this; then exit with 124, while the run goes on.",
    ),
    click.option(
        "--junit",
        "report",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Write a JUnit report there; implies --wait.",
    ),
    output_option,
)


_no_input_option = click.option(
    "--no-input",
    is_flag=True,
    help="Ask nobody: a program that asks what no declared answer answers fails at once.",
)


def _staying(command: F) -> F:
    """Gives a command that starts a run these options, which it gets as `staying`."""

    @wraps(command)
    def with_options(*args: Any, **given: Any) -> Any:
        staying = _Staying(**{field.name: given.pop(field.name) for field in fields(_Staying)})
        return command(*args, staying=staying, **given)

    for option in reversed(_STAYING_OPTIONS):
        with_options = option(with_options)
    return cast(F, with_options)


@click.command()
@click.argument("job", shell_complete=job_names)
@click.argument("args", metavar="[ARG...]", nargs=-1)
@click.option(
    "--on",
    "target",
    type=TargetType(),
    shell_complete=patterns,
    help="Where, instead of the job's own: PATTERN,... or all, any, enrolled, local.",
)
@variables_option
@secrets_option
@_no_input_option
@_staying
@pass_options
def run(
    options: Options,
    staying: _Staying,
    job: str,
    args: tuple[str, ...],
    target: Target | None,
    variables: tuple[tuple[str, str], ...],
    secrets: tuple[tuple[str, Path], ...],
    no_input: bool,
) -> int:
    """Run a job with arguments.

    On a terminal it takes the programs' terminals, as `attach` does. Elsewhere it streams their output, each line
    behind its device's name. It exits with 0 when all succeeded, 4 when some failed, 5 when some expired or were never
    delivered, 6 when it still awaits input, 124 when it waited too long. Put -- before arguments that begin with a
    dash.

    \b
    Examples:
      runlet run upgrade
      runlet run backup /var/lib --on pi-1,pi-2
      runlet run backup --detach -e archive=/mnt/usb -- --full
      runlet run backup --wait --timeout 3600 --junit backup.xml
      runlet run upgrade --no-input
      runlet run upgrade --secret SUDO_PASSWORD=@password.txt
    """
    start = _starter(job=job, args=args, target=target, variables=dict(variables), no_input=no_input)
    return _launch(options, staying, start, lambda api: _secrets_of(api.job(job)), secrets)


@click.command("exec")
@click.argument("target", type=TargetType(), shell_complete=patterns)
@click.argument("command", metavar="COMMAND [ARG...]", nargs=-1, required=True)
@_no_input_option
@_staying
@pass_options
def exec_(options: Options, staying: _Staying, target: Target, command: tuple[str, ...], no_input: bool) -> int:
    """Run a command on devices, without a job.

    For what is done once; what is done again belongs into a job. TARGET holds patterns, comma-separated, or is one
    of all, any, enrolled, local. COMMAND is not given to a shell. Terminals, streaming and exit codes are as with
    `run`.

    \b
    Examples:
      runlet exec all -- uname -a
      runlet exec pi-1 -- htop
      runlet exec pi-1,pi-2 --timeout 60 -- sh -c 'apt-get update && df -h'
    """
    return _launch(options, staying, _starter(command=command, target=target, no_input=no_input))


@click.command()
@click.argument("run", type=RunType(), shell_complete=run_numbers)
@click.option(
    "--only",
    metavar="OUTCOME,...",
    type=OutcomesType(),
    help="Only where it ended so: failed,timed_out,expired,... Default: where it did not succeed.",
)
@secrets_option
@_staying
@pass_options
def rerun(
    options: Options,
    staying: _Staying,
    run: RunId,
    only: tuple[State, ...] | None,
    secrets: tuple[tuple[str, Path], ...],
) -> int:
    """Run again what a run ran, on those of its devices where it did not succeed.

    It is a new run of the same content: the script, arguments and rollout of then, whatever the job is now. Terminals,
    streaming and exit codes are as with `run`.

    \b
    Examples:
      runlet rerun latest
      runlet rerun 12 --only failed,timed_out
    """

    def start(api: Api, _device: str | None, _interactive: bool, sealed: Sealed) -> RunView:
        return api.rerun(run, only, sealed)

    return _launch(options, staying, start, lambda api: api.run(run).secrets, secrets)


@click.command()
@click.argument("run", type=RunType(), shell_complete=run_numbers)
@click.option("--approve", "steering", flag_value=Steering.APPROVE.value, help="Let the next batch begin.")
@click.option("--pause", "steering", flag_value=Steering.PAUSE.value, help="Release nothing more; what runs goes on.")
@click.option("--resume", "steering", flag_value=Steering.RESUME.value, help="Let a paused run go on.")
@click.option("--rerun", "steering", flag_value=Steering.RERUN.value, help="Begin again what was interrupted.")
@click.option("--reason", help="Why it is paused, for those who look.")
@pass_options
def gate(options: Options, run: RunId, steering: str | None, reason: str | None) -> None:
    """Approve a batch of a run, pause or resume the run, or begin again what was interrupted.

    --rerun is for jobs with `onInterrupted: ask`: what was interrupted there waits for it. `runlet cancel` is the other
    answer, also for single devices.

    \b
    Examples:
      runlet gate 12 --approve
      runlet gate 12 --pause --reason 'the mirror is down'
      runlet gate latest --resume
      runlet gate 12 --rerun
    """
    if steering is None:
        raise InvalidInput("nothing to do is given", "say one of --approve, --pause, --resume, --rerun")
    if reason is not None and steering != Steering.PAUSE:
        raise InvalidInput("--reason is for --pause")
    with options.endpoint().api() as api:
        found = api.steer(run, Steering(steering), reason)
    click.echo(f"run {found.id}: {standing(found, datetime.now(UTC))}")
    if words := details(found):
        click.echo(words)


@click.command()
@click.argument("job", shell_complete=job_names)
@click.argument("args", metavar="[ARG...]", nargs=-1)
@click.option(
    "--device",
    metavar="DEVICE",
    required=True,
    shell_complete=device_names,
    help="The device whose variables it is rendered with.",
)
@variables_option
@output_option
@pass_options
def render(
    options: Options,
    job: str,
    args: tuple[str, ...],
    device: str,
    variables: tuple[tuple[str, str], ...],
    output: Output,
) -> None:
    """Show a job's script as a device would run it, without running it.

    \b
    Examples:
      runlet render backup --device pi-1
      runlet render greet Ana --device pi-1 -e greeting=Hi
    """
    with options.endpoint().api() as api:
        rendering.print_rendering(api.render(job, args, device, dict(variables)), output)


@click.command()
@click.argument("run", type=RunType(), shell_complete=run_numbers)
@click.option(
    "--device",
    "devices",
    metavar="DEVICE",
    multiple=True,
    shell_complete=device_names,
    help="Only there; may be given several times.",
)
@pass_options
def cancel(options: Options, run: RunId, devices: tuple[str, ...]) -> None:
    """End a run, or its executions on some devices.

    Its programs get Ctrl-C, then SIGTERM, then SIGKILL with everything they have started.

    \b
    Examples:
      runlet cancel 12
      runlet cancel latest --device pi-2
    """
    with options.endpoint().api() as api:
        found = api.cancel(run, devices or None)
    asked = [one for one in found.executions if one.cancel_requested and not one.state.is_outcome]
    names = ", ".join(device_name(execution) for execution in asked)
    click.echo(f"cancelling run {found.id} on {names}" if names else f"run {found.id} is cancelled")


def _secrets_of(job: DeclaredJob) -> Collection[str]:
    return Rules.from_mapping(job.content.get("input", {})).secrets


def _starter(**request: Any) -> Start:
    """Starts what `request` asks for."""

    def start(api: Api, device: str | None, interactive: bool, sealed: Sealed) -> RunView:
        return api.start_run(
            **request,
            secrets=sealed,
            origin=device,
            terminal=terminal_size() if interactive else None,
            term=_own_term() if interactive else DEFAULT_TERM,
        )

    return start


def _launch(
    options: Options,
    staying: _Staying,
    start: Start,
    secret_names: Callable[[Api], Collection[str]] = lambda _: (),
    secret_files: Sequence[tuple[str, Path]] = (),
) -> int:
    """Start a run, with the secrets that its answers name, and stay with it unless told otherwise."""
    staying.check()
    endpoint = options.endpoint()
    interactive = staying.interactive
    with endpoint.api() as api:
        values, missing = gather(secret_names(api), secret_files)
        known = api.devices(facts=False)
        started = start(api, endpoint.device, interactive, seal(values, known) if values else {})
        words = [*missing_words(missing), *waiting_words(started.executions, known)]
    if staying.detach or not started.executions:
        _tell_start(started, staying.output)
        for line in words:
            click.echo(line, err=True)
        code: int = ExitCode.SUCCEEDED
    elif interactive:
        return watch.attach(endpoint, started, None, words, read_only=False, from_start=True, timeout=staying.timeout)
    else:
        code = watch.stream(endpoint, started, None, words, output=staying.output, timeout=staying.timeout)
    if staying.report:
        _report(endpoint, started, staying.report)
    return code


def _tell_start(started: RunView, output: Output) -> None:
    if output is not Output.TABLE:
        rendering.print_json(started, output)
    else:
        names = ", ".join(device_name(execution) for execution in started.executions)
        click.echo(f"run {started.id} of {plain(rendering.run_title(started))} on {names or 'no device'}")


def _report(endpoint: Endpoint, run: RunView, path: Path) -> None:
    with endpoint.api() as api:
        found = api.run(run.id)
        output = junit.gather(api, found)
    junit.write(path, junit.report(found, output))


def _own_term() -> str:
    """This terminal's type; programs on devices draw for it."""
    return os.environ.get("TERM") or DEFAULT_TERM
