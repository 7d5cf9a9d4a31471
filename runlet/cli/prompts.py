"""`prompts`: the questions that programs of the fleet wait with."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

import click

from runlet.cli import inbox, render
from runlet.cli.completing import open_questions, patterns, run_numbers
from runlet.cli.inbox import Group, Question
from runlet.cli.inert import plain
from runlet.cli.options import Options, Output, RunType, output_option, pass_options
from runlet.client.api import Api
from runlet.errors import InvalidInput, Unavailable
from runlet.model import counted
from runlet.model.prompt import Kind
from runlet.model.run import RunId
from runlet.protocol.views import Presence

# `--watch` is answered when something changes; a busy fleet is looked at so often at most.
PACE_SECONDS = 0.1
# A controller that is away is asked again so often.
AGAIN_SECONDS = 1.0
# Devices named in one row of a table; the others are counted.
MOST_NAMED = 5
# Texts of one group that are shown whole.
MOST_TEXTS = 10

_LISTED = ("GROUP", "ASKED", "DEVICES", "QUESTION")
_SINGLE = ("QUESTION", "DEVICE", "RUN", "JOB", "ASKED", "CONFIDENCE")


@click.command()
@click.argument("question", required=False, shell_complete=open_questions)
@click.option("--device", "where", metavar="PATTERN,...", shell_complete=patterns, help="Only what these devices ask.")
@click.option("--run", type=RunType(), shell_complete=run_numbers, help="Only what programs of this run ask.")
@click.option("--watch", "-w", is_flag=True, help="Stay, and show what is asked and what is answered as it happens.")
@output_option
@pass_options
def prompts(
    options: Options, question: str | None, where: str | None, run: RunId | None, watch: bool, output: Output
) -> None:
    """List the questions that programs wait with, in the whole fleet, the oldest first.

    Questions that are the same are one group, whose id `answer` takes. With QUESTION, the id of a group, its text and
    its single questions are shown.

    \b
    Examples:
      runlet prompts
      runlet prompts 3f2a1
      runlet prompts --run latest --device 'web*'
      runlet prompts --watch
      runlet prompts --watch --output jsonl
    """
    if watch and output is Output.JSON:
        raise InvalidInput("what goes on has no end, and is no JSON value", "say --output jsonl")
    with options.endpoint().api() as api:
        if watch:
            _watch(api, question, where, run, output)
            return
        found = list(_looked(api, question, where, run))
    if output is not Output.TABLE:
        render.print_json([group.to_json() for group in found], output)
    elif not found:
        click.echo("nothing is asked", err=True)
    elif question is not None:
        print_question(found[0], datetime.now(UTC))
        render.print_rows(_SINGLE, _single(found[0], datetime.now(UTC)))
    else:
        render.print_rows(_LISTED, _listed(found, datetime.now(UTC)))


def chosen(api: Api, known: Iterable[Group], where: str | None) -> list[Group]:
    """What is asked by the devices that an expression selects."""
    if where is None:
        return list(known)
    return inbox.within(known, {one.device for one in api.explain(where) if one.excluded_by is None})


def names(group: Group, most: int) -> str:
    """The devices of a group in order of name, each once, not all when they are more than `most`."""
    devices = sorted(_devices(group), key=counted.key)
    return ", ".join(devices[:most]) + (", ..." if len(devices) > most else "")


def count(group: Group) -> str:
    """How many ask, with the noun."""
    return f"{_number(group)} {'device' if len(_devices(group)) == 1 else 'devices'}"


def _number(group: Group) -> str:
    """How many devices ask, and how many programs when several of one device do, in several runs."""
    programs, devices = len(group.questions), len(_devices(group))
    return str(devices) if programs == devices else f"{programs} programs on {devices}"


def _devices(group: Group) -> set[str]:
    return {plain(one.view.device) for one in group.questions}


def print_question(group: Group, now: datetime) -> None:
    """A group's text, and who asks it."""
    texts = list(group.texts.items())
    for text, questions in texts[:MOST_TEXTS]:
        for line in text.splitlines() or [""]:
            print(f"  {plain(line)}")
        if len(texts) > 1:
            print(f"so on {names(Group('', tuple(questions)), MOST_NAMED)}")
    if len(texts) > MOST_TEXTS:
        print(f"and {len(texts) - MOST_TEXTS} texts more: runlet prompts {group.id} --output json")
    print(f"{count(group)}: {names(group, MOST_NAMED)}; asked {render.age(group.asked_at, now)}{_marks(group)}")


