"""The command that prints schemas, for editors and for whoever checks files with another program."""

from __future__ import annotations

import json
import sys

import click

from runlet.cli.inert import plain
from runlet.errors import UnknownName


@click.command()
@click.argument("name", default="playbook")
@click.option("--list", "listing", is_flag=True, help="List the schemas instead.")
def schema(name: str, listing: bool) -> None:
    """Print the JSON Schema of playbooks, or of what NAME says, as it is shipped.

    For editors, which complete and check by it; `runlet init` puts the schemas where they find them.

    \b
    Examples:
      runlet schema --list
      runlet schema > playbook.schema.json
      runlet schema inventory
    """
    from runlet.spec import schema as schemas

    known = schemas.names()
    if listing:
        width = max(map(len, known))
        for one in known:
            click.echo(f"{one.ljust(width)}  {json.loads(schemas.text(one))['description']}")
        return
    if name not in known:
        raise UnknownName(f"no schema is called {plain(name)!r}", f"there are: {', '.join(known)}")
    sys.stdout.write(schemas.text(name))
