"""How old at least what another process sends is, by its clock and ours, neither of which anybody sets. Without I/O.

The two clocks have nothing to do with one another. What was the least delayed of all that came lately tells how far
they are apart, and how much longer anything else was under way is known then, wherever it lay.
"""

from __future__ import annotations

# Clocks drift apart, and one stands still while its machine is paused: what came so long ago counts no more. A stop of
# either side does not end it, only what came after does.
WINDOW_SECONDS = 120.0


class Ages:
    """What one clock tells. All times are seconds."""

    def __init__(self) -> None:
        self._begun = float("-inf")  # of the present window, by our clock
        self._ahead = self._ahead_before = float("-inf")  # of ours, at least; in this window and in the one before

    def of(self, at: float, now: float) -> float:
        """How old at least what left at `at` by the other's clock is, at `now` by ours."""
        if now - self._begun > WINDOW_SECONDS:
            self._begun, self._ahead_before, self._ahead = now, self._ahead, float("-inf")
        self._ahead = max(self._ahead, at - now)
        return now + max(self._ahead, self._ahead_before) - at
