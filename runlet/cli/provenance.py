"""Where a tree of files comes from: its repository, its commit, and who applies it, for the controller's history.

A source must be the same wherever its repository was cloned, and never another repository's: `--prune` deletes by it.
So git is believed or the question is refused; nothing is guessed when git fails.
"""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runlet.cli.commit import differs
from runlet.cli.git import Git, GitFailed
from runlet.errors import InvalidInput, on_one_line
from runlet.spec.search import Read

# The owner of what comes from no repository.
LOCAL_SOURCE = "local"
MAX_WORDS = 200  # characters of a source and of who applies; the controller's history keeps both with every apply

_NAME_IT = "say whose the files are with: --source NAME"
# Whom CI says it works for.
_CI_OPERATORS = ("GITHUB_ACTOR", "GITLAB_USER_LOGIN", "BUILDKITE_BUILD_AUTHOR", "CIRCLE_USERNAME")
_HELPER = re.compile(r"^\w+::")
_SCHEME = re.compile(r"^([A-Za-z0-9+.-]+)://")
_HOST = re.compile(r"\[[^\]]*\]|[^:]*")


@dataclass(frozen=True, slots=True)
class Provenance:
    """`source` owns what is applied; `commit` is None outside git; `dirty` unless the files are surely the commit's."""

    source: str
    by: str
    commit: str | None = None
    dirty: bool = False


def find(
    paths: Sequence[Path], read: Read, source: str | None, environment: Mapping[str, str], *, prune: bool
) -> Provenance:
    """What git knows of the folder of the first path, and of what was `read`; `source` is what --source says.

    Raises InvalidInput when there is a repository but git fails in it, and when pruning for nobody in particular.
    """
    by = operator(environment)
    if source is not None and not source.strip():
        raise InvalidInput("the source has no name", _NAME_IT)
    folder = _folder(paths[0])
    if not any(os.path.lexists(parent / ".git") for parent in (folder, *folder.parents)):
        if source is None and prune:
            words = "is in no git repository, so it is not known whose files to prune"
            raise InvalidInput(f"{on_one_line(folder)} {words}", _NAME_IT)
        return Provenance(_checked(source or LOCAL_SOURCE, "the source"), by)
    git = Git(environment)
    try:
        top = git(folder, "rev-parse", "--show-toplevel")
        named = source or _repository(git, folder)
    except GitFailed as failure:
        if source is None:
            raise InvalidInput(f"git fails in {on_one_line(folder)}: {failure}", f"mend that, or {_NAME_IT}") from None
        return Provenance(_checked(source, "the source"), by, dirty=True)
    if not named:
        raise InvalidInput(f"the git repository of {on_one_line(folder)} has neither an origin nor a name", _NAME_IT)
    try:
        commit = git(folder, "rev-parse", "--verify", "HEAD")
    except GitFailed:  # nothing is committed yet
        return Provenance(_checked(named, "the source"), by)
    dirty = differs(git, top, commit, read)
    return Provenance(_checked(named, "the source"), by, commit, dirty)


def operator(environment: Mapping[str, str]) -> str:
    """Who works here. Written down as told: the controller knows one token, not who holds it."""
    for variable in _CI_OPERATORS:
        if environment.get(variable):
            return _checked(environment[variable], variable)
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        name = str(os.getuid())
    return _checked(f"{name}@{socket.gethostname()}", "the name of the user")


def address(remote: str) -> str:
    """A remote as `host/path`: the same for https and ssh, without credentials, port and `.git`; a path's name.

    Empty when nothing is left of it.
    """
    rest = _HELPER.sub("", remote)
    scheme = _SCHEME.match(rest)
    if scheme is not None:
        rest = re.split(r"[?#]", rest[scheme.end() :], maxsplit=1)[0]
    head, _, path = rest.partition("/")
    if (scheme is None and ":" not in head) or (scheme is not None and scheme[1].lower() == "file"):
        return Path(rest).name.removesuffix(".git")
    head = head.rpartition("@")[2]
    host = _HOST.match(head)
    assert host is not None  # it matches nothing, too
    after_colon = head[host.end() :].removeprefix(":")
    if scheme is None:
        path = f"{after_colon}/{path}"
    elif after_colon and not after_colon.isdecimal():  # a password with a slash: all before the last @ may be secret
        return address(f"{scheme[0]}{path.rpartition('@')[2]}") if "@" in path else ""
    parts = [part for part in path.split("/") if part]
    return "/".join([host[0].lower(), *parts]).removesuffix(".git")


def _repository(git: Git, folder: Path) -> str:
    """The address of the origin; without one, the name of the main work tree's folder."""
    remote = git(folder, "config", "--default", "", "--get", "remote.origin.url")
    if remote:
        return address(remote)
    common = Path(os.path.realpath(folder / git(folder, "rev-parse", "--git-common-dir")))
    return common.parent.name if common.name == ".git" else common.name.removesuffix(".git")


def _folder(path: Path) -> Path:
    """Where git is asked about a path: links in the way to it followed, as git does."""
    return Path(os.path.realpath(path if path.is_dir() else path.absolute().parent))


def _checked(words: str, what: str) -> str:
    """Words for the history. Bytes that are no UTF-8 come as lone surrogates, which nothing can send."""
    try:
        words.encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"{what} is not UTF-8: {words!a}") from None
    if len(words) > MAX_WORDS:
        raise InvalidInput(f"{what} has {len(words)} characters; {MAX_WORDS} are the most")
    return words
