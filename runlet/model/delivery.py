"""What a job says of devices that are away: whether an execution waits for one, how long, and for which run.

The keys of a job's `delivery`; `to_mapping` writes those that are not as by default, so that a default written out is
not a change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from runlet.model import duration

# A laptop that comes back after a week's holiday, and a machine that is switched on once a week, still get what was
# meant for them; what is older was decided for a fleet that may look different by now.
DELIVER_WITHIN = timedelta(days=7)


class Offline(StrEnum):
    """What becomes of an execution whose device is not connected when it is released."""

    QUEUE = "queue"  # it waits for the device, until its deadline
    FAIL = "fail"  # it expires at once


@dataclass(frozen=True, slots=True)
class Delivery:
    """How executions reach devices that come and go."""

    offline: Offline = Offline.QUEUE
    deliver_within: timedelta = DELIVER_WITHIN  # from the release of an execution to its acceptance
    supersede: bool = False  # what earlier runs of the job have not delivered to a device of this one is skipped

    def to_mapping(self) -> dict[str, Any]:
        content: dict[str, Any] = {}
        if self.offline is not Offline.QUEUE:
            content["offline"] = self.offline.value
        if self.deliver_within != DELIVER_WITHIN:
            content["deliverWithin"] = duration.text(self.deliver_within)
        if self.supersede:
            content["supersede"] = True
        return content

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any]) -> Delivery:
        """From content that was checked against the schema. Raises InvalidInput for what is no duration."""
        return cls(
            offline=Offline(content.get("offline", Offline.QUEUE)),
            deliver_within=duration.parse(content["deliverWithin"]) if "deliverWithin" in content else DELIVER_WITHIN,
            supersede=content.get("supersede", False),
        )


BY_DEFAULT = Delivery()
