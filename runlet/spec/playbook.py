"""Playbooks: documents to jobs, and what arrives as a job over HTTP to a job.

A job is called by its key in the playbook, or by its `name` when it gives one. `settings` holds for its own file only.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from runlet.errors import InvalidInput, Problem, Rule
from runlet.model import environment, first_line, pattern
from runlet.model.inventory import large_variables
from runlet.model.job import Job
from runlet.model.target import Target
from runlet.spec import answers, schedules, schema, spread, template
from runlet.spec.document import MAX_PROBLEMS, Address, Document
from runlet.spec.foreign import unspeakable
from runlet.spec.template import MAX_FILE_TOKENS, MAX_SCRIPT_BYTES

# All jobs of one `runlet apply` travel in one request and become one transaction.
MAX_JOBS = 1_000
# How many mistakes of one job the answer to an HTTP request names.
MAX_MISTAKES_TOLD = 20

SETTINGS = "settings"


def from_mapping(content: Any) -> Job:
    """The inverse of `Job.to_mapping`, for content from outside. Raises InvalidInput with every mistake."""
    mistakes = list(unspeakable(content))
    if not mistakes:
        violations = islice(schema.violations(content, "job"), MAX_MISTAKES_TOLD)
        mistakes = [violation.message for violation in violations]
    if not mistakes:
        mistakes = [message for _, message in _beyond_schema(content)]
    if not mistakes:
        try:
            job = Job.from_mapping(content)
        except InvalidInput as error:
            mistakes = [error.message]
        else:
            mistakes = list(_job_mistakes(job))
            if not mistakes:
                return job
    raise InvalidInput(f"this is not a job: {'; '.join(mistakes)}")


def _declared(document: Document) -> Iterator[tuple[str, Any]]:
    if isinstance(document.value, dict):
        yield from ((key, value) for key, value in document.value.items() if key != SETTINGS)


def mistakes(document: Document) -> list[Problem]:
    """What is wrong within one document; it may break its schema, so nothing about its shape is taken for sure."""
    if document.is_empty:
        return [document.emptiness()]
    found = [*document.problems, *schema.check(document, "playbook")]
    if not found and not any(True for _ in _declared(document)):
        found.append(Problem(document.path, 0, 0, "the file declares no job", Rule.SCHEMA))
    found += islice(_in_scripts(document), MAX_PROBLEMS)
    found += islice(_in_first_lines(document), MAX_PROBLEMS)
    found += islice(_in_entrypoints(document), MAX_PROBLEMS)
    settings = document.value.get(SETTINGS) if isinstance(document.value, dict) else None
    if isinstance(settings, dict):
        found += [document.problem((SETTINGS, *address), message) for address, message in answers.mistakes(settings)]
    for key, value in _declared(document):
        if isinstance(value, dict):
            found += [document.problem((key, *address), message) for address, message in _beyond_schema(value)]
            found += _in_environment(document, (key, "env"), value.get("env"))
            found += _in_variables(document, (key, "vars"), value.get("vars"))
            found += _in_patterns(document, (key, "whereCustom"), value.get("whereCustom"))
    return found


def doubts(document: Document) -> Iterator[Problem]:
    """What is right in a document without mistakes, and probably not meant."""
    for key, value in document.value.items() if isinstance(document.value, dict) else ():
        for address, message in answers.doubts(value) if isinstance(value, dict) else ():
            yield document.problem((key, *address), message)
    yield from document.respellings(lambda address: address[1:2] == ("vars",))


def _beyond_schema(job: Mapping[str, Any]) -> Iterator[tuple[Address, str]]:
    """What a schema cannot say of a job, each mistake with its keys."""
    for rules in (spread, schedules, answers):
        yield from rules.mistakes(job)


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
        variables = value.get("vars") if isinstance(value, dict) else None
        for line, message in _script_mistakes(script, variables if isinstance(variables, dict) else {}):
            if line is None:
                yield document.problem(address, message, rule=Rule.TEMPLATE)
            else:
                yield document.problem_in_text(address, line, message, Rule.TEMPLATE)


def _script_mistakes(script: str, variables: Mapping[str, Any]) -> list[tuple[int | None, str]]:
    if len(script.encode()) > MAX_SCRIPT_BYTES:
        return [(None, f"the script is larger than {MAX_SCRIPT_BYTES // 1024} KiB; put large data into a file")]
    return list(template.check(script, variables))


def _in_first_lines(document: Document) -> Iterator[Problem]:
    """Of the scripts that name their own program, since nothing else does."""
    settings = document.value.get(SETTINGS) if isinstance(document.value, dict) else None
    if isinstance(settings, dict) and "entrypoint" in settings:
        return
    for key, value in _declared(document):
        content = value if isinstance(value, dict) else {"script": value}
        script = content.get("script")
        if isinstance(script, str) and "entrypoint" not in content and (message := first_line.mistake(script)):
            yield document.problem_in_text((key,) if script is value else (key, "script"), 1, message)


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


def _in_environment(document: Document, address: Address, value: Any) -> Iterator[Problem]:
    if isinstance(value, dict) and all(
        isinstance(item, str) and environment.NAME.fullmatch(name) for name, item in value.items()
    ):
        message = environment.mistake(value)
        if message:
            yield document.problem(address, message)


def _in_variables(document: Document, address: Address, value: Any) -> Iterator[Problem]:
    for name, message in large_variables(value) if isinstance(value, dict) else ():
        yield document.problem((*address, name), message)


def _words(entrypoint: str | list[str]) -> tuple[str, ...]:
    """Raises ValueError for a quote that is not closed."""
    return tuple(shlex.split(entrypoint) if isinstance(entrypoint, str) else entrypoint)


def _in_patterns(document: Document, address: Address, value: Any) -> Iterator[Problem]:
    """Each pattern that is wrong, at its item."""
    items = value if isinstance(value, list) else []
    texts = [(index, text) for index, item in enumerate(items) if isinstance(item, str) for text in pattern.split(item)]
    wrong = False
    for index, text in texts:
        try:
            pattern.parse(text)
        except InvalidInput as error:
            wrong = True
            yield document.problem((*address, index), error.message)
    if texts and not wrong:
        try:
            Target.custom(text for _, text in texts)
        except InvalidInput as error:
            yield document.problem(address, error.message)


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
                told = f"job '{name}' is already declared at {first.place}"
                yield document.problem(address, told, at_key=True, rule=Rule.NAME)
            elif len(firsts) == MAX_JOBS + 1:
                told = f"more than {MAX_JOBS} jobs are declared"
                yield document.problem(address, told, at_key=True, rule=Rule.NAME)


def build(document: Document) -> Iterator[tuple[str, Job]]:
    """The jobs of a document without mistakes, each with its key there."""
    assert isinstance(document.value, dict), "checked against the schema"
    settings: dict[str, Any] = document.value.get(SETTINGS, {})  # type: ignore[assignment]  # likewise
    default, default_input = settings.get("entrypoint"), settings.get("input")
    daemons: dict[str, Any] = settings.get("daemons", {})
    barred = frozenset(device for device, rules in daemons.items() if not rules.get("enabled", True))
    for key, value in _declared(document):
        content: dict[str, Any] = {"script": value} if isinstance(value, str) else dict(value)
        content |= {"name": _name(key, value), "barred": barred}
        if "whereCustom" in content:
            content["whereCustom"] = Target.custom(content["whereCustom"]).patterns
        entrypoint = content.pop("entrypoint", default)
        if entrypoint is not None:
            content["entrypoint"] = _words(entrypoint)
        if default_input is not None:
            content.setdefault("input", default_input)
        yield key, Job.from_mapping(content)


def _job_mistakes(job: Job) -> Iterator[str]:
    """What a schema cannot say of a whole job."""
    if job.target.patterns != tuple(dict.fromkeys(term.text for term in job.target.terms)):
        yield "whereCustom must hold each pattern once, one an item, without blanks"
    if job.entrypoint is not None and not job.entrypoint[0]:
        yield "entrypoint names no program"
    if message := environment.mistake(job.env):
        yield message
    yield from (f"{name}: {message}" for name, message in large_variables(job.vars))
    for line, message in _script_mistakes(job.script, job.vars):
        yield message if line is None else f"line {line} of the script: {message}"
