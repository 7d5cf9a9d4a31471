"""The commands that bring declarations to the controller: plan, apply, history, rollback."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from runlet.cli import changes, provenance, render
from runlet.cli.answers import print_answers_of_runs
from runlet.cli.inert import plain
from runlet.cli.inputs import InputPath
from runlet.cli.options import MOST_RUN_DIGITS, Options, Output, output_option, pass_options
from runlet.cli.playbooks import tell_doubts
from runlet.cli.terminal import is_interactive
from runlet.errors import InvalidDeclarations, InvalidFiles, InvalidInput, ProtocolError, UnknownName, on_one_line
from runlet.local.files import write_private
from runlet.model.declaration import ChangeKind, Submission
from runlet.model.run import ExitCode
from runlet.protocol.values import from_json, to_json

if TYPE_CHECKING:
    from runlet.client.api import Api
    from runlet.protocol.views import PlanView
    from runlet.spec.tree import Tree

T = TypeVar("T")
# The format of a saved plan; another number is another version of Runlet's.
_PLAN_FORMAT = "runlet-plan-1"
# What a request may hold, 16 MiB, with every character of it escaped, and the base.
_MAX_PLAN_BYTES = 64 * 1024**2
_COMMIT_CHARACTERS = 12
_MOST_NAMED = 5  # of the jobs that are gone from the files
# Applies among which the one before is looked for: as many as a controller tells at once.
_MOST_SEARCHED = 1000
# What the history says of an apply that was planned before.
_PLANNED_BY = "planned by {}"

_paths = click.argument("paths", metavar="PATH...", nargs=-1, type=InputPath())
_prune = click.option("--prune", is_flag=True, help="Delete what this source applied before and does not declare now.")
_adopt = click.option("--adopt", is_flag=True, help="Take over what another source declared.")
_source = click.option(
    "--source",
    metavar="NAME",
    help="Who owns what is applied. Default: the git repository, as host/path, or `local`; see `plan`'s first line.",
)


@click.command()
@_paths
@_prune
@_adopt
@_source
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help="Save the plan for: apply --plan FILE.")
@output_option
@pass_options
def plan(
    options: Options,
    paths: tuple[Path, ...],
    prune: bool,
    adopt: bool,
    source: str | None,
    out: Path | None,
    output: Output,
) -> int:
    """Tell what `apply` would change, without changing it. Exits with 0 for no change, with 2 for some.

    Use it before an `apply`, and in CI to notice what was changed by hand. PATH is a file, a folder, or `-` for a
    playbook on stdin.

    \b
    Examples:
      runlet plan playbooks/
      runlet plan runlet/ --prune --out release.plan
    """
    tree, submission = _submission(options, paths, prune=prune, adopt=adopt, source=source)
    _tell_difference(submission)
    with options.endpoint().api() as api, _places(tree):
        found = api.plan(submission)
        gone = _gone(api, tree, submission)
    if out is not None:
        _save(out, submission, found)
    _print(found, output, is_done=False)
    _tell_gone(gone, submission)
    return ExitCode.CHANGES if found.changes_something else ExitCode.SUCCEEDED


@click.command()
@_paths
@_prune
@_adopt
@_source
@click.option("--plan", "planned", metavar="FILE", type=InputPath(), help="Apply a saved plan, if it still fits.")
@click.option("--yes", "-y", is_flag=True, help="Prune without asking.")
@output_option
@pass_options
def apply(
    options: Options,
    paths: tuple[Path, ...],
    prune: bool,
    adopt: bool,
    source: str | None,
    planned: Path | None,
    yes: bool,
    output: Output,
) -> None:
    """Make the controller hold what files declare, all or nothing. What they do not name stays, unless pruned.

    PATH is a file, a folder, or `-` for a playbook on stdin. On a terminal it shows the plan and asks before it deletes
    anything. With --plan it exits with 3 when the controller has changed since the plan was made.

    \b
    Examples:
      runlet apply playbooks/upgrade.yaml
      runlet apply runlet/ --prune
      runlet apply --plan release.plan
    """
    if planned is not None:
        if paths or prune or adopt or source:
            raise InvalidInput("--plan holds the files and their options", "give --plan alone")
        tree, submission = None, _saved(planned)
    else:
        tree, submission = _submission(options, paths, prune=prune, adopt=adopt, source=source)
    _tell_difference(submission)
    with options.endpoint().api() as api, _places(tree):
        gone = _gone(api, tree, submission)  # before the apply: what is done is not told as an error
        asked = False
        if submission.prune and planned is None and not yes and is_interactive():
            found = api.plan(submission)
            asked = _deletes(found)
            if asked and not _agreed(found):
                click.echo("nothing is changed", err=True)
                return
            submission = replace(submission, base=found.base)
        done = api.apply(submission)
    if asked and output is Output.TABLE:
        click.echo(f"applied for {plain(done.source)}")
    else:
        _print(done, output)
    _tell_gone(gone, submission)


@click.command()
@click.option("-n", "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many to list.")
@click.option(
    "--answers", "of_answers", is_flag=True, help="List answers to programs' questions, of all runs, instead."
)
@output_option
@pass_options
def history(options: Options, limit: int, of_answers: bool, output: Output) -> None:
    """List applies, the newest first: who, when, from which commit, and what changed.

    With --answers, list who answered what, when, and what became of it; `show RUN` has those of one run.

    \b
    Examples:
      runlet history
      runlet history -n 5 --output jsonl
      runlet history --answers
    """
    with options.endpoint().api() as api:
        if of_answers:
            none = "nobody has answered anything yet; see what is asked with: runlet prompts"
            _list(api.newest_answers(limit), print_answers_of_runs, none, output)
        else:
            none = "nothing was applied yet; bring some with: runlet apply PATH"
            _list(api.history(limit), render.print_history, none, output)


def _list(found: Sequence[T], draw: Callable[[Sequence[T]], None], none: str, output: Output) -> None:
    if output is not Output.TABLE:
        render.print_json(found, output)
    elif found:
        draw(found)
    else:
        click.echo(none, err=True)


class ApplyType(click.ParamType[int | None]):
    """The number of an apply; None for the word latest."""

    name = "apply"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        text = str(value)
        if text == "latest":
            return None
        if not text.isascii() or not text.isdecimal() or not 1 <= len(text) <= MOST_RUN_DIGITS or not int(text):
            self.fail(f"{text!r} is neither the number of an apply nor the word latest. See them with: runlet history")
        return int(text)


@click.command()
@click.argument("number", metavar="APPLY", type=ApplyType())
@_adopt
@click.option("--dry-run", is_flag=True, help="Only tell what it would change, and exit as `plan` does.")
@click.option("--yes", "-y", is_flag=True, help="Delete without asking.")
@output_option
@pass_options
def rollback(options: Options, number: int | None, adopt: bool, dry_run: bool, yes: bool, output: Output) -> int:
    """Bring back what a source declared after an apply. APPLY is its number in `history`, or latest.

    What its source has declared since is deleted; on a terminal it shows the plan and asks before.

    \b
    Examples:
      runlet rollback 12 --dry-run
      runlet rollback 12
      runlet rollback latest --adopt
    """
    by, endpoint = provenance.operator(os.environ), options.endpoint()
    with endpoint.api() as api:
        to = _newest(api) if number is None else number
        base, asked = None, False
        if not dry_run and not yes and is_interactive():
            found = api.rollback(to, by, adopt=adopt, dry_run=True, origin=endpoint.device)
            base, asked = found.base, _deletes(found)
            if asked and not _agreed(found):
                click.echo("nothing is changed", err=True)
                return ExitCode.SUCCEEDED
        done = api.rollback(to, by, adopt=adopt, dry_run=dry_run, base=base, origin=endpoint.device)
        if not done.changes_something:
            _tell_earlier(api, to, done.source)
    if asked and output is Output.TABLE:
        click.echo(f"applied for {plain(done.source)}")
    else:
        _print(done, output, is_done=not dry_run)
    return ExitCode.CHANGES if dry_run and done.changes_something else ExitCode.SUCCEEDED


def _newest(api: Api) -> int:
    applies = api.history(1)
    if not applies:
        raise UnknownName("nothing was applied yet", "bring some with: runlet apply PATH")
    return applies[0].id


def _tell_earlier(api: Api, number: int, source: str) -> None:
    """Somebody who rolls back wants a change: where the state before is, when this one is there already."""
    words = f"nothing is changed: {plain(source)} declares what it did after apply {number}"
    before = next((one.id for one in api.history(_MOST_SEARCHED) if one.id < number and one.source == source), None)
    click.echo(words if before is None else f"{words}; before it: runlet rollback {before}", err=True)


def _deletes(plan: PlanView) -> bool:
    return any(change.change is ChangeKind.DELETED for change in plan.changes)


def _submission(
    options: Options, paths: Sequence[Path], *, prune: bool, adopt: bool, source: str | None
) -> tuple[Tree, Submission]:
    from runlet.spec.tree import load

    if not paths:
        command = click.get_current_context().info_name
        raise InvalidInput("no file and no folder is given", f"name some, as in: runlet {command} playbooks/")
    # A source's last file can be pruned, but only when nobody has to guess whose it was.
    tree = load(paths, empty=prune and source is not None)
    tell_doubts(tree)
    found = provenance.find(paths, tree.read, source, os.environ, prune=prune)
    declarations = tuple(tree.declarations())
    submission = Submission(found.source, found.by, declarations, found.commit, found.dirty, prune=prune, adopt=adopt)
    return tree, replace(submission, origin=options.endpoint().device)


def _tell_difference(submission: Submission) -> None:
    """On stderr: stdout may be for a program."""
    if submission.dirty:
        which = (
            "any commit: git fails" if submission.commit is None else f"commit {submission.commit[:_COMMIT_CHARACTERS]}"
        )
        click.echo(f"warning: the files differ from {which}", err=True)


def _gone(api: Api, tree: Tree | None, submission: Submission) -> list[str]:
    """Jobs of the source that are not in the files, where a folder was searched for them."""
    if tree is None or submission.prune or not tree.read.folders:
        return []
    declared = {job.name for job in tree.jobs}
    return [job.name for job in api.jobs() if job.owner == submission.source and job.name not in declared]


def _tell_gone(gone: Sequence[str], submission: Submission) -> None:
    """Whoever took their files away may want them deleted; whoever named one folder of several does not."""
    if gone:
        more = f" and {len(gone) - _MOST_NAMED} more" if len(gone) > _MOST_NAMED else ""
        names, source = plain(", ".join(gone[:_MOST_NAMED])), plain(submission.source)
        told = f"--prune deletes all jobs of {source} that are not in the files named, also those of its other folders"
        click.echo(f"not in these files, and kept: {names}{more}; {told}", err=True)


@contextmanager
def _places(tree: Tree | None) -> Iterator[None]:
    """Mistakes that only the controller can find, told at their places in the files."""
    try:
        yield
    except InvalidDeclarations as error:
        if tree is None:
            raise
        raise InvalidFiles([tree.problem(mistake) for mistake in error.mistakes]) from None


def _agreed(plan: PlanView) -> bool:
    """Whether the operator, shown the plan, says yes. On stderr: stdout may be for a program."""
    for line in _lines(plan, is_done=False):
        click.echo(line, err=True)
    return click.confirm("Apply?", default=False, err=True)


def _lines(plan: PlanView, *, is_done: bool) -> Iterator[str]:
    yield click.style(f"source {plain(plan.source)}", bold=True)
    yield from changes.lines(plan, is_done=is_done)


def _print(plan: PlanView, output: Output, *, is_done: bool = True) -> None:
    if output is Output.JSON:
        render.print_json(plan, output)
    elif output is Output.JSONL:
        render.print_json(plan.changes, output)
    else:
        for line in _lines(plan, is_done=is_done):
            click.echo(line)


def _save(path: Path, submission: Submission, plan: PlanView) -> None:
    """Readable by its owner only: scripts and variables may be nobody else's business."""
    content: dict[str, Any] = {"format": _PLAN_FORMAT, "submission": to_json(submission) | {"base": plan.base}}
    if path.exists() and not path.is_file():
        raise InvalidInput(f"{on_one_line(path)} is no file", "save the plan elsewhere")
    try:
        write_private(path, json.dumps(content))
    except OSError as error:
        raise InvalidInput(f"{on_one_line(path)} cannot be written: {error.strerror}") from None


def _saved(path: Path) -> Submission:
    """A saved plan as who is here applies it."""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_PLAN_BYTES + 1)
        content = json.loads(data) if len(data) <= _MAX_PLAN_BYTES else {}
        json.dumps(content, ensure_ascii=False).encode()  # no lone surrogates, which could not be sent
        if content["format"] == _PLAN_FORMAT:
            submission = from_json(Submission, content["submission"], str(path))
            by = provenance.operator(os.environ)
            return replace(submission, by=by, note=_PLANNED_BY.format(submission.by))
    except OSError as error:
        raise InvalidInput(f"{on_one_line(path)} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, RecursionError, ProtocolError):
        pass
    words = f"{on_one_line(path)} is not a plan of this version of runlet"
    raise InvalidInput(words, "make one with: runlet plan PATH --out FILE")
