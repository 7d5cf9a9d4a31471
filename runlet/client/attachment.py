"""One console's hold on a run, over a WebSocket: typed events in, typed bytes and window sizes out.

A connection that is lost is made again, and goes on where the console's output had come to. The queue of frames is
short on purpose: when the console's screen cannot keep up, reading stops, and with it the controller's sending. How far
a slow console may fall behind is the controller's business.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from runlet.backoff import Backoff
from runlet.client.address import check_urls, is_loopback, websocket_url
from runlet.client.api import CONNECT_SECONDS
from runlet.client.failures import from_body, lost, unavailable
from runlet.errors import ControllerUnavailable, ProtocolError, Unavailable
from runlet.model.run import RunId
from runlet.protocol.chunk import INPUT_PIECE_BYTES, INPUT_WINDOW_BYTES, Chunk, Typed
from runlet.protocol.frames import (
    MAX_CONTROLLER_FRAME_BYTES,
    Attach,
    ControllerFrame,
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
    decode_from_controller,
    encode,
)
from runlet.protocol.messages import Step, TerminalSize
from runlet.protocol.views import ExecutionView, RolloutView, RunView

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """The controller is away; the next event comes once it is back.

    Of `unconfirmed` bytes, which were typed last, it is not known whether they have reached the program.
    """

    reason: str
    unconfirmed: int = 0


@dataclass(frozen=True, slots=True)
class Silence:
    """The controller is connected and does not answer; SilenceEnded follows once it does, or ConnectionLost."""


@dataclass(frozen=True, slots=True)
class SilenceEnded:
    """The controller answers again."""


@dataclass(frozen=True, slots=True)
class ConnectionRegained:
    """The attachment goes on; what was missed follows."""


ConsoleEvent = ControllerFrame | Chunk | ConnectionLost | ConnectionRegained | Silence | SilenceEnded

_QUEUED_FRAMES = 16  # 1 MiB of output at most, between the socket and the screen
_CLOSE_SECONDS = 1.0  # a detaching person does not wait for a dead controller
# A controller that was restarted is back within seconds; many consoles may come back to it at once.
_RETRY_BASE_SECONDS, _RETRY_CAP_SECONDS = 0.5, 10.0
# A peer that is silently gone is noticed by the kernel after 10 + 3 * 5 s. Not by a ping of the WebSocket: while a
# pager is paused nothing is read, pongs neither.
_KEEPALIVE_IDLE_SECONDS, _KEEPALIVE_INTERVAL_SECONDS, _KEEPALIVE_PROBES = 10, 5, 3
# A controller that sends nothing for so long is asked whether it is there, and is silent after as long again.
_QUIET_SECONDS = 1.0
# How soon its answer is noticed then.
_SILENT_LOOK_SECONDS = 0.1
# A console's own number: what a JSON number holds exactly anywhere, and nobody else guesses.
_IDENTITY_BITS = 53
_PROTOCOL_BROKEN = 1002  # RFC 6455: what we ask for will be refused again


class Attachment:
    """An open attachment; made by `attach`."""

    def __init__(
        self, urls: str, token: str, run: RunId, request: Attach, connection: ClientConnection, patience: float | None
    ) -> None:
        self._urls = urls
        self._token = token
        self._run = run
        self._request = request
        self._patience = patience
        self._connection: ClientConnection | None = connection
        self._executions: dict[str, ExecutionView] = {}  # as they were told
        self._rollout: RolloutView | None = None
        self._positions = dict(request.positions)
        self._over: set[str] = set()
        self.is_lost = False  # there is no connection now
        self.is_silent = False
        self._under_way: dict[str, int] = {}  # by execution: bytes typed that are not taken yet
        self._room = asyncio.Event()

    async def events(self) -> AsyncIterator[ConsoleEvent]:
        """Everything the controller tells, RunSnapshot first and Settled last, and each byte of output once.

        A connection that ends before Settled is ConnectionLost; then ConnectionRegained, and what was missed. Raises
        ControllerUnavailable when it cannot be had again within the attachment's patience, and what `attach` does when
        it is refused.
        """
        while True:
            try:
                async for event in self._received():
                    for told in self._news(event):
                        yield told
                    if isinstance(event, Settled):
                        return
            except ControllerUnavailable as error:
                yield ConnectionLost(error.message, self._forget_typed())
                await self._reconnect(error)
                yield ConnectionRegained()

    async def send_input(self, execution: str, attempt: int, data: bytes, *, is_reply: bool = False) -> None:
        """Type `data` on the execution's terminal; `is_reply`: nobody typed it, our terminal answers the program.

        Waits while INPUT_WINDOW_BYTES are under way to a program that does not read them; `events` must be read
        meanwhile. Raises ControllerUnavailable while the connection is lost or the controller is silent; then `data`
        was not sent, or a part of it.
        """
        for start in range(0, len(data), INPUT_PIECE_BYTES):
            piece = data[start : start + INPUT_PIECE_BYTES]
            while not (is_reply or self.has_room(execution, len(piece))):
                self._room.clear()
                await self._room.wait()
            if self.is_silent:
                raise unavailable(self._urls, "it does not answer")
            connection = self._connection
            self._under_way[execution] = self._under_way.get(execution, 0) + len(piece)
            try:
                await self._send(Typed(execution, attempt, piece, _clock(), is_reply).encode())
            except ControllerUnavailable:
                if connection is self._connection:  # else it was forgotten with the connection that is gone
                    self._taken(execution, len(piece))
                raise

    def has_room(self, execution: str, size: int) -> bool:
        """Whether so many bytes can be typed without a wait."""
        return self.is_lost or self.under_way(execution) + size <= INPUT_WINDOW_BYTES

    def under_way(self, execution: str) -> int:
        """How many of the bytes typed last are not known to be taken, or refused."""
        return self._under_way.get(execution, 0)

    async def until_room(self, execution: str, size: int) -> None:
        """Wait until so many bytes can be typed: the controller is there, answers, and the program reads."""
        while self.is_lost or self.is_silent or self._connection is None or not self.has_room(execution, size):
            self._room.clear()
            await self._room.wait()

    async def hand_over(self, execution: str, step: Step) -> None:
        """Ask for the writer's lease, give it away, take it or let it go; WriterChanged tells what came of it.

        Raises ControllerUnavailable while the connection is lost.
        """
        await self._send(encode(Handover(execution, step)))

    async def resize(self, execution: str, terminal: TerminalSize) -> None:
        """The window has another size, or the program should draw its screen again.

        While the connection is lost this is kept for the next one.
        """
        if self._request.terminal is not None:
            self._request = replace(self._request, terminal=terminal)
        with suppress(ControllerUnavailable):
            await self._send(encode(Resize(execution, terminal)))

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    def _taken(self, execution: str, size: int) -> None:
        """So many bytes are no longer under way."""
        self._under_way[execution] = max(0, self._under_way.get(execution, 0) - size)
        self._room.set()

    def _forget_typed(self) -> int:
        """The connection is lost, and with it what would tell how far the typed bytes came: their number."""
        unconfirmed = sum(self._under_way.values())
        self._under_way.clear()
        self._is_heard()
        return unconfirmed

    def _is_heard(self) -> None:
        """The controller answers, or is no longer waited for."""
        self.is_silent = False
        self._room.set()

    async def _received(self) -> AsyncIterator[ControllerFrame | Chunk | Silence | SilenceEnded]:
        from websockets.exceptions import ConnectionClosed

        connection = self._connection
        assert connection is not None
        pong: asyncio.Future[float] | None = None
        while True:
            try:
                async with asyncio.timeout(_SILENT_LOOK_SECONDS if self.is_silent else _QUIET_SECONDS):
                    frame = await connection.recv()
            except TimeoutError:
                if pong is None or pong.done():
                    if self.is_silent:
                        self._is_heard()
                        yield SilenceEnded()
                    pong = asyncio.ensure_future(await connection.ping())
                elif not self.is_silent:
                    self.is_silent = True
                    yield Silence()
                continue
            except ConnectionClosed as error:
                self.is_lost = True
                await self.close()
                reason = error.rcvd.reason if error.rcvd else None
                if error.rcvd and error.rcvd.code == _PROTOCOL_BROKEN:
                    raise ProtocolError(reason or "the controller refused what was sent") from None
                raise lost(self._urls, reason) from None
            if self.is_silent:
                self._is_heard()
                yield SilenceEnded()
            yield Chunk.decode(frame) if isinstance(frame, bytes) else decode_from_controller(frame)

    async def _reconnect(self, why: ControllerUnavailable) -> None:
        """Attach again where the output has come to, however often that takes; raises `why` when patience ends."""
        backoff = Backoff(_RETRY_BASE_SECONDS, _RETRY_CAP_SECONDS)
        try:
            async with asyncio.timeout(self._patience):
                while True:
                    await asyncio.sleep(backoff.next())
                    try:
                        request = replace(self._request, positions=self._positions, tail=None, late=False)
                        self._connection = await _connect_to_any(self._urls, self._token, self._run, request)
                    except Unavailable:
                        continue
                    self.is_lost = False
                    self._room.set()
                    return
        except TimeoutError:
            raise why from None

    def _news(self, event: ConsoleEvent) -> Iterator[ConsoleEvent]:
        """What of `event` is new. A second attachment begins with what the first has told already."""
        match event:
            case RunSnapshot(run) if self._executions:
                yield from self._missed(run)
                return
            case RunSnapshot(run, begins):
                self._rollout = run.rollout
                self._executions = {view.id: view for view in self._selected(run)}
                self._positions = {execution: begins.get(execution, Position()) for execution in self._executions}
            case Taken(execution, size):
                self._taken(execution, size)
                return
            case Drained(execution, is_over=True):
                self._under_way.pop(execution, None)  # nobody is left to take it
                self._room.set()
                if execution in self._over:
                    return
                self._over.add(execution)
            case Drained(execution, attempt):
                self._positions[execution] = Position(attempt + 1)
            case Gap(execution):
                self._positions[execution] = event.end
            case Chunk(execution):
                self._positions[execution] = self._positions[execution].after(event)
            case ExecutionChanged(view):
                self._executions[view.id] = view
            case RolloutChanged(rollout):
                self._rollout = rollout
        yield event

    def _missed(self, run: RunView) -> Iterator[ConsoleEvent]:
        for view in self._selected(run):
            if view != self._executions[view.id]:
                self._executions[view.id] = view
                yield ExecutionChanged(view)
        if run.rollout is not None and run.rollout != self._rollout:
            self._rollout = run.rollout
            yield RolloutChanged(run.rollout)

    def _selected(self, run: RunView) -> list[ExecutionView]:
        devices = self._request.devices
        return [view for view in run.executions if devices is None or view.device in devices]

    async def _send(self, frame: str | bytes) -> None:
        from websockets.exceptions import ConnectionClosed

        connection = self._connection
        try:
            if connection is None:
                raise unavailable(self._urls, "the connection was lost")
            await connection.send(frame)
        except ConnectionClosed:
            if connection is self._connection:
                self.is_lost = True  # `events` finds out too, and has another made
            raise unavailable(self._urls, "the connection was lost") from None


def _clock() -> float:
    """This console's, which nobody sets, in seconds; a suspended laptop's sleep included, where the system tells it."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def new_identity() -> int:
    """A console's own number, drawn by lot."""
    return secrets.randbits(_IDENTITY_BITS) | 1  # 0 is nobody


