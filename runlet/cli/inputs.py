"""The files that a command line names to be read: `-` is what comes on stdin, and is called <stdin> in messages."""

from __future__ import annotations

import getpass
import io
import os
from pathlib import Path
from typing import IO, Any

import click

_DASH = "-"


class Stdin(type(Path())):  # type: ignore[misc]  # the class of this system's paths
    """A path that opens stdin, so that whatever reads a file reads that."""

    def open(
        self,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> IO[Any]:
        if os.isatty(0):
            click.echo("reads what you type here, until Ctrl-D on a line of its own", err=True)
        return open(0, mode, buffering, encoding, errors, newline, closefd=False)


def named(text: str) -> Path:
    """The file that is called so."""
    path: Path = Stdin("<stdin>") if text == _DASH else Path(text)
    return path


def open_secret(path: Path) -> IO[bytes]:
    """The file that holds a secret; where that is a terminal, one line is read from it, and not shown.

    Raises OSError.
    """
    if not isinstance(path, Stdin) or not os.isatty(0):
        file: IO[bytes] = path.open("rb")
        return file
    try:
        return io.BytesIO(os.fsencode(getpass.getpass("one line, which is not shown: ")) + b"\n")
    except EOFError:
        return io.BytesIO()


class InputPath(click.Path):
    """A file to read, or `-`."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return named(value) if value == _DASH else super().convert(value, param, ctx)
