"""An execution that the agent is responsible for: its report, its state, and whoever attends to its program."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field, replace

from runlet.agent.answers import Answers
from runlet.agent.display import Display
from runlet.agent.inquiries import Inquiries
from runlet.agent.lease import Lease
from runlet.agent.output import OutputSender
from runlet.agent.prompts import Asking
from runlet.agent.questions import Questions
from runlet.agent.receipts import Receipts
from runlet.agent.replies import Replies
from runlet.agent.session import Session
from runlet.model.execution import Event, State, advance
from runlet.protocol.messages import Execute, Report


@dataclass(slots=True)
class Held:
    """An execution the agent is responsible for, from acceptance until the controller has settled it."""

    command: Execute | None  # None: its Cancel came first
    report: Report  # the newest
    state: State
    output: OutputSender
    asking: Asking
    answers: Answers
    questions: Questions
    lease: Lease
    display: Display
    inquiries: Inquiries
    replies: Replies
    reserved: int  # a version of the report; the journal knows that those before it may be used
    session: Session | None = None  # from the moment on that a holder was asked for
    receipts: Receipts = field(default_factory=Receipts)
    ending: asyncio.Task[None] | None = None  # writes down the outcome when the session ends
    is_replying: bool = False  # what it asks its terminal is about to be answered
    has_slot: bool = False  # it is among the programs of which so many may run at once

    @property
    def key(self) -> tuple[str, int]:
        return self.report.execution, self.report.attempt

    @property
    def name(self) -> str:
        """What its files are called."""
        return f"{self.report.execution}.{self.report.attempt}"

    def advance(self, event: Event) -> None:
        """This has happened: the newest report tells it."""
        self.state = advance(self.state, event)
        self.report = replace(self.report, version=self.report.version + 1, event=event, at=time.time(), prompt=None)

    def note(self) -> bytes:
        """What the next agent must know that its journal and the program's holder do not tell."""
        return json.dumps({"lease": self.lease.note(), "display": self.display.note()}, separators=(",", ":")).encode()

    def recall(self, note: bytes, now: float) -> None:
        """Go on from a note. What one of another version noted, and is not understood, is done without: the next who
        types is the writer, and the modes are those that are switched from now on.
        """
        try:
            noted = json.loads(note)
            self.lease.recall(noted.get("lease", noted), now)  # at first the note was the lease alone
            self.display.recall(noted["display"])
        except (ValueError, TypeError, KeyError, AttributeError):
            return

    def reserving(self) -> Report:
        """The report as the journal has it: an agent that begins again looks for itself what the program does."""
        return replace(self.report, version=self.reserved, event=Event.RESUME, prompt=None, detail="")