@asynccontextmanager
async def attach(
    urls: str, token: str, run: RunId, request: Attach, patience: float | None = None
) -> AsyncIterator[Attachment]:
    """Attach a console to `run`, at the first of `urls`, separated by commas, that accepts.

    Leaving the context detaches, and the run goes on. A connection that is made anew is the same console's, for which
    the writer's lease is kept.

    A connection that is lost later is tried again for `patience` seconds; None is for as long as the context is open.
    Raises ControllerUnavailable, NotAuthorized, UnknownName or ProtocolError when it cannot be had at first.
    """
    if request.identity is None:
        request = replace(request, identity=new_identity())
    connection = await _connect_to_any(urls, token, run, request)
    attachment = Attachment(urls, token, run, request, connection, patience)
    try:
        yield attachment
    finally:
        await attachment.close()


async def _connect_to_any(urls: str, token: str, run: RunId, request: Attach) -> ClientConnection:
    for url in check_urls(urls):
        try:
            return await _connect(url, token, run, request)
        except ControllerUnavailable as error:
            failure = error
    raise failure


async def _connect(url: str, token: str, run: RunId, request: Attach) -> ClientConnection:
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

    try:
        connection = await connect(
            f"{websocket_url(url)}/v1/runs/{run}/attach",
            additional_headers={"Authorization": f"Bearer {token}"},
            compression=None,  # it costs memory and latency per socket, and a terminal's output is small or urgent
            max_size=MAX_CONTROLLER_FRAME_BYTES,
            max_queue=_QUEUED_FRAMES,
            open_timeout=CONNECT_SECONDS,
            close_timeout=_CLOSE_SECONDS,
            ping_interval=None,
            proxy=None if is_loopback(url) else True,
        )
        _keep_alive(connection)
        await connection.send(encode(replace(request, at=_clock())))
    except InvalidStatus as error:
        raise from_body(error.response.status_code, bytes(error.response.body)) from None
    except ConnectionClosed:
        raise unavailable(url, "it closes the connection") from None
    except (OSError, TimeoutError, WebSocketException) as error:
        raise unavailable(url, str(error) or "it takes too long") from None
    return connection


def _keep_alive(connection: ClientConnection) -> None:
    """Have the kernel notice a peer that is silently gone."""
    sock = connection.transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    settings = {
        "TCP_KEEPIDLE": _KEEPALIVE_IDLE_SECONDS,
        "TCP_KEEPINTVL": _KEEPALIVE_INTERVAL_SECONDS,
        "TCP_KEEPCNT": _KEEPALIVE_PROBES,
    }
    for name, value in settings.items():
        if hasattr(socket, name):  # macOS has the second and third only
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
