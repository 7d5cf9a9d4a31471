"""Who is told what of a run: the keys of a job's `notify`, and of the controller's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runlet.model.execution import OUTCOMES, State

# What may be told: that programs of the run wait for a person, and how the whole run has ended.
OCCASIONS = frozenset({State.AWAITING_INPUT}) | OUTCOMES


@dataclass(frozen=True, slots=True)
class Notify:
    """`on` is when: members of OCCASIONS. Either `webhook`, a URL, or `command`, of the controller's machine."""

    on: frozenset[State]
    webhook: str | None = None
    command: tuple[str, ...] = ()

    def to_mapping(self) -> dict[str, Any]:
        how: dict[str, Any] = {"webhook": self.webhook} if self.webhook else {"command": list(self.command)}
        return {"on": sorted(state.value for state in self.on)} | how

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any]) -> Notify:
        return cls(
            on=frozenset(State(state) for state in content["on"]),
            webhook=content.get("webhook"),
            command=tuple(content.get("command", ())),
        )
