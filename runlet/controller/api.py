"""The HTTP API: every route, and how errors look. The command line and any other console are served alike."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import FastAPI, Path, Query, Request, Response, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, Field, field_validator
from sqlmodel import Session
from starlette.exceptions import HTTPException

from runlet import __version__
from runlet.controller import declarations, devices, jobs, releases, runs, schedules
from runlet.controller.attach import Attaching
from runlet.controller.health import Vitals
from runlet.controller.releaser import Releaser
from runlet.controller.scheduler import Scheduler
from runlet.controller.store import Store
from runlet.controller.streams import Streams
from runlet.controller.transcripts import Transcripts
from runlet.errors import (
    Conflict,
    InvalidDeclarations,
    InvalidInput,
    NotAuthorized,
    RunletError,
    Unavailable,
    UnknownName,
)
from runlet.model.declaration import Kind, Submission
from runlet.model.execution import State
from runlet.model.inventory import RESERVED_VARIABLES, VARIABLE_NAME
from runlet.model.target import Target, Where
from runlet.protocol import names
from runlet.protocol.messages import MAX_WINDOW, TerminalSize
from runlet.protocol.values import to_json
from runlet.protocol.views import RunView, Steering
from runlet.spec import declared

# One page of a listing: what is answered at once, and what is not too much at once. One of a transcript.
DEFAULT_RUNS, DEFAULT_EXECUTIONS, DEFAULT_FIRINGS = 20, 100, 10
MAX_PAGE = 1000
MAX_TRANSCRIPT_BYTES = 1024 * 1024
# A commit, a repository's address, a digest.
MAX_NAME = 500
# Of one `apply`: a fleet of 10,000 devices, its groups and jobs.
MAX_DECLARATIONS = 20_000
# An expression typed by a person.
MAX_EXPRESSION = 10_000
# What the database and the file system count up to.
MAX_NUMBER = 2**63 - 1
# Far above what a job may ask for.
MAX_ATTEMPT = 10_000

# The nearest class decides.
_STATUS: dict[type[RunletError], int] = {
    UnknownName: 404,
    NotAuthorized: 401,
    InvalidInput: 422,
    Conflict: 409,
    Unavailable: 503,
    RunletError: 500,
}

log = logging.getLogger(__name__)


class DeclarationBody(BaseModel):
    kind: Kind
    name: str
    content: dict[str, Any]


# Words for the history, and names in it: no NUL character, which PostgreSQL does not keep.
Words = Annotated[str, Field(max_length=MAX_NAME, pattern=r"^[^\x00]*$")]
Name = Annotated[Words, Field(min_length=1)]


class SubmissionBody(BaseModel):
    source: Name
    by: Name
    declarations: list[DeclarationBody] = Field(max_length=MAX_DECLARATIONS)
    commit: Words | None = None
    dirty: bool = False
    prune: bool = False
    adopt: bool = False
    base: str | None = Field(None, max_length=MAX_NAME)
    delete: list[str] = Field([], max_length=MAX_DECLARATIONS)
    note: Words = ""


class RollbackBody(BaseModel):
    by: Name
    adopt: bool = False
    dry_run: bool = False


class TargetBody(BaseModel):
    where: Where
    whereCustom: list[str] = []
    allowEmpty: bool = False


class TerminalBody(BaseModel):
    columns: int = Field(default=80, ge=1, le=MAX_WINDOW)
    rows: int = Field(default=24, ge=1, le=MAX_WINDOW)


def _not_reserved(name: str) -> str:
    if name in RESERVED_VARIABLES:
        raise ValueError(f"templates have something of their own under the name {name}")
    return name


# What an operator gives with -e.
Variables = dict[Annotated[str, Field(pattern=f"^{VARIABLE_NAME.pattern}$"), AfterValidator(_not_reserved)], str]


class RenderBody(BaseModel):
    job: str
    args: list[str] = []
    device: str
    variables: Variables = {}


class RunBody(BaseModel):
    job: str | None = None
    command: list[str] | None = None
    args: list[str] = []
    target: TargetBody | None = None
    origin: str | None = None
    terminal: TerminalBody = TerminalBody()
    term: str = Field("xterm-256color", pattern=r"^[A-Za-z0-9+._-]{1,64}$")
    variables: Variables = {}


class CancelBody(BaseModel):
    devices: list[str] | None = None


class RerunBody(BaseModel):
    only: list[State] | None = Field(None, min_length=1)

    @field_validator("only")
    @classmethod
    def are_outcomes(cls, only: list[State] | None) -> list[State] | None:
        if wrong := [state for state in only or () if not state.is_outcome]:
            raise ValueError(f"{wrong[0]} ends no execution")
        return only


class GateBody(BaseModel):
    action: Steering
    # Shown in one line, and kept as long as the run.
    reason: str = Field("paused by an operator", min_length=1, max_length=MAX_NAME, pattern=r"^[^\x00-\x1f\x7f]+$")


def build(
    store: Store,
    releaser: Releaser,
    scheduler: Scheduler,
    streams: Streams,
    transcripts: Transcripts,
    attaching: Attaching,
    vitals: Vitals,
) -> FastAPI:
    """The application, its parts given."""
    api = FastAPI(title="Runlet", version=__version__, docs_url=None, redoc_url=None)

    @api.exception_handler(RunletError)
    async def on_error(_request: Request, error: RunletError) -> JSONResponse:
        return _answer(error)

    @api.exception_handler(RequestValidationError)
    async def on_invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:])
        return _error(422, InvalidInput.code, f"{place}: {first['msg']}", None)

    @api.exception_handler(HTTPException)
    async def on_no_route(_request: Request, error: HTTPException) -> JSONResponse:
        return _error(error.status_code, UnknownName.code, str(error.detail), None)

    @api.get("/healthz")
    async def healthz() -> JSONResponse:
        health = await vitals.check()
        return JSONResponse(to_json(health), 200 if health.is_ok else 503)

    @api.post("/v1/plan")
    async def plan(body: SubmissionBody) -> dict[str, Any]:
        submission, now = _submission(body), datetime.now(UTC)
        return dict(to_json(await store.transact(lambda session: declarations.plan(session, submission, now))))

    @api.post("/v1/apply")
    async def apply(body: SubmissionBody) -> dict[str, Any]:
        submission, now = _submission(body), datetime.now(UTC)
        applied = await store.transact(lambda session: declarations.apply(session, submission, now))
        scheduler.poke()
        return dict(to_json(applied))

    @api.get("/v1/applies")
    async def history(
        limit: int = Query(20, ge=1, le=MAX_PAGE), before: int | None = Query(None, ge=0, le=MAX_NUMBER)
    ) -> dict[str, Any]:
        views = await store.transact(lambda session: declarations.history(session, limit, before))
        return {"applies": to_json(views)}

    @api.post("/v1/applies/{number}/rollback")
    async def rollback(body: RollbackBody, number: int = Path(ge=0, le=MAX_NUMBER)) -> dict[str, Any]:
        now = datetime.now(UTC)
        applied = await store.transact(
            lambda session: declarations.rollback(session, number, body.by, now, adopt=body.adopt, dry_run=body.dry_run)
        )
        scheduler.poke()
        return dict(to_json(applied))

    @api.get("/v1/jobs")
    async def list_jobs() -> dict[str, Any]:
        return {"jobs": to_json(await store.transact(jobs.views))}

    @api.get("/v1/jobs/{name}")
    async def show_job(name: str) -> dict[str, Any]:
        return dict(to_json(await store.transact(lambda session: jobs.declared(session, name))))

    @api.get("/v1/schedules")
    async def list_schedules() -> dict[str, Any]:
        return {"schedules": to_json(await store.transact(schedules.views))}

    @api.get("/v1/schedules/{job}")
    async def show_schedule(job: str, limit: int = Query(DEFAULT_FIRINGS, ge=1, le=MAX_PAGE)) -> dict[str, Any]:
        now = datetime.now(UTC)
        return dict(to_json(await store.transact(lambda session: schedules.view(session, job, now, limit))))

    @api.post("/v1/runs", status_code=201)
    async def launch(body: RunBody) -> dict[str, Any]:
        request = _launch_request(body)
        launched = await store.transact(lambda session: runs.launch(session, request, datetime.now(UTC)))
        releaser.carry_out(launched.effects)
        return dict(to_json(launched.run))

    @api.post("/v1/runs/{run}/rerun", status_code=201)
    async def rerun(run: str, body: RerunBody) -> dict[str, Any]:
        now = datetime.now(UTC)
        launched = await store.transact(lambda session: runs.rerun(session, runs.number(session, run), body.only, now))
        releaser.carry_out(launched.effects)
        return dict(to_json(launched.run))

    @api.post("/v1/render")
    async def render(body: RenderBody) -> dict[str, Any]:
        request = runs.Request(job=body.job, args=tuple(body.args), variables=body.variables)
        now = datetime.now(UTC)
        return dict(to_json(await store.transact(lambda session: runs.rendered(session, request, body.device, now))))

    @api.get("/v1/targets")
    async def explain(where: str = Query(max_length=MAX_EXPRESSION)) -> dict[str, Any]:
        target, now = Target.parse(where), datetime.now(UTC)
        return {"devices": to_json(await store.transact(lambda session: devices.explain(session, target, now)))}

    @api.get("/v1/runs")
    async def list_runs(
        limit: int = Query(DEFAULT_RUNS, ge=1, le=MAX_PAGE), before: int | None = Query(None, ge=0, le=MAX_NUMBER)
    ) -> JSONResponse:  # made here: what FastAPI would look for in a thousand runs is not there
        return JSONResponse(
            {
                "runs": to_json(
                    await store.transact(lambda session: runs.summaries(session, limit, datetime.now(UTC), before))
                )
            }
        )

    @api.get("/v1/runs/{run}")
    async def show_run(run: str) -> JSONResponse:
        now = datetime.now(UTC)
        view = await store.transact(lambda session: runs.view(session, runs.number(session, run), now))
        return JSONResponse(to_json(view))

    @api.post("/v1/runs/{run}/gate")
    async def steer(run: str, body: GateBody) -> dict[str, Any]:
        now = datetime.now(UTC)

        def work(session: Session) -> tuple[releases.Effects, RunView]:
            number = runs.number(session, run)
            effects = releases.steer(session, number, body.action, body.reason, now)
            return effects, runs.view(session, number, now)

        effects, view = await store.transact(work)
        releaser.carry_out(effects)
        return dict(to_json(view))

    @api.get("/v1/runs/{run}/executions")
    async def list_executions(
        run: str,
        limit: int = Query(DEFAULT_EXECUTIONS, ge=1, le=MAX_PAGE),
        after: str | None = None,
        state: State | None = None,
    ) -> JSONResponse:
        if after is not None:
            names.check_device_name(after)
        views = await store.transact(lambda session: runs.page(session, runs.number(session, run), limit, after, state))
        return JSONResponse({"executions": to_json(views)})

    @api.get("/v1/runs/{run}/rendering")
    async def rendering(run: str, device: str) -> dict[str, Any]:
        name = names.check_device_name(device)
        found = await store.transact(lambda session: runs.rendering(session, runs.number(session, run), name))
        return dict(to_json(found))

    @api.post("/v1/runs/{run}/cancel")
    async def cancel(run: str, body: CancelBody) -> dict[str, Any]:
        now = datetime.now(UTC)
        cancelled = await store.transact(
            lambda session: runs.cancel(session, runs.number(session, run), body.devices, now)
        )
        releaser.carry_out(cancelled.effects)
        scheduler.on_ended()
        return dict(to_json(cancelled.run))

    @api.get("/v1/runs/{run}/transcript")
    async def transcript(
        run: str,
        device: str,
        attempt: int | None = Query(None, ge=1, le=MAX_ATTEMPT),
        offset: int = Query(0, ge=0, le=MAX_NUMBER),
        limit: int = Query(MAX_TRANSCRIPT_BYTES, ge=1, le=MAX_TRANSCRIPT_BYTES),
    ) -> Response:
        execution = await store.transact(
            lambda session: runs.on_device(session, runs.number(session, run), names.check_device_name(device))
        )
        which = execution.attempt if attempt is None else attempt
        if which > execution.attempt:
            raise UnknownName(f"run {run} has had {execution.attempt} attempts on {device!r}, not {which}")
        data = transcripts.read(execution.id, which, offset, limit)
        end = streams.length(execution.id, which)
        return Response(data, media_type="application/octet-stream", headers={"X-Runlet-End": str(end)})

    @api.get("/v1/devices")
    async def list_devices(name: Annotated[list[str] | None, Query()] = None, facts: bool = True) -> dict[str, Any]:
        now = datetime.now(UTC)
        views = await store.transact(lambda session: devices.views(session, now, name or (), facts=facts))
        return {"devices": to_json(views)}

    @api.websocket("/v1/runs/{run}/attach")
    async def attach(socket: WebSocket, run: str) -> None:
        try:
            await attaching.serve(socket, run)
        except RunletError as error:  # before the handshake: the console is told as over HTTP
            await socket.send_denial_response(_answer(error))

    return api


def _submission(body: SubmissionBody) -> Submission:
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
    )


def _launch_request(body: RunBody) -> runs.Request:
    return runs.Request(
        job=body.job,
        command=None if body.command is None else tuple(body.command),
        args=tuple(body.args),
        target=None if body.target is None else _target(body.target),
        origin=body.origin,
        terminal=TerminalSize(body.terminal.columns, body.terminal.rows),
        term=body.term,
        variables=body.variables,
    )


def _target(body: TargetBody) -> Target:
    if body.where is Where.CUSTOM:
        return Target.custom(body.whereCustom, allow_empty=body.allowEmpty)
    return Target(body.where, tuple(body.whereCustom), body.allowEmpty)


def _answer(error: RunletError) -> JSONResponse:
    status = next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)
    more = {"mistakes": to_json(error.mistakes)} if isinstance(error, InvalidDeclarations) else {}
    return _error(status, error.code, error.message, error.hint, **more)


def _error(status: int, code: str, message: str, hint: str | None, **more: Any) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message, "hint": hint, **more}}, status)
