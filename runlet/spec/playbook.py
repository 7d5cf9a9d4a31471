"""Playbooks: documents to jobs, and what arrives as a job over HTTP to a job.

A job is called by its key in the playbook, or by its `name` when it gives one. `settings` holds for its own file only.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from runlet.errors import InvalidInput, Problem, Rule
from runlet.model.job import DEFAULT_ENTRYPOINT, Job
from runlet.model.target import Target, Where
from runlet.spec import schema, template
from runlet.spec.document import MAX_PROBLEMS, Address, Document
from runlet.spec.reader import MAX_DEPTH
from runlet.spec.template import MAX_FILE_TOKENS, MAX_SCRIPT_BYTES

# All jobs of one `runlet apply` travel in one request and become one transaction.
MAX_JOBS = 1_000
# How many mistakes of one job the answer to an HTTP request names.
MAX_MISTAKES_TOLD = 20

SETTINGS = "settings"


def from_mapping(content: Any) -> Job:
    """The inverse of `Job.to_mapping`, for content from outside. Raises InvalidInput with every mistake."""
    mistakes = list(_unspeakable(content))
    if not mistakes:
        violations = islice(schema.violations(content, "job"), MAX_MISTAKES_TOLD)
        mistakes = [violation.message for violation in violations]
    if not mistakes:
        job = Job.from_mapping(content)
        mistakes = list(_job_mistakes(job))
        if not mistakes:
            return job
    raise InvalidInput(f"this is not a job: {'; '.join(mistakes)}")


def _declared(document: Document) -> Iterator[tuple[str, Any]]:
    if isinstance(document.value, dict):
        yield from ((key, value) for key, value in document.value.items() if key != SETTINGS)


def mistakes(document: Document) -> list[Problem]:
    """What is wrong within one document; it may break its schema, so nothing about its shape is taken for sure."""
    found = [*document.problems, *schema.check(document, "playbook")]
    if not found and not any(True for _ in _declared(document)):
        found.append(Problem(document.path, 0, 0, "the file declares no job", Rule.SCHEMA))
    found += islice(_in_scripts(document), MAX_PROBLEMS)
    found += islice(_in_entrypoints(document), MAX_PROBLEMS)
    return found


def _in_scripts(document: Document) -> Iterator[Problem]:
    tokens = 0
    for key, value in _declared(document):
        address = (key,) if isinstance(value, str) else (key, "script")
        script = value.get("script") if isinstance(value, dict) else value
        if not isinstance(script, str):
            continue
        tokens += template.tokens(script)
        if tokens > MAX_FILE_TOKENS:
            message = f"the templates of this file have more than {MAX_FILE_TOKENS} tokens; split the file"
            yield document.problem(address, message, rule=Rule.TEMPLATE)
            return
        for line, message in _script_mistakes(script):
            if line is None:
                yield document.problem(address, message, rule=Rule.TEMPLATE)
            else:
                yield document.problem_in_text(address, line, message, Rule.TEMPLATE)


def _script_mistakes(script: str) -> list[tuple[int | None, str]]:
    if len(script.encode()) > MAX_SCRIPT_BYTES:
        return [(None, f"the script is larger than {MAX_SCRIPT_BYTES // 1024} KiB; put large data into a file")]
    return list(template.check(script))


def _in_entrypoints(document: Document) -> Iterator[Problem]:
    for key, value in document.value.items() if isinstance(document.value, dict) else ():
        if isinstance(value, dict):
            yield from _in_entrypoint(document, (key, "entrypoint"), value.get("entrypoint"))


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


def clashes(documents: Iterable[Document]) -> Iterator[Problem]:
    """Names declared twice, in one file or several, and too many names."""
    firsts: dict[str, Problem] = {}
    for document in documents:
        for key, value in _declared(document):
            name = _name(key, value)
            address = (key,) if name == key else (key, "name")
            here = document.problem(address, f"job '{name}' is declared twice", at_key=True, rule=Rule.NAME)
            first = firsts.setdefault(name, here)
            if first is not here:
                other = f"{first.path}:{first.line}:{first.column}"
                told = f"job '{name}' is already declared at {other}"
                yield document.problem(address, told, at_key=True, rule=Rule.NAME)
            elif len(firsts) == MAX_JOBS + 1:
                told = f"more than {MAX_JOBS} jobs are declared"
                yield document.problem(address, told, at_key=True, rule=Rule.NAME)


def build(document: Document) -> Iterator[Job]:
    """The jobs of a document without mistakes."""
    assert isinstance(document.value, dict), "checked against the schema"
    settings: dict[str, Any] = document.value.get(SETTINGS, {})  # type: ignore[assignment]  # likewise
    default = _words(settings["entrypoint"]) if "entrypoint" in settings else DEFAULT_ENTRYPOINT
    daemons: dict[str, Any] = settings.get("daemons", {})
    barred = frozenset(device for device, rules in daemons.items() if not rules.get("enabled", True))
    for key, value in _declared(document):
        content: dict[str, Any] = {"script": value} if isinstance(value, str) else value
        where = Where(content.get("where", Where.LOCAL))
        yield Job(
            name=_name(key, value),
            script=content["script"],
            description=content.get("description", ""),
            show_duration=content.get("showDuration", False),
            cwd=content.get("cwd"),
            target=Target.custom(content["whereCustom"]) if where is Where.CUSTOM else Target(where),
            every=content.get("every"),
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
