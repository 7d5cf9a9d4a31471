"""Whether what was read is what a commit holds: the files, every link on the way to them, and nothing missing.

Contents are compared, not git's notes of them: a file may be ignored, unknown, or marked as not to be looked at. What
leaves the repository differs from every commit of it; a submodule is held to the commit that its repository names.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from runlet.cli.git import Git, GitFailed
from runlet.spec.search import SUFFIXES, Read

_LINK, _SUBMODULE = "120000", "160000"  # git's modes
# So that their names fit into one command.
_FILES_AT_ONCE = 200
_SHA1_DIGITS = 40  # of a digest; git's other kind has 64


@dataclass(slots=True)
class _Part:
    """What was read within one work tree, by full paths: files and links, and the folders that were searched."""

    places: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)

    def within(self, folder: str) -> _Part:
        """What of it is within a submodule; of one that was not searched since it is not there, its folder."""
        folders = {one for one in self.folders if _is_within(one, folder)}
        if any(_is_searched_below(folder, one) for one in self.folders):
            folders.add(folder)
        return _Part({place for place in self.places if _is_within(place, folder)}, folders)


def differs(git: Git, top: str, commit: str, read: Read) -> bool:
    """Whether what was read is not surely the commit's. `top` is the real path of the work tree."""
    part = _Part(folders=set(read.folders))
    if not all(_is_within(folder, top) for folder in part.folders):
        return True
    for path in read.files:
        entered = False
        for place in _way(path):
            inside = _is_within(place, top)
            if entered and not inside:
                return True
            entered = entered or inside
            if inside:
                part.places.add(place)
        if not entered:
            return True
    try:
        return not _holds(git, top, commit, part)
    except (GitFailed, OSError):
        return True


def _way(path: Path) -> Iterator[str]:
    """Every link on the way to a file, by the place where it stands, and the file at the end."""
    here = "/"
    waiting = list(reversed(path.absolute().parts[1:]))
    while waiting:
        part = waiting.pop()
        if part == "..":
            here = os.path.dirname(here)
            continue
        place = os.path.join(here, part)
        if not os.path.islink(place):
            here = place
            continue
        yield place
        target = Path(os.readlink(place))
        if target.is_absolute():
            here = "/"
        waiting += reversed(target.parts[target.is_absolute() :])
    yield here


def _holds(git: Git, top: str, commit: str, read: _Part) -> bool:
    """Whether a commit of the repository at `top` holds all that was read there, and nothing more that would be read.

    Raises GitFailed, and OSError for what is gone meanwhile.
    """
    entries = dict(_entries(git(top, "ls-tree", "-r", "-z", "--full-tree", commit)))
    submodules = {os.path.join(top, name): entry[1] for name, entry in entries.items() if entry[0] == _SUBMODULE}
    for folder, of_submodule in submodules.items():
        within = read.within(folder)
        if within.places or within.folders:
            if git(folder, "rev-parse", "--show-toplevel") != folder:
                return False  # it is not there
            if not _holds(git, folder, of_submodule, within):
                return False
            read.places -= within.places
    files: dict[str, str] = {}
    for place in read.places:
        mode, digest = entries.get(place[len(top) + 1 :], ("", ""))
        if (mode == _LINK) != os.path.islink(place):
            return False
        if mode == _LINK and _digest_of_link(place, len(digest)) != digest:
            return False
        if mode != _LINK:
            files[place] = digest
    return _digests(git, top, list(files)) == list(files.values()) and not any(
        _is_missing(os.path.join(top, name), entry[0], read) for name, entry in entries.items()
    )


def _entries(listed: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """The mode and digest of each path that `git ls-tree -z` lists."""
    for line in listed.split("\0"):
        if line:
            told, _, name = line.partition("\t")
            mode, _, digest = told.split(" ")
            yield name, (mode, digest)


def _digests(git: Git, top: str, files: list[str]) -> list[str]:
    """As git would store the files now, by whatever filters it has for them."""
    found: list[str] = []
    for start in range(0, len(files), _FILES_AT_ONCE):
        names = [place[len(top) + 1 :] for place in files[start : start + _FILES_AT_ONCE]]
        found += git(top, "hash-object", "--", *names).split("\n")
    return found


def _digest_of_link(place: str, digits: int) -> str:
    target = os.fsencode(os.readlink(place))
    hashed = hashlib.sha1 if digits == _SHA1_DIGITS else hashlib.sha256
    return hashed(b"blob %d\0" % len(target) + target).hexdigest()


def _is_missing(place: str, mode: str, read: _Part) -> bool:
    """Whether what the commit holds would have been read, and is not there."""
    if mode == _SUBMODULE or not (mode == _LINK or place.endswith(SUFFIXES)):
        return False
    is_there = os.path.islink(place) if mode == _LINK else os.path.isfile(place)
    return not is_there and any(_is_searched_below(place, folder) for folder in read.folders)


def _is_searched_below(place: str, folder: str) -> bool:
    return _is_within(place, folder) and "/." not in place[len(folder) :]


def _is_within(place: str, folder: str) -> bool:
    return place == folder or place.startswith(f"{folder}/")
