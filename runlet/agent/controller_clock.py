"""How late it is by the controller's clock, at least. Without I/O: `now` is a clock that nobody sets, in seconds.

The device's own clock is not to be trusted, but the time that has passed since the controller told its own is.
"""

from __future__ import annotations


class ControllerClock:
    """What the controller's clock shows at least, in seconds since the epoch; nothing is known before it was told."""

    def __init__(self) -> None:
        self._ahead = float("-inf")  # of `now`, at least

    def told(self, at: float, now: float) -> None:
        """It showed `at` when somebody wrote what came at `now`, however long that was under way.

        What is known already holds: what a stalled connection brings late tells less. So a clock that was put back, or
        another controller's that is behind, is not believed; who asks what is past too early asks the controller once
        more.
        """
        self._ahead = max(self._ahead, at - now)

    def past(self, instant: float, now: float) -> float:
        """The seconds by which an instant is past for sure; not above 0 when it may be to come."""
        return now + self._ahead - instant
