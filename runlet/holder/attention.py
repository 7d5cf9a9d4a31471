"""When to look whether a program waits for a person: rules without I/O.

A look costs a program nothing and the processor some 100 µs. It is taken when a terminal that was busy has become
quiet, and again while it stays so, for a program may begin to wait without printing; the longer nothing changes, the
less often. A program that prints all the time is not looked at, unless it waited when it was last looked at.
"""

from __future__ import annotations

# A program that has not printed, and was not typed to, for so long may have come to a question.
QUIET_SECONDS = 0.08
# One that waited and now prints without a pause has gone on: look after this at the latest.
GONE_ON_SECONDS = 0.2
# While nothing changes: this soon, since a person is waiting for the question, ...
SOON_SECONDS = 0.2
# ... for a program that is busy and silent up to so long; beyond it, and for one that waits, this often.
SOON_FOR_SECONDS = 60.0
SELDOM_SECONDS = 1.0
# The share of a processor that looking may take, on whatever machine: once nothing has changed for so long, and before.
IDLE_SHARE = 0.002
SHARE = 0.02


class Attention:
    """The times at which one terminal is looked at, on a monotonic clock in seconds."""

    def __init__(self, now: float) -> None:
        self._changed_at = now
        self._unseen_since: float | None = now
        self._waits = False
        self._not_before = now
        self.due: float | None = now + QUIET_SECONDS

    def silence(self, now: float) -> float:
        """Seconds since something was printed or typed."""
        return now - self._changed_at

    def changed(self, now: float) -> None:
        """Something was printed or typed."""
        self._changed_at = now
        if self._unseen_since is None:
            self._unseen_since = now
        due = now + QUIET_SECONDS
        if self._waits:
            due = min(due, self._unseen_since + GONE_ON_SECONDS)
        self.due = max(due, self._not_before)

    def looked(self, now: float, seconds: float, *, waits: bool) -> None:
        """A look took so many seconds of a processor; `waits`: the program may wait for a person."""
        self._waits = waits
        self._unseen_since = None
        self._not_before = now + seconds / SHARE
        silence = self.silence(now)
        pause = SOON_SECONDS if silence < (SELDOM_SECONDS if waits else SOON_FOR_SECONDS) else SELDOM_SECONDS
        share = SHARE if silence < SOON_FOR_SECONDS else IDLE_SHARE
        self.due = now + max(pause, seconds / share)

    def rest(self) -> None:
        """Nobody wants to know."""
        self.due = None

    def wake(self, now: float) -> None:
        """Somebody does, who knows nothing: soon, though it prints without a pause."""
        self._waits = True
        self._unseen_since = now
        self.due = now + QUIET_SECONDS
