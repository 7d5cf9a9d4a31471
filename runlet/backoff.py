"""How long to wait before the next try: exponential with full jitter.

Full jitter (a uniform draw between zero and the ceiling) spreads a fleet that lost its broker at one instant;
see M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """A sequence of delays in seconds: the n-th is uniform in [0, min(cap, base * 2**n)]."""

    base: float = 1.0
    cap: float = 60.0
    draw: random.Random = field(default_factory=random.SystemRandom, repr=False)
    tries: int = field(default=0, init=False)

    def next(self) -> float:
        """The delay before the next try."""
        ceiling = min(self.cap, self.base * 2 ** min(self.tries, 32))
        self.tries += 1
        return self.draw.uniform(0, ceiling)

    def reset(self) -> None:
        """Begin again after a success."""
        self.tries = 0
