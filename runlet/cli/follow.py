"""Following a run where nobody types at a keyboard: its events, through a printer, to stdout; words on it to stderr."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

import click

from runlet.cli.endpoint import Endpoint
from runlet.cli.inert import plain
from runlet.cli.picture import Picture
from runlet.cli.pipes import read_stdin, write_stdout
from runlet.cli.prefix import device_name
from runlet.cli.printers import Printer
from runlet.cli.replay import CurrentLine
from runlet.cli.rollouts import Teller
from runlet.cli.silent_waits import SilentWaits
from runlet.cli.trailer import attempt_ended, left_out, trailer
from runlet.cli.views import lost_words
from runlet.cli.writers import Writers, own_name
from runlet.client.attachment import (
    Attachment,
    ConnectionLost,
    ConnectionRegained,
    ConsoleEvent,
    Silence,
    SilenceEnded,
    attach,
)
from runlet.errors import Conflict, ControllerUnavailable
from runlet.model.execution import STARTED
from runlet.protocol.chunk import INPUT_PIECE_BYTES, PROGRAM_ENDED, Chunk
from runlet.protocol.frames import (
    Attach,
    Drained,
    ExecutionChanged,
    Gap,
    Notice,
    RolloutChanged,
    RunSnapshot,
    WriterChanged,
)
from runlet.protocol.messages import Step

# A script that waits for a run outlasts a restart or an upgrade of the controller, and does not hang for ever.
PATIENCE_SECONDS = 600.0


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
        self.is_typing = False  # more of stdin is to come
        self._printer = printer
        self._with_trailer = with_trailer
        self._current = current
        self._rollout = Teller()
        self._writers = Writers()

    async def take(self, event: ConsoleEvent) -> None:
        self.picture.take(event)
        for line in self._rollout.told(self.picture.run):
            click.echo(f"run {self.picture.run.id}: {line}", err=True)
        if any(execution.state in STARTED for execution in self.picture.executions):
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
            case Chunk(execution, _, position, data):
                wanted = self._current.feed(position, data) if self._current else data
                return self._printer.output(execution, wanted)
            case Gap(execution, length=length):
                return self._printer.gap(execution, length)
            case Drained(execution):
                words = self._end(event) if self._with_trailer else []
                return self._printer.finish(execution) + self._printer.tell(execution, words)
            case WriterChanged():
                self._writers.take(event)
            case Notice(str(execution), message, refused=True) if PROGRAM_ENDED not in message:
                # What comes next would be typed behind a hole.
                other = "try again later, or take over in a terminal: runlet attach, then Ctrl-] t"
                hint = other if self._writers.other(execution) else "what comes before it in the input was typed"
                raise Conflict(plain(message), hint)
            case Notice(execution, message):
                if execution is not None and len(self.picture.executions) > 1:
                    message = f"{device_name(self.picture[execution])}: {message}"
                click.echo(plain(message), err=True)
            case ConnectionLost():
                click.echo(plain(lost_words(event)), err=True)
                if event.unconfirmed and self.is_typing:
                    raise ControllerUnavailable(event.reason, "what was typed before it may not all have arrived")
            case Silence():
                click.echo("the controller does not answer", err=True)
            case SilenceEnded():
                click.echo("the controller answers again", err=True)
            case ConnectionRegained():
                click.echo("the controller is back", err=True)
        return ""

    def _end(self, drained: Drained) -> list[str]:
        if drained.is_over:
            return trailer(self.picture[drained.execution], show_duration=self.picture.run.show_duration)
        return [attempt_ended(drained)]


async def follow(endpoint: Endpoint, follower: Follower, request: Attach, *, typing_for: str | None = None) -> None:
    """Follow until every selected execution has ended; meanwhile type stdin's bytes for one of them, if named."""
    run = follower.picture.run.id
    request = replace(request, who=own_name())
    async with attach(endpoint.url, endpoint.token, run, request, PATIENCE_SECONDS) as attachment:
        typist = None if typing_for is None else asyncio.create_task(_type(attachment, follower, typing_for))
        teller = None if typing_for else asyncio.create_task(SilentWaits(follower.picture).tell())
        try:
            async for event in attachment.events():
                await follower.take(event)
        except ControllerUnavailable as error:
            raise goes_on(error, run) from None
        finally:
            if teller:
                teller.cancel()
            if typist:
                typist.cancel()
                with suppress(asyncio.CancelledError, ControllerUnavailable):
                    await typist


async def _type(attachment: Attachment, follower: Follower, execution: str) -> None:
    """Type all of stdin, once there is a program to read it; then let others type."""
    await follower.started.wait()
    follower.is_typing = True
    while data := await read_stdin():
        for piece in (data[at : at + INPUT_PIECE_BYTES] for at in range(0, len(data), INPUT_PIECE_BYTES)):
            await _type_piece(attachment, follower, execution, piece)
    follower.is_typing = False
    with suppress(ControllerUnavailable):
        await attachment.hand_over(execution, Step.LEAVE)


async def _type_piece(attachment: Attachment, follower: Follower, execution: str, piece: bytes) -> None:
    """When the controller can be had; nothing of it is sent in vain."""
    while True:
        await attachment.until_room(execution, len(piece))
        with suppress(ControllerUnavailable):
            await attachment.send_input(execution, follower.picture[execution].attempt, piece)
            return


async def follow_raw(endpoint: Endpoint, run: int, request: Attach) -> None:
    """Write the exact bytes of the one selected execution until it has ended."""
    async with attach(endpoint.url, endpoint.token, run, request, PATIENCE_SECONDS) as attachment:
        try:
            async for event in attachment.events():
                match event:
                    case Chunk(data=data):
                        await write_stdout(data)
                    case Gap(length=length):
                        click.echo(left_out(length), err=True)
        except ControllerUnavailable as error:
            raise goes_on(error, run) from None


def goes_on(error: ControllerUnavailable, run: int) -> ControllerUnavailable:
    """The loss of an attachment, in words for the operator."""
    return ControllerUnavailable(error.message, f"run {run} goes on; attach again with: runlet attach {run}")
