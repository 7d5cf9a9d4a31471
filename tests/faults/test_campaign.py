"""Parts are killed at random under load, hundreds of times, and no execution is lost, started twice or told wrongly."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.brokers import PrivateBroker
from tests.databases import PrivatePostgres
from tests.faults.campaign import Campaign
from tests.faults.conftest import Tell
from tests.harness import Fleet

DEVICES = ["pi-1", "pi-2", "pi-3"]
# Kills between two judgements: a failing round's history is to be read by a person.
ROUND = 50
# Each kill of the broker costs its boot, and the agents' jittered return.
BROKERS_PER_ROUND = 1
SHORT, LONG = 150, 1500


@pytest.mark.timeout(3 * 3600)
@pytest.mark.parametrize("trials", [SHORT, pytest.param(LONG, marks=pytest.mark.long)])
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_parts_are_killed_at_random(
    database: str,
    trials: int,
    request: pytest.FixtureRequest,
    tell: Tell,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Reproduce with the seed that pytest prints first, or look at the history of the round that failed."""
    url, disconnect = "", None
    if database == "postgresql":
        url, disconnect = _postgres(request)
    broker = PrivateBroker(tmp_path_factory.mktemp("broker"))
    broker.start()
    fleet = Fleet(tmp_path_factory.mktemp("campaign"), broker, DEVICES, database=url).start()
    campaign = Campaign(fleet, broker, tmp_path, disconnect)
    seeds = [random.randrange(2**32) for _ in range(trials // ROUND)]
    try:
        for number, seed in enumerate(seeds):
            history = request.config.cache.mkdir("campaigns") / f"{database}-{seed}.jsonl"
            tell(f"{database}, round {number}: seed {seed}, history in {history}, logs in {fleet.home}")
            try:
                campaign.round(seed, ROUND, BROKERS_PER_ROUND)
            finally:
                campaign.history.write(history)
            assert not campaign.history.wrong, "\n".join(campaign.history.wrong)
            history.unlink()
        tell(f"{database}: {campaign.kills.total()} kills, {dict(campaign.kills)}")
    finally:
        campaign.close()
        fleet.stop()
        broker.stop()


def _postgres(request: pytest.FixtureRequest) -> tuple[str, Callable[[], int]]:
    server: PrivatePostgres = request.getfixturevalue("postgres")
    name = server.create()
    return server.url(name), lambda: server.disconnect(name)
