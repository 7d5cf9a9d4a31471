"""Who may type on one session: the writer's lease. Rules without I/O; the clock is a parameter, in seconds.

The first console that types is the writer, and stays it until it leaves, is attached nowhere for WRITER_GONE_SECONDS,
gives the lease to who asked for it, or another takes it. All is decided here, in the order in which it comes, so that
there are never two, whichever controllers consoles are attached to. Each change has a greater epoch than the one
before; what was sent in ignorance of the last grant, and so may have been long on its way, is refused.

What a terminal answers by itself is not typing: it makes nobody the writer. It is taken from one console only, the one
in front: the writer's, or while there is none the one that last attached or was resized, whose window counts. That one
too is in front no more when it has been attached nowhere for WRITER_GONE_SECONDS.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from runlet.protocol.chunk import Input
from runlet.protocol.messages import WRITER_GONE_SECONDS, Cause, Handover, Resize, Step, TerminalSize, Writer

STALE = "it was typed before another console became the writer"
NOT_IN_FRONT = "another console's terminal answers"


@dataclass(slots=True)
class Lease:
    """One session's. `note` has all of it, to go on from when the agent is another."""

    columns: int
    rows: int
    epoch: int = 0  # of the last change
    granted: int = 0  # the epoch of the last grant
    since: int = 0  # what the writer knew when it became that: what it sends is of this epoch or later
    identity: int = 0
    who: str = ""
    asker: int = 0
    asker_who: str = ""
    front: int = 0
    cause: Cause = Cause.LEFT
    seen: float = 0.0  # when the one in front was heard of

    def note(self) -> dict[str, object]:
        """In JSON values."""
        return asdict(self)

    def recall(self, note: dict[str, Any], now: float) -> None:
        """Go on from what an earlier agent noted; its clock was another.

        Raises what comes of a note that is none: TypeError, ValueError.
        """
        noted = Lease(**note)
        noted.cause = Cause(noted.cause)
        for name in asdict(noted):
            setattr(self, name, getattr(noted, name))
        self.seen = now

    def told(self, execution: str, attempt: int) -> Writer:
        """Its state, for all to know."""
        return Writer(
            execution,
            attempt,
            self.epoch,
            self.identity,
            self.who,
            self.asker,
            self.asker_who,
            self.front,
            self.cause,
            TerminalSize(self.columns, self.rows),
        )

    def judge(self, piece: Input, now: float) -> str:
        """Why a piece is not to be typed; empty when it is. Who types while there is no writer becomes it."""
        self._lapse(now)
        if piece.is_reply:
            if not self.front:
                self._bring_to_front(piece.identity, now)
            return "" if piece.identity == self.front else NOT_IN_FRONT
        if not self.identity:
            if 0 < piece.epoch < self.granted:
                return STALE
            self._grant(piece.identity, piece.who, piece.epoch, Cause.TYPED, now)
        if piece.identity != self.identity:
            return f"{self.who or 'another console'} is typing"
        if 0 < piece.epoch < self.since:
            return STALE
        self.seen = now
        return ""

    def hand_over(self, handover: Handover, now: float) -> None:
        """What a console wants of the lease; nothing where that is not its to want, or it comes too late."""
        self._lapse(now)
        is_writer = handover.identity == self.identity
        match handover.step:
            case Step.LEAVE:
                self._leave(handover.identity)
            case _ if 0 < handover.epoch < self.granted:
                pass
            case Step.GIVE if is_writer and self.asker:
                self._grant(self.asker, self.asker_who, handover.epoch, Cause.GIVEN, now)
            case Step.TAKE if not is_writer:
                self._grant(handover.identity, handover.who, handover.epoch, Cause.TAKEN, now)
            case Step.ASK if not self.identity:
                self._grant(handover.identity, handover.who, handover.epoch, Cause.TAKEN, now)
            case Step.ASK if not is_writer:
                self.asker, self.asker_who = handover.identity, handover.who
                self.epoch += 1

    def resize(self, resize: Resize, now: float) -> TerminalSize | None:
        """The size that the window is to be set to, so that programs draw again; None when nothing is to be done."""
        self._lapse(now)
        before = TerminalSize(self.columns, self.rows)
        counts = not self.identity or resize.identity == self.identity
        if counts and resize.identity != self.front:
            self._bring_to_front(resize.identity, now)
        after = resize.terminal if counts else before
        self.epoch += after != before  # all are told of it
        self.columns, self.rows = after.columns, after.rows
        return after if resize.redraw or after != before else None

    def attached(self, identity: int, now: float) -> None:
        """A console is attached somewhere."""
        if identity and identity == self.front:
            self.seen = now

    def in_front(self, now: float) -> int:
        """The console whose terminal answers; 0: none."""
        self._lapse(now)
        return self.front

    def _grant(self, identity: int, who: str, known: int, cause: Cause, now: float) -> None:
        self.epoch = max(self.epoch, known) + 1  # an agent that was killed may have told of what it had not noted
        self.granted, self.since, self.seen = self.epoch, known, now
        self.identity, self.who, self.cause = identity, who, cause
        self.asker, self.asker_who = 0, ""
        self.front = identity

    def _leave(self, identity: int) -> None:
        if identity in (self.identity, self.asker, self.front):
            self.epoch += 1
        if identity == self.asker:
            self.asker, self.asker_who = 0, ""
        if identity == self.identity:
            self.identity, self.who, self.cause = 0, "", Cause.LEFT
            self.asker, self.asker_who = 0, ""
        if identity == self.front:
            self.front = 0

    def _lapse(self, now: float) -> None:
        if self.front and now > self.seen + WRITER_GONE_SECONDS:
            self._leave(self.front)  # the writer, if there is one

    def _bring_to_front(self, identity: int, now: float) -> None:
        self.front, self.seen = identity, now
        self.epoch += 1
