"""Views as tables for people and as JSON for programs. Whatever came from elsewhere is made inert on the way."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from runlet.cli.inert import json_text, plain, readable
from runlet.cli.options import Output, colours_on_stdout
from runlet.cli.prefix import device_name
from runlet.cli.rollouts import details, standing
from runlet.cli.terminal import terminal_size
from runlet.cli.trailer import signal_name
from runlet.errors import InvalidInput
from runlet.model.declaration import ChangeKind
from runlet.model.execution import State
from runlet.model.facts import FactValue
from runlet.model.prompt import Kind as PromptKind
from runlet.model.prompt import Prompt
from runlet.model.run import moment
from runlet.model.target import Chosen
from runlet.protocol.values import to_json
from runlet.protocol.views import (
    AppliedChange,
    ApplyView,
    AttemptView,
    DeviceView,
    ExecutionView,
    JobView,
    Presence,
    Rendering,
    RunHead,
    RunSummary,
    RunView,
)
from runlet.width import keep_start

if TYPE_CHECKING:
    from rich.table import Table

_STATE_STYLES = {
    State.AWAITING_INPUT: "bold yellow",
    State.RUNNING: "cyan",
    State.SUCCEEDED: "green",
    State.FAILED: "red",
    State.TIMED_OUT: "red",
    State.REJECTED: "red",
    State.INTERRUPTED: "red",
    State.CANCELLED: "yellow",
    State.EXPIRED: "yellow",
    State.SKIPPED: "yellow",
}
_PRESENCE_STYLES = {Presence.ONLINE: "green", Presence.STALE: "yellow", Presence.OFFLINE: "red"}

_MOST_CHANGES_NAMED = 3
_SOURCE_PARTS = 2  # of an address: the owner and the repository; the host is mostly the same
_REVISION_CHARACTERS = 12  # enough to tell revisions of one job apart
_AGES = (
    ("d", timedelta(days=1)),
    ("h", timedelta(hours=1)),
    ("min", timedelta(minutes=1)),
    ("s", timedelta(seconds=1)),
)
_OLDEST_AGE = timedelta(days=7)  # beyond it a date says more
_BYTES_UNIT = 1024
_MOST_COLUMNS = 10_000  # wider than any row
# What the other columns of `ps` take, and what a title gets even when they then wrap.
_OTHER_COLUMNS = 56
_LEAST_TITLE_COLUMNS = 20


def print_json(content: Any, output: Output) -> None:
    """`content` (a view or a list of them): one JSON value, or one line for each."""
    value = to_json(content)
    if output is Output.JSON:
        print(json_text(value, indent=2))
        return
    for item in value if isinstance(value, list) else [value]:
        print(json_text(item))


def print_rows(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table of words; the first column names the row."""
    _print(table_of(headings, rows))


