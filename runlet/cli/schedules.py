"""`schedule`: when jobs run by themselves, what became of their fire times, and when a text would fire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import click

from runlet.cli import render
from runlet.cli.options import Options, Output, output_option, pass_options
from runlet.errors import InvalidInput
from runlet.model.schedule import DEFAULT_ZONE, DEVICE_ZONE, Schedule
from runlet.protocol.views import JobScheduleView, ScheduleView

_MOST = 1000  # as much as a controller gives at once


@click.command()
@click.argument("job", required=False)
@click.option("--preview", metavar="EVERY", help="Tell when this `every` would fire. Needs no controller.")
@click.option("--timezone", metavar="ZONE", help=f"The time zone of --preview, or `device`. Default: {DEFAULT_ZONE}.")
@click.option(
    "-n", "--limit", type=click.IntRange(1, _MOST), default=10, show_default=True, help="How many fire times to tell."
)
@output_option
@pass_options
def schedule(
    options: Options, job: str | None, preview: str | None, timezone: str | None, limit: int, output: Output
) -> None:
    """List the jobs that run by themselves, or tell the next and the last fire times of JOB.

    \b
    Examples:
      runlet schedule
      runlet schedule backup
      runlet schedule --preview "every weekday at 08:00" --timezone Europe/Zurich -n 5
    """
    if preview is not None:
        if job is not None:
            raise InvalidInput("--preview is about a text, not about a job", "see a job's with: runlet schedule JOB")
        _preview(preview, timezone or DEFAULT_ZONE, limit, output)
        return
    if timezone is not None:
        raise InvalidInput("--timezone belongs to --preview", "a job names its own in schedule.timezone")
    with options.endpoint().api() as api:
        if job is not None:
            _show(api.schedule(job, limit), output)
        else:
            _list(api.schedules(), output)


def _preview(every: str, timezone: str, limit: int, output: Output) -> None:
    from runlet.timetable import due, grammar
    from runlet.timetable.spans import find_zone

    # A device's own time, whatever its zone: without changes of clocks, as UTC.
    trigger, zone = grammar.parse(every), find_zone(DEFAULT_ZONE if timezone == DEVICE_ZONE else timezone)
    now = datetime.now(UTC)
    instants = due.preview(Schedule(every, timezone), trigger, zone, now, now, limit)
    canonical = grammar.canonical(trigger)
    told = [at.replace(tzinfo=None).isoformat() for at in instants] if timezone == DEVICE_ZONE else instants
    if output is Output.JSON:
        render.print_json({"every": canonical, "timezone": timezone, "next": told}, output)
    elif output is Output.JSONL:
        render.print_json([{"at": at} for at in told], output)
    else:
        click.echo(f"{canonical}, {'in the time of each device' if timezone == DEVICE_ZONE else timezone}")
        for at in instants:
            click.echo(_instant(at, zone))


def _list(schedules: Sequence[ScheduleView], output: Output) -> None:
    if output is not Output.TABLE:
        render.print_json(schedules, output)
    elif schedules:
        _print_schedules(schedules)
    else:
        click.echo("no job runs by itself yet; give one a time with: every", err=True)


def _show(found: JobScheduleView, output: Output) -> None:
    if output is not Output.TABLE:
        render.print_json(found, output)
        return
    _print_schedules(found.schedules)
    suspended = any(one.suspended for one in found.schedules)
    _print_rows(
        ("NEXT, IF IT WERE NOT SUSPENDED" if suspended else "NEXT", "ZONE"),
        [(_instant(one.at, ZoneInfo(one.zone)), one.zone) for one in found.next],
    )
    _print_rows(
        ("FIRED", "ZONE", "OUTCOME", "RUN", "DETAIL"),
        [
            (
                _instant(one.at, ZoneInfo(one.zone)),
                one.zone,
                one.outcome.value,
                "" if one.run is None else str(one.run),
                one.detail,
            )
            for one in found.firings
        ],
    )


def _print_schedules(schedules: Sequence[ScheduleView]) -> None:
    render.print_rows(
        ("JOB", "EVERY", "ZONE", "NEXT", "LAST"),
        [(one.job, one.every, one.zone, _next_words(one), _last_words(one)) for one in schedules],
    )


def _print_rows(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Another table below one, unless it were empty."""
    if rows:
        click.echo()
        render.print_rows(headings, rows)


def _next_words(one: ScheduleView) -> str:
    if one.suspended:
        return "suspended"
    words = "never" if one.next_at is None else _instant(one.next_at, ZoneInfo(one.zone))
    if one.silent_until is None:
        return words
    # What the clock came to before it was set back does not fire again.
    return f"{words} (silent until {_instant(one.silent_until, ZoneInfo(one.zone))}: the clock was set back)"


def _last_words(one: ScheduleView) -> str:
    if one.last is None:
        return ""
    return f"{_instant(one.last.at, ZoneInfo(one.zone))}, {one.last.outcome}"


def _instant(at: datetime, zone: ZoneInfo) -> str:
    """In the zone that it is of; seconds where there are any."""
    local = at.astimezone(zone)
    return local.strftime("%a %Y-%m-%d %H:%M:%S" if local.second or local.microsecond else "%a %Y-%m-%d %H:%M")
