"""git, asked as a program."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from runlet.cli.inert import plain

# git answers in milliseconds; on a network file system that hangs, applying must not.
GIT_SECONDS = 10.0
# What a git hook sets for its own repository, which need not be that of the files.
_OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR")


class GitFailed(Exception):
    """In git's own words."""


class Git:
    """git in the operator's environment, but in no hook's repository."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        kept = {name: value for name, value in environment.items() if name not in _OF_A_HOOK}
        self._environment = {**kept, "GIT_OPTIONAL_LOCKS": "0"}

    def __call__(self, folder: Path | str, *arguments: str) -> str:
        """What git prints. Raises GitFailed."""
        try:
            done = subprocess.run(
                ["git", "-C", str(folder), *arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=GIT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise GitFailed(f"no answer within {GIT_SECONDS:g} s") from None
        except OSError as error:
            raise GitFailed(f"git cannot be started: {error.strerror}") from None
        if done.returncode:
            words = plain(done.stderr.decode(errors="replace").strip())
            raise GitFailed(words or f"exit code {done.returncode}")
        return os.fsdecode(done.stdout).removesuffix("\n")
