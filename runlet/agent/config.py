"""What an agent must know to start: one JSON file, readable by its owner only, for it holds the broker's password."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from runlet.amqp.link import addresses
from runlet.errors import InvalidInput
from runlet.protocol import names

# Programs at once on one device: enough to keep a small one busy, few enough not to swamp 512 MB.
DEFAULT_PARALLEL = 4


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """`broker` has the amqp:// URL of each node, with password; `state` holds the journal and scripts.

    `parallel` counts programs. With `keep_programs` they go on when the agent is told to stop; without it they are
    ended.
    """

    device: str
    workspace: str
    broker: tuple[str, ...]
    state: Path
    parallel: int = DEFAULT_PARALLEL
    keep_programs: bool = True

    @classmethod
    def read(cls, path: Path) -> AgentConfig:
        """Raises InvalidInput with what is wrong and where."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            config = cls(
                device=names.check_device_name(content["device"]),
                workspace=content["workspace"],
                broker=addresses(content["broker"]),
                state=Path(content["state"]).absolute(),
                parallel=int(content.get("parallel", DEFAULT_PARALLEL)),
                keep_programs=_flag(content, "keep_programs", default=True),
            )
        except OSError as error:
            raise InvalidInput(f"{path}: {error.strerror}") from None
        except InvalidInput as error:
            raise InvalidInput(f"{path}: {error.message}", error.hint) from None
        except (ValueError, TypeError) as error:
            raise InvalidInput(f"{path}: not an agent's configuration: {error}") from None
        except KeyError as error:
            raise InvalidInput(f"{path}: {error.args[0]!r} is missing") from None
        if config.parallel < 1:
            raise InvalidInput(f"{path}: parallel must be at least 1")
        return config


def _flag(content: dict[str, object], name: str, *, default: bool) -> bool:
    value = content.get(name, default)
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false")
    return value
