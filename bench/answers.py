"""How long it takes to answer two hundred devices that ask the same, until each has said that its answer was taken."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Iterator

from bench.figures import Figure, spread, tell
from bench.fleet import RUNLET, LocalFleet, local_fleet
from runlet.cli import inbox
from runlet.client.api import Api
from runlet.model.answer import Result
from runlet.model.target import Target
from runlet.protocol.views import PromptView

DEVICES = 200
ROUNDS = 6
# Such a question is asked again and again: the programs are started once.
_SCRIPT = 'while read -p "Do you want to continue? [Y/n] " a; do echo "$a"; done'
_LOOK_SECONDS = 0.2
_PATIENCE_SECONDS = 120.0
# What follows an answer (output on its way, looks at the terminal) is over by then: people answer questions that stand.
_QUIET_SECONDS = 3.0


def figures() -> Iterator[Figure]:
    tell(f"starting a fleet of {DEVICES}")
    with local_fleet(DEVICES) as fleet, fleet.api() as api:
        run = api.start_run(command=["bash", "-c", _SCRIPT], target=Target.parse("all"))
        asked = _asked(api, run.id)
        over_api: list[float] = []
        by_command: list[float] = []
        for _ in range(ROUNDS):
            begin = time.perf_counter()
            questions = [one for group in inbox.groups(asked) for one in group.questions]
            results = api.answer(inbox.answers(questions, b"y\r", "bench"))
            over_api.append(time.perf_counter() - begin)
            if any(one.result is not Result.TAKEN for one in results):
                raise RuntimeError(f"not all were taken: {Counter((one.result, one.detail) for one in results)}")
            [group] = inbox.groups(_asked(api, run.id))
            by_command.append(_command(fleet, group.id))
            asked = _asked(api, run.id)
        api.cancel(run.id)
    for name, seconds, goal in (
        (f"answering {DEVICES} devices at once, until all have said that it was taken", over_api, 1.0),
        (f"`runlet answer` of a group of {DEVICES}", by_command, None),
    ):
        yield Figure(name, statistics.median(seconds), "s", samples=ROUNDS, spread=spread(seconds), goal=goal)


def _asked(api: Api, run: int) -> list[PromptView]:
    """What all of them ask, once they do."""
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while len(found := list(api.prompts(run))) < DEVICES:
        if time.monotonic() > give_up:
            raise TimeoutError(f"{len(found)} of {DEVICES} devices ask")
        time.sleep(_LOOK_SECONDS)
    time.sleep(_QUIET_SECONDS)
    return found


def _command(fleet: LocalFleet, group: str) -> float:
    begin = time.perf_counter()
    ended = subprocess.run([RUNLET, "answer", group, "y"], env=os.environ | fleet.environment, capture_output=True)
    elapsed = time.perf_counter() - begin
    if ended.returncode:
        raise RuntimeError(f"answer ended with {ended.returncode}: {ended.stdout!r}{ended.stderr!r}")
    return elapsed
