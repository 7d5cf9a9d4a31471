"""Telling others of runs: real receivers, real commands."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from sqlmodel import Session, select

from runlet.controller import notifier as notifier_module
from runlet.controller import webhook
from runlet.controller.migrations.migrate import migrate
from runlet.controller.notifier import Notifier
from runlet.controller.reach import LOOPBACK, Reach
from runlet.controller.store import Store
from runlet.controller.tables import Notification, Run
from runlet.errors import Unavailable
from runlet.model.execution import Event, State
from runlet.model.job import Job
from runlet.model.notify import Notify
from runlet.model.target import Target
from tests.contract.rollouts import Rolling, job
from tests.harness import PATIENCE_SECONDS, Fleet, Typist, apply, attached, wait_until

Until = Callable[[list[int] | None], bool]
Received = list[tuple[str, dict[str, str], bytes]]


class Receiver:
    """An HTTP server that answers as it is told to, and keeps what it got."""

    def __init__(self) -> None:
        self.received: Received = []
        self.status = 204
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append((self.path, dict(self.headers), body))
                self.send_response(receiver.status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


async def test_a_webhook_is_told_of_a_question_and_of_the_end(fleet: Fleet, receiver: Receiver) -> None:
    told = (Notify(frozenset({State.AWAITING_INPUT, State.SUCCEEDED}), webhook=f"{receiver.url}/hook?to=ops"),)
    with fleet.api() as api:
        apply(api, Job("tells", "read -p 'Go on? '", notify=told))
        run = api.start_run(job="tells", target=Target.parse("pi-1,pi-2"))
    await asyncio.to_thread(wait_until, lambda: receiver.received, "the question")
    path, headers, body = receiver.received[0]
    payload = json.loads(body)
    assert path == "/hook?to=ops"
    assert headers["Content-Type"] == "application/json"
    assert headers["Idempotency-Key"] == payload["id"]
    assert (payload["event"], payload["run"], payload["job"]) == ("awaiting_input", run.id, "tells")
    assert payload["questions"] == [{"text": "Go on?", "secret": False, "count": 2, "devices": ["pi-1", "pi-2"]}]
    async with attached(fleet, run) as attachment:
        with fleet.api() as api:
            executions = api.run(run.id).executions
        for execution in executions:
            await Typist(attachment).type(b"y\n", execution)
        await asyncio.to_thread(wait_until, lambda: len(receiver.received) > 1, "the end")
    assert json.loads(receiver.received[1][2])["event"] == "succeeded"
    assert len(receiver.received) == 2


@pytest.mark.parametrize(
    ("status", "words"), [(500, "it answered 500"), (302, "it answered 302; redirects are not followed")]
)
async def test_a_receiver_that_does_not_take_it(receiver: Receiver, status: int, words: str) -> None:
    receiver.status = status
    with pytest.raises(Unavailable) as caught:
        await webhook.post(receiver.url, b"{}", "key", LOOPBACK)
    assert caught.value.message == words
    assert [path for path, _, _ in receiver.received] == ["/"]


@pytest.mark.parametrize("says", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 " + b"2" * 5000])
async def test_a_receiver_that_speaks_something_else(says: bytes) -> None:
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(says)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unavailable):
            await webhook.post(f"http://127.0.0.1:{port}/", b"{}", "key", LOOPBACK)


async def test_a_receiver_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "TIMEOUT_SECONDS", 0.3)
    stop = asyncio.Event()

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 ")
        await stop.wait()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unavailable, match="no answer within"):
            await webhook.post(f"http://127.0.0.1:{port}/", b"{}", "key", LOOPBACK)
        stop.set()


class Telling:
    """A controller's store with a run that has ended, and a notifier at work on it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.rolling = Rolling(store)

    async def end(self, *command: str, webhook: str | None = None) -> int:
        await self.rolling.enroll("pi-1")
        told = (Notify(frozenset({State.FAILED}), webhook, command),)
        run = await self.rolling.launch(replace(job("told"), notify=told))
        await self.rolling.happen(run, "pi-1", Event.FAIL)
        return run

    async def tell(
        self, *, commands: bool, until: Callable[[list[int] | None], bool] = lambda left: left == []
    ) -> None:
        """Until that is left to tell: nothing, unless something else is said."""
        working = asyncio.create_task(Notifier(self.store, (), Reach(commands)).run())
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not until(await self.store.transact(_left)):
                await asyncio.wait((working,), timeout=0.05)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


def _left(session: Session) -> list[int] | None:
    """The tries of what is still to be told; None while the end was not noticed."""
    if not session.exec(select(Run.told)).one():
        return None
    return list(session.exec(select(Notification.tries)))


@pytest.fixture
async def telling(tmp_path: Path):
    migrate(f"sqlite:///{tmp_path}/c.db")
    store = Store(f"sqlite:///{tmp_path}/c.db")
    await store.open()
    yield Telling(store)
    store.close()


async def test_a_command_gets_the_event_on_its_input(telling: Telling, tmp_path: Path) -> None:
    file = tmp_path / "told; touch hacked"
    run = await telling.end("sh", "-c", 'cat > "$0"', str(file))
    await telling.tell(commands=True)
    assert json.loads(file.read_text())["run"] == run
    assert not (Path.cwd() / "hacked").exists()


async def test_no_command_is_started_unless_that_is_configured(
    telling: Telling, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "told"
    await telling.end("sh", "-c", 'cat > "$0"', str(file))
    await telling.tell(commands=False)
    assert not file.exists()
    assert "the configuration has no notify_commands" in caplog.text


async def test_a_webhook_that_is_barred_is_told_of_in_the_log_and_not_tried_again(
    telling: Telling, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    await telling.end(webhook=receiver.url)
    await telling.tell(commands=False)
    assert not receiver.received
    assert "webhooks may not go to 127.0.0.1; the controller's configuration can allow" in caplog.text


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("/no/such/program",), "/no/such/program cannot be started"),
        (("sh", "-c", "exit 3"), "sh exited with 3"),
        (("sleep", "1000"), "sleep took longer than"),
    ],
)
async def test_a_command_that_fails_is_tried_again(
    telling: Telling,
    command: tuple[str, ...],
    words: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notifier_module, "COMMAND_SECONDS", 0.5)
    await telling.end(*command)
    await telling.tell(commands=True, until=lambda left: left == [1] and words in caplog.text)


async def test_a_command_ends_with_what_it_started(tmp_path: Path, telling: Telling) -> None:
    file = tmp_path / "pid"
    script = f"import subprocess; open({str(file)!r}, 'w').write(str(subprocess.Popen(['sleep', '1000']).pid))"
    await telling.end(sys.executable, "-c", script)
    await telling.tell(commands=True)
    await asyncio.to_thread(
        wait_until, lambda: not Path(f"/proc/{file.read_text()}").exists() or _is_zombie(file.read_text()), "its end"
    )


def _is_zombie(pid: str) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
