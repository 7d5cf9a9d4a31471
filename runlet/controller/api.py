"""The HTTP API: its routes put together, and what goes wrong in any of them told in one shape.

The command line and any other console are served alike.
"""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from runlet import __version__
from runlet.controller import routes
from runlet.controller.answering import Answering
from runlet.controller.attach import Attaching
from runlet.controller.failures import failed, refusal
from runlet.controller.gate import TRUSTED
from runlet.controller.health import Vitals, told_to_anybody
from runlet.controller.questions import Questions
from runlet.controller.reach import Reach
from runlet.controller.releaser import Releaser
from runlet.controller.scheduler import Scheduler
from runlet.controller.store import Store
from runlet.controller.streams import Streams
from runlet.controller.transcripts import Transcripts
from runlet.errors import InvalidInput, RunletError, UnknownName
from runlet.protocol.values import to_json


def build(
    store: Store,
    releaser: Releaser,
    scheduler: Scheduler,
    reach: Reach,
    streams: Streams,
    transcripts: Transcripts,
    attaching: Attaching,
    answering: Answering,
    questions: Questions,
    vitals: Vitals,
) -> FastAPI:
    """The application, its parts given."""
    api = FastAPI(title="Runlet", version=__version__, docs_url=None, redoc_url=None)
    api.include_router(routes.of_declarations(store, scheduler, reach))
    api.include_router(routes.of_runs(store, releaser, scheduler))
    api.include_router(routes.of_output(store, streams, transcripts, attaching))
    api.include_router(routes.of_prompts(store, answering, questions))
    api.include_router(routes.of_fleet(store))

    @api.get("/healthz")
    async def healthz(request: Request) -> JSONResponse:
        health = await vitals.check()
        told = health if request.scope[TRUSTED] else told_to_anybody(health)
        return JSONResponse(to_json(told), 200 if health.is_ok else 503)

    @api.exception_handler(RunletError)
    async def on_error(_request: Request, error: RunletError) -> JSONResponse:
        return failed(error)

    @api.exception_handler(RequestValidationError)
    async def on_invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:])
        return refusal(422, InvalidInput.code, f"{place}: {first['msg']}", None)

    @api.exception_handler(HTTPException)
    async def on_no_route(_request: Request, error: HTTPException) -> JSONResponse:
        return refusal(error.status_code, UnknownName.code, str(error.detail), None)

    return api
