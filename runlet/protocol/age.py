"""How old at least what another process sends is, by its clock and ours, neither of which anybody sets. Without I/O.

The two clocks have nothing to do with one another. What was the least delayed of all that came tells how far they are
apart, and how much longer anything else was under way is known then, wherever it lay.
"""

from __future__ import annotations


class Ages:
    """What one clock tells. All times are seconds."""

    def __init__(self) -> None:
        self._ahead = float("-inf")  # of ours, at least

    def of(self, at: float, now: float) -> float:
        """How old at least what left at `at` by the other's clock is, at `now` by ours."""
        self._ahead = max(self._ahead, at - now)
        return now + self._ahead - at
