"""What a shell completes from the controller: names of jobs and devices, numbers of runs, ids of questions.

Nobody waits for it: what does not answer at once, or refuses, completes nothing, and says nothing either, for the
shell's line is being typed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from runlet.cli.endpoint import find
from runlet.errors import RunletError

if TYPE_CHECKING:
    from runlet.client.api import Api

# Connecting and answering each: longer, and one would rather have typed the word.
PATIENCE_SECONDS = 0.5
# The newest runs; who wants an older one knows its number.
MOST_RUNS = 50
LATEST = "latest"


def job_names(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    return _asked(context, incomplete, lambda api: [job.name for job in api.jobs()])


def device_names(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    return _asked(context, incomplete, lambda api: [device.name for device in api.devices(facts=False)])


def run_numbers(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    return [word for word in [LATEST] if word.startswith(incomplete)] + _asked(
        context, incomplete, lambda api: [str(run.id) for page in api.runs(MOST_RUNS) for run in page]
    )


def open_questions(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The ids of groups: of what is asked, one is answered as often as not."""
    from runlet.cli import inbox

    return _asked(context, incomplete, lambda api: [group.id for group in inbox.groups(api.prompts())])


def patterns(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Device names for the last of several patterns, as in "pi-1,pi-"."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in device_names(context, parameter, last)]


def _asked(context: click.Context, incomplete: str, ask: Callable[[Api], list[str]]) -> list[str]:
    try:
        endpoint = find(context.find_root().params.get("controller"))
        with endpoint.api(PATIENCE_SECONDS) as api:
            return [word for word in ask(api) if word.startswith(incomplete)]
    except RunletError:
        return []
