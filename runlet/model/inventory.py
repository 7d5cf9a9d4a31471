"""The declared devices: what the fleet consists of, whether or not any of it is connected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

# A device's name is part of routing keys, queue names and user names, so it is narrow: no dots, no wildcards.
DEVICE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True)
class Device:
    """One declared device. A device that is not `enabled` is known but takes no part in the fleet."""

    name: str
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    enabled: bool = True
