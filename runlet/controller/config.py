"""What a controller must know to start: one JSON file, readable by its owner only, for it holds passwords."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from runlet.errors import InvalidInput
from runlet.protocol import names


@dataclass(frozen=True, slots=True)
class ControllerConfig:
    """`database` is a URL for database.py; `broker` an amqp:// URL; port 0 lets the system choose one."""

    workspace: str
    host: str
    port: int
    database: str
    transcripts: Path
    broker: str
    token: str
    devices: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> ControllerConfig:
        """Raises InvalidInput with what is wrong and where."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            config = cls(
                workspace=content["workspace"],
                host=content["listen"]["host"],
                port=int(content["listen"]["port"]),
                database=content["database"],
                transcripts=Path(content["transcripts"]),
                broker=content["broker"],
                token=content["token"],
                devices=tuple(names.check_device_name(name) for name in content["devices"]),
            )
        except OSError as error:
            raise InvalidInput(f"{path}: {error.strerror}") from None
        except (ValueError, TypeError) as error:
            raise InvalidInput(f"{path}: not a controller's configuration: {error}") from None
        except KeyError as error:
            raise InvalidInput(f"{path}: {error.args[0]!r} is missing") from None
        if not config.token:
            raise InvalidInput(f"{path}: the token is empty", "an empty token would let anyone in")
        return config
