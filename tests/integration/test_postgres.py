"""A controller on PostgreSQL, with real agents: what runs on SQLite runs there, and cut connections lose nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest

from runlet.errors import InvalidInput, Unavailable
from runlet.model.execution import State
from runlet.model.job import Job
from runlet.model.target import Target
from tests.brokers import PrivateBroker
from tests.databases import PrivatePostgres
from tests.harness import UNSPEAKABLE, Fleet, apply, refused, wait_until

DEVICES = ["pi-1", "pi-2", "pi-3"]


@pytest.fixture(scope="module")
def database(postgres: PrivatePostgres) -> str:
    return postgres.create()


@pytest.fixture(scope="module")
def distant(postgres: PrivatePostgres, database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A fleet with a broker of its own: two controllers on one workspace would share its queues."""
    folder, url = tmp_path_factory.mktemp, postgres.url(database)
    with PrivateBroker(folder("broker")) as broker, Fleet(folder("distant"), broker, DEVICES, database=url) as fleet:
        yield fleet


def test_a_run_on_every_device_is_recorded_whole(distant: Fleet):
    with distant.api() as api:
        run = distant.settled(api.start_run(command=["sh", "-c", "echo hello"], target=Target.parse("all")))
        assert [view.device for view in run.executions] == DEVICES
        assert {(view.state, view.exit_code, view.output_length) for view in run.executions} == {
            (State.SUCCEEDED, 0, len(b"hello\r\n"))
        }
        assert [view.id for view in api.executions(run.id)] == [view.id for view in run.executions]
        [[summary]] = api.runs(1)
        assert (summary.id, summary.counts) == (run.id, {State.SUCCEEDED: 3})
    assert all(distant.transcript(run, device) == b"hello\r\n" for device in DEVICES)


def test_text_that_postgresql_does_not_keep_is_refused_as_elsewhere(distant: Fleet):
    assert {request: refused(distant, *request)[0] for request in UNSPEAKABLE} == dict.fromkeys(UNSPEAKABLE, 422)
    made = Job("makes-nul", 'echo {{ "\\0" }}', target=Target.parse("all"))
    with distant.api() as api:
        apply(api, made)
        with pytest.raises(InvalidInput, match="line 1 of the rendered script holds the character NUL"):
            api.start_run(job=made.name)


def test_connections_cut_under_runs_lose_nothing(distant: Fleet, postgres: PrivatePostgres, database: str):
    with distant.api() as api:
        command = ["sh", "-c", "for line in 1 2 3 4 5 6 7 8; do echo $line; sleep 0.05; done"]
        started = [api.start_run(command=command, target=Target.parse("all")) for _ in range(2)]

        def all_settled() -> bool:
            postgres.disconnect(database)
            with suppress(Unavailable):  # we may be the one who was cut off
                return all(api.run(run.id).settled for run in started)
            return False

        wait_until(all_settled, "the runs to settle, however often the connection is cut")
        # Output may come behind its outcome.
        unsettled = "SELECT count(*) FROM execution WHERE NOT settled"
        wait_until(lambda: postgres.ask(unsettled, database) == [(0,)], "every execution to be settled")
        printed = b"".join(b"%d\r\n" % line for line in range(1, 9))
        for run in started:
            assert {view.state for view in api.run(run.id).executions} == {State.SUCCEEDED}
            assert all(distant.transcript(run, device) == printed for device in DEVICES)


def test_a_connection_cut_while_the_controller_starts_does_not_end_it(
    distant: Fleet, postgres: PrivatePostgres, database: str
):
    waiting = f"SELECT pid FROM pg_stat_activity WHERE datname = '{database}' AND wait_event_type = 'Lock'"
    assert distant.controller
    distant.controller.stop()
    with postgres.connect(database) as other:
        other.execute("LOCK TABLE device")
        distant.launch_controller()
        [(pid,)] = wait_until(lambda: postgres.ask(waiting), "the controller to wait for the table")
        postgres.ask(f"SELECT pg_terminate_backend({pid})")
        wait_until(lambda: (pid,) not in postgres.ask(waiting), "its connection to end")
    distant.controller.ready()
    with distant.api() as api:
        run = distant.settled(api.start_run(command=["true"], target=Target.parse("pi-1")))
    assert run.state is State.SUCCEEDED
