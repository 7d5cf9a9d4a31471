"""The HTTP API as a stranger and as a careless client would use it."""

from __future__ import annotations

import socket
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from runlet.client.api import PAGE, Api
from runlet.errors import ControllerUnavailable
from runlet.model.execution import State
from runlet.model.target import Target
from runlet.protocol.views import RunView
from tests.harness import PATIENCE_SECONDS, TOKEN, WELL, Fleet, wait_until
from tests.proxy import Proxy, Way

ROUTES = [
    ("POST", "/v1/apply"),
    ("GET", "/v1/jobs"),
    ("POST", "/v1/runs"),
    ("GET", "/v1/runs"),
    ("GET", "/v1/runs/1"),
    ("GET", "/v1/runs/1/executions"),
    ("POST", "/v1/runs/1/cancel"),
    ("GET", "/v1/runs/1/transcript"),
    ("GET", "/v1/devices"),
    ("GET", "/openapi.json"),
    ("GET", "/no/such/route"),
]


def ask(fleet: Fleet, method: str, path: str, token: bytes | None = TOKEN.encode(), **options: Any) -> httpx2.Response:
    headers = {b"Authorization": b"Bearer " + token} if token is not None else {}
    return httpx2.request(method, fleet.url + path, headers=headers, **options)


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("token", [None, b"wrong", TOKEN.encode() + b"x", b"\xff"])
def test_every_route_is_closed_without_the_token(fleet: Fleet, method: str, path: str, token: bytes | None):
    answer = ask(fleet, method, path, token)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthorized"


def test_health_tells_only_those_with_the_token_why(fleet: Fleet):
    """The words of a database name its host and its user."""
    folder = fleet.home / "transcripts"
    moved = folder.rename(fleet.home / "moved")
    try:
        with fleet.api() as api:
            found = wait_until(
                lambda: one if not (one := api.health()).is_ok else None, "the missing folder to be noticed"
            )
        assert "No such file" in found.transcripts
        answer = ask(fleet, "GET", "/healthz", None)
        assert (answer.status_code, answer.json()) == (503, WELL | {"status": "degraded", "transcripts": "failed"})
    finally:
        moved.rename(folder)
    with fleet.api() as api:
        wait_until(lambda: api.health().is_ok, "the controller to be well again", 60)


