"""One connection to the broker that heals itself: opened, set up, watched, and opened again with full jitter.

A broker may have several nodes. A link tries them in an order of its own, drawn anew for each round, so that a fleet
spreads over them; one round ends with the first node that takes it. It pauses between rounds, never within one.

pika speaks AMQP and calls back; this file turns its callbacks into one loop that cannot return. What a connection is
for is decided by the two kinds of link: Publisher and Consumer. They never share a connection, because a broker alarm
blocks connections that publish, and a cancel must still arrive on the one that consumes.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NoReturn
from urllib.parse import urlsplit

import pika
import pika.frame
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel
from pika.exceptions import AMQPError, ChannelClosedByBroker, ChannelWrongStateError, ConnectionWrongStateError

from runlet.backoff import Backoff
from runlet.errors import BrokerUnavailable, ChannelRefused, InvalidInput

# The broker and we declare each other dead after two missed AMQP heartbeats. RabbitMQ's documentation calls 5 to 20 s
# optimal; its default of 60 s leaves a half-open connection unnoticed for two minutes.
AMQP_HEARTBEAT_SECONDS = 15
# A silent peer is given up after this, from the TCP handshake to the open AMQP connection.
OPEN_SECONDS = 10.0
# A broker that blocks us longer than this has a problem that a new connection may find solved, or may report.
BLOCKED_SECONDS = 60.0
# How long an orderly close may take before the socket is left to the kernel.
CLOSE_SECONDS = 2.0

# Where a message without a body has it: see Publisher.publish_urgently.
BODY_HEADER = "runlet-body"
_WRONG_ADDRESS = "broker is not amqp://user:password@host:port/vhost, or a list with one for each node"

log = logging.getLogger(__name__)

# pika reports each lost connection several times, with traces; what matters is logged here once.
logging.getLogger("pika").setLevel(logging.CRITICAL)

# What a channel method raises when its connection or channel went away a moment ago.
GONE: tuple[type[Exception], ...] = (AMQPError, ChannelWrongStateError, ConnectionWrongStateError)


# A frame's type, channel and size; then, of a frame that begins a message, its class, a zero and the body's size.
_FRAME = struct.Struct(">BHI")
_CONTENT = struct.Struct(">HHQ")


class Properties(pika.BasicProperties):  # type: ignore[misc]  # pika has no py.typed
    """What a message says about itself, as it came. Its publisher may be anybody, and the broker looks at little of it.

    pika decodes it while it reads, and takes the connection for broken where it cannot: at a timestamp beyond the year
    9999, at a number that is none, at a table within a thousand others. So nothing is decoded until it is asked for.
    """

    def __init__(self, encoded: bytes) -> None:
        super().__init__()
        self._encoded = encoded

    def decoded(self) -> pika.BasicProperties:
        """All of it; empty where it cannot be decoded."""
        try:
            return pika.BasicProperties().decode(self._encoded)
        except Exception:  # noqa: BLE001 - whatever pika's decoder stumbles over
            return pika.BasicProperties()


class _Connection(AsyncioConnection):  # type: ignore[misc]  # pika has no py.typed
    """Hands a message to the kernel in one piece: pika sends each of its three frames in a packet of its own.

    Reads a message's properties without decoding them.
    """

    def _read_frame(self) -> tuple[int, pika.frame.Frame | None]:
        buffer = self._frame_buffer
        if buffer[0] != pika.spec.FRAME_HEADER or len(buffer) < _FRAME.size + _CONTENT.size:
            return super()._read_frame()  # type: ignore[no-any-return]
        _, channel, size = _FRAME.unpack_from(buffer)
        end = _FRAME.size + size
        if len(buffer) <= end or buffer[end] != pika.spec.FRAME_END:
            return super()._read_frame()  # type: ignore[no-any-return]
        _, _, body_size = _CONTENT.unpack_from(buffer, _FRAME.size)
        properties = Properties(buffer[_FRAME.size + _CONTENT.size : end])
        return end + 1, pika.frame.Header(channel, body_size, properties)

    def _output_marshaled_frames(self, marshaled_frames: Sequence[bytes]) -> None:
        super()._output_marshaled_frames([b"".join(marshaled_frames)])

    def _adapter_emit_data(self, data: bytes) -> None:
        """Send at once what the kernel takes: pika would first have the loop tell that the socket can be written, which
        takes a turn and two system calls each time, between a key and its echo.
        """
        sock = self._transport._sock
        if type(sock) is socket.socket and not self.buffered:  # not TLS, which may have to read first
            with suppress(OSError):  # none is taken; what is wrong is told where the rest is sent
                data = data[sock.send(data) :]
        if data:
            super()._adapter_emit_data(data)

    def abort(self) -> None:
        """Cut the connection: it is of no more use, and an orderly close would wait for a broker that does not read."""
        if self._transport:
            self._transport.abort()

    @property
    def buffered(self) -> int:
        """Bytes that the kernel has not taken yet. pika keeps any number of them: whoever publishes must look."""
        return self._transport.get_write_buffer_size() if self._transport else 0


class Link:
    """A healing connection with one channel. Subclasses say how the channel is set up and what its loss means."""

    def __init__(self, broker: Sequence[str], name: str) -> None:
        """`broker` has the address of each node (see `addresses`); `name` is shown in its list of connections."""
        self._nodes = [_parameters(url, name) for url in broker]
        self._name = name
        self._left: pika.ConnectionParameters | None = None  # the node that we lost last
        self._node: pika.ConnectionParameters | None = None  # the one that we are connected to
        self._lost_with: asyncio.Future[BrokerUnavailable] | None = None
        self.connected = asyncio.Event()
        self.on_connecting: Callable[[], None] = lambda: None  # before anything can be delivered
        self.on_connected: Callable[[], None] = lambda: None

    async def run(self) -> NoReturn:
        """Keep the link up until cancelled; on cancellation the connection is closed in order."""
        backoff = Backoff()
        while True:
            # What we have just lost comes last: it may not answer, and each silent node costs OPEN_SECONDS.
            self._nodes.sort(key=lambda node: (node is self._left, random.random()))  # noqa: S311 - no secret
            reason = await self._round(backoff)
            delay = backoff.next()
            log.warning("%s: %s; next try in %.1f s", self._name, reason, delay)
            await asyncio.sleep(delay)

    def renew(self, reason: str) -> None:
        """Give up the connection, which is there and does not do what it is for; the next one may."""
        if self._lost_with and not self._lost_with.done():
            self._lost_with.set_result(BrokerUnavailable(reason))

    async def _round(self, backoff: Backoff) -> str:
        """Try each node once, up to the first that takes us, and live there; why that ended, or why none took us."""
        refusals = []
        for node in self._nodes:
            try:
                error = await self._live(node, backoff)
            except BrokerUnavailable as refusal:
                refusals.append(f"{_address(node)}: {refusal}")
            else:
                self._left = node
                return f"{_address(node)}: {error}"
        return "; ".join(refusals)

    async def _live(self, node: pika.ConnectionParameters, backoff: Backoff) -> BrokerUnavailable:
        """One connection's life; the reason of its end. Raises BrokerUnavailable when it never came to life."""
        connection, lost = await open_connection(node)
        self._node, self._lost_with = node, lost
        try:
            channel = await open_channel(connection, lost)
            self.on_connecting()
            await self._set_up(channel, lost)
            backoff.reset()
            self.connected.set()
            log.info("%s: connected to %s", self._name, _address(node))
            self.on_connected()
            return await lost
        finally:
            self._node = self._lost_with = None
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


