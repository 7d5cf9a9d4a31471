"""$RUNLET_HOME: where a local fleet keeps everything, and how others learn what runs there.

endpoint.json          while the fleet is ready: how the command line reaches it
up.json                while `up` runs: its process, and since when; the lock on the folder tells whether it is true
processes.json         the children, for the next `up`, should this one be killed
config/<child>.json    what each child is told; holds passwords
log/<child>.log
broker/ controller/ devices/<name>/    their data, kept from one `up` to the next
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from runlet.errors import LocalFleetError
from runlet.local.files import FolderLock, make_private, write_private


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How the command line reaches the fleet; `device` is what `where: local` means."""

    url: str
    token: str
    device: str
    pid: int


@dataclass(frozen=True, slots=True)
class Up:
    """The `up` that runs; `since` is an ISO 8601 instant."""

    pid: int
    since: str
    devices: list[str]


@dataclass(frozen=True, slots=True)
class Home:
    """A fleet's folder."""

    path: Path

    @classmethod
    def at(cls, path: Path) -> Home:
        """The home in this folder, made if missing. Raises LocalFleetError when it cannot be."""
        try:
            return cls(make_private(path.absolute()))
        except OSError as error:
            raise LocalFleetError(
                f"{path} cannot hold a fleet: {error.strerror}", "name another folder in RUNLET_HOME"
            ) from None

    @property
    def processes(self) -> Path:
        return self.path / "processes.json"

    @property
    def broker(self) -> Path:
        return self.path / "broker"

    def config(self, child: str) -> Path:
        return make_private(self.path / "config") / f"{child}.json"

    def log(self, child: str) -> Path:
        return make_private(self.path / "log") / f"{child}.log"

    def controller(self) -> Path:
        return make_private(self.path / "controller")

    def device(self, name: str) -> Path:
        return make_private(self.path / "devices" / name)

    def lock(self) -> FolderLock:
        return FolderLock(self.path)

    def tell_up(self, up: Up) -> None:
        write_private(self.path / "up.json", json.dumps(asdict(up)))

    def tell_ready(self, endpoint: Endpoint) -> None:
        write_private(self.path / "endpoint.json", json.dumps(asdict(endpoint)))

    def forget(self) -> None:
        """Nothing runs any more."""
        for name in ("endpoint.json", "up.json", "processes.json"):
            (self.path / name).unlink(missing_ok=True)

    def held(self) -> bool:
        """Whether an `up` holds this home."""
        lock = self.lock()
        free = lock.acquire()
        lock.release()
        return not free

    def up(self) -> Up | None:
        """What the `up` that holds this home told; means nothing when none holds it, for a killed one leaves it behind.

        None when it has not told yet.
        """
        try:
            return Up(**json.loads((self.path / "up.json").read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def endpoint(self) -> Endpoint | None:
        """How to reach the fleet; None until it is ready."""
        try:
            return Endpoint(**json.loads((self.path / "endpoint.json").read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None
