"""Real databases for tests: SQLite files, and a private PostgreSQL server as a child of the tests."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg

_READY_SECONDS = 60
# Who runs the server when we are root, whom PostgreSQL refuses: Debian's own user for it.
_USER = "postgres"
_SOCKET_ONLY = {"listen_addresses": ""}
# Without what costs tests time and tells them nothing: no power is cut.
_HASTY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PrivatePostgres:
    """A server in a folder of its own, reached by a socket in it. It ends with the tests in any case.

    A durable one survives a cut of power, which is what takes a database its time.
    """

    def __init__(self, *, durable: bool = False) -> None:
        # Not pytest's folder: that is closed to the server's user, and its path too long for a socket's.
        self.folder = Path(tempfile.mkdtemp(prefix="runlet-pg-"))
        self._settings = _SOCKET_ONLY if durable else _SOCKET_ONLY | _HASTY
        self._server: subprocess.Popen[bytes] | None = None
        self._names = (f"test{number}" for number in itertools.count(1))

    def start(self) -> None:
        data = self.folder / "data"
        if os.geteuid() == 0:
            user = pwd.getpwnam(_USER)
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        flags = ["--auth=trust", f"--username={_USER}", "--encoding=UTF8", "--no-locale", "--no-sync"]
        subprocess.run([*self._as_user(), program("initdb"), *flags, data], stdout=subprocess.DEVNULL, check=True)
        self.launch()

    def launch(self) -> None:
        """Start the server, again after a stop too; returns when it answers."""
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [*self._as_user(), program("postgres"), "-D", self.folder / "data", "-k", self.folder, *settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        ready = [program("pg_isready"), "--host", self.folder, "--quiet", "--timeout", "1"]
        for _ in range(_READY_SECONDS * 10):
            if subprocess.run(ready).returncode == 0:
                return
            assert self._server.poll() is None, (self.folder / "log").read_text()
            try:
                self._server.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
        raise AssertionError((self.folder / "log").read_text())

    def stop(self) -> None:
        """Let go of every client at once, and end."""
        assert self._server
        self._server.send_signal(signal.SIGINT)
        self._server.wait(_READY_SECONDS)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def create(self, template: str = "template0") -> str:
        """A new database; its name."""
        name = next(self._names)
        self.ask(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://{_USER}@/{name}?host={self.folder}"

    def connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        """A superuser's connection; a transaction begins with its first statement."""
        return psycopg.connect(host=str(self.folder), user=_USER, dbname=database)

    def ask(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """The rows that a superuser's statement gives."""
        with self.connect(database) as connection:
            connection.autocommit = True
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def disconnect(self, name: str) -> int:
        """Cut every connection to a database, as an administrator or a failover would; how many there were."""
        return len(self.ask(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"))

    def _as_user(self) -> list[str]:
        """What makes a command end with us, and run as the server's user when we are root."""
        other = ["--reuid", _USER, "--regid", _USER, "--init-groups"] if os.geteuid() == 0 else []
        return ["setpriv", "--pdeathsig", "INT", *other]


def program(name: str) -> str:
    """The path of one of PostgreSQL's programs, of the newest version: Debian keeps them apart, and off the path."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    found = str(places[-1]) if places else shutil.which(name)
    assert found, f"{name} is missing; install PostgreSQL with: make postgres"
    return found
