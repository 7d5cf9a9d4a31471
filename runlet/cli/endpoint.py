"""Which controller the command line talks to, and as which device.

In this order: --controller or RUNLET_CONTROLLER with the token in RUNLET_TOKEN; what `runlet up` left in
$RUNLET_HOME/endpoint.json. The token is never an argument: other people on the machine can read those.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runlet.errors import ControllerUnavailable, InvalidInput

if TYPE_CHECKING:
    from runlet.client.api import Api

CONTROLLER_VARIABLE = "RUNLET_CONTROLLER"
TOKEN_VARIABLE = "RUNLET_TOKEN"  # noqa: S105  # the variable's name, not a token
HOME_VARIABLE = "RUNLET_HOME"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A controller, and the device that `where: local` means here, if this machine is one."""

    url: str
    token: str
    device: str | None = None

    def api(self, patience: float | None = None, *, quiet: bool = False) -> Api:
        """`quiet` where stderr is a screen that is drawn: nothing is said of a controller that is silent."""
        from runlet.client.api import Api

        return Api(self.url, self.token, patience, None if quiet or patience is not None else _tell)


def _tell(words: str) -> None:
    sys.stderr.write(f"{words}\n")


def home() -> Path:
    """$RUNLET_HOME; by default, the place for state that the XDG base directories name."""
    if named := os.environ.get(HOME_VARIABLE):
        return Path(named)
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "runlet"


def find(controller: str | None) -> Endpoint:
    """The controller to use; `controller` is what --controller or its variable says.

    Raises InvalidInput when a token is missing, ControllerUnavailable when no controller is known.
    """
    if controller is None:
        return _left_by_up(home() / "endpoint.json")
    token = os.environ.get(TOKEN_VARIABLE)
    if not token:
        raise InvalidInput(f"no token for {controller}", f"put the controller's token into {TOKEN_VARIABLE}")
    return Endpoint(controller, token)


def _left_by_up(path: Path) -> Endpoint:
    try:
        content = json.loads(path.read_text())
        return Endpoint(content["url"], content["token"], content["device"])
    except FileNotFoundError:
        raise ControllerUnavailable(
            "no controller is known",
            f"start one here with: runlet up; or name one with --controller or {CONTROLLER_VARIABLE}",
        ) from None
    except OSError as error:
        raise ControllerUnavailable(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise ControllerUnavailable(
            f"{path} is not what `runlet up` writes", "write it anew with: runlet down; runlet up"
        ) from None
