"""One console's hold on a run, over a WebSocket: typed events in, typed bytes and window sizes out.

The queue of frames is short on purpose: when the console's screen cannot keep up, reading stops, and with it the
controller's sending. How far a slow console may fall behind is the controller's business.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from runlet.client.address import check_url, is_loopback, websocket_url
from runlet.client.api import CONNECT_SECONDS
from runlet.client.failures import from_body, lost, unavailable
from runlet.errors import ControllerUnavailable
from runlet.model.run import RunId
from runlet.protocol.chunk import MAX_CHUNK_BYTES, Chunk
from runlet.protocol.frames import (
    MAX_CONTROLLER_FRAME_BYTES,
    Attach,
    ControllerFrame,
    Resize,
    Settled,
    decode_from_controller,
    encode,
)
from runlet.protocol.messages import TerminalSize

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection
    from websockets.exceptions import ConnectionClosed

ConsoleEvent = ControllerFrame | Chunk

_QUEUED_FRAMES = 16  # 1 MiB of output at most, between the socket and the screen
_CLOSE_SECONDS = 1.0  # a detaching person does not wait for a dead controller


class Attachment:
    """An open attachment; made by `attach`."""

    def __init__(self, url: str, connection: ClientConnection) -> None:
        self._url = url
        self._connection = connection

    async def events(self) -> AsyncIterator[ConsoleEvent]:
        """Everything the controller tells, RunSnapshot first and Settled last.

        Raises ControllerUnavailable when the connection ends before Settled.
        """
        from websockets.exceptions import ConnectionClosed

        while True:
            try:
                frame = await self._connection.recv()
            except ConnectionClosed as error:
                raise self._lost(error) from None
            if isinstance(frame, bytes):
                yield Chunk.decode(frame)
                continue
            event = decode_from_controller(frame)
            yield event
            if isinstance(event, Settled):
                return

    async def send_input(self, execution: str, attempt: int, data: bytes) -> None:
        """Type `data` on the execution's terminal."""
        for start in range(0, len(data), MAX_CHUNK_BYTES):
            await self._send(Chunk(execution, attempt, 0, data[start : start + MAX_CHUNK_BYTES]).encode())

    async def resize(self, execution: str, terminal: TerminalSize) -> None:
        """The window has another size, or the program should draw its screen again."""
        await self._send(encode(Resize(execution, terminal)))

    async def _send(self, frame: str | bytes) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            await self._connection.send(frame)
        except ConnectionClosed as error:
            raise self._lost(error) from None

    def _lost(self, error: ConnectionClosed) -> ControllerUnavailable:
        return lost(self._url, error.rcvd.reason if error.rcvd else None)


@asynccontextmanager
async def attach(url: str, token: str, run: RunId, request: Attach) -> AsyncIterator[Attachment]:
    """Attach a console to `run`; leaving the context detaches, and the run goes on."""
    from websockets.asyncio.client import connect
    from websockets.exceptions import InvalidStatus, WebSocketException

    url = check_url(url)
    try:
        connection = await connect(
            f"{websocket_url(url)}/v1/runs/{run}/attach",
            additional_headers={"Authorization": f"Bearer {token}"},
            compression=None,  # it costs memory and latency per socket, and a terminal's output is small or urgent
            max_size=MAX_CONTROLLER_FRAME_BYTES,
            max_queue=_QUEUED_FRAMES,
            open_timeout=CONNECT_SECONDS,
            close_timeout=_CLOSE_SECONDS,
            ping_timeout=None,  # while a pager is paused nothing is read, pongs neither
            proxy=None if is_loopback(url) else True,
        )
    except InvalidStatus as error:
        raise from_body(error.response.status_code, bytes(error.response.body)) from None
    except (OSError, TimeoutError, WebSocketException) as error:
        raise unavailable(url, str(error) or "it takes too long") from None
    async with connection:
        attachment = Attachment(url, connection)
        await attachment._send(encode(request))
        yield attachment
