"""Two controllers on one PostgreSQL and one broker, one of them killed: every fire time starts once, none is lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from runlet.model.job import Job
from runlet.model.schedule import Misfire, Overlap, Schedule
from runlet.model.target import Target
from tests.brokers import PrivateBroker
from tests.databases import PrivatePostgres
from tests.harness import Fleet, apply, wait_until

_UNSETTLED = "SELECT count(*) FROM execution WHERE NOT settled"
_FIRINGS = "SELECT at, outcome, run FROM firing WHERE job = 'tick' ORDER BY at"


@pytest.fixture
def database(postgres: PrivatePostgres) -> str:
    return postgres.create()


@pytest.fixture
def controllers(
    postgres: PrivatePostgres, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Fleet, Fleet]]:
    """The first has the device and, having been there first, the queues. Both have one folder of transcripts."""
    broker = PrivateBroker(tmp_path_factory.mktemp("broker"))
    broker.start()
    homes = [tmp_path_factory.mktemp(name) for name in ("first", "second")]
    first = Fleet(homes[0], broker, ["pi-1"], database=postgres.url(database)).start()
    (homes[1] / "transcripts").symlink_to(homes[0] / "transcripts")
    second = Fleet(homes[1], broker, [], database=postgres.url(database))
    second.start_controller()
    yield first, second
    first.stop()
    second.stop()
    broker.stop()


def tick(file: Path, *, suspend: bool = False) -> Job:
    """Writes its run's number down, every second."""
    schedule = Schedule("1s", overlap=Overlap.ALLOW, misfire=Misfire.ALL, suspend=suspend)
    return Job("tick", f"echo $RUNLET_RUN >> {file}", target=Target.custom(["pi-1"]), schedule=schedule)


def test_each_fire_time_starts_once_though_one_is_killed(
    controllers: tuple[Fleet, Fleet], postgres: PrivatePostgres, database: str, tmp_path: Path
):
    first, second = controllers
    file = tmp_path / "ran"

    def until_fired(number: int) -> None:
        wait_until(lambda: len(postgres.ask(_FIRINGS, database)) >= number, f"{number} fire times", patience=60)

    with first.api() as api:
        apply(api, tick(file))
    until_fired(4)
    assert first.controller
    first.controller.kill()
    until_fired(9)
    first.start_controller()
    until_fired(14)
    with second.api() as api:
        apply(api, tick(file, suspend=True))
    wait_until(lambda: postgres.ask(_UNSETTLED, database) == [(0,)], "every execution to be settled", patience=60)

    fired = postgres.ask(_FIRINGS, database)
    instants = [at for at, _, _ in fired if isinstance(at, datetime)]
    assert instants == [instants[0] + number * timedelta(seconds=1) for number in range(len(fired))]
    assert {outcome for _, outcome, _ in fired} == {"launched"}
    assert postgres.ask("SELECT scheduled_for, id FROM run ORDER BY scheduled_for", database) == [
        (at, run) for at, _, run in fired
    ]
    assert sorted(map(int, file.read_text().split())) == sorted(run for _, _, run in fired if isinstance(run, int))
