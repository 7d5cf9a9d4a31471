"""What a benchmark tells: one figure, its peers, how many samples, how far they were apart."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class Figure:
    """`goal` is what Runlet holds: at most that, or at least with `more_is_better`. `spread` is lowest and highest."""

    figure: str
    value: float
    unit: str
    samples: int
    spread: tuple[float, float]
    goal: float | None = None
    more_is_better: bool = False
    peers: Mapping[str, float] = field(default_factory=dict)
    notes: Mapping[str, float] = field(default_factory=dict)  # what else the same measurement told

    def ratio(self, peer: str) -> float:
        """How many times Runlet's value is the peer's."""
        return self.value / self.peers[peer]

    def print(self) -> None:
        """One JSON object on a line of its own."""
        content = asdict(self) | {"ratios": {peer: self.ratio(peer) for peer in self.peers}}
        print(json.dumps(_rounded(content)), flush=True)


def tell(words: str) -> None:
    """Progress, for whoever waits; standard output is for figures only."""
    print(words, file=sys.stderr, flush=True)


def spread(values: Sequence[float]) -> tuple[float, float]:
    return min(values), max(values)


def quantile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _rounded(value: object) -> object:
    """Four significant digits: more would be noise."""
    match value:
        case float():
            return float(f"{value:.4g}")
        case dict():
            return {key: _rounded(item) for key, item in value.items()}
        case list() | tuple():
            return [_rounded(item) for item in value]
    return value
