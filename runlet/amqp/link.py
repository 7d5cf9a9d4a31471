"""One connection to the broker that heals itself: opened, set up, watched, and opened again with full jitter.

pika speaks AMQP and calls back; this file turns its callbacks into one loop that cannot return. What a connection is
for is decided by the two kinds of link: Publisher and Consumer. They never share a connection, because a broker alarm
blocks connections that publish, and a cancel must still arrive on the one that consumes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, NoReturn
from urllib.parse import urlsplit

import pika
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel
from pika.exceptions import AMQPError, ChannelClosed, ChannelWrongStateError, ConnectionWrongStateError

from runlet.backoff import Backoff
from runlet.errors import BrokerUnavailable, InvalidInput

# The broker and we declare each other dead after two missed AMQP heartbeats. RabbitMQ's documentation calls 5 to 20 s
# optimal; its default of 60 s leaves a half-open connection unnoticed for two minutes.
AMQP_HEARTBEAT_SECONDS = 15
# A silent peer is given up after this, from the TCP handshake to the open AMQP connection.
OPEN_SECONDS = 10.0
# A broker that blocks us longer than this has a problem that a new connection may find solved, or may report.
BLOCKED_SECONDS = 60.0
# How long an orderly close may take before the socket is left to the kernel.
CLOSE_SECONDS = 2.0

log = logging.getLogger(__name__)

# pika reports each lost connection several times, with traces; what matters is logged here once.
logging.getLogger("pika").setLevel(logging.CRITICAL)

# What a channel method raises when its connection or channel went away a moment ago.
GONE: tuple[type[Exception], ...] = (AMQPError, ChannelWrongStateError, ConnectionWrongStateError)


class _Connection(AsyncioConnection):  # type: ignore[misc]  # pika has no py.typed
    """Hands a message to the kernel in one piece: pika sends each of its three frames in a packet of its own."""

    def _output_marshaled_frames(self, marshaled_frames: Sequence[bytes]) -> None:
        super()._output_marshaled_frames([b"".join(marshaled_frames)])

    @property
    def buffered(self) -> int:
        """Bytes that the kernel has not taken yet. pika keeps any number of them: whoever publishes must look."""
        return self._transport.get_write_buffer_size() if self._transport else 0


class Link:
    """A healing connection with one channel. Subclasses say how the channel is set up and what its loss means."""

    def __init__(self, url: str, name: str) -> None:
        """`url` is amqp://user:password@host:port/vhost; `name` is shown in the broker's list of connections."""
        self._parameters = _parameters(url, name)
        self._name = name
        self.connected = asyncio.Event()
        self.on_connecting: Callable[[], None] = lambda: None  # before anything can be delivered
        self.on_connected: Callable[[], None] = lambda: None

    async def run(self) -> NoReturn:
        """Keep the link up until cancelled; on cancellation the connection is closed in order."""
        backoff = Backoff()
        while True:
            try:
                await self._live(backoff)
            except BrokerUnavailable as error:
                delay = backoff.next()
                log.warning("%s: %s; next try in %.1f s", self._name, error, delay)
                await asyncio.sleep(delay)

    async def _live(self, backoff: Backoff) -> NoReturn:
        """One connection's life; raises BrokerUnavailable with the reason of its end."""
        connection, lost = await _open(self._parameters)
        try:
            channel = await open_channel(connection, lost)
            self.on_connecting()
            await self._set_up(channel, lost)
            backoff.reset()
            self.connected.set()
            log.info("%s: connected", self._name)
            self.on_connected()
            raise await lost
        finally:
            self.connected.clear()
            self._lost()
            await _close(connection, lost)

    async def _set_up(self, channel: Channel, lost: asyncio.Future[BrokerUnavailable]) -> None:
        """Prepare a fresh channel; raises BrokerUnavailable when the broker refuses."""
        raise NotImplementedError

    def _lost(self) -> None:
        """The channel is gone, with everything that was under way on it."""
        raise NotImplementedError


