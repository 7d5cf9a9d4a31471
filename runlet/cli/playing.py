"""The command that shows a session again as it went: replay."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import click

from runlet.cli import asciicast
from runlet.cli.completing import device_names, run_numbers
from runlet.cli.consoles import MOST_ATTEMPT, only_one, selected
from runlet.cli.inert import plain
from runlet.cli.options import Options, RunType, pass_options
from runlet.cli.picture import Picture
from runlet.cli.player import play
from runlet.cli.recording import Ended, Pace, events
from runlet.cli.render import run_title
from runlet.cli.terminal import is_interactive
from runlet.errors import InvalidInput, on_one_line
from runlet.model.answer import Result
from runlet.model.run import RunId
from runlet.protocol.views import AnswerView, AttemptView, ExecutionView, RunView

# Beyond these a replay is over at once, or never.
LEAST_SPEED, MOST_SPEED = 0.01, 1000.0
# What shells make of the number of the signal that ended a program.
_SIGNAL_STATUS = 128
_SECONDS = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)s?")


class SecondsType(click.ParamType[float]):
    """Seconds, as a number or like 0.5s."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        match = _SECONDS.fullmatch(str(value))
        if match is None:
            self.fail(f"{value!r} is no number of seconds. Write it as: 1s or 0.5s")
        return float(match[1])


@click.command()
@click.argument("run", type=RunType(), default="latest", shell_complete=run_numbers)
@click.option("--device", metavar="DEVICE", shell_complete=device_names, help="Which device of the run.")
@click.option(
    "--attempt",
    metavar="N",
    type=click.IntRange(1, MOST_ATTEMPT),
    help="The N-th attempt, where it was tried again. Default: the last.",
)
@click.option(
    "--speed",
    metavar="FACTOR",
    type=click.FloatRange(LEAST_SPEED, MOST_SPEED),
    default=1.0,
    show_default=True,
    help="So many times as fast.",
)
@click.option("--idle", metavar="SECONDS", type=SecondsType(), help="Cut longer pauses to this, before --speed.")
@click.option(
    "--export",
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Write an asciicast there instead; - is stdout.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice([one.value for one in asciicast.Format]),
    help="Which version of asciicasts --export writes.  [default: asciicast-v3]",
)
@pass_options
def replay(
    options: Options,
    run: RunId,
    device: str | None,
    attempt: int | None,
    speed: float,
    idle: float | None,
    export: str | None,
    format_: str | None,
) -> None:
    """Show a session again as it went. RUN is a number or `latest`, the default.

    Space pauses and goes on, q leaves. What could harm your terminal is taken out, as with `attach`. Of a session that
    still runs, what has been printed so far is shown. Answers are in what --export writes, secrets excepted; other keys
    are not recorded.

    \b
    Examples:
      runlet replay
      runlet replay 12 --device pi-2 --speed 4 --idle 1s
      runlet replay 12 --device pi-2 --export session.cast
    """
    if format_ is not None and export is None:
        raise InvalidInput("--format is of the file that --export writes", "name it with: --export FILE")
    if export is None and not is_interactive():
        raise InvalidInput(
            "a replay needs a terminal", "write it to a file with --export, or print what there is with: runlet logs"
        )
    endpoint = options.endpoint()
    with endpoint.api() as api:
        found = api.run(run)
        picture = Picture(found, selected(found, device))
        execution = only_one(picture, "a replay is of one device")
        if execution.device is None:
            raise InvalidInput(f"run {found.id} has no device yet, and nothing to replay")
        timing = api.timing(found.id, execution.device, attempt)
        pages = api.transcript(found.id, execution.device, attempt=attempt)
        title = plain(f"run {found.id} of {run_title(found)} on {execution.device}")
        pace = Pace(speed, idle)
        stored = _attempt(found, execution, attempt)
        typed = _typed(api.answers(found.id), execution.id, stored.attempt) if export else []
        shown = events(pages, timing.moments, _ended(stored), typed)
        if export is None:
            untimed = "" if timing.moments else ", at a steady pace since its times are not known"
            asyncio.run(play(shown, pace, title + untimed))
        else:
            session = asciicast.Session(title, stored.started_at)
            _write(asciicast.lines(session, shown, pace, asciicast.Format(format_ or asciicast.Format.V3)), export)


def _attempt(run: RunView, execution: ExecutionView, attempt: int | None) -> ExecutionView | AttemptView:
    """How the attempt stands: the newest, or one that another one followed."""
    earlier = (one for one in run.earlier if (one.device, one.attempt) == (execution.device, attempt))
    return next(earlier, execution)


def _ended(attempt: ExecutionView | AttemptView) -> Ended | None:
    """None for a program that still runs, or of whose end nothing is known."""
    status = attempt.exit_code if attempt.signal is None else _SIGNAL_STATUS + attempt.signal
    return None if attempt.seconds is None or status is None else Ended(attempt.seconds, status)


def _typed(answers: Iterable[AnswerView], execution: str, attempt: int) -> list[tuple[int, str]]:
    """What was answered to an attempt, with the length of its output when it was asked, which its prompt's id has."""
    found = []
    for one in answers:
        if (one.execution, one.attempt, one.result) == (execution, attempt, Result.TAKEN) and one.text is not None:
            offset = one.prompt.partition("-")[0]
            if offset.isascii() and offset.isdecimal():
                found.append((int(offset), one.text + "\r" if one.text.isprintable() else one.text))  # or it is a key
    return sorted(found, key=lambda answer: answer[0])


def _write(lines: Iterator[str], path: str) -> None:
    if path == "-":
        sys.stdout.writelines(lines)
        return
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(lines)
    except OSError as error:
        raise InvalidInput(f"{on_one_line(path)} cannot be written: {error.strerror}") from None
