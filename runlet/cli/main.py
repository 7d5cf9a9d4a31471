"""The command line's entry: the commands by name, and what becomes of errors.

Each command's module is imported when the command is called: `runlet --version` must not wait for libraries it has no
use for. Therefore the one-line helps stand here, beside the names.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click
from click.exceptions import NoSuchCommand

from runlet import __version__
from runlet.cli.endpoint import CONTROLLER_VARIABLE
from runlet.cli.inert import json_text, readable
from runlet.cli.options import INTERRUPTED, Options, Output
from runlet.errors import InvalidFiles, InvalidInput, RunletError, StalePlan
from runlet.model.run import ExitCode

# section -> command -> (where it is, what it does)
COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    "On this machine": {
        "up": ("runlet.cli.fleet:up", "Start a controller, a broker and devices here."),
        "down": ("runlet.cli.fleet:down", "Stop what `up` started."),
        "status": ("runlet.cli.fleet:status", "Tell what runs here and how it is."),
    },
    "Jobs": {
        "init": ("runlet.cli.init:init", "Begin a repository: jobs, devices, a pipeline."),
        "validate": ("runlet.cli.playbooks:validate", "Check playbooks and inventories."),
        "plan": ("runlet.cli.applying:plan", "Tell what `apply` would change."),
        "apply": ("runlet.cli.applying:apply", "Make the controller hold what files declare."),
        "history": ("runlet.cli.applying:history", "List what was applied, by whom and from which commit."),
        "rollback": ("runlet.cli.applying:rollback", "Bring back what was declared after an apply."),
        "config": ("runlet.cli.editing:config", "Edit jobs where the controller holds them."),
        "schema": ("runlet.cli.schemas:schema", "Print a JSON Schema, for editors."),
        "schedule": ("runlet.cli.schedules:schedule", "List the jobs that run by themselves, and when."),
        "jobs": ("runlet.cli.listings:jobs", "List the jobs that the controller holds."),
    },
    "Runs": {
        "run": ("runlet.cli.runs:run", "Run a job and take its terminals, or stream its output."),
        "exec": ("runlet.cli.runs:exec_", "Run a command on devices, without a job."),
        "render": ("runlet.cli.runs:render", "Show a job's script as a device would run it."),
        "ps": ("runlet.cli.listings:ps", "List runs, the newest first."),
        "rerun": ("runlet.cli.runs:rerun", "Run again where a run did not succeed."),
        "gate": ("runlet.cli.runs:gate", "Approve a batch of a run; pause, resume, begin again."),
        "show": ("runlet.cli.listings:show", "Show a run and its executions."),
        "attach": ("runlet.cli.consoles:attach", "Take the terminals of a run."),
        "prompts": ("runlet.cli.prompts:prompts", "List the questions that programs wait with."),
        "answer": ("runlet.cli.answering:answer", "Answer questions of programs."),
        "answers": ("runlet.cli.suggesting:answers", "Make declared answers of what people answered."),
        "logs": ("runlet.cli.consoles:logs", "Print what a run's programs wrote."),
        "replay": ("runlet.cli.playing:replay", "Show a session again as it went, or export it."),
        "cancel": ("runlet.cli.runs:cancel", "End a run, or its executions on some devices."),
    },
    "Fleet": {
        "devices": ("runlet.cli.listings:devices", "List the devices and their presence."),
        "inventory": ("runlet.cli.inventories:inventory", "Make an inventory of an Ansible inventory."),
        "controller": ("runlet.cli.programs:controller", "Run a controller."),
        "agent": ("runlet.cli.programs:agent", "Run a device's agent."),
    },
    "Shell": {
        "completion": ("runlet.cli.programs:completion", "Print a script that completes commands in a shell."),
    },
}
# The spellings of the 2020 dissertation. What this version lacks says so.
ALIASES = {"@run": "run", "@config": "config"}
ABSENT = {name: f"runlet.cli.absent:{name[1:]}" for name in ("@signin", "@signout")}

_PLACES = {name: place for section in COMMANDS.values() for name, (place, _) in section.items()} | ABSENT


class Commands(click.Group):
    """The commands, imported one at a time."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for section in COMMANDS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = _PLACES.get(ALIASES.get(cmd_name, cmd_name))
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None and name[:1] != "-" and not ctx.resilient_parsing:
            raise NoSuchCommand(name, possibilities=self.list_commands(ctx), ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, self.list_commands(ctx)))
        for section, commands in COMMANDS.items():
            with formatter.section(section):
                formatter.write_dl([(name.ljust(width), told) for name, (_, told) in commands.items()])


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="runlet", message="%(prog)s %(version)s")
@click.option(
    "--controller",
    metavar="URL",
    envvar=CONTROLLER_VARIABLE,
    show_envvar=True,
    help="The controller to talk to, or several, separated by commas; their token is read from RUNLET_TOKEN. "
    "Default: the one that `runlet up` started.",
)
@click.pass_obj
def cli(options: Options, controller: str | None) -> None:
    """Declarative jobs in real terminals on fleets of unreliable devices.

    \b
    Try it here:
      runlet up --devices 3 -d
      runlet exec all -- uname -a
      runlet down
    """
    options.controller = controller


