"""Why programs end: what a holder is to say of the ends that it gives, and what the controller is told of any."""

from __future__ import annotations

import time
from datetime import timedelta

from runlet.agent.session import Verdicts
from runlet.holder import processes
from runlet.holder.records import Ended
from runlet.model import duration, size
from runlet.model.execution import Event
from runlet.model.logs import Overflow
from runlet.protocol.messages import MAX_COUNT, Ask, Execute, Report

# Process ids that fit into a line.
TOLD_PROCESSES = 10

# Why a program's outcome is not known.
STOPPED = "the agent was stopped while the program ran"
ENDED = "its holder was told to end it"
LOST = "its holder was lost while the program ran"
REBOOTED = "the device was restarted while the program ran"
UNKNOWN = "the device does not know of it: its journal was lost"

# Behind the event of a verdict: it is for want of an answer.
_UNANSWERED = " unanswered"


def verdict(event: Event, detail: str = "", *, unanswered: bool = False) -> str:
    """What a holder is to say of the end that it is asked for."""
    return f"{event}{_UNANSWERED if unanswered else ''}\n{detail}"


def verdicts(command: Execute) -> Verdicts:
    """What a holder is to say of the ends that it gives by itself."""
    limit = duration.text(timedelta(seconds=command.timeout or 0))
    return Verdicts(
        timeout=verdict(Event.TIME_OUT, f"ended after its time limit of {limit}"),
        limit=verdict(Event.FAIL, f"printed more than {size.text(command.logs.limit)}"),
        stop=verdict(Event.INTERRUPT, ENDED),
    )


def judged(ended: Ended) -> tuple[Event, bool, str]:
    """The outcome of a program, whether it is for want of an answer, and why: the verdict of whoever ended it, or what
    it says itself.
    """
    first, _, detail = ended.verdict.decode().partition("\n")
    if first:
        return Event(first.removesuffix(_UNANSWERED)), first.endswith(_UNANSWERED), detail
    return (Event.SUCCEED if ended.code == 0 else Event.FAIL), False, ended.failure.decode(errors="replace")


def unknown(question: Ask) -> Report:
    """The report on what should be here and is not: nobody knows how far it came, and none of its output is left."""
    return Report(
        question.execution,
        question.attempt,
        version=question.version + 1,
        event=Event.INTERRUPT,
        at=time.time(),
        detail=UNKNOWN,
        kept_from=MAX_COUNT,
    )


def not_started(why: str) -> str:
    return f"it cannot be started: {why}"


def full_words(command: Execute | None, length: int) -> str:
    """What to tell of a program that was blocked: what it printed last was not read."""
    if command is None or command.logs.overflow is not Overflow.BLOCK or length < command.logs.limit:
        return ""
    return f"printed {size.text(command.logs.limit)}, all that its job keeps"


def left_running(execution: str) -> str:
    """What to tell of a program whose holder was lost: its terminal is gone, but it may have survived that."""
    pids = processes.of_execution(execution.encode())
    if not pids:
        return LOST
    shown = ", ".join(str(pid) for pid in pids[:TOLD_PROCESSES]) + (", ..." if len(pids) > TOLD_PROCESSES else "")
    return f"{LOST}; still running without a terminal: {shown}"
