"""The command that begins a repository: init."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from contextlib import suppress
from importlib import resources
from pathlib import Path

import click

from runlet.errors import InvalidInput, on_one_line

# file -> (what it is made of, what it is for)
FILES = {
    "inventory.yaml": ("inventory.yaml", "the devices, their labels and groups"),
    "playbooks/first.yaml": ("first.yaml", "jobs to begin with: hello, disk, place"),
    "playbooks/check.yaml": ("check.yaml", "a job that the pipeline runs every night"),
    ".vscode/settings.json": ("vscode.json", "completion and checks in VS Code"),
}
PIPELINES = {
    "github": {".github/workflows/fleet.yaml": ("github.yaml", "validate, plan, apply, notice drift, check")},
    "gitlab": {".gitlab-ci.yml": ("gitlab.yaml", "validate, plan, apply, notice drift, check")},
    "none": {},
}
# Editors read them; the inventory's refers to the playbook's.
_SCHEMAS = {
    ".schemas/playbook.schema.json": "playbook",
    ".schemas/inventory.schema.json": "inventory",
}
_ELSEWHERE = "begin in an empty folder, as in: runlet init my-fleet"
_DECLARED = "playbooks/ inventory.yaml"
_NEXT = {
    f"runlet validate {_DECLARED}": "find mistakes",
    "runlet up -d --inventory inventory.yaml": "start these devices on this machine",
    f"runlet apply {_DECLARED}": "bring the jobs to them",
    "runlet run hello": "run one",
    "runlet down": "stop everything",
}


@click.command()
@click.argument("folder", default=".", type=click.Path(path_type=Path))
@click.option(
    "--ci",
    type=click.Choice(list(PIPELINES)),
    default="github",
    show_default=True,
    help="The CI system whose pipeline is written.",
)
def init(folder: Path, ci: str) -> None:
    """Begin a repository: playbooks, an inventory, a pipeline for CI, settings for editors. In FOLDER, or here.

    It overwrites nothing, and tells what to type next.

    \b
    Examples:
      runlet init my-fleet
      runlet init --ci gitlab
    """
    files = FILES | PIPELINES[ci]
    _write(folder, {name: starter(source) for name, (source, _) in files.items()} | _schemas())
    click.echo(f"written in {on_one_line(folder)}:" if str(folder) != "." else "written here:")
    _tell(
        {name: purpose for name, (_, purpose) in files.items()} | {".schemas/": "what editors check the files against"}
    )
    click.echo("\nTry it with:")
    here = folder.resolve() == Path.cwd()
    _tell(_NEXT if here else {f"cd {shlex.quote(str(folder))}": ""} | _NEXT, mark="# ")
    for name in PIPELINES[ci]:
        click.echo(f"\n{name} needs a controller's address in RUNLET_CONTROLLER and its token in RUNLET_TOKEN.")


def starter(source: str) -> str:
    """The text of a file that a repository begins with."""
    return (resources.files("runlet.cli") / "starter" / source).read_text("utf-8")


def _schemas() -> dict[str, str]:
    from runlet.spec import schema

    return {name: schema.text(of) for name, of in _SCHEMAS.items()}


def _tell(lines: Mapping[str, str], mark: str = "") -> None:
    width = max(map(len, lines))
    for what, purpose in lines.items():
        click.echo(f"  {what.ljust(width)}  {mark}{purpose}" if purpose else f"  {what}")


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    """All the files or none. Raises InvalidInput."""
    if folder.exists() and not folder.is_dir():
        raise InvalidInput(f"{on_one_line(folder)} is no folder", _ELSEWHERE)
    present = [name for name in texts if os.path.lexists(folder / name)]
    if present:
        raise InvalidInput(
            f"{on_one_line(folder)} has already: {', '.join(present)}",
            f"nothing is written; {_ELSEWHERE}",
        )
    written: list[Path] = []
    made: list[Path] = []
    try:
        for name, text in texts.items():
            path = folder / name
            made += [one for one in reversed((path.parent, *path.parent.parents)) if not one.exists()]
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(text)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        for path in reversed(made):
            with suppress(OSError):  # not made, or somebody has put something there
                path.rmdir()
        if isinstance(error, FileExistsError | NotADirectoryError):
            raise InvalidInput(
                f"{error.filename or folder} is no folder", f"nothing is written; {_ELSEWHERE}"
            ) from None
        raise InvalidInput(f"{error.filename or folder} cannot be written: {error.strerror}") from None