def main() -> NoReturn:
    """Run the command line and leave with its exit code."""
    options = Options()
    try:
        _check(sys.argv[1:])
        code = cli.main(prog_name="runlet", standalone_mode=False, obj=options)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader, `head` say, has what it wanted; nothing may write again, the interpreter's last flush included.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = ExitCode.ERROR
    except click.exceptions.NoArgsIsHelpError as error:
        code = _begin(error)
    except click.ClickException as error:
        _tell(_as_ours(error), options.output)
        code = ExitCode.ERROR  # not click's 2, which is `plan`'s word for "there are changes"
    except (click.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except RunletError as error:
        _tell(error, options.output)
        code = ExitCode.STALE_PLAN if isinstance(error, StalePlan) else ExitCode.ERROR
    sys.exit(code)


def _begin(error: click.exceptions.NoArgsIsHelpError) -> ExitCode:
    """No command is given: in a terminal, tell what to type first; else, and of a group of commands, its help."""
    from runlet.cli.beginning import words
    from runlet.cli.terminal import is_interactive

    if error.ctx.parent is not None or not is_interactive():
        error.show()
        return ExitCode.ERROR

    click.echo(words(os.environ.get(CONTROLLER_VARIABLE)))
    return ExitCode.SUCCEEDED


def _check(words: Sequence[str]) -> None:
    """Bytes of an argument that are no UTF-8 come as lone surrogates, which can be neither sent nor printed."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise InvalidInput(f"an argument is not UTF-8: {word!a}") from None


def _as_ours(error: click.ClickException) -> RunletError:
    """Words typed wrong, told like every other error."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    return InvalidInput(error.format_message(), f"see: {context.command_path} --help" if context else None)


def _tell(error: RunletError, output: Output) -> None:
    """The error on stderr, in the form asked for."""
    if output is not Output.TABLE:
        click.echo(json_text({"error": _as_json(error)}), err=True)
        return
    if isinstance(error, InvalidFiles):
        mistakes, files = len(error.problems), len({problem.path for problem in error.problems})
        click.echo(readable(error.message), err=True)
        click.echo(f"error: {_count(mistakes, 'mistake')} in {_count(files, 'file')}", err=True)
    else:
        click.echo(f"{click.style('error', fg='red', bold=True)}: {readable(error.message)}", err=True)
    if error.hint:
        click.echo(f"{click.style('hint', bold=True)}: {readable(error.hint)}", err=True)


def _as_json(error: RunletError) -> dict[str, Any]:
    content: dict[str, Any] = {"code": error.code, "message": error.message, "hint": error.hint}
    if isinstance(error, InvalidFiles):
        content["problems"] = [
            {"path": one.path, "line": one.line, "column": one.column, "message": one.message, "rule": one.rule}
            for one in error.problems
        ]
    return content


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


if __name__ == "__main__":
    main()
