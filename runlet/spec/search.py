"""Which files of a tree are read: those that are named, and those in and below folders that are named.

Links are followed, since what is not read is deleted by `--prune`: a link that leads nowhere, or back to a folder that
it is in, is a mistake. What is hidden is left out.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from runlet.errors import Problem, Rule

SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Read:
    """Every file that was read, as it was found, and the real paths of the folders that were searched."""

    files: tuple[Path, ...] = ()
    folders: frozenset[str] = frozenset()


@dataclass(slots=True)
class Search:
    """What is found: each file once, with the folder that was searched for it, and the real paths of all folders."""

    files: list[tuple[Path, Path | None]] = field(default_factory=list)
    folders: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    @property
    def read(self) -> Read:
        return Read(tuple(path for path, _ in self.files), frozenset(self.folders))

    def report(self, path: Path, message: str) -> None:
        self.problems.append(Problem(str(path), 0, 0, message, Rule.FILE))


def search(paths: Iterable[Path], *, empty: bool = False) -> Search:
    """Every file once, whichever way it was named; folders may hold none when `empty`."""
    found = Search()
    seen: set[str] = set()
    for path in paths:
        searched = path if os.path.isdir(path) else None
        mistakes = len(found.problems)
        files = [path] if searched is None else _below(searched, found)
        if not files and not empty and len(found.problems) == mistakes:
            found.report(path, "there is no playbook and no inventory (*.yaml, *.yml) in this folder")
        for file in files:
            real = os.path.realpath(file)
            if real not in seen:
                seen.add(real)
                found.files.append((file, searched))
    return found


def _below(folder: Path, found: Search) -> list[Path]:
    """The files to read in and below a folder, sorted. A folder that several links lead to is searched once."""
    files: list[Path] = []
    searched: set[str] = set()
    waiting: list[tuple[Path, tuple[str, ...]]] = [(folder, ())]  # each with the real paths of the folders above it
    while waiting:
        here, above = waiting.pop()
        real = os.path.realpath(here)
        if real in above or (above and _is_within(above[-1], real)):
            found.report(here, f"the link leads back to a folder that it is in: {real}")
        elif real not in searched:
            searched.add(real)
            kinds = [(entry, _kind(entry, found)) for entry in _entries(here, found)]
            files += [entry for entry, kind in kinds if kind == "file"]
            waiting += [(entry, (*above, real)) for entry, kind in reversed(kinds) if kind == "folder"]
    found.folders |= searched
    return sorted(files)


def _entries(folder: Path, found: Search) -> Iterator[Path]:
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        found.report(folder, f"cannot be read: {error.strerror}")
        return
    yield from (folder / name for name in names if not name.startswith("."))


def _kind(path: Path, found: Search) -> str | None:
    """Whether it is searched or read; None for what is neither, of which mistakes are told."""
    is_ours = path.name.endswith(SUFFIXES)
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if path.is_symlink():
            # It may have stood for a folder, whatever its name is.
            found.report(path, f"the link leads nowhere ({error.strerror}): {os.readlink(path)}")
        elif is_ours:
            found.report(path, f"cannot be read: {error.strerror}")
        return None
    if stat.S_ISDIR(mode):
        return "folder"
    if is_ours and not stat.S_ISREG(mode):
        found.report(path, "this is neither a file nor a folder")
        return None
    return "file" if is_ours else None


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