class Replies:
    """Broker replies to the methods of one channel as awaitables, which also end when the connection does."""

    def __init__(self, lost: asyncio.Future[BrokerUnavailable]) -> None:
        self._lost = lost

    async def to(self, method: Callable[..., Any], *arguments: Any, **options: Any) -> None:
        """Call `method` of a channel and wait for its reply; raises BrokerUnavailable when none will come."""
        replied: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def on_reply(_frame: object) -> None:
            if not replied.done():
                replied.set_result(None)

        try:
            method(*arguments, callback=on_reply, **options)
        except GONE as error:
            raise BrokerUnavailable(f"the broker went away: {error!r}") from None
        await asyncio.wait((replied, self._lost), return_when=asyncio.FIRST_COMPLETED)
        if not replied.done():
            replied.cancel()
            raise self._lost.result()


def _parameters(url: str, name: str) -> pika.ConnectionParameters:
    parts = urlsplit(url)
    if parts.scheme not in ("amqp", "amqps") or not parts.hostname:
        raise InvalidInput("the broker's address is not amqp://user:password@host:port/vhost")
    parameters = pika.URLParameters(url)
    parameters.heartbeat = AMQP_HEARTBEAT_SECONDS
    parameters.connection_attempts = 1  # trying again is run()'s business
    parameters.stack_timeout = OPEN_SECONDS
    parameters.socket_timeout = OPEN_SECONDS
    parameters.blocked_connection_timeout = BLOCKED_SECONDS
    parameters.client_properties = {"connection_name": name}
    return parameters


async def _open(
    parameters: pika.ConnectionParameters,
) -> tuple[AsyncioConnection, asyncio.Future[BrokerUnavailable]]:
    """An open connection, and a future that holds the reason once it is lost."""
    loop = asyncio.get_running_loop()
    opened: asyncio.Future[None] = loop.create_future()
    lost: asyncio.Future[BrokerUnavailable] = loop.create_future()

    def on_open(_connection: object) -> None:
        if not opened.done():
            opened.set_result(None)

    def on_end(_connection: object, error: BaseException) -> None:
        if not lost.done():
            lost.set_result(BrokerUnavailable(_reason(error, parameters)))

    connection = _Connection(
        parameters, on_open_callback=on_open, on_open_error_callback=on_end, on_close_callback=on_end
    )
    try:
        await asyncio.wait((opened, lost), return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        await _close(connection, lost)
        raise
    if lost.done():
        opened.cancel()
        raise lost.result()
    return connection, lost


def _reason(error: BaseException, parameters: pika.ConnectionParameters) -> str:
    """What ended a connection, in words: pika's own text for a refused port is empty."""
    inner = getattr(error, "exceptions", None)
    while inner:
        error = inner[-1]
        inner = getattr(error, "exceptions", None) or ([error.exception] if hasattr(error, "exception") else None)
    return f"broker {parameters.host}:{parameters.port}: {str(error) or repr(error)}"


async def open_channel(connection: AsyncioConnection, lost: asyncio.Future[BrokerUnavailable]) -> Channel:
    """A channel whose loss counts as the loss of the connection: a half-dead link would go unnoticed."""
    opened: asyncio.Future[Channel] = asyncio.get_running_loop().create_future()

    def on_open(channel: Channel) -> None:
        channel.add_on_close_callback(on_close)
        if not opened.done():
            opened.set_result(channel)

    def on_close(_channel: object, error: BaseException) -> None:
        if not lost.done():
            code = f" ({error.reply_code})" if isinstance(error, ChannelClosed) else ""
            lost.set_result(BrokerUnavailable(f"the broker closed the channel{code}: {error}"))

    try:
        connection.channel(on_open_callback=on_open)
    except GONE as error:
        raise BrokerUnavailable(f"the broker went away: {error!r}") from None
    await asyncio.wait((opened, lost), return_when=asyncio.FIRST_COMPLETED)
    if not opened.done():
        opened.cancel()
        raise lost.result()
    return opened.result()


async def _close(connection: AsyncioConnection, lost: asyncio.Future[BrokerUnavailable]) -> None:
    """Close in order, within CLOSE_SECONDS. Also called when the connection is already gone."""
    closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_close(_connection: object, _error: BaseException) -> None:
        if not closed.done():
            closed.set_result(None)

    if connection.is_closed:
        return
    connection.add_on_close_callback(on_close)
    try:
        if not connection.is_closing:
            connection.close()
    except GONE:
        return
    await asyncio.wait((closed,), timeout=CLOSE_SECONDS)
    if not lost.done():
        lost.cancel()
