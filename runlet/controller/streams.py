"""The controller's end of every open stream: stores what arrives, acknowledges it, tells who follows.

The transcript on disk is the buffer: a console that is slow, late or new reads from its own offset, so nothing is
queued for it here. Acknowledgements are by offset and may be lost: the agent sends again, and the overlap is dropped.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from runlet.amqp.consumer import Delivery
from runlet.controller.transcripts import Transcripts
from runlet.errors import ProtocolError, Unavailable
from runlet.protocol import names
from runlet.protocol.chunk import Chunk
from runlet.protocol.messages import Stored

# Acknowledge after this many bytes: an eighth of what an agent may have in flight.
ACKNOWLEDGE_BYTES = 128 * 1024
# ... or after this long, well before an agent takes its bytes for lost.
ACKNOWLEDGE_SECONDS = 0.5

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Stream:
    """One execution's stream: its transcript goes up to `stored`, `final` is its whole length once that is known."""

    execution: str
    attempt: int
    device: str
    limit: int  # how many bytes of it are kept
    stored: int
    acknowledged: int
    final: int | None = None
    is_full: bool = False  # as long as its limit, or longer
    hole_told_at: int = -1  # the offset of the last hole told, so that one lost chunk is not asked for many times


class Streams:
    """All streams that are not settled. `tell` sends a message to a device."""

    def __init__(self, transcripts: Transcripts, tell: Callable[[str, Stored], None]) -> None:
        self._transcripts = transcripts
        self._tell = tell
        self._streams: dict[str, Stream] = {}
        self._unacknowledged: set[str] = set()
        # Whom to tell that output came of an execution that is not open, that one has new output, that one has printed
        # as much as is kept of it, and that an ended one's last byte is stored.
        self.on_unknown: Callable[[str], None] = lambda _execution: None
        self.on_output: Callable[[str], None] = lambda _execution: None
        self.on_full: Callable[[str], None] = lambda _execution: None
        self.on_complete: Callable[[str, int, int], None] = lambda _execution, _attempt, _length: None

    def open(self, execution: str, attempt: int, device: str, limit: int) -> None:
        """Take output of this execution from this device and no other; of this attempt, and of none before.

        Its transcript keeps `limit` bytes. Where that cannot be used nothing is open: the agent tells again.
        """
        stream = self._streams.get(execution)
        if stream is None or stream.attempt < attempt:
            try:
                stored = self._transcripts.length(execution, attempt)
            except Unavailable as error:
                log.error("the output of %s on %s: %s", execution, device, error)  # noqa: TRY400
                return
            self._streams[execution] = Stream(execution, attempt, device, limit, stored, stored)

    def ask(self, execution: str) -> None:
        """Have an open execution's agent send again what came before it was open."""
        if stream := self._streams.get(execution):
            self._tell(stream.device, Stored(execution, stream.attempt, stream.stored, hole=True))

    def forget(self) -> None:
        """Another controller may have had the queue, and stored: what goes on is opened again when it is heard of."""
        self._streams.clear()
        self._unacknowledged.clear()

    def finish(self, execution: str, length: int, kept_from: int) -> None:
        """The program ended after `length` bytes, of which the agent has those from `kept_from` on.

        `on_complete` tells when all of them are stored, or those that can be had. Where it is not known what is stored
        nothing is: the agent tells its outcome again.
        """
        stream = self._streams.get(execution)
        if stream is not None:
            try:
                if stream.stored < length:
                    self._catch_up(stream)
            except Unavailable as error:
                log.error("the output of %s on %s: %s", execution, stream.device, error)  # noqa: TRY400
                return
            stream.final = length
            if stream.stored < min(length, kept_from):
                log.error("the output of %s on %s is lost from %d on", execution, stream.device, stream.stored)
                stream.final = stream.stored
            self._check_complete(stream)

    def settle(self, execution: str) -> None:
        """The outcome is recorded, the transcript complete and on the disk: the agent may forget both."""
        stream = self._streams.pop(execution, None)
        if stream is None:
            return
        self._unacknowledged.discard(execution)
        self._tell(stream.device, Stored(execution, stream.attempt, stream.stored, settled=True))

    def length(self, execution: str, attempt: int) -> int:
        """How long the stored stream is, open or settled."""
        stream = self._streams.get(execution)
        return stream.stored if stream and stream.attempt == attempt else self._transcripts.length(execution, attempt)

    def on_delivery(self, delivery: Delivery) -> None:
        """A chunk from the output queue. What does not fit, or cannot be stored, is dropped: the agent still has it."""
        try:
            device, _ = names.parse_key(delivery.key)
            self._take(device, Chunk.decode(delivery.body))
        except (ProtocolError, Unavailable) as error:
            log.warning("dropped output: %s", error)
        delivery.ack()

    async def run(self) -> None:
        """Acknowledge what trickles in too slowly to be acknowledged by its size."""
        while True:
            await asyncio.sleep(ACKNOWLEDGE_SECONDS)
            self._acknowledge([self._streams[execution] for execution in self._unacknowledged])

    def _take(self, device: str, chunk: Chunk) -> None:
        stream = self._streams.get(chunk.execution)
        if stream is None or stream.attempt < chunk.attempt:
            self.on_unknown(chunk.execution)
            return
        if stream.attempt > chunk.attempt:
            return  # settled: the agent learns so when it repeats the outcome
        if stream.device != device:
            raise ProtocolError(f"{device} sent output of an execution on {stream.device}")
        if chunk.position > stream.stored:
            self._catch_up(stream)
        if chunk.position > stream.stored:
            if stream.hole_told_at != stream.stored:
                stream.hole_told_at = stream.stored
                self._tell(device, Stored(stream.execution, stream.attempt, stream.stored, hole=True))
            return
        if chunk.position + len(chunk.data) > stream.stored:
            self._store(stream, chunk)
            self.on_output(stream.execution)
            self._check_full(stream)
        self._unacknowledged.add(stream.execution)
        if stream.stored - stream.acknowledged >= ACKNOWLEDGE_BYTES:
            self._acknowledge([stream])
        self._check_complete(stream)

    def _catch_up(self, stream: Stream) -> None:
        """Another controller may have had the queue since this stream was opened here, and stored what came."""
        stream.stored = max(stream.stored, self._transcripts.length(stream.execution, stream.attempt))

    def _store(self, stream: Stream, chunk: Chunk) -> None:
        at = stream.execution, stream.attempt
        try:
            # First: bytes without their moments would never get them, moments without their bytes come again.
            self._transcripts.note(*at, [moment for moment in chunk.moments if moment.offset >= stream.stored])
            length = self._transcripts.append(*at, chunk.position, chunk.data, stream.limit)
            if length < chunk.position:
                log.error("the output of %s on %s was removed before %d", *at, chunk.position)
                self._transcripts.leave_out(*at, chunk.position)
                length = self._transcripts.append(*at, chunk.position, chunk.data, stream.limit)
            stream.stored = length
        except Unavailable as error:
            # The agent keeps what we could not store and sends it again; its program waits until there is room. What
            # was stored of it all the same is passed over then.
            log.error("the output of %s on %s: %s", stream.execution, stream.device, error)  # noqa: TRY400

    def _check_full(self, stream: Stream) -> None:
        if stream.stored >= stream.limit and not stream.is_full:
            stream.is_full = True
            self.on_full(stream.execution)

    def _check_complete(self, stream: Stream) -> None:
        if stream.final is not None and stream.stored >= stream.final:
            self.on_complete(stream.execution, stream.attempt, stream.stored)

    def _acknowledge(self, streams: Iterable[Stream]) -> None:
        for stream in streams:
            stream.acknowledged = stream.stored
            self._unacknowledged.discard(stream.execution)
            self._tell(stream.device, Stored(stream.execution, stream.attempt, stream.stored))
