"""What `runlet` alone says in a terminal: the first thing to type here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from runlet.cli.endpoint import find
from runlet.errors import ControllerUnavailable, RunletError

_ABOUT = "Runlet runs jobs on a fleet of devices, each in a real terminal."
_MORE = "All commands: runlet --help"
_NEW = {
    "runlet up -d --devices 3": "start a fleet of three devices on this machine",
    "runlet exec all -- uname -a": "run a command on all of them",
    "runlet init my-fleet": "begin a repository of jobs for them",
    "runlet down": "stop the fleet",
}
_KNOWN = {
    "runlet devices": "who is there",
    "runlet jobs": "what can be run",
    "runlet exec all -- uname -a": "run a command on all connected devices",
    "runlet prompts": "what programs ask",
    "runlet ps": "what ran",
}


def words(controller: str | None) -> str:
    """For a machine that has no controller yet, or for one that has; `controller` is what --controller says."""
    try:
        known = f"The controller is {find(controller).url}."
    except ControllerUnavailable:
        return "\n".join((_ABOUT, "", "No controller is known here. Begin with:", *_listed(_NEW), "", _MORE))
    except RunletError as error:
        return "\n".join((_ABOUT, "", f"{error.message}; {error.hint}.", "", _MORE))
    return "\n".join((_ABOUT, "", known, *_listed(_KNOWN), "", _MORE))


def _listed(commands: Mapping[str, str]) -> Iterator[str]:
    width = max(map(len, commands))
    yield from (f"  {command.ljust(width)}  {purpose}" for command, purpose in commands.items())
