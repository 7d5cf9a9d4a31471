"""The other programs, reached by exec, never by import; and shell completion."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import click
from click.shell_completion import get_completion_class

_PASS_ALL = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def _become(module: str, arguments: list[str]) -> NoReturn:
    """Without the working directory (-P): its modules would be taken for those of the same name."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-P", "-m", module, *arguments])  # noqa: S606


@click.command(context_settings=_PASS_ALL, add_help_option=False)
@click.pass_context
def controller(context: click.Context) -> None:
    """Run a controller, bring its database to this version's schema, or print what its broker must be told.

    \b
    Examples:
      runlet controller --config controller.json
      runlet controller migrate --config controller.json
      runlet controller policies --config controller.json | rabbitmqctl import_definitions
    """
    _become("runlet.controller", context.args)


@click.command(context_settings=_PASS_ALL, add_help_option=False)
@click.pass_context
def agent(context: click.Context) -> None:
    """Run a device's agent.

    \b
    Example:
      runlet agent --config agent.json
    """
    _become("runlet.agent", context.args)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script that completes commands, options and names in SHELL.

    Names of jobs and devices and numbers of runs come from the controller; when it does not answer at once, there are
    none.

    \b
    Examples:
      eval "$(runlet completion bash)"       in ~/.bashrc
      runlet completion fish > ~/.config/fish/completions/runlet.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None, shell
    click.echo(kind(context.find_root().command, {}, "runlet", "_RUNLET_COMPLETE").source())
