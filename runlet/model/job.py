"""A job: what to do. An immutable value whose revision is the digest of its content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from runlet.model import declared_answers, duration
from runlet.model.declaration import Declaration, Kind, digest
from runlet.model.declared_answers import Rules
from runlet.model.delivery import BY_DEFAULT, Delivery
from runlet.model.logs import Logs
from runlet.model.notify import Notify
from runlet.model.rollout import Abort, Concurrency, OnInterrupted, Retry, Rollout
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
    rollout: Rollout | None = None
    aborts: tuple[Abort, ...] = ()
    retry: Retry | None = None
    concurrency: Concurrency | None = None
    delivery: Delivery = BY_DEFAULT
    on_interrupted: OnInterrupted = OnInterrupted.FAIL
    vars: Mapping[str, Any] = field(default_factory=dict)  # for its template and its program
    env: dict[str, str] = field(default_factory=dict)  # variables of the program's environment, as they are
    timeout: timedelta | None = None  # how long the program may run
    logs: Logs = field(default_factory=Logs)
    notify: tuple[Notify, ...] = ()  # who is told of its runs
    input: Rules = declared_answers.BY_DEFAULT  # what is done about its program's questions

    @property
    def every(self) -> str | None:
        """When the job runs by itself, as written."""
        return None if self.schedule is None else self.schedule.every

    @property
    def revision(self) -> str:
        """The hex SHA-256 of the job's content: equal content, equal revision."""
        return digest(self.to_mapping())

    def declaration(self) -> Declaration:
        return Declaration(Kind.JOB, self.name, self.to_mapping())

    def to_mapping(self) -> dict[str, Any]:
        """The job as JSON values, in playbook spelling; `from_mapping` reads it back.

        What is as by default is left out, so that a key that later versions add changes no job's revision.
        """
        target = self.target
        content = {
            "description": self.description,
            "showDuration": self.show_duration,
            "cwd": self.cwd,
            "where": None if target.where is Where.LOCAL else target.where.value,
            "whereCustom": list(target.patterns),
            "allowEmpty": target.allow_empty,
            "every": self.every,
            "schedule": None if self.schedule is None else self.schedule.to_mapping(),
            "entrypoint": None if self.entrypoint is None else list(self.entrypoint),
            "barred": sorted(self.barred),
            "rollout": None if self.rollout is None else self.rollout.to_mapping(),
            "abort": [rule.to_mapping() for rule in self.aborts],
            "retry": None if self.retry is None else self.retry.to_mapping(),
            "concurrency": None if self.concurrency is None else self.concurrency.to_mapping(),
            "delivery": self.delivery.to_mapping(),
            "onInterrupted": None if self.on_interrupted is OnInterrupted.FAIL else self.on_interrupted.value,
            "vars": dict(self.vars),
            "env": dict(self.env),
            "timeout": None if self.timeout is None else duration.text(self.timeout),
            "logs": None if self.logs == Logs() else self.logs.to_mapping(),
            "notify": [one.to_mapping() for one in self.notify],
            "input": self.input.to_mapping(),
        }
        return {"name": self.name, "script": self.script} | {key: value for key, value in content.items() if value}

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any]) -> Job:
        """The inverse of `to_mapping`, for content that was checked against the schema.

        Raises InvalidInput for a target whose patterns are wrong.
        """
        given = content.get
        where, patterns = Where(given("where", Where.LOCAL)), tuple(given("whereCustom", ()))
        return cls(
            name=content["name"],
            script=content["script"],
            description=given("description", ""),
            show_duration=given("showDuration", False),
            cwd=given("cwd"),
            target=Target(where, patterns, given("allowEmpty", False)),
            schedule=Schedule.from_mapping(content["every"], given("schedule", {})) if "every" in content else None,
            entrypoint=tuple(content["entrypoint"]) if "entrypoint" in content else DEFAULT_ENTRYPOINT,
            barred=frozenset(given("barred", ())),
            rollout=Rollout.from_mapping(content["rollout"]) if "rollout" in content else None,
            aborts=tuple(Abort.from_mapping(rule) for rule in given("abort", ())),
            retry=Retry.from_mapping(content["retry"]) if "retry" in content else None,
            concurrency=Concurrency.from_mapping(content["concurrency"]) if "concurrency" in content else None,
            delivery=Delivery.from_mapping(given("delivery", {})),
            on_interrupted=OnInterrupted(given("onInterrupted", OnInterrupted.FAIL)),
            vars=dict(given("vars", {})),
            env=dict(given("env", {})),
            timeout=duration.parse(content["timeout"]) if "timeout" in content else None,
            logs=Logs.from_mapping(given("logs", {})),
            notify=tuple(Notify.from_mapping(one) for one in given("notify", ())),
            input=Rules.from_mapping(given("input", {})),
        )
