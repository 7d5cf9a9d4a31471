"""A tree: all that a set of files and folders declares, the jobs of its playbooks and its inventory.

A file called `inventory.yaml`, or `inventory.` or `inventory-` and more, is an inventory, wherever it stands and
however it was named; any other is a playbook. A tree has one inventory at most, since two could not say which of them
is meant. Which files are read is in `search`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from runlet.errors import InvalidFiles, Mistake, Problem, Rule, on_one_line
from runlet.model.declaration import Declaration, Key, Kind
from runlet.model.inventory import Inventory
from runlet.model.job import Job
from runlet.spec import inventory, playbook
from runlet.spec.document import Address, Document
from runlet.spec.reader import read
from runlet.spec.search import Read, search

_INVENTORY = re.compile(r"inventory([.-].*)?\.ya?ml")


@dataclass(frozen=True, slots=True)
class Tree:
    """What files declare. `inventory` is None where no file is one."""

    jobs: tuple[Job, ...] = ()
    inventory: Inventory | None = None
    read: Read = field(default=Read(), repr=False, compare=False)
    doubts: tuple[Problem, ...] = field(default=(), compare=False)  # what is right, and probably not meant
    # Where each declaration stands.
    _places: Mapping[Key, tuple[Document, Address]] = field(default_factory=dict, repr=False, compare=False)

    def declarations(self) -> Iterator[Declaration]:
        """Everything, as `plan` and `apply` send it."""
        yield from (job.declaration() for job in self.jobs)
        if self.inventory is not None:
            yield from self.inventory.declarations()

    def problem(self, mistake: Mistake) -> Problem:
        """A mistake that only the controller can find, at its place: in a field, in a line of its text."""
        place = self._places.get((Kind(mistake.kind), mistake.name))
        if place is None:  # what another source declared does not fit to this tree
            return Problem(f"{mistake.kind} {mistake.name!r}", 0, 0, mistake.message, Rule.NAME)
        document, address = place
        if mistake.field is not None and document.has((*address, mistake.field)):
            address = (*address, mistake.field)
        if mistake.line is not None:
            return document.problem_in_text(address, mistake.line, mistake.message)
        return document.problem(address, mistake.message, at_key=mistake.field is None)


def load(paths: Iterable[Path], *, empty: bool = False) -> Tree:
    """What files declare; folders are searched, and may hold no file when `empty`.

    Raises InvalidFiles with every mistake of every file; then nothing is loaded at all.
    """
    found = search(paths, empty=empty)
    problems = found.problems
    guesses: list[str] = []
    playbooks: list[Document] = []
    inventories: list[Document] = []
    for path, searched in found.files:
        is_inventory = _INVENTORY.fullmatch(path.name) is not None
        try:
            document = read(path)
            if document.is_empty:
                continue
            mistakes = inventory.mistakes(document) if is_inventory else playbook.mistakes(document)
        except InvalidFiles as error:
            problems += error.problems
            if any(problem.rule is not Rule.FILE for problem in error.problems):
                guesses += _guess(path, searched, is_inventory=is_inventory)
            continue
        if mistakes:
            problems += mistakes
            guesses += _guess(path, searched, is_inventory=is_inventory)
        (inventories if is_inventory else playbooks).append(document)
    problems += playbook.clashes(playbooks)
    problems += (_second_inventory(other, inventories[0]) for other in inventories[1:])
    if problems:
        raise InvalidFiles(problems, guesses[0] if guesses else None)
    places: dict[Key, tuple[Document, Address]] = {}
    jobs = []
    for document in playbooks:
        for key, job in playbook.build(document):
            jobs.append(job)
            places[Kind.JOB, job.name] = document, (key,)
    for document in inventories:
        places |= {key: (document, address) for key, address in inventory.places(document)}
    return Tree(
        tuple(jobs),
        inventory.build(inventories[0]) if inventories else None,
        found.read,
        (
            *chain.from_iterable(map(playbook.doubts, playbooks)),
            *chain.from_iterable(map(inventory.doubts, inventories)),
        ),
        places,
    )


def _second_inventory(document: Document, first: Document) -> Problem:
    message = f"a tree has one inventory, and {on_one_line(first.path)} is one already; check them one at a time"
    return Problem(document.path, 0, 0, message, Rule.NAME)


def _guess(path: Path, searched: Path | None, *, is_inventory: bool) -> Iterator[str]:
    """Why a file with mistakes was taken for what it perhaps is not; nothing when nobody guessed."""
    if is_inventory and path.stem != "inventory":
        yield f"{on_one_line(path)} was read as an inventory because of its name; another name makes it a playbook"
    elif not is_inventory and searched is not None:
        yield (
            f"{on_one_line(path)} was read as a playbook because it is in the folder {on_one_line(searched)};"
            " name the files, or put other YAML elsewhere"
        )
