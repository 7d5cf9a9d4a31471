"""Where a tree of files comes from: its repository, its commit, and who applies it, for the controller's history."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# git answers in milliseconds; on a network file system that hangs, applying must not.
GIT_SECONDS = 10.0
# The owner of what comes from no repository.
LOCAL_SOURCE = "local"
MAX_SOURCE = 200  # characters

# Whom CI says it works for.
_CI_OPERATORS = ("GITHUB_ACTOR", "GITLAB_USER_LOGIN", "BUILDKITE_BUILD_AUTHOR", "CIRCLE_USERNAME")
_CREDENTIALS = re.compile(r"^([a-z+]+://)[^@/]*@")


@dataclass(frozen=True, slots=True)
class Provenance:
    """`source` owns what is applied; `commit` is None outside git; `dirty` when files differ from the commit."""

    source: str
    by: str
    commit: str | None = None
    dirty: bool = False


def find(paths: Sequence[Path], source: str | None, environment: Mapping[str, str]) -> Provenance:
    """What git knows of the folder of the first path; `source` is what --source says."""
    first = paths[0].absolute()
    folder = first if first.is_dir() else first.parent
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    named = source or _repository(folder) or LOCAL_SOURCE
    status = (
        None if commit is None else _git(folder, "status", "--porcelain", "--", *(str(p.absolute()) for p in paths))
    )
    return Provenance(named[:MAX_SOURCE], operator(environment), commit, bool(status))


def operator(environment: Mapping[str, str]) -> str:
    """Who works here. Written down as told: the controller knows one token, not who holds it."""
    for variable in _CI_OPERATORS:
        if environment.get(variable):
            return environment[variable]
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"


def _repository(folder: Path) -> str | None:
    """The repository's address without credentials, or its folder's name when it has no remote."""
    remote = _git(folder, "config", "--get", "remote.origin.url")
    if remote:
        return _CREDENTIALS.sub(r"\1", remote).removesuffix(".git")
    top = _git(folder, "rev-parse", "--show-toplevel")
    return Path(top).name if top else None


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints; None when it fails, is not there or takes too long."""
    if shutil.which("git") is None or not folder.is_dir():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=GIT_SECONDS, check=False
        )
    except (subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
