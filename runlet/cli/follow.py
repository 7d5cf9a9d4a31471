"""Following a run where nobody types at a keyboard: its events, through a printer, to stdout; words on it to stderr."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import click

from runlet.cli.endpoint import Endpoint
from runlet.cli.inert import plain
from runlet.cli.picture import Picture
from runlet.cli.pipes import read_stdin, write_stdout
from runlet.cli.printers import Printer
from runlet.cli.replay import CurrentLine
from runlet.cli.rollouts import Teller
from runlet.cli.trailer import trailer
from runlet.client.attachment import Attachment, ConsoleEvent, attach
from runlet.errors import ControllerUnavailable
from runlet.model.execution import State
from runlet.protocol.chunk import Chunk
from runlet.protocol.frames import Attach, Drained, ExecutionChanged, Notice, RolloutChanged, RunSnapshot
from runlet.protocol.views import ExecutionView

_STARTED = frozenset({State.RUNNING, State.AWAITING_INPUT})


class Follower:
    """Writes what an attachment tells.

    `with_trailer` adds the trailer of each execution that ended; `current` leaves out what is before the unfinished
    line, for a console that follows one device from now on.
    """

    def __init__(
        self, picture: Picture, printer: Printer, *, with_trailer: bool, current: CurrentLine | None = None
    ) -> None:
        self.picture = picture
        self.started = asyncio.Event()  # some selected execution has a program to type to
        self._printer = printer
        self._with_trailer = with_trailer
        self._current = current
        self._rollout = Teller()
        self._offsets: dict[tuple[str, int], int] = {}  # by execution and attempt

    async def take(self, event: ConsoleEvent) -> None:
        attempts = {execution.id: execution.attempt for execution in self.picture.executions}
        self.picture.take(event)
        for line in self._rollout.told(self.picture.run):
            click.echo(f"run {self.picture.run.id}: {line}", err=True)
        if isinstance(event, ExecutionChanged) and event.execution.attempt > attempts.get(event.execution.id, 1):
            await write_stdout(self._next_attempt(event.execution).encode())
        if any(execution.state in _STARTED for execution in self.picture.executions):
            self.started.set()
        if text := self._text(event):
            await write_stdout(text.encode())

    def _text(self, event: ConsoleEvent) -> str:
        match event:
            case RunSnapshot(run):
                return self._printer.run(run)
            case ExecutionChanged(execution):
                return self._printer.changed(execution)
            case RolloutChanged(rollout):
                return self._printer.rollout(rollout)
            case Chunk(execution, attempt, position, data):
                return self._printer.output(execution, self._wanted((execution, attempt), position, data))
            case Drained(execution):
                return self._printer.finish(execution) + self._trailer(execution)
            case Notice(_, message):
                click.echo(plain(message), err=True)
        return ""

    def _next_attempt(self, execution: ExecutionView) -> str:
        """The attempt before has ended; what was held back of it, and that there is another."""
        unfinished = self._printer.finish(execution.id)
        if not self._with_trailer:
            return unfinished
        at = "" if execution.retry_at is None else f" at {execution.retry_at.astimezone():%H:%M:%S}"
        words = f"Attempt {execution.attempt - 1} has ended; attempt {execution.attempt} follows{at}"
        return unfinished + self._printer.tell(execution.id, [words])

    def _wanted(self, attempt: tuple[str, int], position: int, data: bytes) -> bytes:
        """The part of a chunk to show: output may come twice."""
        seen = self._offsets.get(attempt, position)
        self._offsets[attempt] = max(seen, position + len(data))
        new = data[max(0, seen - position) :]
        return self._current.feed(position + len(data) - len(new), new) if self._current else new

    def _trailer(self, execution: str) -> str:
        if not self._with_trailer:
            return ""
        words = trailer(self.picture[execution], show_duration=self.picture.run.show_duration)
        return self._printer.tell(execution, words)


async def follow(endpoint: Endpoint, follower: Follower, request: Attach, *, typing_for: str | None = None) -> None:
    """Follow until every selected execution has ended; meanwhile type stdin's bytes for one of them, if named."""
    run = follower.picture.run.id
    async with attach(endpoint.url, endpoint.token, run, request) as attachment:
        typist = None if typing_for is None else asyncio.create_task(_type(attachment, follower, typing_for))
        try:
            async for event in attachment.events():
                await follower.take(event)
        except ControllerUnavailable as error:
            raise goes_on(error, run) from None
        finally:
            if typist:
                typist.cancel()
                with suppress(asyncio.CancelledError, ControllerUnavailable):
                    await typist


async def _type(attachment: Attachment, follower: Follower, execution: str) -> None:
    """Type all of stdin, once there is a program to read it."""
    await follower.started.wait()
    while data := await read_stdin():
        await attachment.send_input(execution, follower.picture[execution].attempt, data)


async def follow_raw(endpoint: Endpoint, run: int, request: Attach) -> None:
    """Write the exact bytes of the one selected execution until it has ended."""
    seen, attempt = 0, 1
    async with attach(endpoint.url, endpoint.token, run, request) as attachment:
        try:
            async for event in attachment.events():
                if isinstance(event, Chunk):
                    seen, attempt = (seen if event.attempt == attempt else 0), event.attempt
                    await write_stdout(event.data[max(0, seen - event.position) :])
                    seen = max(seen, event.position + len(event.data))
        except ControllerUnavailable as error:
            raise goes_on(error, run) from None


def goes_on(error: ControllerUnavailable, run: int) -> ControllerUnavailable:
    """The loss of an attachment, in words for the operator."""
    return ControllerUnavailable(error.message, f"run {run} goes on; attach again with: runlet attach {run}")
