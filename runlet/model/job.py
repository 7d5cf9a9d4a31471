"""A job: what to do. An immutable value whose revision is the digest of its content."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from runlet.model.schedule import Schedule
from runlet.model.target import Target, Where

# How a script is run when neither the job nor its playbook's settings name an entrypoint; None lets the agent choose
# what its platform has (`/bin/bash --login` on Linux and macOS).
DEFAULT_ENTRYPOINT: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A declared job. `script` is a template until a run renders it."""

    name: str
    script: str
    description: str = ""
    show_duration: bool = False
    cwd: str | None = None
    target: Target = field(default_factory=Target)
    schedule: Schedule | None = None
    entrypoint: tuple[str, ...] | None = DEFAULT_ENTRYPOINT
    barred: frozenset[str] = frozenset()  # devices excluded by settings.daemons

    @property
    def every(self) -> str | None:
        """When the job runs by itself, as written."""
        return None if self.schedule is None else self.schedule.every

    @property
    def revision(self) -> str:
        """The hex SHA-256 of the job's content: equal content, equal revision."""
        content = json.dumps(self.to_mapping(), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()

    def to_mapping(self) -> dict[str, Any]:
        """The job as JSON values, in playbook spelling; `from_mapping` reads it back."""
        return {
            "name": self.name,
            "script": self.script,
            "description": self.description,
            "showDuration": self.show_duration,
            "cwd": self.cwd,
            "where": self.target.where.value,
            "whereCustom": list(self.target.patterns),
            "every": self.every,
            "schedule": None if self.schedule is None else self.schedule.to_mapping(),
            "entrypoint": None if self.entrypoint is None else list(self.entrypoint),
            "barred": sorted(self.barred),
        }

    @classmethod
    def from_mapping(cls, content: dict[str, Any]) -> Job:
        """The inverse of `to_mapping`, for content that was checked against the schema."""
        entrypoint, every = content["entrypoint"], content["every"]
        return cls(
            name=content["name"],
            script=content["script"],
            description=content["description"],
            show_duration=content["showDuration"],
            cwd=content["cwd"],
            target=Target(Where(content["where"]), tuple(content["whereCustom"])),
            schedule=None if every is None else Schedule.from_mapping(every, content["schedule"] or {}),
            entrypoint=None if entrypoint is None else tuple(entrypoint),
            barred=frozenset(content["barred"]),
        )