def table_of(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Such a table, to be drawn by whoever has the screen."""
    table = _table(*headings)
    for first, *others in rows:
        table.add_row(_text(first, "bold"), *map(_text, others))
    return table


def print_runs(runs: Sequence[RunSummary], now: datetime, *, headed: bool = True) -> None:
    table = _table("RUN", "JOB", "WHERE", "STATE", "STARTED")
    table.show_header = headed
    for run in runs:
        table.add_row(
            _text(str(run.id), "bold"),
            _text(_short_title(run)),
            _text(str(run.target)),
            _text(standing(run, now), _STATE_STYLES.get(run.state, "")),
            _text(age(run.created_at, now) + ("" if run.scheduled_for is None else ", by its schedule")),
        )
    _print(table)


def print_run(run: RunView, now: datetime) -> None:
    """One run: what it is, and its executions."""
    created = run.created_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    print(f"run {run.id}: {plain(run_title(run))}")
    again = "" if run.rerun_of is None else f", rerun of {run.rerun_of}"
    print(f"where {plain(str(run.target))}, started {created} ({age(run.created_at, now)}){again}")
    if run.adopted_from is not None:
        print(f"adopted from its devices; it was run {run.adopted_from} in a database that was lost")
    if run.scheduled_for is not None and run.zone is not None:
        print(f"started by its schedule, for {_wall(run.scheduled_for, run.zone)}")
    if run.variables:
        print(f"variables {plain(shlex.join(f'{name}={value}' for name, value in run.variables.items()))}")
    print(f"state {standing(run, now)}")
    if words := details(run):
        print(f"rollout {words}")
    if any(_is_undecided(execution) for execution in run.executions):
        print(f"interrupted: begin it again with runlet gate {run.id} --rerun, or leave it with runlet cancel {run.id}")
    print()
    table = _table("DEVICE", "STATE", "EXIT", "DURATION", "OUTPUT", "DETAIL")
    for execution in run.executions:
        table.add_row(
            _text(device_name(execution)),
            _text(_state_words(execution, now), _STATE_STYLES.get(execution.standing, "")),
            _text(_exit_words(execution)),
            _text("" if execution.seconds is None else duration(execution.seconds)),
            _text(_output_words(execution)),
            _text(_detail_words(execution)),
        )
    _print(table)
    for execution in run.executions:
        if execution.prompt is not None and execution.asked_at is not None:
            print()
            print_prompt(execution, execution.prompt, execution.asked_at, now)
    if run.earlier:
        print()
        _print_earlier(run.earlier)


def _print_earlier(attempts: Sequence[AttemptView]) -> None:
    table = _table("DEVICE", "ATTEMPT", "STATE", "EXIT", "DURATION", "OUTPUT", "DETAIL")
    for one in attempts:
        table.add_row(
            _text(one.device or ""),
            _text(str(one.attempt)),
            _text(one.state.value.replace("_", " "), _STATE_STYLES.get(one.state, "")),
            _text(_exit_words(one)),
            _text("" if one.seconds is None else duration(one.seconds)),
            _text(size(one.output_length) if one.started_at else ""),
            _text(one.detail),
        )
    _print(table)


def print_rendering(rendering: Rendering, output: Output) -> None:
    """The script by itself, as a file would hold it; a command has none."""
    if output is not Output.TABLE:
        print_json(rendering, output)
    elif rendering.script is None:
        raise InvalidInput("a command has no script", "see what was run with: runlet show RUN")
    else:
        print(readable(rendering.script), end="" if rendering.script.endswith("\n") else "\n")


def print_prompt(execution: ExecutionView, prompt: Prompt, asked_at: datetime, now: datetime) -> None:
    """What an execution waits with: who, since when, how sure that is; then the question."""
    what = "draws a screen and waits for keys" if prompt.kind is PromptKind.INTERACTIVE else "waits for an answer"
    secret = ", which is not shown" if prompt.secret else ""
    since = "for " + duration_words((now - asked_at).total_seconds())
    print(f"{device_name(execution)} {what}{secret}, {since} (confidence {prompt.confidence:.0%})")
    for line in prompt.text.splitlines():
        print(f"  {plain(line)}")


def print_devices(devices: Sequence[DeviceView], now: datetime) -> None:
    """The columns of facts are the first to go where a terminal has no room for all."""
    table = _table("DEVICE", "PRESENCE", "LAST SEEN", "AGENT", "OS", "ARCH")
    for device in devices:
        table.add_row(
            _text(device.name, "bold"),
            _text(_presence_words(device), _PRESENCE_STYLES[device.presence] if device.enabled else "dim"),
            _text("never" if device.last_seen is None else age(device.last_seen, now)),
            _text(device.agent_version or ""),
            _text(" ".join(_fact_words(device.facts.get(name, "")) for name in ("os.id", "os.version"))),
            _text(_fact_words(device.facts.get("arch", ""))),
        )
    if not _fits(table):
        del table.columns[-2:]
    _print(table)


def _presence_words(device: DeviceView) -> str:
    return device.presence.value if device.enabled else f"{device.presence.value}, not enabled"


def print_device(device: DeviceView, now: datetime) -> None:
    """One device: how it is, and its facts."""
    seen = "never seen" if device.last_seen is None else f"seen {age(device.last_seen, now)}"
    enabled = "" if device.enabled else ", not enabled"
    print(f"device {plain(device.name)}: {device.presence.value}, {seen}{enabled}")
    if device.description:
        print(plain(device.description))
    if device.groups:
        print(f"groups {plain(' '.join(device.groups))}")
    if device.labels:
        print(f"labels {plain(' '.join(f'{name}={value}' for name, value in device.labels.items()))}")
    if device.facts_at is None:
        print("facts not told yet")
    else:
        print(f"facts told {age(device.facts_at, now)}")
        print()
        table = _table("FACT", "VALUE")
        for name, value in device.facts.items():
            table.add_row(_text(name, "bold"), _text(_fact_words(value)))
        _print(table)


def print_chosen(chosen: Sequence[Chosen]) -> None:
    """What a target selects, and what takes out the rest of what it matches."""
    table = _table("DEVICE", "SELECTED", "WHY")
    for one in chosen:
        is_selected = one.excluded_by is None
        table.add_row(
            _text(one.device, "bold"),
            _text("yes" if is_selected else "no", "green" if is_selected else "yellow"),
            _text(one.words),
        )
    _print(table)


def print_jobs(jobs: Sequence[JobView], now: datetime) -> None:
    table = _table("JOB", "WHERE", "REVISION", "APPLIED", "DESCRIPTION")
    for job in jobs:
        table.add_row(
            _text(job.name, "bold"),
            _text(str(job.target)),
            _text(job.revision[:_REVISION_CHARACTERS], "dim"),
            _text(age(job.applied_at, now)),
            _text(job.description),
        )
    _print(table)


def print_history(applies: Sequence[ApplyView]) -> None:
    """In 80 columns: what is long is folded, and what is looked up elsewhere is not."""
    table = _table("APPLY", "WHEN", "BY", "SOURCE", "COMMIT", "CHANGES")
    for column in table.columns:
        column.no_wrap = column.header in ("APPLY", "WHEN", "COMMIT")
    for one in applies:
        table.add_row(
            _text(str(one.id), "bold"),
            _text(one.at.astimezone().strftime("%Y-%m-%d %H:%M")),
            _text(one.by),
            _text(_short_source(one.source)),
            _text((one.commit or "")[:_REVISION_CHARACTERS], "dim"),
            _text(_applied_words(one)),
        )
    _print(table)


def _applied_words(one: ApplyView) -> str:
    """The few changes by name, many by number."""
    words = [f"{change.name} {_change_words(change)}" for change in one.changes]
    if len(words) > _MOST_CHANGES_NAMED:
        words = [f"{count} {kind}" for kind, count in Counter(map(_change_words, one.changes)).items()]
    dirty = ["files differ from the commit"] if one.dirty and one.commit is not None else []
    return ", ".join([*([one.note] if one.note else []), *dirty, *words])


def _change_words(change: AppliedChange) -> str:
    if change.adopted_from is None:
        return change.change.value
    adopted = f"adopted from {_short_source(change.adopted_from)}"
    return adopted if change.change is ChangeKind.UNCHANGED else f"{change.change.value} and {adopted}"


def _short_source(source: str) -> str:
    """The end of an address: "org/repo"."""
    return "/".join(source.split("/")[-_SOURCE_PARTS:])


def _wall(at: datetime, zone: str) -> str:
    """A fire time as its schedule means it: "2026-03-02 08:00 Europe/Zurich"."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%Y-%m-%d %H:%M:%S}".removesuffix(":00") + f" {zone}"


def run_title(run: RunHead) -> str:
    """The job with its arguments, or the command, as one would type it."""
    words = [run.job] if run.job is not None else list(run.command or ())
    return shlex.join([*words, *run.args])


def _short_title(run: RunHead) -> str:
    """A command may be a whole script: as much as a terminal's row has room for. `show` has all of it."""
    title = plain(run_title(run))
    room = max(_LEAST_TITLE_COLUMNS, terminal_size().columns - _OTHER_COLUMNS) if os.isatty(1) else _MOST_COLUMNS
    return keep_start(title, room)


def age(instant: datetime, now: datetime) -> str:
    """How long ago: "3 min ago"; the date when that is more than a week."""
    passed = now - instant
    if passed > _OLDEST_AGE:
        return instant.astimezone().strftime("%Y-%m-%d")
    for unit, length in _AGES:
        if passed >= length:
            return f"{passed // length} {unit} ago"
    return "now"


def duration(seconds: float) -> str:
    """ "1.204 s"; "12 min 3 s" where nobody asks for milliseconds."""
    if seconds < 60:
        return f"{seconds:.3f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def duration_words(seconds: float) -> str:
    """ "3 s", "12 min 3 s": for what is not measured but waited."""
    return f"{max(0, round(seconds))} s" if seconds < 60 else duration(seconds)


def size(length: int) -> str:
    """A number of bytes: "312 B", "4.2 MiB"."""
    amount = float(length)
    for unit in ("B", "KiB", "MiB"):
        if amount < _BYTES_UNIT:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= _BYTES_UNIT
    return f"{amount:.1f} GiB"


def _is_undecided(execution: ExecutionView) -> bool:
    return execution.counts_as is State.AWAITING_INPUT


def _state_words(execution: ExecutionView, now: datetime) -> str:
    if _is_undecided(execution):
        return "interrupted, undecided"
    if execution.counts_as is not None:
        return f"{execution.counts_as.value.replace('_', ' ')}, not confirmed"
    words = execution.state.value.replace("_", " ")
    if execution.attempt > 1:
        words += f", attempt {execution.attempt}"
    if execution.cancel_requested and not execution.state.is_outcome:
        return f"{words}, cancelling"
    if execution.state is State.QUEUED and execution.expires_at is not None:
        return f"{words}, expires {moment(execution.expires_at, now.astimezone())}"
    return words


def _detail_words(execution: ExecutionView) -> str:
    if execution.retry_at is not None:
        again = f"tried again at {execution.retry_at.astimezone():%H:%M:%S}"
        return f"{execution.detail}; {again}" if execution.detail else again
    return execution.detail


def _output_words(execution: ExecutionView) -> str:
    """The length is known when the program has ended."""
    return size(execution.output_length) if execution.started_at and execution.state.is_outcome else ""


def _exit_words(execution: ExecutionView | AttemptView) -> str:
    if execution.signal is not None:
        return signal_name(execution.signal)
    return "" if execution.exit_code is None else str(execution.exit_code)


def _table(*headings: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _fits(table: Table) -> bool:
    """Whether the terminal has room for every cell in one line."""
    from rich.console import Console

    return not os.isatty(1) or Console(width=_MOST_COLUMNS).measure(table).maximum <= terminal_size().columns


def _fact_words(value: FactValue) -> str:
    """As a playbook would write it; several are divided by commas."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(value) if isinstance(value, list) else str(value)


def _text(text: str, style: str = "") -> Any:
    from rich.text import Text

    return Text(plain(text), style=style)


def _print(table: Table) -> None:
    """At the terminal's width; as wide as it gets elsewhere, where a program or a file takes the lines."""
    from rich.console import Console

    width = None if os.isatty(1) else _MOST_COLUMNS
    console = Console(width=width, color_system="auto" if colours_on_stdout() else None, highlight=False)
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        print(line.rstrip())