def addresses(value: object) -> tuple[str, ...]:
    """What a configuration says about the broker: one address, or a list with that of each node.

    Raises InvalidInput for anything else, without the password that may be in it.
    """
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not listed:
        raise InvalidInput(_WRONG_ADDRESS)
    for url in listed:
        try:
            parts = urlsplit(url if isinstance(url, str) else "")
            well_formed = parts.scheme in ("amqp", "amqps") and parts.hostname and parts.port != 0
        except ValueError:
            well_formed = False
        if not well_formed:
            raise InvalidInput(_WRONG_ADDRESS)
    return tuple(dict.fromkeys(listed))


def vhost(url: str) -> str:
    """The virtual host in an address."""
    return str(pika.URLParameters(url).virtual_host)


def _parameters(url: str, name: str) -> pika.ConnectionParameters:
    parameters = pika.URLParameters(url)
    parameters.heartbeat = AMQP_HEARTBEAT_SECONDS
    parameters.connection_attempts = 1  # trying again is run()'s business
    parameters.stack_timeout = OPEN_SECONDS
    parameters.socket_timeout = OPEN_SECONDS
    parameters.blocked_connection_timeout = BLOCKED_SECONDS
    parameters.client_properties = {"connection_name": name}
    return parameters


async def open_connection(
    parameters: pika.ConnectionParameters,
) -> tuple[_Connection, asyncio.Future[BrokerUnavailable]]:
    """An open connection, and a future that holds the reason once it is lost."""
    loop = asyncio.get_running_loop()
    opened: asyncio.Future[None] = loop.create_future()
    lost: asyncio.Future[BrokerUnavailable] = loop.create_future()

    def on_open(_connection: object) -> None:
        if not opened.done():
            opened.set_result(None)

    def on_end(_connection: object, error: BaseException) -> None:
        if not lost.done():
            lost.set_result(BrokerUnavailable(_reason(error)))

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


def _reason(error: BaseException) -> str:
    """What ended a connection, in words: pika's own text for a refused port is empty."""
    while inner := [*getattr(error, "exceptions", ()), *_exceptions(getattr(error, "exception", None), *error.args)]:
        error = inner[-1]
    return str(error) or repr(error)


def _exceptions(*values: object) -> list[BaseException]:
    return [value for value in values if isinstance(value, BaseException)]


def _address(node: pika.ConnectionParameters) -> str:
    return f"broker {node.host}:{node.port}"


async def open_channel(
    connection: AsyncioConnection,
    lost: asyncio.Future[BrokerUnavailable],
    ended: asyncio.Future[BrokerUnavailable] | None = None,
) -> Channel:
    """A channel. Its loss counts as the loss of the connection, for a half-dead link would go unnoticed.

    With `ended`, what its loss is for is whoever awaits that.
    """
    opened: asyncio.Future[Channel] = asyncio.get_running_loop().create_future()
    end = ended or lost

    def on_open(channel: Channel) -> None:
        channel.add_on_close_callback(on_close)
        if not opened.done():
            opened.set_result(channel)

    def on_close(_channel: object, error: BaseException) -> None:
        if end.done():
            return
        if isinstance(error, ChannelClosedByBroker):
            words = f"the broker closed the channel ({error.reply_code}): {error.reply_text}"
            end.set_result(ChannelRefused(error.reply_code, words))
        else:
            end.set_result(BrokerUnavailable(f"the channel ended: {error}"))

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
