"""A run as a JUnit report, which CI systems show: one test suite, one test case for each device.

JUnit was never specified; the report is what the schema of Jenkins' xUnit plugin (junit-10.xsd) allows, which GitLab,
GitHub's report actions and others read too. Making it is without I/O; `write` replaces the file in one step, so that
nobody reads half a report.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from runlet.cli.inert import plain
from runlet.cli.lines import LineAssembler
from runlet.cli.prefix import device_name
from runlet.cli.render import run_title
from runlet.cli.replay import from_safe_place
from runlet.cli.trailer import trailer
from runlet.errors import InvalidInput, on_one_line
from runlet.model.execution import State
from runlet.protocol.views import ExecutionView, RunView
from runlet.width import keep_start

if TYPE_CHECKING:
    from runlet.client.api import Api

# Of each transcript its end, where a program tells why it failed: as much as a person reads of one test case.
OUTPUT_BYTES = 16 * 1024
# Of all of them together, shared equally: CI systems refuse reports of some tens of MiB.
ALL_OUTPUT_BYTES = 8 * 1024 * 1024
# A command may be a whole script, and its title stands at every test case.
MOST_TITLE_COLUMNS = 100

_FAILURE, _ERROR, _SKIPPED = "failure", "error", "skipped"
# A failure is what the job itself caused; an error, what kept it from telling. A state that is no outcome is an error:
# the wait for it was given up.
_ELEMENTS = {
    State.FAILED: _FAILURE,
    State.TIMED_OUT: _FAILURE,
    State.CANCELLED: _ERROR,
    State.REJECTED: _ERROR,
    State.EXPIRED: _ERROR,
    State.INTERRUPTED: _ERROR,
    State.SKIPPED: _SKIPPED,
}
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def report(run: RunView, output: Mapping[str, str]) -> bytes:
    """The XML document; `output` holds the end of each transcript, by execution."""
    kinds = [kind_of(execution.standing) for execution in run.executions]
    totals = {
        "tests": str(len(kinds)),
        "failures": str(kinds.count(_FAILURE)),
        "errors": str(kinds.count(_ERROR)),
    }
    title = _clean(keep_start(plain(run_title(run)), MOST_TITLE_COLUMNS))
    root = Element("testsuites", totals)
    suite = SubElement(
        root,
        "testsuite",
        {
            "name": f"run {run.id}: {title}",
            **totals,
            "skipped": str(kinds.count(_SKIPPED)),
            "time": _seconds(run.executions),
            "timestamp": run.created_at.isoformat(timespec="seconds"),
        },
    )
    for execution, kind in zip(run.executions, kinds, strict=True):
        case = SubElement(
            suite,
            "testcase",
            {"classname": title, "name": _clean(device_name(execution)), "time": _seconds([execution])},
        )
        if kind is not None:
            message = _clean("; ".join(_words(execution)))
            SubElement(case, kind, {"type": execution.standing.value, "message": message}).text = message
        if text := output.get(execution.id):
            SubElement(case, "system-out").text = _clean(text)
    indent(root)
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def kind_of(state: State) -> str | None:
    """What a test case in this state holds; nothing when it succeeded."""
    return None if state is State.SUCCEEDED else _ELEMENTS.get(state, _ERROR)


def text_of(data: bytes, position: int) -> str:
    """A transcript's lines from `position` on, each in its last state, without what could act on a terminal."""
    assembler = LineAssembler(colours=False)
    lines = assembler.feed(from_safe_place(data, position)[0] if position else data) + assembler.finish()
    left_out = [f"[the first {position} bytes are left out]"] if position else []
    return "\n".join([*left_out, *lines])


def share(executions: int) -> int:
    """How many bytes of each of so many transcripts a report has room for."""
    return min(OUTPUT_BYTES, ALL_OUTPUT_BYTES // max(1, executions))


def gather(api: Api, run: RunView) -> dict[str, str]:
    """The end of each transcript of the run, by execution."""
    most, found = share(len(run.executions)), {}
    for execution in run.executions:
        if execution.device is not None and execution.started_at is not None:
            begin = max(0, api.transcript_length(run.id, execution.device, execution.attempt) - most)
            page = next(api.transcript(run.id, execution.device, begin), None)
            if page is not None:
                found[execution.id] = text_of(page.data[:most], begin + page.left_out)
    return found


def check(path: Path) -> None:
    """Whether a report can be written there, before the run that it tells of. Raises InvalidInput."""
    if path.is_dir():
        raise InvalidInput(f"{on_one_line(path)} is a folder", "name a file for the report")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        where = on_one_line(path.parent)
        raise InvalidInput(f"{on_one_line(path)} cannot be written: {where} is no folder that one may write to")


def write(path: Path, document: bytes) -> None:
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        new.write_bytes(document)
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise InvalidInput(f"{on_one_line(path)} cannot be written: {error.strerror}") from None


def _words(execution: ExecutionView) -> list[str]:
    if execution.standing.is_outcome:
        return trailer(execution, show_duration=False)
    return [f"not ended: {execution.standing.value.replace('_', ' ')} when the wait was given up"]


def _seconds(executions: Sequence[ExecutionView]) -> str:
    """How long the programs ran, together, as the schema wants it."""
    return f"{sum(max(0.0, execution.seconds or 0.0) for execution in executions):.3f}"


def _clean(text: str) -> str:
    """Without the characters that XML has no way to spell."""
    return _NOT_IN_XML.sub("", text)