def _marks(group: Group) -> str:
    prompt = group.first.prompt
    secret = ", not shown while it is typed" if prompt.secret else ""
    return secret + (", a full screen" if prompt.kind is Kind.INTERACTIVE else "")


def _looked(api: Api, question: str | None, where: str | None, run: RunId | None) -> list[Group]:
    known = inbox.groups(api.prompts(run))
    return chosen(api, known if question is None else [inbox.named(known, question)], where)


def _listed(found: Sequence[Group], now: datetime) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = []
    for group in found:
        prompt = group.first.prompt
        mark = " (secret)" if prompt.secret else " (full screen)" if prompt.kind is Kind.INTERACTIVE else ""
        devices = f"{_number(group)}: {names(group, MOST_NAMED)}"
        rows.append((group.id, render.age(group.asked_at, now), devices, plain(group.title) + mark))
    return rows


def _single(group: Group, now: datetime) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = []
    for one in group.questions:
        view = one.view
        presence = "" if view.presence is Presence.ONLINE else f" ({view.presence.value})"
        confidence = f"{view.prompt.confidence:.0%}"
        job = view.job or "(command)"
        rows.append((one.id, view.device + presence, str(view.run), job, render.age(view.asked_at, now), confidence))
    return rows


# --- watching --------------------------------------------------------------------------------------------------------


def _watch(api: Api, question: str | None, where: str | None, run: RunId | None, output: Output) -> None:
    from runlet.cli.follow import PATIENCE_SECONDS

    look = partial(_looks, api, question, where, run)
    if output is Output.TABLE and os.isatty(1):
        _draw(partial(look, None))
    else:
        _tell_changes(look(PATIENCE_SECONDS, partial(click.echo, err=True)), output)


def _looks(
    api: Api,
    question: str | None,
    where: str | None,
    run: RunId | None,
    patience: float | None,
    tell: Callable[[str], None],
) -> Iterator[list[Group]]:
    """What is open, again and again. A group that is named is one as long as it is watched.

    As consoles do, it outlives a controller that is away: for `patience` seconds, or None for as long as it takes.
    """
    mark = None if question is None else inbox.named(inbox.groups(api.prompts(run)), question).first.prompt.fingerprint
    seen: float | None = None  # when the controller last answered; one that never did is not waited for
    is_away = False
    since = ""
    while True:
        try:
            views, since = api.prompts_since(since, run)
            known = inbox.groups(views)
            found = chosen(api, [one for one in known if mark in (None, one.first.prompt.fingerprint)], where)
        except Unavailable as error:
            if seen is None or (patience is not None and time.monotonic() - seen > patience):
                raise
            if not is_away:
                tell(f"{error}; trying again")
            is_away = True
            time.sleep(AGAIN_SECONDS)
        else:
            if is_away:
                tell("the controller is back")
            seen, is_away = time.monotonic(), False
            yield found
            time.sleep(PACE_SECONDS)


def _draw(look: Callable[[Callable[[str], None]], Iterator[list[Group]]]) -> None:
    from rich.live import Live
    from rich.text import Text

    with Live(auto_refresh=False, screen=False, transient=False) as live:
        # What is told stands above the table, which stderr would write into.
        for found in look(lambda words: live.console.print(Text(words))):
            rows = _listed(found, datetime.now(UTC))
            table = render.table_of(_LISTED, rows) if rows else Text("nothing is asked")
            live.update(table, refresh=True)


def _tell_changes(looks: Iterator[list[Group]], output: Output) -> None:
    """A line for each question that is asked, and for each that is no longer."""
    before: dict[tuple[str, int, str], Question] = {}
    for found in looks:
        now: dict[tuple[str, int, str], Question] = {
            (one.view.execution, one.view.attempt, one.view.prompt.id): one
            for group in found
            for one in group.questions
        }
        for key in before.keys() - now.keys():
            _tell_change("gone", before[key], output)
        for key in [key for key in now if key not in before]:
            _tell_change("asked", now[key], output)
        before = now


def _tell_change(what: str, question: Question, output: Output) -> None:
    if output is Output.JSONL:
        render.print_json([{"type": what, "prompt": inbox.question_json(question)}], output)
    else:
        line = Group("", (question,)).title
        click.echo(f"{what} {question.id} {plain(question.view.device)}: {plain(line)}")
    sys.stdout.flush()
