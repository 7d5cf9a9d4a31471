"""The controller's HTTP API, one method per route. Answers become views once, here; failures become RunletErrors.

httpx2 is imported when the first Api is made: `runlet --version` has no use for it.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import quote, urlsplit

from runlet.client.address import check_urls, is_loopback
from runlet.client.failures import from_body, unavailable
from runlet.errors import ControllerUnavailable, ProtocolError
from runlet.model.declaration import Submission
from runlet.model.execution import State
from runlet.model.run import RunId
from runlet.model.target import Chosen, Target
from runlet.protocol.messages import Answer, TerminalSize
from runlet.protocol.values import from_json, to_json
from runlet.protocol.views import (
    AnswerView,
    ApplyView,
    DeclaredJob,
    DeviceView,
    ExecutionView,
    Health,
    JobScheduleView,
    JobView,
    PlanView,
    PromptView,
    Rendering,
    RunSummary,
    RunView,
    ScheduleView,
    Steering,
    Timing,
)

if TYPE_CHECKING:
    import ssl

    import httpx2

T = TypeVar("T")

CONNECT_SECONDS = 5.0  # a controller that does not even accept by then is not up
ANSWER_SECONDS = 30.0  # `apply` of a large repository is the slowest question
SILENT_SECONDS = 2.0  # most questions take milliseconds: by then a person wonders
# The pauses before a launch whose answer was lost is asked for again: a controller that restarts takes some seconds.
AGAIN_SECONDS = (0.5, 2.0, 5.0)
TRANSCRIPT_PAGE_BYTES = 1024 * 1024  # bounds what `logs` holds in memory
# Where the answered bytes begin and the stored stream ends.
TRANSCRIPT_BEGIN_HEADER, TRANSCRIPT_END_HEADER = "X-Runlet-Begin", "X-Runlet-End"
PAGE = 1000  # of a listing: as much as a controller gives at once
DEFAULT_TERM = "xterm-256color"  # what a program is told when nobody's own terminal is known


@dataclass(frozen=True, slots=True)
class Page:
    """Some bytes of a transcript; `left_out` bytes before them are not kept."""

    left_out: int
    data: bytes


class Api:
    """A connection to a controller. Every method raises ControllerUnavailable when there is no answer."""

    def __init__(
        self, urls: str, token: str, patience: float | None = None, tell: Callable[[str], None] | None = None
    ) -> None:
        """`urls` are the addresses of controllers, separated by commas; the first that accepts is used.

        `patience` bounds connecting and answering, in seconds, for whom waiting is worse than no answer. `tell` learns,
        from another thread, of a controller that is silent for SILENT_SECONDS.
        """
        import httpx2

        self._tell = tell
        self._urls = check_urls(urls)
        local = all(map(is_loopback, self._urls))
        needs_tls = not local or any(urlsplit(url).scheme == "https" for url in self._urls)
        self._http = httpx2.Client(
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx2.Timeout(patience or ANSWER_SECONDS, connect=patience or CONNECT_SECONDS),
            trust_env=not local,
            verify=True if needs_tls else _nobody_trusted(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def health(self) -> Health:
        """The health of the controller's parts, good or not."""
        return from_json(Health, _object(self._send("GET", "/healthz", accept=(503,))), "health")

    def plan(self, submission: Submission) -> PlanView:
        """What applying would do."""
        return from_json(PlanView, self._ask("POST", "/v1/plan", to_json(submission)), "plan")

    def apply(self, submission: Submission) -> PlanView:
        """Do it, all or nothing, and tell what was done."""
        return from_json(PlanView, self._ask("POST", "/v1/apply", to_json(submission)), "plan")

    def history(self, limit: int = 20, before: int | None = None) -> list[ApplyView]:
        """The newest applies (older than `before`), newest first."""
        query = {"limit": limit} | ({} if before is None else {"before": before})
        return _items(ApplyView, self._ask("GET", "/v1/applies", query=query), "applies")

    def rollback(
        self,
        apply: int,
        by: str,
        *,
        adopt: bool = False,
        dry_run: bool = False,
        base: str | None = None,
        origin: str | None = None,
    ) -> PlanView:
        """Bring back what a source declared after an apply; what that did, or would do with `dry_run`.

        `base` is that of the plan it must still fit, if there was one; `origin` the device that asks.
        """
        content = {"by": by, "adopt": adopt, "dry_run": dry_run, "base": base, "origin": origin}
        return from_json(PlanView, self._ask("POST", f"/v1/applies/{apply}/rollback", content), "plan")

    def jobs(self) -> list[JobView]:
        return _items(JobView, self._ask("GET", "/v1/jobs"), "jobs")

    def job(self, name: str) -> DeclaredJob:
        """A job with its content."""
        return from_json(DeclaredJob, self._ask("GET", f"/v1/jobs/{quote(name, safe='')}"), "job")

    def render(self, job: str, args: Sequence[str], device: str, variables: Mapping[str, str]) -> Rendering:
        """What a job would be on a device, launched now."""
        content = {"job": job, "args": list(args), "device": device, "variables": dict(variables)}
        return from_json(Rendering, self._ask("POST", "/v1/render", content), "rendering")

    def explain(self, where: str) -> list[Chosen]:
        """Which devices an expression selects, and why."""
        return _items(Chosen, self._ask("GET", "/v1/targets", query={"where": where}), "devices")

    def schedules(self) -> list[ScheduleView]:
        """The schedules of all jobs that have one."""
        return _items(ScheduleView, self._ask("GET", "/v1/schedules"), "schedules")

    def schedule(self, job: str, limit: int = 10) -> JobScheduleView:
        """One job's schedule, with so many of the next fire times and of the last firings."""
        path = f"/v1/schedules/{quote(job, safe='')}"
        return from_json(JobScheduleView, self._ask("GET", path, query={"limit": limit}), "schedule")

    def start_run(
        self,
        *,
        job: str | None = None,
        command: Sequence[str] | None = None,
        args: Sequence[str] = (),
        target: Target | None = None,
        origin: str | None = None,
        terminal: TerminalSize | None = None,
        term: str = DEFAULT_TERM,
        variables: Mapping[str, str] | None = None,
        no_input: bool = False,
        secrets: Mapping[str, Mapping[str, str]] | None = None,
    ) -> RunView:
        """Launch a job, or a bare command. `target` None means the job's own; `origin` is the device that asks.

        With `no_input` nobody is asked: a program that asks fails. `secrets` has sealed boxes by device and name. When
        the answer is lost the same is asked again, which launches nothing twice.
        """
        content = {
            "id": str(uuid.uuid4()),
            "job": job,
            "command": None if command is None else list(command),
            "args": list(args),
            "target": None
            if target is None
            else {
                "where": target.where.value,
                "whereCustom": list(target.patterns),
                "allowEmpty": target.allow_empty,
            },
            "origin": origin,
            "terminal": to_json(terminal or TerminalSize()),
            "term": term,
            "variables": dict(variables or {}),
            "no_input": no_input,
            "secrets": secrets or {},
        }
        return from_json(RunView, _object(self._send("POST", "/v1/runs", content, again=AGAIN_SECONDS)), "run")

    def runs(self, most: int | None = 20) -> Iterator[list[RunSummary]]:
        """The newest runs, newest first, page by page; `most` at most, all when None."""
        before: int | None = None
        while most is None or most > 0:
            limit = PAGE if most is None else min(PAGE, most)
            query = {"limit": limit} | ({} if before is None else {"before": before})
            page = _items(RunSummary, self._ask("GET", "/v1/runs", query=query), "runs")
            if page:
                yield page
                before = page[-1].id
            if len(page) < limit:
                return
            most = None if most is None else most - limit

    def run(self, run: RunId) -> RunView:
        return from_json(RunView, self._ask("GET", f"/v1/runs/{run}"), "run")

    def rendering(self, run: RunId, device: str) -> Rendering:
        """What a run is on a device, as it was launched."""
        return from_json(
            Rendering, self._ask("GET", f"/v1/runs/{run}/rendering", query={"device": device}), "rendering"
        )

    def executions(self, run: RunId, state: State | None = None) -> Iterator[ExecutionView]:
        """A run's executions in order of device, those in `state` when given; asked for page by page."""
        query: dict[str, Any] = {"limit": PAGE} | ({} if state is None else {"state": state.value})
        while True:
            page = _items(ExecutionView, self._ask("GET", f"/v1/runs/{run}/executions", query=query), "executions")
            yield from page
            if len(page) < PAGE or page[-1].device is None:
                return
            query["after"] = page[-1].device

    def prompts(self, run: RunId | None = None) -> Iterator[PromptView]:
        """Every open question of the fleet, or of one run, the oldest first; asked for page by page."""
        yield from self._pages(PromptView, "/v1/prompts", "prompts", {} if run is None else {"run": run})

    def prompts_since(self, mark: str, run: RunId | None = None) -> tuple[list[PromptView], str]:
        """(the questions that are open, the mark of now), as soon as they may be others than at `mark`, or after a
        while; at once for a mark that is none.
        """
        query: dict[str, Any] = {"limit": PAGE} | ({} if run is None else {"run": run})
        content = self._ask("GET", "/v1/prompts", query=query | {"since": mark})
        found, mark = _items(PromptView, content, "prompts"), str(content.get("mark", ""))
        if content.get("next") is not None:
            found += self._pages(PromptView, "/v1/prompts", "prompts", query | {"after": content["next"]})
        return found, mark

    def answers(self, run: RunId) -> Iterator[AnswerView]:
        """The answers to the questions of a run, in the order in which they were given."""
        yield from self._pages(AnswerView, f"/v1/runs/{run}/answers", "answers", {})

    def newest_answers(self, limit: int) -> list[AnswerView]:
        """The answers to the questions of all runs, those given last first."""
        return _items(AnswerView, self._ask("GET", "/v1/answers", query={"limit": limit}), "answers")

    def answer(self, given: Sequence[Answer]) -> list[AnswerView]:
        """Give answers, all of one operator's; what became of each, in their order, as far as that is known soon."""
        found: list[AnswerView] = []
        for start in range(0, len(given), PAGE):
            page = given[start : start + PAGE]
            content = {"by": page[0].by, "answers": [_answer(one) for one in page]}
            found += _items(AnswerView, self._ask("POST", "/v1/answers", content), "answers")
        return found

    def cancel(self, run: RunId, devices: Sequence[str] | None = None) -> RunView:
        """Ask the executions on `devices` (all when None) to end."""
        content = {"devices": None if devices is None else list(devices)}
        return from_json(RunView, self._ask("POST", f"/v1/runs/{run}/cancel", content), "run")

    def steer(self, run: RunId, action: Steering, reason: str | None = None) -> RunView:
        """Approve, pause or resume a run that rolls out, or have what was interrupted begun again."""
        content = {"action": action.value} | ({} if reason is None else {"reason": reason})
        return from_json(RunView, self._ask("POST", f"/v1/runs/{run}/gate", content), "run")

    def rerun(
        self,
        run: RunId,
        only: Sequence[State] | None = None,
        secrets: Mapping[str, Mapping[str, str]] | None = None,
    ) -> RunView:
        """Launch a run's content again where it ended as one of `only`; where it did not succeed when None.

        When the answer is lost the same is asked again, as by `start_run`.
        """
        content = {
            "id": str(uuid.uuid4()),
            "only": None if only is None else [state.value for state in only],
            "secrets": secrets or {},
        }
        again = self._send("POST", f"/v1/runs/{run}/rerun", content, again=AGAIN_SECONDS)
        return from_json(RunView, _object(again), "run")

    def transcript(self, run: RunId, device: str, offset: int = 0, attempt: int | None = None) -> Iterator[Page]:
        """What is stored of a device's output from `offset` on, in pages; of its newest attempt when None."""
        while True:
            begin, data, end = self._transcript_page(run, device, offset, TRANSCRIPT_PAGE_BYTES, attempt)
            if data or begin > offset:
                yield Page(begin - offset, data)
            offset = begin + len(data)
            if not data or offset >= end:
                return

    def transcript_length(self, run: RunId, device: str, attempt: int) -> int:
        """How many bytes an attempt has printed on a device, as far as they have been stored."""
        return self._transcript_page(run, device, 0, 1, attempt)[2]

    def timing(self, run: RunId, device: str, attempt: int | None = None) -> Timing:
        """When an attempt's bytes were printed on a device; of its newest attempt when None."""
        query = {"device": device} | ({} if attempt is None else {"attempt": attempt})
        return from_json(Timing, self._ask("GET", f"/v1/runs/{run}/timing", query=query), "timing")

    def devices(self, names: Sequence[str] = (), *, facts: bool = True) -> list[DeviceView]:
        """The devices called so, or all; without `facts` those are left empty, which is quick for a large fleet."""
        query = {"name": list(names), "facts": facts}
        return _items(DeviceView, self._ask("GET", "/v1/devices", query=query), "devices")

    def _pages(self, kind: type[T], path: str, key: str, query: dict[str, Any]) -> Iterator[T]:
        while True:
            content = self._ask("GET", path, query=query | {"limit": PAGE})
            yield from _items(kind, content, key)
            if content.get("next") is None:
                return
            query |= {"after": content["next"]}

    def _transcript_page(
        self, run: RunId, device: str, offset: int, limit: int, attempt: int | None = None
    ) -> tuple[int, bytes, int]:
        """(where the bytes begin, the bytes, where the stored stream ends)."""
        query: dict[str, Any] = {"device": device, "offset": offset, "limit": limit}
        if attempt is not None:
            query["attempt"] = attempt
        answer = self._send("GET", f"/v1/runs/{run}/transcript", query=query)
        try:
            begin, end = (int(answer.headers[name]) for name in (TRANSCRIPT_BEGIN_HEADER, TRANSCRIPT_END_HEADER))
        except (KeyError, ValueError):
            raise ProtocolError(f"{answer.url} did not say where the transcript begins and ends") from None
        return begin, answer.content, end

    def _ask(self, method: str, path: str, content: Any = None, query: dict[str, Any] | None = None) -> dict[str, Any]:
        return _object(self._send(method, path, content, query))

    @contextmanager
    def _watched(self, url: str) -> Iterator[None]:
        """Tell of a controller that lets its operator wait."""
        if self._tell is None:
            yield
            return
        words = f"the controller {url} has not answered for {SILENT_SECONDS:g} s; waiting {ANSWER_SECONDS:g} s at most"
        timer = threading.Timer(SILENT_SECONDS, self._tell, (words,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _send(
        self,
        method: str,
        path: str,
        content: Any = None,
        query: dict[str, Any] | None = None,
        accept: tuple[int, ...] = (),
        again: Sequence[float] = (),
    ) -> httpx2.Response:
        """`again` has the pauses before what may be asked twice is asked again, should its answer be lost."""
        answer = self._request(method, path, content, query)
        for pause in again:
            if not isinstance(answer, ControllerUnavailable):
                break
            time.sleep(pause)
            with suppress(ControllerUnavailable):
                answer = self._request(method, path, content, query)
        if isinstance(answer, ControllerUnavailable):
            raise answer
        if answer.status_code >= 400 and answer.status_code not in accept:
            raise from_body(answer.status_code, answer.content)
        return answer

    def _request(
        self, method: str, path: str, content: Any, query: dict[str, Any] | None
    ) -> httpx2.Response | ControllerUnavailable:
        """The answer, or how it was lost after it was asked for. Raises ControllerUnavailable when nobody was asked."""
        import httpx2

        for url in list(self._urls):
            try:
                with self._watched(url):
                    return self._http.request(method, url + path, json=content, params=query)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                # Nothing was asked yet, so that another one may be.
                failure = unavailable(url, str(error) or "it takes too long")
                self._urls = [*self._urls[1:], url]
            except httpx2.TimeoutException:
                return unavailable(url, "it takes too long")
            except httpx2.HTTPError as error:
                return unavailable(url, str(error) or type(error).__name__)
        raise failure


def _nobody_trusted() -> ssl.SSLContext:
    """For a connection without TLS: reading the authorities that are trusted by default takes 40 ms of each command."""
    import ssl

    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _object(answer: httpx2.Response) -> dict[str, Any]:
    try:
        content = json.loads(answer.content)
    except ValueError:
        raise ProtocolError(f"{answer.url} did not answer with JSON; is this a Runlet controller?") from None
    if not isinstance(content, dict):
        raise ProtocolError(f"{answer.url} did not answer with a JSON object; is this a Runlet controller?")
    return content


def _items(kind: type[T], content: dict[str, Any], key: str) -> list[T]:
    items = content.get(key)
    if not isinstance(items, list):
        raise ProtocolError(f"{key} must be a list")
    return [from_json(kind, item, key) for item in items]


def _answer(one: Answer) -> dict[str, Any]:
    content = {"id": one.id, "execution": one.execution, "attempt": one.attempt, "prompt": one.prompt}
    return content | {"sealed" if one.sealed else "data": one.data}
