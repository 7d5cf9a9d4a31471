"""What comes with requests: its shape and bounds, and the values it is made into. Raises nothing but InvalidInput."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, field_validator

from runlet.controller import launches
from runlet.errors import InvalidInput, ProtocolError
from runlet.model import text
from runlet.model.declaration import Kind, Submission
from runlet.model.declared_answers import secrets_mistake
from runlet.model.execution import State
from runlet.model.inventory import RESERVED_VARIABLES, VARIABLE_NAME
from runlet.model.target import Target, Where
from runlet.protocol.messages import MAX_ATTEMPT, MAX_WINDOW, Answer, TerminalSize
from runlet.protocol.views import Steering
from runlet.spec import declared

# A commit, a repository's address, a digest.
MAX_NAME = 500
# Of one `apply`: a fleet of 10,000 devices, its groups and jobs.
MAX_DECLARATIONS = 20_000
# Of one request: as many as a page of the inbox holds.
MAX_ANSWERS = 1000


def _speakable(value: str) -> str:
    """PostgreSQL keeps no other, and SQLite must not answer otherwise."""
    if found := text.unspeakable(value):
        raise ValueError(f"a text holds {found[1]}")
    return value


Text = Annotated[str, AfterValidator(_speakable)]


class DeclarationBody(BaseModel):
    kind: Kind
    name: Text
    content: dict[str, Any]


# Words for the history, and names in it.
Words = Annotated[Text, Field(max_length=MAX_NAME)]
Name = Annotated[Words, Field(min_length=1)]


class SubmissionBody(BaseModel):
    source: Name
    by: Name
    declarations: list[DeclarationBody] = Field(max_length=MAX_DECLARATIONS)
    commit: Words | None = None
    dirty: bool = False
    prune: bool = False
    adopt: bool = False
    base: Text | None = Field(None, max_length=MAX_NAME)
    delete: list[Text] = Field([], max_length=MAX_DECLARATIONS)
    note: Words = ""
    origin: Words | None = None


class RollbackBody(BaseModel):
    by: Name
    adopt: bool = False
    dry_run: bool = False
    base: Text | None = Field(None, max_length=MAX_NAME)
    origin: Words | None = None


class TargetBody(BaseModel):
    where: Where
    whereCustom: list[Text] = []
    allowEmpty: bool = False


class TerminalBody(BaseModel):
    columns: int = Field(default=80, ge=1, le=MAX_WINDOW)
    rows: int = Field(default=24, ge=1, le=MAX_WINDOW)


def _not_reserved(name: str) -> str:
    if name in RESERVED_VARIABLES:
        raise ValueError(f"templates have something of their own under the name {name}")
    return name


# What an operator gives with -e.
Variables = dict[Annotated[str, Field(pattern=f"^{VARIABLE_NAME.pattern}$"), AfterValidator(_not_reserved)], Text]


class RenderBody(BaseModel):
    job: Text
    args: list[Text] = []
    device: Text
    variables: Variables = {}


def _sealed(boxes: dict[str, str]) -> dict[str, str]:
    if mistake := secrets_mistake(boxes):
        raise ValueError(mistake)
    return boxes


# By device, sealed on the console.
Secrets = dict[str, Annotated[dict[str, Text], AfterValidator(_sealed)]]


class RunBody(BaseModel):
    id: Name | None = None
    job: Text | None = None
    command: list[Text] | None = None
    args: list[Text] = []
    target: TargetBody | None = None
    origin: Text | None = None
    terminal: TerminalBody = TerminalBody()
    term: str = Field("xterm-256color", pattern=r"^[A-Za-z0-9+._-]{1,64}$")
    variables: Variables = {}
    no_input: bool = False
    secrets: Secrets = {}


class OneAnswerBody(BaseModel):
    id: Text
    execution: Text
    attempt: int = Field(ge=1, le=MAX_ATTEMPT)
    prompt: Text
    data: str | None = None
    sealed: Text | None = None


class AnswersBody(BaseModel):
    by: Name
    answers: list[OneAnswerBody] = Field(min_length=1, max_length=MAX_ANSWERS)


class CancelBody(BaseModel):
    devices: list[Text] | None = None


class RerunBody(BaseModel):
    id: Name | None = None
    only: list[State] | None = Field(None, min_length=1)
    secrets: Secrets = {}

    @field_validator("only")
    @classmethod
    def are_outcomes(cls, only: list[State] | None) -> list[State] | None:
        if wrong := [state for state in only or () if not state.is_outcome]:
            raise ValueError(f"{wrong[0]} ends no execution")
        return only


class GateBody(BaseModel):
    action: Steering
    # Shown in one line, and kept as long as the run.
    reason: Text = Field("paused by an operator", min_length=1, max_length=MAX_NAME, pattern=r"^[^\x00-\x1f\x7f]+$")


def submission(body: SubmissionBody) -> Submission:
    return Submission(
        source=body.source,
        by=body.by,
        declarations=tuple(declared.check(one.kind, one.name, one.content) for one in body.declarations),
        commit=body.commit,
        dirty=body.dirty,
        prune=body.prune,
        adopt=body.adopt,
        base=body.base,
        delete=tuple(body.delete),
        note=body.note,
        origin=body.origin,
    )


def given_answers(body: AnswersBody) -> list[Answer]:
    return [_answer(one, body.by) for one in body.answers]


def launch_request(body: RunBody) -> launches.Request:
    return launches.Request(
        id=body.id,
        job=body.job,
        command=None if body.command is None else tuple(body.command),
        args=tuple(body.args),
        target=None if body.target is None else _target(body.target),
        origin=body.origin,
        terminal=TerminalSize(body.terminal.columns, body.terminal.rows),
        term=body.term,
        variables=body.variables,
        no_input=body.no_input,
        secrets=body.secrets,
    )


def _target(body: TargetBody) -> Target:
    if body.where is Where.CUSTOM:
        return Target.custom(body.whereCustom, allow_empty=body.allowEmpty)
    return Target(body.where, tuple(body.whereCustom), body.allowEmpty)


def _answer(body: OneAnswerBody, by: str) -> Answer:
    content, sealed = (body.data, False) if body.sealed is None else (body.sealed, True)
    if content is None or (sealed and body.data is not None):
        raise InvalidInput("an answer has either data or sealed")
    try:
        return Answer(body.id, body.execution, body.attempt, body.prompt, content, sealed, by)
    except ProtocolError as error:
        raise InvalidInput(error.message) from None
