"""Jobs as playbooks that `tree.load` reads back equal.

A playbook's `settings` bar devices from all of its jobs: jobs that bar others stand in another playbook.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from runlet.model.job import Job
from runlet.spec import dumper
from runlet.spec.playbook import SETTINGS

# The key of a job whose name is that of the settings.
_KEY_OF_SETTINGS = "job-called-settings"


def playbooks(jobs: Iterable[Job]) -> list[str]:
    """The texts of as many playbooks as the jobs need: one, unless they bar different devices."""
    by_barred: dict[frozenset[str], list[Job]] = {}
    for job in jobs:
        by_barred.setdefault(job.barred, []).append(job)
    return [_playbook(sorted(barred), some) for barred, some in by_barred.items()]


def _playbook(barred: list[str], jobs: list[Job]) -> str:
    parts: list[dict[str, Any]] = []
    if barred:
        parts.append({SETTINGS: {"daemons": {device: {"enabled": False} for device in barred}}})
    taken = {job.name for job in jobs}
    parts += ({_key(job.name, taken): _content(job)} for job in jobs)
    return "\n".join(dumper.dump(part) for part in parts)


def _key(name: str, taken: set[str]) -> str:
    if name != SETTINGS:
        return name
    key = _KEY_OF_SETTINGS
    while key in taken:
        key += "_"
    return key


def _content(job: Job) -> Any:
    """What stands below the key; the script alone where that says all."""
    implied = {"barred"} if job.name == SETTINGS else {"barred", "name"}
    content = {key: value for key, value in job.to_mapping().items() if key not in implied}
    return content["script"] if set(content) == {"script"} else content
