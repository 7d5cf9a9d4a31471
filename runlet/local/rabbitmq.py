"""The RabbitMQ that is installed on this machine, and how a node of our own is set up beside it.

Nothing of the installed service is touched or read: neither its folders, its ports, its cookie nor its settings. The
scripts under /usr/lib are used because /usr/sbin/rabbitmq-server of Debian insists on the service's own user.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import shutil
import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runlet.errors import LocalFleetError
from runlet.local.files import make_private, write_private
from runlet.local.ports import LOOPBACK

HOME_VARIABLE = "RUNLET_RABBITMQ_HOME"
_USUAL_HOMES = (
    "/usr/lib/rabbitmq",  # Debian, Ubuntu, Fedora
    "/opt/homebrew/opt/rabbitmq",  # Homebrew on Apple's processors
    "/usr/local/opt/rabbitmq",  # Homebrew on Intel's
)
_PLUGINS_OF_ARCHIVE = "plugins"

# One scheduler: a local fleet's broker waits far more than it works. Measured on two cores, it boots 0.6 s sooner than
# with two, and a message needs 0.16 ms through it instead of 0.19. No busy waiting: an idle broker must cost nothing.
_VM_ARGUMENTS = "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none"
_COOKIE_LETTERS = 40
# At this mark RabbitMQ stops publishers instead of exhausting the machine. Its default, 0.4, is for one of its own.
_MEMORY_SHARE = 0.2
_DISK_FREE_LIMIT = "200MB"
# Quorum queues keep their write-ahead log in memory: 512 MiB by default, meant for servers.
_WAL_BYTES = 32 * 1024 * 1024
# Above the largest message of ours, 3 MiB. By default a device may send 128 MiB at once, which its reader holds whole.
MAX_MESSAGE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Installation:
    """RabbitMQ's server script, Erlang's port mapper, and the application that each node consists of."""

    server: Path
    epmd: Path
    application: Path | None  # None where plugins are laid out differently: booting then takes a second longer


def find(environ: Mapping[str, str] = os.environ) -> Installation:
    """Raises LocalFleetError, with the command that installs it, when RabbitMQ or its Erlang is missing."""
    homes = [environ[HOME_VARIABLE]] if environ.get(HOME_VARIABLE) else _USUAL_HOMES
    scripts = (Path(home, folder, "rabbitmq-server") for home in homes for folder in ("bin", "sbin"))
    server = next((script.resolve() for script in scripts if script.is_file()), None)
    epmd = shutil.which("epmd", path=environ.get("PATH"))
    if server is None or epmd is None:
        where = "" if server else f" (looked in {', '.join(homes)})"
        missing = "Erlang's epmd, which RabbitMQ needs, is not on PATH" if server else "RabbitMQ is not installed"
        raise LocalFleetError(missing + where, _how_to_install())
    plugins = server.parent.parent / _PLUGINS_OF_ARCHIVE
    return Installation(server, Path(epmd), next(plugins.glob("rabbit-[0-9]*"), None))


def _how_to_install() -> str:
    if platform.system() == "Darwin":
        return "install it with: brew install rabbitmq"
    if shutil.which("apt-get"):
        return "install it with: sudo apt-get install rabbitmq-server"
    if shutil.which("dnf"):
        return "install it with: sudo dnf install rabbitmq-server"
    return f"install RabbitMQ 3.10 or later from your system's packages, or name its folder in {HOME_VARIABLE}"


@dataclass(frozen=True, slots=True)
class NodeFolder:
    """Where a node keeps everything; it writes nowhere else."""

    path: Path

    @property
    def log(self) -> Path:
        return self.path / "log" / "node.log"

    @property
    def node_pid(self) -> Path:
        return self.path / "node.pid"

    @property
    def processes(self) -> Path:
        return self.path / "processes.json"

    def name(self) -> str:
        """The node's name, which its data are bound to; chosen once."""
        path = self.path / "name"
        if not path.exists():
            write_private(path, f"runlet-{secrets.token_hex(4)}")
        return path.read_text()

    def prepare(self, installation: Installation, port: int, definitions: dict[str, Any]) -> None:
        """Write what the node reads at boot."""
        for folder in ("mnesia", "log", "conf.d", "expand", "plugins"):
            make_private(self.path / folder)
        cookie = self.path / ".erlang.cookie"
        if not cookie.exists():
            letters = (secrets.choice(string.ascii_uppercase) for _ in range(_COOKIE_LETTERS))
            write_private(cookie, "".join(letters), 0o400)
        self._offer_application(installation)
        write_private(self.path / "definitions.json", json.dumps(definitions))
        write_private(self.path / "rabbitmq-env.conf", "")
        write_private(self.path / "enabled_plugins", "[].\n")
        write_private(self.path / "advanced.config", "[].\n")
        write_private(self.path / "rabbitmq.conf", self._settings(port))
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))

    def _offer_application(self, installation: Installation) -> None:
        """Let the node find its own application where it looks for plugins, and none of the seventy plugins beside it.

        It searches each of their folders for each of its modules: two thirds of the system calls of its boot.
        """
        for link in (self.path / "plugins").iterdir():
            link.unlink()
        if installation.application:
            (self.path / "plugins" / installation.application.name).symlink_to(installation.application)

    def _settings(self, port: int) -> str:
        settings = {
            "listeners.tcp.1": f"{LOOPBACK}:{port}",
            "load_definitions": self.path / "definitions.json",
            "vm_memory_high_watermark.relative": _MEMORY_SHARE,
            "disk_free_limit.absolute": _DISK_FREE_LIMIT,
            "raft.wal_max_size_bytes": _WAL_BYTES,
            "max_message_size": MAX_MESSAGE_BYTES,
            "log.console": "true",
            "log.console.level": "warning",
            "log.file": "false",
        }
        return "".join(f"{key} = {value}\n" for key, value in settings.items())

    def environment(
        self, installation: Installation, port: int, distribution_port: int, epmd_port: int
    ) -> dict[str, str]:
        """This process's environment; what concerns RabbitMQ and Erlang is replaced by what holds for the node."""
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("RABBITMQ_", "ERL_"))}
        own = {
            "HOME": self.path,  # of the cookie
            "RABBITMQ_CONF_ENV_FILE": self.path / "rabbitmq-env.conf",
            "RABBITMQ_NODENAME": f"{self.name()}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK,
            "RABBITMQ_NODE_PORT": port,
            "RABBITMQ_DIST_PORT": distribution_port,
            "RABBITMQ_MNESIA_BASE": self.path / "mnesia",
            "RABBITMQ_LOG_BASE": self.path / "log",
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": self.node_pid,
            "RABBITMQ_FEATURE_FLAGS_FILE": self.path / "mnesia" / "feature_flags",
            "RABBITMQ_PLUGINS_EXPAND_DIR": self.path / "expand",
            "RABBITMQ_ENABLED_PLUGINS_FILE": self.path / "enabled_plugins",
            "RABBITMQ_CONFIG_FILE": self.path / "rabbitmq.conf",
            "RABBITMQ_CONFIG_FILES": self.path / "conf.d" / "*.conf",
            "RABBITMQ_ADVANCED_CONFIG_FILE": self.path / "advanced.config",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"-kernel inet_dist_use_interface {{127,0,0,1}} {_VM_ARGUMENTS}",
            "ERL_EPMD_PORT": epmd_port,
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "ERL_CRASH_DUMP": self.path / "log" / "erl_crash.dump",
        }
        if installation.application:
            own["RABBITMQ_PLUGINS_DIR"] = self.path / "plugins"
        return inherited | {key: str(value) for key, value in own.items()}
