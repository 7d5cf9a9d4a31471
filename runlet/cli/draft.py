"""Text that a person edits: files in a private folder, opened in their editor, and kept until their words are safe."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import click

from runlet.errors import InvalidInput

# What every system has that has an editor at all.
_DEFAULT_EDITOR = "vi"


class Draft:
    """Files of one draft, inside its context. They outlive it when they were changed and not `drop`ped."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = tuple(texts)
        self._dropped = False

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="runlet-"))  # which only its owner may enter
        self.files = [self._folder / _file_name(number) for number, _ in enumerate(self._texts)]
        for file, text in zip(self.files, self._texts, strict=True):
            file.write_text(text, "utf-8")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.is_changed and not self._dropped:
            click.echo(f"your text is kept in {self._folder}", err=True)
        else:
            shutil.rmtree(self._folder)

    @property
    def is_changed(self) -> bool:
        return any(
            not file.is_file() or file.read_bytes() != text.encode()
            for file, text in zip(self.files, self._texts, strict=True)
        )

    @property
    def filled(self) -> list[Path]:
        """The files that hold more than comments."""
        return [file for file in self.files if file.is_file() and any(map(_is_content, file.read_bytes().splitlines()))]

    def drop(self) -> None:
        """Its words have arrived, or are not wanted."""
        self._dropped = True

    def edit(self, environment: Mapping[str, str]) -> None:
        """Let a person change the files. Raises InvalidInput when the editor does not end well."""
        words = editor(environment)
        try:
            done = subprocess.run([*words, *self.files], check=False)
        except OSError as error:
            raise InvalidInput(
                f"the editor {words[0]!r} cannot be started: {error.strerror}", "name another in VISUAL or EDITOR"
            ) from None
        if done.returncode:
            raise InvalidInput(f"the editor {words[0]!r} ended with {done.returncode}: nothing is changed")


def editor(environment: Mapping[str, str]) -> list[str]:
    """The editor's words, as VISUAL or EDITOR names it."""
    named = environment.get("VISUAL") or environment.get("EDITOR") or _DEFAULT_EDITOR
    try:
        return shlex.split(named) or [_DEFAULT_EDITOR]
    except ValueError as error:
        raise InvalidInput(f"the editor {named!r} cannot be split into words: {str(error).lower()}") from None


def _file_name(number: int) -> str:
    return f"jobs-{number + 1}.yaml" if number else "jobs.yaml"


def _is_content(line: bytes) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith(b"#")
