"""`answer`: one answer for a group of questions, for one of them, or for one after another as they are shown."""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import click

from runlet.cli import inbox, keyboard
from runlet.cli.answers import outcome_words, who
from runlet.cli.completing import open_questions, patterns, run_numbers
from runlet.cli.inbox import Group, Question
from runlet.cli.inert import plain
from runlet.cli.inputs import InputPath, named, open_secret
from runlet.cli.options import Options, Output, RunType, output_option, pass_options
from runlet.cli.prompts import chosen, count, names, print_question
from runlet.cli.provenance import operator
from runlet.cli.render import age, print_json
from runlet.cli.terminal import is_interactive
from runlet.client.api import Api
from runlet.errors import InvalidInput, UnknownName, on_one_line
from runlet.model import answer as rules
from runlet.model.answer import Result
from runlet.model.prompt import Kind
from runlet.model.run import ExitCode, RunId
from runlet.protocol.views import AnswerView

# Who was first is looked for among so many of the newest answers: those of the last moments, in a large fleet.
MOST_LOOKED_AT = 1000


@click.command()
@click.argument("question", required=False, shell_complete=open_questions)
@click.argument("text", required=False)
@click.option("--device", "where", metavar="PATTERN,...", shell_complete=patterns, help="Only what these devices ask.")
@click.option("--run", type=RunType(), shell_complete=run_numbers, help="Only what programs of this run ask.")
@click.option(
    "--key",
    "keys",
    metavar="KEY",
    multiple=True,
    help="Type this key behind the text, instead of Enter: Enter, Ctrl-C, Up, F2, y, ... May be repeated.",
)
@click.option(
    "--secret-file",
    metavar="FILE",
    type=InputPath(),
    help="Take the text from the first line of a file, or with - of stdin.",
)
@output_option
@pass_options
def answer(
    options: Options,
    question: str | None,
    text: str | None,
    where: str | None,
    run: RunId | None,
    keys: tuple[str, ...],
    secret_file: Path | None,
    output: Output,
) -> int:
    """Answer questions of programs.

    QUESTION is the id of a group or of a single question, as `prompts` lists them; TEXT is typed for it, with Enter.
    Without TEXT, the first line of stdin is; on a terminal one question after another is shown and answered.

    Each program gets one answer: who comes second is told who was first. What a program reads without showing it is
    asked for without showing it, and leaves this machine sealed for its device; it is never an argument.

    Exits with 0 when all answers were taken, with 4 when some were not.

    \b
    Examples:
      runlet answer
      runlet answer 3f2a1 y
      runlet answer 3f2a1 n --device pi-2
      runlet answer a917c --key Down --key Enter
      runlet answer 7c09e --secret-file ~/.passphrase
    """
    by = operator(os.environ)[: rules.MAX_BY]
    pressed = b"".join(map(keyboard.key, keys))
    with options.endpoint().api() as api:
        gives_none = text is None and not keys and secret_file is None
        if gives_none and is_interactive() and output is Output.TABLE:
            return _one_after_another(api, question, where, run, by)
        if question is None:
            raise InvalidInput("which question is not said", "name its id; see them with: runlet prompts")
        group = _narrowed(api, _named(api, run, question), where)
        data = _data(group, text, pressed, secret_file)
        found = api.answer(inbox.answers(group.questions, data, by))
        if output is not Output.TABLE:
            print_json(found, output)
        else:
            _tell(group.questions, found)
    return _code(found)


def _named(api: Api, run: RunId | None, question: str) -> Group:
    known = inbox.groups(api.prompts(run))
    try:
        return inbox.named(known, question)
    except UnknownName as error:
        first = inbox.answered(api.newest_answers(MOST_LOOKED_AT), question)
        if first is None:
            raise
        place, since = plain(first.device or ""), age(first.given_at, datetime.now(UTC))
        told = f"{who(first.by, first.origin)} was first on {place}, {since}; see all with: runlet show {first.run}"
        raise UnknownName(error.message, told) from None


def _narrowed(api: Api, group: Group, where: str | None) -> Group:
    narrowed = chosen(api, [group], where)
    if not narrowed:
        raise UnknownName(f"none of those that ask {group.id} is selected by {where}", f"they are: {names(group, 10)}")
    return narrowed[0]


def _data(group: Group, text: str | None, pressed: bytes, secret_file: Path | None) -> bytes:
    """What is typed."""
    if text is not None and secret_file is not None:
        raise InvalidInput("the text is given twice", "leave out TEXT, or --secret-file")
    if text is not None and group.first.prompt.secret:
        raise InvalidInput(
            "the question asks for a secret, which everybody on this machine could read among the arguments",
            "leave out the text: it is asked for, or read from --secret-file or stdin",
        )
    if text is not None and ("\n" in text or "\r" in text):
        # What stands behind the first line would answer whatever is asked next, of which nobody has seen anything.
        raise InvalidInput("the text has several lines, and an answer is one", "to type more: runlet attach RUN < FILE")
    if secret_file is not None or (text is None and not pressed):
        line = _first_line(secret_file or named("-"))
    else:
        line = (text or "").encode()
    return _bounded(line + (pressed or keyboard.ENTER))


