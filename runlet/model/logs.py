"""How much of what a program prints is kept, and what becomes of one that prints more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from runlet.model import size

# Of one attempt, unless its job says otherwise: more than a person reads and a verbose build prints, so that almost all
# is kept whole; and little enough that a job which never stops printing, on a hundred devices, costs a disk 7 GB.
DEFAULT_LIMIT = 64 * 1024**2
# A transcript comes and goes by eighths of its limit; smaller ones would be files of a few lines.
LEAST_LIMIT = 64 * 1024
# Larger than any disk that a controller keeps transcripts on: a slip of the finger.
MOST_LIMIT = 1000**4


class Overflow(StrEnum):
    """What happens when a program prints more than the limit."""

    KEEP_ENDS = "keepEnds"  # it goes on; the first half of the limit is kept, and the last
    BLOCK = "block"  # it waits until it is cancelled
    STOP = "stop"  # it is ended, and has failed


@dataclass(frozen=True, slots=True)
class Logs:
    """`limit` is how many bytes of an attempt's output are kept."""

    limit: int = DEFAULT_LIMIT
    overflow: Overflow = Overflow.KEEP_ENDS

    def to_mapping(self) -> dict[str, Any]:
        return {"limit": size.text(self.limit), "overflow": self.overflow.value}

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any]) -> Logs:
        return cls(
            limit=size.parse(content["limit"]) if "limit" in content else DEFAULT_LIMIT,
            overflow=Overflow(content.get("overflow", Overflow.KEEP_ENDS)),
        )
