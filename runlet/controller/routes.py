"""The routes of the HTTP API, by subject. Each asks one transaction of the store, and tells what came of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response, WebSocket
from fastapi.responses import JSONResponse
from sqlmodel import Session

from runlet.controller import answers, bodies, declarations, devices, inbox, jobs, launches, releases, runs, schedules
from runlet.controller.answering import Answering
from runlet.controller.attach import Attaching
from runlet.controller.bodies import (
    AnswersBody,
    CancelBody,
    GateBody,
    RenderBody,
    RerunBody,
    RollbackBody,
    RunBody,
    SubmissionBody,
)
from runlet.controller.deliveries import Effects
from runlet.controller.failures import failed
from runlet.controller.pages import Place
from runlet.controller.questions import Questions
from runlet.controller.reach import Reach
from runlet.controller.releaser import Releaser
from runlet.controller.scheduler import Scheduler
from runlet.controller.store import Store
from runlet.controller.streams import Streams
from runlet.controller.transcripts import Transcripts
from runlet.errors import RunletError, UnknownName
from runlet.model.execution import State
from runlet.model.target import Target
from runlet.protocol import names
from runlet.protocol.messages import MAX_ATTEMPT
from runlet.protocol.values import to_json
from runlet.protocol.views import AnswerView, ExecutionView, PromptView, RunView, Timing

# One page of a listing: what is answered at once, and what is not too much at once. One of a transcript.
DEFAULT_RUNS, DEFAULT_EXECUTIONS, DEFAULT_FIRINGS = 20, 100, 10
MAX_PAGE = 1000
MAX_TRANSCRIPT_BYTES = 1024 * 1024
# An expression typed by a person.
MAX_EXPRESSION = 10_000
# What the database and the file system count up to.
MAX_NUMBER = 2**63 - 1
# Where a page ended: an instant and an id.
MAX_PLACE = 100


def of_declarations(store: Store, scheduler: Scheduler, reach: Reach) -> APIRouter:
    """What is declared, was declared and would be: plans, applies, jobs, their schedules and renderings.

    Jobs that would tell others beyond `reach` are refused.
    """
    routes = APIRouter()

    @routes.post("/v1/plan")
    async def plan(body: SubmissionBody) -> dict[str, Any]:
        submission, now = bodies.submission(body), datetime.now(UTC)
        return dict(to_json(await store.transact(lambda session: declarations.plan(session, submission, now, reach))))

    @routes.post("/v1/apply")
    async def apply(body: SubmissionBody) -> dict[str, Any]:
        submission, now = bodies.submission(body), datetime.now(UTC)
        applied = await store.transact(lambda session: declarations.apply(session, submission, now, reach))
        scheduler.poke()
        return dict(to_json(applied))

    @routes.get("/v1/applies")
    async def history(
        limit: int = Query(20, ge=1, le=MAX_PAGE), before: int | None = Query(None, ge=0, le=MAX_NUMBER)
    ) -> dict[str, Any]:
        views = await store.transact(lambda session: declarations.history(session, limit, before))
        return {"applies": to_json(views)}

    @routes.post("/v1/applies/{number}/rollback")
    async def rollback(body: RollbackBody, number: int = Path(ge=0, le=MAX_NUMBER)) -> dict[str, Any]:
        now = datetime.now(UTC)
        applied = await store.transact(
            lambda session: declarations.rollback(
                session,
                number,
                body.by,
                now,
                adopt=body.adopt,
                dry_run=body.dry_run,
                base=body.base,
                origin=body.origin,
                reach=reach,
            )
        )
        scheduler.poke()
        return dict(to_json(applied))

    @routes.get("/v1/jobs")
    async def list_jobs() -> dict[str, Any]:
        return {"jobs": to_json(await store.transact(jobs.views))}

    @routes.get("/v1/jobs/{name}")
    async def show_job(name: str) -> dict[str, Any]:
        return dict(to_json(await store.transact(lambda session: jobs.declared(session, name))))

    @routes.get("/v1/schedules")
    async def list_schedules() -> dict[str, Any]:
        now = datetime.now(UTC)
        return {"schedules": to_json(await store.transact(lambda session: schedules.views(session, now)))}

    @routes.get("/v1/schedules/{job}")
    async def show_schedule(job: str, limit: int = Query(DEFAULT_FIRINGS, ge=1, le=MAX_PAGE)) -> dict[str, Any]:
        now = datetime.now(UTC)
        return dict(to_json(await store.transact(lambda session: schedules.view(session, job, now, limit))))

    @routes.post("/v1/render")
    async def render(body: RenderBody) -> dict[str, Any]:
        request = launches.Request(job=body.job, args=tuple(body.args), variables=body.variables)
        now = datetime.now(UTC)
        return dict(
            to_json(await store.transact(lambda session: launches.rendered(session, request, body.device, now)))
        )

    return routes


def of_runs(store: Store, releaser: Releaser, scheduler: Scheduler) -> APIRouter:
    """Runs: launching, looking, steering, ending."""
    routes = APIRouter()

    @routes.post("/v1/runs", status_code=201)
    async def launch(body: RunBody) -> dict[str, Any]:
        request = bodies.launch_request(body)
        launched = await store.transact(lambda session: launches.launch(session, request, datetime.now(UTC)))
        releaser.carry_out(launched.effects)
        return dict(to_json(launched.run))

    @routes.get("/v1/runs")
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

    @routes.get("/v1/runs/{run}")
    async def show_run(run: str) -> JSONResponse:
        now = datetime.now(UTC)
        view = await store.transact(lambda session: runs.view(session, runs.number(session, run), now))
        return JSONResponse(to_json(view))

    @routes.get("/v1/runs/{run}/executions")
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

    @routes.get("/v1/runs/{run}/rendering")
    async def rendering(run: str, device: str) -> dict[str, Any]:
        name = names.check_device_name(device)
        found = await store.transact(lambda session: runs.rendering(session, runs.number(session, run), name))
        return dict(to_json(found))

    @routes.post("/v1/runs/{run}/rerun", status_code=201)
    async def rerun(run: str, body: RerunBody) -> dict[str, Any]:
        request = launches.Rerun(run, body.only, body.secrets, body.id)
        launched = await store.transact(lambda session: launches.rerun(session, request, datetime.now(UTC)))
        releaser.carry_out(launched.effects)
        return dict(to_json(launched.run))

    @routes.post("/v1/runs/{run}/gate")
    async def steer(run: str, body: GateBody) -> dict[str, Any]:
        now = datetime.now(UTC)

        def work(session: Session) -> tuple[Effects, RunView]:
            number = runs.number(session, run)
            effects = releases.steer(session, number, body.action, body.reason, now)
            return effects, runs.view(session, number, now)

        effects, view = await store.transact(work)
        releaser.carry_out(effects)
        return dict(to_json(view))

    @routes.post("/v1/runs/{run}/cancel")
    async def cancel(run: str, body: CancelBody) -> dict[str, Any]:
        now = datetime.now(UTC)
        cancelled = await store.transact(
            lambda session: runs.cancel(session, runs.number(session, run), body.devices, now)
        )
        releaser.carry_out(cancelled.effects)
        scheduler.on_ended()
        return dict(to_json(cancelled.run))

    return routes


def of_output(store: Store, streams: Streams, transcripts: Transcripts, attaching: Attaching) -> APIRouter:
    """What programs print: stored, and live to a console."""
    routes = APIRouter()

    async def found(run: str, device: str, attempt: int | None) -> tuple[ExecutionView, int]:
        """The execution, and which of its attempts: the newest when None."""
        execution = await store.transact(
            lambda session: runs.on_device(session, runs.number(session, run), names.check_device_name(device))
        )
        which = execution.attempt if attempt is None else attempt
        if which > execution.attempt:
            raise UnknownName(f"run {run} has had {execution.attempt} attempts on {device!r}, not {which}")
        return execution, which

    @routes.get("/v1/runs/{run}/transcript")
    async def transcript(
        run: str,
        device: str,
        attempt: int | None = Query(None, ge=1, le=MAX_ATTEMPT),
        offset: int = Query(0, ge=0, le=MAX_NUMBER),
        limit: int = Query(MAX_TRANSCRIPT_BYTES, ge=1, le=MAX_TRANSCRIPT_BYTES),
    ) -> Response:
        execution, which = await found(run, device, attempt)
        begin, data = transcripts.read(execution.id, which, offset, limit)
        end = streams.length(execution.id, which)
        if execution.settled and which == execution.attempt:
            end = max(end, execution.output_length)
        if not data:
            begin = max(offset, end)  # what is missing to there is a gap: its transcript was removed
        headers = {"X-Runlet-Begin": str(begin), "X-Runlet-End": str(end)}
        return Response(data, media_type="application/octet-stream", headers=headers)

    @routes.get("/v1/runs/{run}/timing")
    async def timing(
        run: str, device: str, attempt: int | None = Query(None, ge=1, le=MAX_ATTEMPT)
    ) -> JSONResponse:  # made here: FastAPI would look through fifty thousand moments
        execution, which = await found(run, device, attempt)
        return JSONResponse(to_json(Timing(tuple(transcripts.moments(execution.id, which)))))

    @routes.websocket("/v1/runs/{run}/attach")
    async def attach(socket: WebSocket, run: str) -> None:
        try:
            await attaching.serve(socket, run)
        except RunletError as error:  # before the handshake: the console is told as over HTTP
            await socket.send_denial_response(failed(error))

    return routes


def of_prompts(store: Store, answering: Answering, questions: Questions) -> APIRouter:
    """Questions of programs, and what is answered."""
    routes = APIRouter()

    @routes.get("/v1/prompts")
    async def list_prompts(
        run: str | None = None,
        limit: int = Query(MAX_PAGE, ge=1, le=MAX_PAGE),
        after: str | None = Query(None, max_length=MAX_PLACE),
        since: str | None = Query(None, max_length=MAX_PLACE),
    ) -> JSONResponse:
        if since is not None:
            await questions.wait(since)
        mark = questions.mark  # first: what changes while it is read is waited for no more
        place, now = None if after is None else Place.parse(after), datetime.now(UTC)

        def work(session: Session) -> tuple[list[PromptView], Place | None]:
            number = None if run is None else runs.find(session, runs.number(session, run)).id
            return inbox.page(session, now, limit, place, number)

        found, end = await store.transact(work)
        return JSONResponse({"prompts": to_json(found), "next": None if end is None else str(end), "mark": mark})

    @routes.post("/v1/answers")
    async def give(body: AnswersBody) -> JSONResponse:
        return JSONResponse({"answers": to_json(await answering.give(bodies.given_answers(body)))})

    @routes.get("/v1/answers")
    async def list_answers(
        limit: int = Query(MAX_PAGE, ge=1, le=MAX_PAGE),
        after: str | None = Query(None, max_length=MAX_PLACE),
    ) -> JSONResponse:
        place = None if after is None else Place.parse(after)
        return page(await store.transact(lambda session: answers.newest(session, limit, place)), limit)

    @routes.get("/v1/runs/{run}/answers")
    async def list_answers_of_run(
        run: str,
        limit: int = Query(MAX_PAGE, ge=1, le=MAX_PAGE),
        after: str | None = Query(None, max_length=MAX_PLACE),
    ) -> JSONResponse:
        place = None if after is None else Place.parse(after)

        def work(session: Session) -> list[AnswerView]:
            number = runs.number(session, run)
            runs.find(session, number)
            return answers.of_run(session, number, limit, place)

        return page(await store.transact(work), limit)

    def page(found: list[AnswerView], limit: int) -> JSONResponse:
        end = str(Place(found[-1].given_at, found[-1].id)) if len(found) == limit else None
        return JSONResponse({"answers": to_json(found), "next": end})

    return routes


def of_fleet(store: Store) -> APIRouter:
    """Devices, and what selects them."""
    routes = APIRouter()

    @routes.get("/v1/devices")
    async def list_devices(name: Annotated[list[str] | None, Query()] = None, facts: bool = True) -> dict[str, Any]:
        now = datetime.now(UTC)
        views = await store.transact(lambda session: devices.views(session, now, name or (), facts=facts))
        return {"devices": to_json(views)}

    @routes.get("/v1/targets")
    async def explain(where: str = Query(max_length=MAX_EXPRESSION)) -> dict[str, Any]:
        target, now = Target.parse(where), datetime.now(UTC)
        return {"devices": to_json(await store.transact(lambda session: devices.explain(session, target, now)))}

    return routes