def test_health_is_open(fleet: Fleet):
    answer = ask(fleet, "GET", "/healthz", None)
    assert (answer.status_code, answer.json()) == (200, WELL)


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "code"),
    [
        ("GET", "/v1/runs/9223372036854775808", {}, 404, "unknown"),
        ("GET", "/v1/runs/-1", {}, 404, "unknown"),
        ("GET", "/v1/runs/x", {}, 404, "unknown"),
        ("GET", "/no/such/route", {}, 404, "unknown"),
        ("DELETE", "/v1/jobs", {}, 405, "unknown"),
        ("GET", "/v1/runs?limit=0", {}, 422, "invalid"),
        ("GET", "/v1/runs?limit=100000", {}, 422, "invalid"),
        ("GET", "/v1/runs/999999/executions", {}, 404, "unknown"),
        ("GET", "/v1/runs/999999/executions?limit=1001", {}, 422, "invalid"),
        ("GET", "/v1/runs/999999/executions?after=%00", {}, 422, "invalid"),
        ("GET", "/v1/runs/999999/executions?state=lost", {}, 422, "invalid"),
        ("GET", "/v1/runs/999999/transcript?device=%00", {}, 422, "invalid"),
        ("POST", "/v1/runs", {"content": b"{"}, 422, "invalid"),
        ("POST", "/v1/runs", {"json": {}}, 422, "invalid"),
        ("POST", "/v1/runs", {"json": {"command": ["true"]}}, 422, "invalid"),
        ("POST", "/v1/runs", {"json": {"command": ["a\0b"], "target": {"where": "all"}}}, 422, "invalid"),
        ("POST", "/v1/runs", {"json": {"command": ["x" * 200_000], "target": {"where": "all"}}}, 422, "invalid"),
        ("POST", "/v1/runs", {"json": {"command": ["true"], "target": {"where": "nowhere"}}}, 422, "invalid"),
        ("POST", "/v1/runs", {"json": {"job": "x", "terminal": {"columns": 0, "rows": 24}}}, 422, "invalid"),
        ("POST", "/v1/runs", {"json": {"job": "x", "term": "$(id)"}}, 422, "invalid"),
        ("POST", "/v1/runs", {"content": b'{"command": ["\\ud800"], "target": {"where": "all"}}'}, 422, "invalid"),
        ("POST", "/v1/apply", {"json": {"source": "x", "by": "x", "declarations": [{"kind": "job"}]}}, 422, "invalid"),
        ("POST", "/v1/apply", {"content": b"x" * (17 * 1024 * 1024)}, 413, "invalid"),
        ("POST", "/v1/apply", {"content": iter([b"{}"])}, 411, "invalid"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    fleet: Fleet, method: str, path: str, options: dict[str, Any], status: int, code: str
):
    answer = ask(fleet, method, path, **options)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["code"] == code
    assert answer.json()["error"]["message"]


def test_listings_are_asked_for_page_by_page(fleet: Fleet, monkeypatch: pytest.MonkeyPatch):
    for _ in range(3):
        newest = fleet.settled(fleet.sh("true", on="pi-1,pi-2,pi-3"))
    with fleet.api() as api:

        def stored() -> RunView | None:
            run = api.run(newest.id)
            return run if all(execution.settled for execution in run.executions) else None

        newest = wait_until(stored, "their output to be stored, after which nothing changes")
        [at_once] = api.runs(6)
        executions = list(api.executions(newest.id))
        monkeypatch.setattr("runlet.client.api.PAGE", 2)
        assert [run for page in api.runs(3) for run in page] == at_once[:3]
        assert [run.id for page in api.runs(None) for run in page][:6] == [run.id for run in at_once]
        assert list(api.executions(newest.id)) == executions == list(newest.executions)
        assert list(api.executions(newest.id, State.SUCCEEDED)) == executions
        assert list(api.executions(newest.id, State.FAILED)) == []


def test_a_transcript_is_read_by_offset(fleet: Fleet):
    run = fleet.settled(fleet.exec(["printf", "0123456789"]))
    fleet.until_printed(run, b"0123456789")
    answer = ask(fleet, "GET", f"/v1/runs/{run.id}/transcript?device=pi-1&offset=3&limit=4")
    assert (answer.content, answer.headers["X-Runlet-End"]) == (b"3456", "10")
    beyond = ask(fleet, "GET", f"/v1/runs/{run.id}/transcript?device=pi-1&offset=99")
    assert beyond.content == b""
    assert ask(fleet, "GET", f"/v1/runs/{run.id}/transcript?device=pi-1&offset=-1").status_code == 422
    assert ask(fleet, "GET", f"/v1/runs/{run.id}/transcript?device=pi-77").status_code == 404


def test_listing_pages_from_the_newest(fleet: Fleet):
    ids = [fleet.exec(["true"]).id for _ in range(3)]
    listed = [run["id"] for run in ask(fleet, "GET", "/v1/runs?limit=2").json()["runs"]]
    assert listed == ids[:0:-1]
    older = ask(fleet, "GET", f"/v1/runs?limit=1&before={listed[-1]}").json()["runs"]
    assert [run["id"] for run in older] == [ids[0]]


def test_a_controller_that_is_silent_is_told_of() -> None:
    told: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"

        def hang_up(words: str) -> None:
            told.append(words)
            silent.accept()[0].close()

        with Api(url, "token", tell=hang_up) as api, pytest.raises(ControllerUnavailable):
            api.health()
    assert told == [f"the controller {url} has not answered for 2 s; waiting 30 s at most"]


def test_a_launch_whose_answer_is_lost_is_asked_for_again_and_launches_once(fleet: Fleet) -> None:
    proxy = Proxy(int(fleet.url.rpartition(":")[2]))
    mark = str(uuid.uuid4())

    def launched() -> list[int]:
        with fleet.api() as direct:
            [page] = direct.runs(PAGE)
            return [run.id for run in page if run.command == ("true", mark)]

    try:
        with Api(f"http://127.0.0.1:{proxy.port}", TOKEN) as api, ThreadPoolExecutor(1) as thread:
            api.jobs()
            proxy.blackhole(Way.DOWN)
            asked = thread.submit(api.start_run, command=["true", mark], target=Target.parse("pi-1"))
            wait_until(launched, "the run to be launched")
            proxy.cut()
            proxy.mend()
            assert [asked.result(PATIENCE_SECONDS).id] == launched()
    finally:
        proxy.close()


def test_an_id_launches_once_and_nothing_else(fleet: Fleet) -> None:
    body = {"id": str(uuid.uuid4()), "command": ["true"], "target": {"where": "custom", "whereCustom": ["pi-1"]}}
    first, second = (ask(fleet, "POST", "/v1/runs", json=body) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] == second.json()["id"]
    other = ask(fleet, "POST", "/v1/runs", json=body | {"command": ["false"]})
    assert other.status_code == 409
    again = ask(fleet, "POST", f"/v1/runs/{first.json()['id']}/rerun", json={"only": None})
    assert again.status_code in (201, 409), "a rerun is a launch of its own"