def _bounded(data: bytes) -> bytes:
    if len(data) > rules.MAX_BYTES:
        raise InvalidInput(f"an answer has {rules.MAX_BYTES} bytes at most", "for more: runlet attach RUN < FILE")
    return data


def _first_line(path: Path) -> bytes:
    try:
        with open_secret(path) as file:
            line = file.readline(rules.MAX_BYTES + 1)
    except OSError as error:
        raise InvalidInput(f"{on_one_line(path)} cannot be read: {error.strerror}") from None
    if not line:
        words = f"{on_one_line(path)} is empty, and no text is given"
        raise InvalidInput(words, "for Enter alone, give an empty text: ''")
    return line.rstrip(b"\r\n")


# --- on a terminal ---------------------------------------------------------------------------------------------------


class _Quit(Exception):
    """The operator has had enough."""


def _one_after_another(api: Api, question: str | None, where: str | None, run: RunId | None, by: str) -> int:
    """Every group that is open, or the one that is named, until none is left that was not shown."""
    shown: set[tuple[str, str]] = set()
    results: list[AnswerView] = []
    try:
        while group := _next(api, question, where, run, shown):
            if shown:
                click.echo()
            shown |= _asked(group)
            results += _ask(api, group, by)
            if question is not None:
                break
    except (_Quit, click.Abort):
        click.echo()
    if not shown:
        click.echo("nothing is asked", err=True)
    return _code(results)


def _asked(group: Group) -> set[tuple[str, str]]:
    """What it asks: a program may ask the like again, of another file say."""
    return {(group.first.prompt.fingerprint, text) for text in group.texts}


def _next(
    api: Api, question: str | None, where: str | None, run: RunId | None, shown: set[tuple[str, str]]
) -> Group | None:
    known = inbox.groups(api.prompts(run))
    if question is not None:
        return _narrowed(api, inbox.named(known, question), where) if not shown else None
    rest = [group for group in known if not _asked(group) <= shown]
    return next(iter(chosen(api, rest, where)), None)


def _ask(api: Api, group: Group, by: str) -> list[AnswerView]:
    print_question(group, datetime.now(UTC))
    if group.first.prompt.kind is Kind.INTERACTIVE:
        run, device = group.first.run, plain(group.first.device)
        click.echo(f"it waits for keys: runlet attach {run} --device {device}, or runlet answer {group.id} --key KEY")
        return []
    if len(group.questions) > 1:
        choice = _choice(f"answer for all {count(group)}, or [e]ach? [A/e/s(kip)/q(uit)]", "aesq")
        if choice == "q":
            raise _Quit
        if choice == "s":
            return []
        if choice == "e":
            return [result for one in group.questions for result in _ask_one(api, group, one, by)]
    return _typed(api, group.questions, "answer", by)


def _ask_one(api: Api, group: Group, question: Question, by: str) -> list[AnswerView]:
    device = question.view.device
    is_one_of_several = sum(one.view.device == device for one in group.questions) > 1
    label = f"{device}, run {question.view.run}" if is_one_of_several else device
    return _typed(api, (question,), plain(label), by)


def _typed(api: Api, questions: tuple[Question, ...], label: str, by: str) -> list[AnswerView]:
    """Read an answer and give it; Ctrl-D skips."""
    try:
        line = _line(f"{label} (Ctrl-D skips): ", secret=questions[0].view.prompt.secret)
    except EOFError:
        click.echo()
        return []
    found = api.answer(inbox.answers(questions, _bounded(line.encode() + keyboard.ENTER), by))
    _tell(questions, found)
    return found


def _line(label: str, *, secret: bool) -> str:
    import getpass
    import readline  # noqa: F401  # what is typed can be edited

    try:
        return getpass.getpass(label) if secret else input(label)
    except KeyboardInterrupt:
        raise _Quit from None


def _choice(label: str, letters: str) -> str:
    while True:
        try:
            typed = _line(f"{label}: ", secret=False).strip().lower() or letters[0]
        except EOFError:
            raise _Quit from None
        if typed[0] in letters:
            return typed[0]


# --- what became of it -----------------------------------------------------------------------------------------------


def _code(found: list[AnswerView]) -> int:
    return ExitCode.SUCCEEDED if all(one.result is Result.TAKEN for one in found) else ExitCode.SOME_FAILED


def _tell(questions: tuple[Question, ...], found: list[AnswerView]) -> None:
    """How many were taken, and of each that was not, why."""
    counts = Counter(one.result for one in found)
    title = plain(Group("", questions).title)
    click.echo(f"answered {counts[Result.TAKEN]} of {len(found)}: {title}")
    presence = {one.view.execution: one.view.presence for one in questions}
    for one in found:
        if one.result is not Result.TAKEN:
            click.echo(f"{plain(one.device or '')}: {outcome_words(one, presence[one.execution])}", err=True)
