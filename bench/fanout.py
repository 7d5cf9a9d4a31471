"""How long `true` takes on fifty devices of this machine, until the result of each is recorded."""

from __future__ import annotations

import sqlite3
import statistics
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence

from bench.figures import Figure, spread
from bench.fleet import RUNLET, LocalFleet
from bench.peers import told_of
from bench.sshd import Sshd
from runlet.client.api import Api
from runlet.model.target import Target

DEVICES = 50
ROUNDS = 5
LAUNCHES = 3  # of ours a round, both ways; the others take seconds each

_LOOK_SECONDS = 0.001
_PATIENCE_SECONDS = 60.0


def figures(fleet: LocalFleet, sshd: Sshd) -> Iterator[Figure]:
    ours = [RUNLET, "exec", "all", "--", "true"]
    ansible: list[float] = []
    pyinfra: list[float] = []
    recorded: list[float] = []
    command: list[float] = []
    # The records are looked at where they are, read-only: asking the controller would keep it from its work.
    records = sqlite3.connect(f"{fleet.database.as_uri()}?mode=ro", uri=True)
    with told_of(fleet.devices, sshd) as peers, fleet.api() as api:
        for number in range(1 + ROUNDS):
            if number == 1:  # the first was for warmth, and made the connections that Ansible keeps from then on
                for seconds in (ansible, pyinfra, recorded, command):
                    seconds.clear()
            ansible.append(_command(peers.ansible, peers.environment))
            pyinfra.append(_command(peers.pyinfra, peers.environment))
            recorded += [_launch(api, records, len(fleet.devices)) for _ in range(LAUNCHES)]
            command += [_command(ours, fleet.environment) for _ in range(LAUNCHES)]
    records.close()
    beside = {"ansible": statistics.median(ansible), "pyinfra": statistics.median(pyinfra)}
    for name, seconds, goal in (
        (f"`true` on {DEVICES} devices, until recorded", recorded, 0.25),
        (f"`runlet exec all -- true` on {DEVICES} devices", command, None),
    ):
        yield Figure(
            name,
            statistics.median(seconds),
            "s",
            samples=ROUNDS * LAUNCHES,
            spread=spread(seconds),
            goal=goal,
            peers=beside,
        )


def _launch(api: Api, records: sqlite3.Connection, devices: int) -> float:
    """Seconds from the request to the record that the last execution succeeded."""
    begin = time.perf_counter()
    run = api.start_run(command=["true"], target=Target.parse("all"))
    while (elapsed := time.perf_counter() - begin) < _PATIENCE_SECONDS:
        [succeeded] = records.execute(
            "SELECT count(*) FROM execution WHERE run = ? AND state = 'succeeded'", (run.id,)
        ).fetchone()
        if succeeded == devices:
            return elapsed
        time.sleep(_LOOK_SECONDS)
    raise TimeoutError(f"run {run.id} does not succeed on {devices} devices")


def _command(argv: Sequence[str], environment: Mapping[str, str]) -> float:
    begin = time.perf_counter()
    ended = subprocess.run(argv, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    elapsed = time.perf_counter() - begin
    if ended.returncode:
        raise RuntimeError(f"{argv[0]} ended with {ended.returncode}: {ended.stdout}{ended.stderr}")
    return elapsed
