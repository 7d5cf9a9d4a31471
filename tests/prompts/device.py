"""A device for the corpus: programs on real terminals, each with a holder, and what is seen of them."""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from runlet.agent.holders import Holders
from runlet.agent.prompts import Asking
from runlet.agent.replies import SCREEN, Replies
from runlet.holder import processes, wire
from runlet.holder.records import Start
from runlet.holder.wire import Look
from runlet.model.prompt import Prompt
from tests.prompts.corpus import CASES, Case
from tests.prompts.servers import silent_port, sshd

# A program that asks does so within this: npm and gpg take their time on a machine that others work on.
PATIENCE_SECONDS = 40.0
# A program that does not ask is watched for this long: longer than any silence that counts.
WATCHED_SECONDS = 4.0
# Most wait for most of their time.
AT_ONCE = 16
COLUMNS, ROWS = 80, 24


@dataclass
class Seen:
    """What came of a case."""

    case: Case
    prompt: Prompt | None = None  # the last that it waited with, after everything was typed
    prompts: list[Prompt] = field(default_factory=list)  # all
    output: bytes = b""
    looks: list[Look] = field(default_factory=list)
    looked_at: float = 0.0
    printed_at: float = 0.0

    @property
    def delay(self) -> float | None:
        """Seconds from the last output to the report."""
        return self.looked_at - self.printed_at if self.prompt and self.printed_at else None

    @property
    def is_right(self) -> bool:
        case, prompt = self.case, self.prompt
        if case.expected is None:
            return not self.prompts
        return (
            prompt is not None
            and prompt.kind is case.expected
            and prompt.secret == case.secret
            and case.text in " ".join(prompt.text.split())
        )


def run_all(home: Path) -> list[Seen]:
    """Every case of the corpus, AT_ONCE at a time."""
    with sshd(home) as (ssh_port, key), silent_port() as silent:
        corpus = Corpus(home, ssh_port, silent, key)
        try:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                return list(pool.map(corpus.run, CASES))
        finally:
            corpus.close()


class Corpus:
    """Runs cases, several at once, in folders below `home`."""

    def __init__(self, home: Path, ssh_port: int, silent_port: int, key: Path) -> None:
        self._home = home
        self._holders = Holders(home / "holders")
        self._one_at_a_time = threading.Lock()
        self._key = key
        self._environment = {
            "PATH": os.environ["PATH"],
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "SSH_PORT": str(ssh_port),
            "SILENT_PORT": str(silent_port),
        }

    def close(self) -> None:
        self._holders.close()

    def run(self, case: Case) -> Seen:
        """The case from its preparation to its end, which is by force."""
        folder = self._home / "cases" / case.name.replace("/", "_")
        folder.mkdir(parents=True)
        shutil.copy(self._key, folder / "key")
        environment = self._environment | {"HOME": str(folder)}
        if case.prepare:
            subprocess.run(
                ["bash", "-c", case.prepare], cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True
            )
        seen = Seen(case)
        with self._running(case.script, folder, environment) as connection:
            self._watch(seen, connection)
        return seen

    @contextmanager
    def _running(self, script: str, folder: Path, environment: dict[str, str]) -> Iterator[_Connection]:
        execution = str(uuid.uuid4())
        name = f"{execution}.1"
        environment = environment | {processes.MARK.decode(): execution}
        start = Start(
            execution.encode(),
            [b"bash", b"-c", script.encode()],
            {os.fsencode(key): os.fsencode(value) for key, value in environment.items()},
            os.fsencode(folder),
            (COLUMNS, ROWS),
            None,
            b"",
            None,
            b"",
            b"",
        )
        with self._one_at_a_time:
            connection = self._holders.start(name, start)
        try:
            yield _Connection(connection)
        finally:
            connection.close()
            if started := self._holders.started(name):
                os.kill(started.holder, signal.SIGKILL)
                processes.kill(processes.of_execution(execution.encode(), started.program))

    def _watch(self, seen: Seen, connection: _Connection) -> None:
        asking, replies = Asking("corpus"), Replies()
        typed = list(seen.case.typed)
        patience = WATCHED_SECONDS if seen.case.expected is None else PATIENCE_SECONDS
        give_up = time.monotonic() + patience
        while (left := give_up - time.monotonic()) > 0:
            for kind, content in connection.take(left):
                match kind:
                    case wire.OUTPUT:
                        seen.output = (seen.output + content)[-4096:]
                        seen.printed_at = time.monotonic()
                        connection.say(wire.release(connection.received(len(content))))
                    case wire.LOOKED:
                        look = wire.read_looked(content)
                        seen.looks.append(look)
                        for number, data in replies.take(look, time.monotonic()):
                            connection.say(wire.type_(SCREEN, number, data))
                        if asking.take(look):
                            seen.prompt = asking.prompt
                            seen.looked_at = time.monotonic()
                            if asking.prompt is not None:
                                seen.prompts.append(asking.prompt)
                    case wire.ENDED:
                        return
            if seen.prompt is not None and typed:
                connection.type(typed.pop(0).encode())
                seen.prompt = None
            elif seen.case.expected is not None and not typed and seen.is_right:
                return


class _Connection:
    """What an agent has of a holder."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._frames = wire.Frames()
        self._numbers = 0
        self._received = 0

    def take(self, patience: float) -> list[tuple[int, bytes]]:
        if not select.select([self._connection], [], [], patience)[0]:
            return []
        data = self._connection.recv(256 * 1024)
        return list(self._frames.feed(data)) if data else [(wire.ENDED, b"")]

    def received(self, count: int) -> int:
        self._received += count
        return self._received

    def say(self, frame: bytes) -> None:
        self._connection.sendall(frame)

    def type(self, data: bytes) -> None:
        self._numbers += 1
        self.say(wire.type_(1, self._numbers, data))
