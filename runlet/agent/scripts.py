"""An execution's script: its file on the device, and the command line that runs it.

A job that names no entrypoint runs in a login shell's environment, also when its script's first line names the program.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from runlet.model.first_line import BYTE_ORDER_MARK, SHELLS, interpreter
from runlet.protocol.messages import Execute

LOGIN_SHELL = ("/bin/bash", "--login")

# Beside the script; no job's script is called so.
_VARIABLES = "env.sh"
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
# Variables that bash lets nobody set, a profile neither.
_OF_BASH = frozenset({"BASHOPTS", "BASH_VERSINFO", "EUID", "PPID", "SHELLOPTS", "UID"})


def command_line(folder: Path, command: Execute) -> tuple[str, ...]:
    """What to start, its script written below `folder` where only this user reads it. Raises OSError."""
    if command.script is None:
        return (*(command.entrypoint or LOGIN_SHELL), *command.arguments)
    home = folder / f"{command.execution}.{command.attempt}"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    script = home / _UNSAFE.sub("_", command.job)  # what the program sees as $0
    text = command.script.removeprefix(BYTE_ORDER_MARK)
    named = None if command.entrypoint else interpreter(text)
    program = command.entrypoint or named or LOGIN_SHELL
    prelude = _prelude(home, command.environment)
    _write(script, prelude + text if _reads_profile(program) else text)
    line = (*program, str(script), *command.arguments)
    # What is not here is started as it stands, so that its own name is in the message about it.
    if named and _is_program(named[0]) and _is_program(LOGIN_SHELL[0]):
        return (*LOGIN_SHELL, "-c", f'{prelude}exec -- "$@"', script.name, *line)
    return line


def remove(folder: Path, name: str) -> None:
    shutil.rmtree(folder / name, ignore_errors=True)


def _prelude(home: Path, environment: Mapping[str, str]) -> str:
    """What a shell does when it has read its profile: set what the job declares, which the profile may have changed.

    It goes before the script's first line, in that line, so that the shell counts the lines as their author does; the
    values are in a file, since other users of the device see command lines.
    """
    declared = [name for name in environment if not name.startswith("RUNLET_") and name not in _OF_BASH]
    if not declared:
        return ""
    path = home / _VARIABLES
    _write(path, "".join(f"export {name}={shlex.quote(environment[name])}\n" for name in declared))
    return f". {shlex.quote(str(path))}; "


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="")
    path.chmod(0o600)


def _reads_profile(program: Sequence[str]) -> bool:
    """It is a shell that is started as at a login. zsh has files that it always reads."""
    name = PurePosixPath(program[0]).name
    options = [argument for argument in program[1:] if argument.startswith("-")]
    asks = any(option == "--login" or (option[1:2] != "-" and "l" in option) for option in options)
    return name == "zsh" or (name in SHELLS and asks)


def _is_program(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)
