"""The commands that work on inventory files: inventory import."""

from __future__ import annotations

from pathlib import Path

import click

from runlet.cli.inert import plain
from runlet.cli.inputs import InputPath
from runlet.errors import InvalidInput, on_one_line


@click.group()
def inventory() -> None:
    """Work on inventory files.

    \b
    Example:
      runlet inventory import hosts.ini
    """


@inventory.command("import", short_help="Make an inventory of an Ansible inventory.")
@click.argument("file", type=InputPath())
@click.option(
    "--output-file", metavar="PATH", type=click.Path(path_type=Path), help="Write there, to a new file, not to stdout."
)
def import_(file: Path, output_file: Path | None) -> None:
    """Make an inventory of an Ansible inventory, INI or YAML (*.yaml, *.yml, *.json); FILE may be - for stdin.

    What could not be carried over, or is called otherwise, is told on stderr with its place.

    \b
    Examples:
      runlet inventory import hosts.ini
      runlet inventory import production.yaml --output-file inventory.yaml
      ansible-inventory --list | runlet inventory import -
    """
    from runlet.spec.ansible import load

    imported = load(file)
    if output_file is None:
        click.echo(imported.text, nl=False)
    else:
        _write_new(output_file, imported.text)
    for note in imported.notes:
        click.echo(plain(str(note)), err=True)


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise InvalidInput(f"{on_one_line(path)} exists already", "name another file, or remove it first") from None
    except OSError as error:
        raise InvalidInput(f"{on_one_line(path)} cannot be written: {error.strerror}") from None
