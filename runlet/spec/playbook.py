"""Playbooks: files to jobs, and what arrives as a job over HTTP to a job.

A job is called by its key in the playbook, or by its `name` when it gives one. `settings` holds for its own file only.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from runlet.errors import InvalidFiles, InvalidInput, Problem
from runlet.model.job import DEFAULT_ENTRYPOINT, Job
from runlet.model.schedule import Schedule
from runlet.model.target import Target, Where
from runlet.spec import schedules, schema, template
from runlet.spec.document import Address, Document
from runlet.spec.reader import MAX_DEPTH, read
from runlet.spec.template import MAX_SCRIPT_BYTES

# All jobs of one `runlet apply` travel in one request and become one transaction.
MAX_JOBS = 1_000
# How many mistakes of one job the answer to an HTTP request names.
MAX_MISTAKES_TOLD = 20

SETTINGS = "settings"
_SUFFIXES = (".yaml", ".yml")


def load(paths: Iterable[Path]) -> list[Job]:
    """The jobs that files declare; folders are searched for playbooks.

    Raises InvalidFiles with every mistake of every file; then no job is loaded at all.
    """
    problems: list[Problem] = []
    documents: list[Document] = []
    for path in _files(paths, problems):
        try:
            document = read(path)
        except InvalidFiles as error:
            problems += error.problems
            continue
        problems += _mistakes(document)
        documents.append(document)
    problems += _clashes(documents)
    if problems:
        raise InvalidFiles(problems)
    return [job for document in documents for job in _build(document)]


def from_mapping(content: Any) -> Job:
    """The inverse of `Job.to_mapping`, for content from outside. Raises InvalidInput with every mistake."""
    mistakes = list(_unspeakable(content))
    if not mistakes:
        violations = islice(schema.violations(content, "job"), MAX_MISTAKES_TOLD)
        mistakes = [violation.message for violation in violations]
    if not mistakes:
        mistakes = [message for _, message in schedules.mistakes(content)]
    if not mistakes:
        job = Job.from_mapping(content)
        mistakes = list(_job_mistakes(job))
        if not mistakes:
            return job
    raise InvalidInput(f"this is not a job: {'; '.join(mistakes)}")


def _files(paths: Iterable[Path], problems: list[Problem]) -> Iterator[Path]:
    """Every file once, whichever way it was named."""
    seen: set[str] = set()
    for path in paths:
        found = _playbooks_in(path, problems) if os.path.isdir(path) else [path]
        if not found:
            problems.append(Problem(str(path), 0, 0, "there is no playbook (*.yaml, *.yml) in this folder"))
        for file in found:
            real = os.path.realpath(file)
            if real not in seen:
                seen.add(real)
                yield file


def _playbooks_in(folder: Path, problems: list[Problem]) -> list[Path]:
    """The playbooks in and below a folder, sorted; inventories and what is hidden are left out."""

    def report(error: OSError) -> None:
        problems.append(Problem(str(error.filename), 0, 0, f"cannot be read: {error.strerror}"))

    found: list[Path] = []
    for parent, folders, files in os.walk(folder, onerror=report):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(parent, name) for name in files if name.endswith(_SUFFIXES) and _is_playbook(name)]
    return sorted(file for file in found if file.is_file())


def _is_playbook(name: str) -> bool:
    return not name.startswith((".", "inventory"))


def _declared(document: Document) -> Iterator[tuple[str, Any]]:
    if isinstance(document.value, dict):
        yield from ((key, value) for key, value in document.value.items() if key != SETTINGS)


def _mistakes(document: Document) -> list[Problem]:
    """Everything wrong within one document; it may break its schema, so nothing about its shape is taken for sure."""
    found = [*document.problems, *schema.check(document, "playbook")]
    declared = list(_declared(document))
    if not declared and not found:
        found.append(Problem(document.path, 0, 0, "the file declares no job"))
    for key, value in declared:
        if isinstance(value, str):
            found += _in_script(document, (key,), value)
        elif isinstance(value, dict):
            if isinstance(value.get("script"), str):
                found += _in_script(document, (key, "script"), value["script"])
            found += _in_entrypoint(document, (key, "entrypoint"), value.get("entrypoint"))
            found += (document.problem((key, *keys), message) for keys, message in schedules.mistakes(value))
    settings = document.value.get(SETTINGS) if isinstance(document.value, dict) else None
    if isinstance(settings, dict):
        found += _in_entrypoint(document, (SETTINGS, "entrypoint"), settings.get("entrypoint"))
    return found


def _in_script(document: Document, address: Address, script: str) -> Iterator[Problem]:
    for line, message in _script_mistakes(script):
        if line is None:
            yield document.problem(address, message)
        else:
            yield document.problem_in_text(address, line, message)


def _script_mistakes(script: str) -> list[tuple[int | None, str]]:
    if len(script.encode()) > MAX_SCRIPT_BYTES:
        return [(None, f"the script is larger than {MAX_SCRIPT_BYTES // 1024} KiB; put large data into a file")]
    return list(template.check(script))


def _in_entrypoint(document: Document, address: Address, value: Any) -> Iterator[Problem]:
    if value and (isinstance(value, str) or (isinstance(value, list) and all(isinstance(item, str) for item in value))):
        try:
            words = _words(value)
        except ValueError as error:
            yield document.problem(address, f"entrypoint cannot be split into words: {str(error).lower()}")
            return
        if words and not words[0]:
            yield document.problem(address, "entrypoint names no program")


def _words(entrypoint: str | list[str]) -> tuple[str, ...]:
    """Raises ValueError for a quote that is not closed."""
    return tuple(shlex.split(entrypoint) if isinstance(entrypoint, str) else entrypoint)


def _name(key: str, value: Any) -> str:
    name = value.get("name") if isinstance(value, dict) else None
    return name if isinstance(name, str) else key


def _clashes(documents: list[Document]) -> Iterator[Problem]:
    """Names declared twice, in one file or several, and too many names."""
    firsts: dict[str, Problem] = {}
    for document in documents:
        for key, value in _declared(document):
            name = _name(key, value)
            address = (key,) if name == key else (key, "name")
            here = document.problem(address, f"job '{name}' is declared twice", at_key=True)
            first = firsts.setdefault(name, here)
            if first is not here:
                other = f"{first.path}:{first.line}:{first.column}"
                yield document.problem(address, f"job '{name}' is already declared at {other}", at_key=True)
            elif len(firsts) == MAX_JOBS + 1:
                yield document.problem(address, f"more than {MAX_JOBS} jobs are declared", at_key=True)


def _build(document: Document) -> Iterator[Job]:
    """The jobs of a document without mistakes."""
    assert isinstance(document.value, dict), "checked against the schema"
    settings: dict[str, Any] = document.value.get(SETTINGS, {})  # type: ignore[assignment]  # likewise
    default = _words(settings["entrypoint"]) if "entrypoint" in settings else DEFAULT_ENTRYPOINT
    daemons: dict[str, Any] = settings.get("daemons", {})
    barred = frozenset(device for device, rules in daemons.items() if not rules.get("enabled", True))
    for key, value in _declared(document):
        content: dict[str, Any] = {"script": value} if isinstance(value, str) else value
        where, every = Where(content.get("where", Where.LOCAL)), content.get("every")
        yield Job(
            name=_name(key, value),
            script=content["script"],
            description=content.get("description", ""),
            show_duration=content.get("showDuration", False),
            cwd=content.get("cwd"),
            target=Target.custom(content["whereCustom"]) if where is Where.CUSTOM else Target(where),
            schedule=Schedule.from_mapping(every, content.get("schedule", {})) if every is not None else None,
            entrypoint=_words(content["entrypoint"]) if "entrypoint" in content else default,
            barred=barred,
        )


def _unspeakable(content: Any) -> Iterator[str]:
    """What JSON can say and a file, an argument or a message cannot. Walks with its own stack."""
    waiting = [(content, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            yield f"nested deeper than {MAX_DEPTH} levels"
            return
        if isinstance(value, dict):
            waiting += [(item, depth + 1) for pair in value.items() for item in pair]
        elif isinstance(value, list):
            waiting += [(item, depth + 1) for item in value]
        elif isinstance(value, str) and ("\0" in value or not _is_unicode(value)):
            yield "a text holds the character NUL or half a surrogate pair"
            return


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _job_mistakes(job: Job) -> Iterator[str]:
    """What a schema cannot say of a whole job."""
    custom = job.target.where is Where.CUSTOM
    normal = Target.custom(job.target.patterns) if custom else Target(job.target.where)
    if job.target != normal or custom != bool(job.target.patterns):
        yield "whereCustom must name one device an item with where: custom, and nothing otherwise"
    if job.entrypoint is not None and not job.entrypoint[0]:
        yield "entrypoint names no program"
    for line, message in _script_mistakes(job.script):
        yield message if line is None else f"line {line} of the script: {message}"
