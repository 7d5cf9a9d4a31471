"""One attached console: what it types goes to the devices, what its executions print and become goes to it."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any

from fastapi import WebSocket, WebSocketDisconnect

from runlet.controller import clock, runs
from runlet.controller.dispatcher import Dispatcher
from runlet.controller.hub import Attachment, Hub
from runlet.controller.store import Store
from runlet.controller.streams import Streams
from runlet.controller.transcripts import Transcripts
from runlet.errors import ProtocolError, RunletError, Unavailable, UnknownName
from runlet.protocol import frames
from runlet.protocol.chunk import (
    INPUT_WINDOW_BYTES,
    MAX_CHUNK_BYTES,
    PROGRAM_ENDED,
    Chunk,
    Input,
    Typed,
    one_line,
)
from runlet.protocol.frames import (
    Attach,
    Drained,
    ExecutionChanged,
    Gap,
    Handover,
    Position,
    Resize,
    RolloutChanged,
    RunSnapshot,
    Settled,
    Taken,
)
from runlet.protocol.messages import CONTROL_TTL_SECONDS
from runlet.protocol.views import ExecutionView, RunView

# A console tells first what it wants, right after connecting.
ATTACH_SECONDS = 10.0
# A WebSocket's close frame holds 125 bytes, the code included.
MAX_REASON_BYTES = 123
READ_ONLY = "this console only reads"
# WebSocket close codes (RFC 6455): all was sent; the console broke the protocol; the controller restarts;
# what is needed fails for now.
CLOSE_DONE, CLOSE_PROTOCOL, CLOSE_RESTART, CLOSE_LATER = 1000, 1002, 1012, 1013


class Attaching:
    """Serves consoles until they leave, their executions are settled, or the controller stops."""

    def __init__(
        self, store: Store, hub: Hub, streams: Streams, transcripts: Transcripts, dispatcher: Dispatcher
    ) -> None:
        self._store = store
        self._hub = hub
        self._streams = streams
        self._transcripts = transcripts
        self._dispatcher = dispatcher
        self._stopping = False

    def stop(self) -> None:
        """Let every console go; they know how to come back."""
        self._stopping = True
        self._hub.close()

    async def serve(self, socket: WebSocket, run_text: str) -> None:
        """One WebSocket, from its handshake to its close. Raises what `runs.number` and `runs.view` do, before it."""
        run = await self._read(run_text)
        await socket.accept()
        try:
            async with asyncio.timeout(ATTACH_SECONDS):
                request = _text_frame(await socket.receive())
            if not isinstance(request, Attach):
                raise ProtocolError("the first frame must be attach")
            await self._attached(socket, run, request)
        except (WebSocketDisconnect, TimeoutError):
            return
        except RunletError as error:
            reason = error.message.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
            await socket.close(CLOSE_LATER if isinstance(error, Unavailable) else CLOSE_PROTOCOL, reason)

    async def _attached(self, socket: WebSocket, run: RunView, request: Attach) -> None:
        now = clock.now()
        who = one_line(request.who) or "a console"
        attachment = self._hub.attach(run.id, _selected(run, request), request.identity, who)
        attachment.ages.of(request.at, now)
        left = False
        try:
            run = await self._read(str(run.id))  # again: it may have changed before we were woken by changes
            for view in _selected(run, request):
                attachment.executions[view.id] = view
                attachment.positions[view.id] = self._begin(view, request)
                attachment.explain(view)
            if request.terminal and not request.read_only:
                attachment.size = request.terminal
                for execution in attachment.executions:
                    self._hub.resize(attachment, execution, redraw=request.late)
            await self._both_ways(socket, attachment, run, request.read_only)
        except WebSocketDisconnect as error:
            left = error.code == CLOSE_DONE
            raise
        finally:
            self._hub.detach(attachment, left=left)

    async def _both_ways(self, socket: WebSocket, attachment: Attachment, run: RunView, read_only: bool) -> None:
        taking = asyncio.create_task(self._take(socket, attachment, read_only))
        giving = asyncio.create_task(self._give(socket, attachment, run))
        try:
            await asyncio.wait((taking, giving), return_when=asyncio.FIRST_COMPLETED)
            if giving.done() and isinstance(giving.exception(), WebSocketDisconnect):
                await taking  # it left, but what it typed before may still wait to be taken
            for task in (taking, giving):
                if task.done():
                    task.result()
        finally:
            taking.cancel()
            giving.cancel()
            await asyncio.gather(taking, giving, return_exceptions=True)

    async def _give(self, socket: WebSocket, attachment: Attachment, run: RunView) -> None:
        """What changed, then output, in turn over the executions so that a chatty one does not starve the others."""
        begins = {execution: place for execution, place in attachment.positions.items() if place != Position()}
        await socket.send_text(frames.encode(RunSnapshot(run, begins)))
        while not self._stopping:
            attachment.wake.clear()
            for execution in list(attachment.changed):
                newer = attachment.executions[execution].attempt > attachment.positions[execution].attempt
                if newer and execution not in attachment.drained:
                    continue  # what the attempt before has printed goes first
                attachment.changed.discard(execution)
                await socket.send_text(frames.encode(ExecutionChanged(attachment.executions[execution])))
            if attachment.rollout is not None:
                rollout, attachment.rollout = attachment.rollout, None
                await socket.send_text(frames.encode(RolloutChanged(rollout)))
            while attachment.writers:
                _, writer = attachment.writers.popitem()
                await socket.send_text(frames.encode(attachment.changed_writer(writer)))
            while attachment.modes:
                _, modes = attachment.modes.popitem()
                told = frames.Modes(modes.execution, modes.attempt, modes.offset, modes.output)
                await socket.send_text(frames.encode(told))
            while attachment.notices:  # first: of what is refused, the console then knows that it has not arrived
                await socket.send_text(frames.encode(attachment.notices.pop(0)))
            for execution, window in list(attachment.typed.items()):  # more is typed while one is told
                if window.freed:
                    size, window.freed = window.freed, 0
                    await socket.send_text(frames.encode(Taken(execution, size)))
            more = [await self._give_output(socket, attachment, execution) for execution in attachment.executions]
            if attachment.changed or attachment.rollout is not None:
                continue  # told before the end, and before a wait
            if len(attachment.drained) == len(attachment.executions):
                await socket.send_text(frames.encode(Settled()))
                await socket.close(CLOSE_DONE)
                return
            if not any(more):
                await attachment.wake.wait()
        await socket.close(CLOSE_RESTART, "the controller stops")

    async def _give_output(self, socket: WebSocket, attachment: Attachment, execution: str) -> bool:
        """One chunk at most, or the news that there will be no more; whether to look again without being woken."""
        if execution in attachment.drained:
            return False
        position = attachment.positions[execution]
        attempt, offset = position.attempt, position.offset
        length = self._streams.length(execution, attempt)
        if offset < length:
            begin, data = self._transcripts.read(execution, attempt, offset, MAX_CHUNK_BYTES)
            if not data:  # its transcript was removed
                begin = length
            if begin > offset:
                await socket.send_text(frames.encode(Gap(execution, attempt, offset, begin - offset)))
            chunk = Chunk(execution, attempt, begin, data)
            await socket.send_bytes(chunk.encode())
            attachment.positions[execution] = position.after(chunk)
            return True
        view = attachment.executions[execution]
        if view.attempt > attempt:
            next_at = view.retry_at if view.attempt == attempt + 1 else None
            await socket.send_text(frames.encode(Drained(execution, attempt, is_over=False, next_at=next_at)))
            attachment.positions[execution] = Position(attempt + 1)
            return True
        if view.settled and length < view.output_length:  # its transcript is gone: nobody has these bytes
            await socket.send_text(frames.encode(Gap(execution, attempt, length, view.output_length - length)))
            length = view.output_length
            attachment.positions[execution] = Position(attempt, length)
        if view.is_over and length >= view.output_length:
            attachment.drained.add(execution)
            await socket.send_text(frames.encode(Drained(execution, attempt, is_over=True)))
        return False

    async def _take(self, socket: WebSocket, attachment: Attachment, read_only: bool) -> None:
        while True:
            message = await socket.receive()
            if message.get("bytes") is not None:
                await self._type(attachment, Typed.decode(message["bytes"]), read_only)
                continue
            frame = _text_frame(message)
            if isinstance(frame, Attach):
                raise ProtocolError("only the first frame is attach")
            if frame.execution not in attachment.executions:
                continue
            if read_only:
                if isinstance(frame, Handover):
                    attachment.notify(frame.execution, READ_ONLY)
            elif isinstance(frame, Resize):
                attachment.size = frame.terminal
                self._hub.resize(attachment, frame.execution)
            else:
                self._hub.hand_over(attachment, frame.execution, frame.step)

    async def _type(self, attachment: Attachment, typed: Typed, read_only: bool) -> None:
        view = attachment.executions.get(typed.execution)
        if view is None:
            raise ProtocolError("typed for an execution that is not attached")
        age = max(0.0, attachment.ages.of(typed.at, clock.now()))
        window = attachment.typed[view.id]
        reason = _refusal(view, read_only, age)
        if reason is None and not typed.is_reply and not window.fits(len(typed.data)):
            reason = f"more than {INPUT_WINDOW_BYTES} bytes are under way"
        number = window.send(len(typed.data), clock.now())
        if reason is None and view.device is not None:
            attachment.acted.add(view.id)
            piece = Input(
                view.id,
                view.attempt,
                attachment.number,
                number,
                typed.data,
                typed.is_reply,
                attachment.identity,
                self._hub.epoch(view.id, view.attempt),
                attachment.who,
                clock.NUMBER,
                clock.now() - age,
            )
            try:
                await self._dispatcher.type(view.device, piece)
            except Unavailable as error:
                reason = error.message
        if reason:
            window.refused(number)
            if not typed.is_reply:
                attachment.notify(view.id, f"not typed: {reason}", refused=True)
            attachment.wake.set()

    def _begin(self, view: ExecutionView, request: Attach) -> Position:
        wanted = request.positions.get(view.id, Position())
        attempt = max(1, min(wanted.attempt, view.attempt))
        if request.tail is not None:
            wanted, attempt = wanted if wanted.attempt == view.attempt else Position(), view.attempt
        length = self._streams.length(view.id, attempt)
        least = 0 if request.tail is None else length - max(0, request.tail)
        return Position(attempt, max(0, least, min(wanted.offset, length)))

    async def _read(self, run_text: str) -> RunView:
        now = datetime.now(UTC)
        return await self._store.transact(lambda session: runs.view(session, runs.number(session, run_text), now))


def _text_frame(message: MutableMapping[str, Any]) -> frames.ConsoleFrame:
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", CLOSE_DONE))
    text = message.get("text")
    if text is None:
        raise ProtocolError("a text frame was expected")
    return frames.decode_from_console(text)


def _selected(run: RunView, request: Attach) -> list[ExecutionView]:
    if request.devices is None:
        return list(run.executions)
    chosen = [view for view in run.executions if view.device in request.devices]
    missing = set(request.devices) - {view.device for view in chosen}
    if missing:
        raise UnknownName(f"run {run.id} has no execution on {', '.join(sorted(missing))}")
    return chosen


def _refusal(view: ExecutionView, read_only: bool, age: float) -> str | None:
    if read_only:
        return READ_ONLY
    if view.state.is_outcome:
        return PROGRAM_ENDED
    if view.device is None:
        return "no device has it yet"
    if age > CONTROL_TTL_SECONDS:
        return f"it reached the controller {age:.0f} s late"
    return None
