"""How long a program has run, and how long it still may: the time that it waits for a person does not count.

Rules without I/O. Times are of a monotonic clock, in seconds.
"""

from __future__ import annotations


class Clock:
    """Begins to run at `now`; `limit` is in seconds, None for no limit."""

    def __init__(self, now: float, limit: float | None) -> None:
        self._limit = limit
        self._ran = 0.0  # up to when it last stood still
        self._runs_since: float | None = now

    @property
    def due(self) -> float | None:
        """When the limit is reached; None when it is not to be reached: there is none, or the clock stands still."""
        if self._limit is None or self._runs_since is None:
            return None
        return self._runs_since + self._limit - self._ran

    def ran(self, now: float) -> float:
        return self._ran + (0.0 if self._runs_since is None else now - self._runs_since)

    def stand(self, now: float) -> None:
        """The program waits for a person."""
        self._ran, self._runs_since = self.ran(now), None

    def go(self, now: float) -> None:
        """It went on."""
        if self._runs_since is None:
            self._runs_since = now

    def unlimit(self) -> None:
        """The limit is reached: what follows needs no limit, only to be counted."""
        self._limit = None
