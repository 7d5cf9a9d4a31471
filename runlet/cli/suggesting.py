"""`answers suggest`: the answers of people in a run, as what its job would declare."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from runlet.cli.completing import run_numbers
from runlet.cli.inert import plain
from runlet.cli.options import Options, Output, RunType, output_option, pass_options
from runlet.cli.render import print_json
from runlet.client.api import Api
from runlet.errors import InvalidInput, UnknownName
from runlet.model.answer import Origin, Result
from runlet.model.declared_answers import Rules
from runlet.model.run import RunId
from runlet.model.suggestion import Given, Suggestion, suggest
from runlet.protocol.views import AnswerView

_OF_PEOPLE = (Origin.OPERATOR, Origin.CONSOLE)


@click.group()
def answers() -> None:
    """What people answered, as jobs declare it.

    \b
    Example:
      runlet answers suggest latest
    """


@answers.command("suggest")
@click.argument("run", type=RunType(), shell_complete=run_numbers)
@output_option
@pass_options
def suggest_(options: Options, run: RunId, output: Output) -> None:
    """Print what a job must declare so that its next run needs nobody.

    It is the `input` of the run's job with an answer for each question that people answered: with exceptions for
    devices that were answered otherwise, and a name for each secret, to be given at the launch. Put it into the job in
    its playbook, read it, and apply it.

    \b
    Examples:
      runlet answers suggest latest
      runlet answers suggest 12 > input.yaml
    """
    from runlet.spec import dumper

    with options.endpoint().api() as api:
        found = api.run(run)
        given = list(_given(api.answers(found.id)))
        declared = {} if found.job is None else _declared(api, found.job)
    rules = Rules.from_mapping(declared)
    withheld = {name for one in given if (name := _secret_of(rules, one))}
    suggested = suggest([one for one in given if _secret_of(rules, one) is None])
    if not suggested and withheld:
        raise InvalidInput(
            f"what people answered in run {found.id} is declared: {', '.join(sorted(withheld))}",
            "give it at the launch, as an environment variable or with --secret",
        )
    if not suggested:
        raise InvalidInput(f"nobody answered a question of run {found.id}", f"see it with: runlet show {found.id}")
    # Before what is declared: the first match decides, and what is declared did not answer.
    answers = [one.rule.to_mapping() for one in suggested] + declared.get("answers", [])
    content = {"input": declared | {"answers": answers}}
    if output is not Output.TABLE:
        print_json(content, output)
        return
    job = "" if found.job is None else f", for the job {found.job}"
    click.echo(f"# What people answered in run {found.id}{plain(job)}.")
    for line in (*_notes(suggested), *map(_at_launch, sorted(withheld))):
        click.echo(f"# {plain(line)}")
    click.echo(dumper.dump(content), nl=False)


def _given(found: Iterable[AnswerView]) -> Iterable[Given]:
    for one in found:
        if one.result is Result.TAKEN and one.origin in _OF_PEOPLE and one.device is not None:
            yield Given(one.device, one.question, one.secret, one.text)


def _secret_of(rules: Rules, one: Given) -> str | None:
    """The declared secret that would have been the answer, had it been given at the launch."""
    if not one.secret:
        return None
    return next((rule.secret for rule in rules.on(one.device).answers if rule.matches(one.question)), None)


def _declared(api: Api, job: str) -> dict[str, Any]:
    try:
        return dict(api.job(job).content.get("input", {}))
    except UnknownName:  # deleted since
        return {}


def _notes(suggested: Iterable[Suggestion]) -> Iterable[str]:
    """What the rules do not say themselves."""
    for one in suggested:
        if one.rule.ask:
            yield f"Left to a person, since its {one.answers} answers differ or are keys: {one.rule.match}"
        if one.rule.secret:
            yield _at_launch(one.rule.secret)


def _at_launch(secret: str) -> str:
    return f"Give {secret} at the launch: as an environment variable, or with --secret."
