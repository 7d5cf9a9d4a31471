"""The command that changes what the controller holds without a repository: config.

Whatever it does is applied on behalf of the jobs' owners, so that they stay theirs: the next plan of a repository shows
what was changed by hand. What changed on the controller while the editor was open is never overwritten.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from runlet.cli import changes, provenance
from runlet.cli.completing import job_names
from runlet.cli.draft import Draft
from runlet.cli.inert import plain
from runlet.cli.options import Options, pass_options
from runlet.cli.terminal import is_interactive
from runlet.errors import Conflict, InvalidFiles, InvalidInput, UnknownName
from runlet.model.declaration import Submission, digest
from runlet.model.job import Job
from runlet.protocol.views import DeclaredJob, JobView, PlanView

if TYPE_CHECKING:
    from runlet.client.api import Api

# The source of jobs that no repository declares, and what the history says of an apply that came from none.
BY_HAND = "by hand"

_HEAD = """\
# Jobs as the controller holds them, to be changed by hand.
# When you leave the editor, what would change is shown, and you are asked before anything is applied.
# Nothing happens when you leave this text as it is, or empty. A job that you take out stays as it is.
# A job stays its owner's: the next plan of the repository that declares it shows your change, its next apply undoes it.
"""


@click.command()
@click.argument("names", metavar="[JOB]...", nargs=-1, shell_complete=job_names)
@click.option(
    "--delete",
    "deleted",
    metavar="JOB",
    multiple=True,
    shell_complete=job_names,
    help="Delete this job, without an editor; may be given several times.",
)
@click.option("--yes", "-y", is_flag=True, help="Apply without asking.")
@pass_options
def config(options: Options, names: tuple[str, ...], deleted: tuple[str, ...], yes: bool) -> None:
    """Edit jobs where the controller holds them: those named, or all.

    For when there is no time for git. They open as a playbook in your editor (VISUAL or EDITOR). What would change
    is shown, and applied once you say y. A new job's source is "by hand"; any other stays its owner's, and the next
    `plan` of its repository tells of the change. A job taken out of the text stays; --delete deletes one.

    \b
    Examples:
      runlet config upgrade
      runlet config
      runlet config --delete upgrade
    """
    if names and deleted:
        raise InvalidInput("--delete opens no editor, and names the jobs itself", "leave out the others")
    if not yes and not is_interactive():
        raise InvalidInput("there is no terminal on which to ask before applying", "apply without asking with: --yes")
    endpoint = options.endpoint()
    with endpoint.api() as api:
        if deleted:
            _apply(api, deletions(api.jobs(), deleted, provenance.operator(os.environ)), None, yes=yes)
        else:
            _edit(api, endpoint.device, names, yes=yes)


def submissions(
    opened: Mapping[str, DeclaredJob], known: Iterable[JobView], jobs: Iterable[Job], by: str
) -> list[Submission]:
    """What to apply for the jobs of an edited text, each on behalf of its owner; those left as opened are left out.

    Raises Conflict for a job that is new in the text and not on the controller.
    """
    owners = {job.name: job.owner for job in known}
    by_owner: dict[str, list[Job]] = {}
    for job in jobs:
        if job.name not in opened and job.name in owners:
            raise Conflict(f"there is a job {job.name!r} already", f"edit it with: runlet config {job.name}")
        if job.name not in opened or job.revision != opened[job.name].revision:
            owner = opened[job.name].owner if job.name in opened else BY_HAND
            by_owner.setdefault(owner, []).append(job)
    return [
        Submission(owner, by, tuple(job.declaration() for job in some), note=BY_HAND)
        for owner, some in sorted(by_owner.items())
    ]


def named(known: Iterable[JobView], names: Sequence[str]) -> list[JobView]:
    """The jobs called so, each once. Raises UnknownName."""
    jobs = {job.name: job for job in known}
    for name in names:
        if name not in jobs:
            raise UnknownName(f"no job is called {name!r}", "see them with: runlet jobs")
    return [jobs[name] for name in dict.fromkeys(names)]


def deletions(known: Iterable[JobView], names: Sequence[str], by: str) -> list[Submission]:
    """What to apply to delete jobs. Raises UnknownName."""
    by_owner: dict[str, list[str]] = {}
    for job in named(known, names):
        by_owner.setdefault(job.owner, []).append(job.name)
    return [Submission(owner, by, (), delete=tuple(some), note=BY_HAND) for owner, some in sorted(by_owner.items())]


def changed_meanwhile(opened: Mapping[str, DeclaredJob], plan: PlanView) -> list[str]:
    """The jobs of a plan that the controller no longer holds as they were opened."""
    before = {change.name: None if change.before is None else digest(change.before) for change in plan.changes}
    return [name for name, found in before.items() if found != (opened[name].revision if name in opened else None)]


def _edit(api: Api, device: str | None, names: Sequence[str], *, yes: bool) -> None:
    from runlet.spec.tree import load

    known = api.jobs()
    opened = {job.name: api.job(job.name) for job in (named(known, names) if names else known)}
    with Draft(_texts(opened)) as draft:
        if draft.filled:
            _fits(draft)
        while True:
            draft.edit(os.environ)
            if not draft.is_changed or not draft.filled:
                draft.drop()
                click.echo("nothing is changed", err=True)
                return
            try:
                jobs = load(draft.filled).jobs
                break
            except InvalidFiles as error:
                if not is_interactive():
                    raise
                click.echo(error.message, err=True)
                if not click.confirm("Edit again?", default=True, err=True):
                    raise
        by = provenance.operator(os.environ)
        wanted = [replace(one, origin=device) for one in submissions(opened, known, jobs, by)]
        if _apply(api, wanted, opened, yes=yes):
            draft.drop()


def _texts(opened: Mapping[str, DeclaredJob]) -> list[str]:
    from runlet.spec.writer import playbooks

    written = playbooks(Job.from_mapping(job.content) for job in opened.values())
    return [f"{_HEAD}\n{text}" for text in written] or [_HEAD]


def _fits(draft: Draft) -> None:
    """All jobs of a large fleet may be more than one file may hold: told before the work, not after."""
    from runlet.spec.tree import load

    try:
        load(draft.filled)
    except InvalidFiles as error:
        raise InvalidInput(f"so many jobs make no playbook: {error.problems[0].message}", "name some of them") from None


def _apply(api: Api, wanted: list[Submission], opened: Mapping[str, DeclaredJob] | None, *, yes: bool) -> bool:
    """Show what the submissions would change, ask, and apply them, one transaction an owner. Whether it was done."""
    plans = [api.plan(submission) for submission in wanted]
    if opened is not None and (stale := [name for plan in plans for name in changed_meanwhile(opened, plan)]):
        raise Conflict(f"changed on the controller meanwhile: {', '.join(map(plain, stale))}", "edit anew")
    if not any(change.is_one for plan in plans for change in plan.changes):
        click.echo("nothing is changed", err=True)
        return True
    for line in _shown(plans):
        click.echo(line)
    if not yes and not click.confirm("Apply?", default=False):
        click.echo("nothing is changed", err=True)
        return False
    for submission, plan in zip(wanted, plans, strict=True):
        api.apply(replace(submission, base=plan.base))
        click.echo(f"applied for {plain(plan.source)}")
    return True


def _shown(plans: Iterable[PlanView]) -> Iterator[str]:
    for plan in plans:
        yield click.style(f"of {plain(plan.source)}", bold=True)
        yield from changes.lines(plan)
