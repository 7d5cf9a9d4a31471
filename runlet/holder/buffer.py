"""The device's end of a stream: bytes kept from the moment the terminal produced them until the controller has them.

    acknowledged          sent                 end
    |<-- kept, in flight -->|<-- kept, unsent -->|        end - acknowledged <= limit

The buffer is bounded. At the bound the owner stops reading the terminal, and the kernel stops the program: slow, but no
byte is lost. Only what an ended program left in its terminal, itself bounded, may come on top. The idea of addressing
by offset and applying idempotently follows sshx's session.

The holder has one, and the agent another: the agent's holds what it has of the holder's, and is gone with it.
"""

from __future__ import annotations

import sys

# What one execution may have in flight: 1 MiB at the 20 ms round trip of a LAN broker allows 50 MB/s.
OUTPUT_LIMIT_BYTES = 1024 * 1024


class OutputBuffer:
    """Bytes of one stream from `acknowledged` to `end`. Offsets count bytes from the start of the stream.

    A stream of `most` bytes takes no more of them, whatever is acknowledged.
    """

    def __init__(
        self, limit: int = OUTPUT_LIMIT_BYTES, start: int = 0, kept: bytes = b"", most: int = sys.maxsize
    ) -> None:
        self._limit = limit
        self._most = most
        self._bytes = bytearray(kept)
        self.acknowledged = start
        self.sent = start

    @property
    def end(self) -> int:
        return self.acknowledged + len(self._bytes)

    @property
    def room(self) -> int:
        """How many bytes may be appended; zero means: stop reading the terminal."""
        return max(0, min(self._limit - len(self._bytes), self.rest))

    @property
    def rest(self) -> int:
        """How many bytes the stream may ever take from here on."""
        return self._most - self.end

    @property
    def unsent(self) -> int:
        return self.end - self.sent

    def append(self, data: bytes) -> None:
        """Take what the terminal produced: at most `room` bytes, and once what an ended program left in it."""
        self._bytes += data

    def take(self, most: int) -> tuple[int, bytes]:
        """(offset, up to `most` unsent bytes), counted as sent."""
        offset = self.sent
        begin = offset - self.acknowledged
        data = bytes(memoryview(self._bytes)[begin : begin + most])  # one copy, not two
        self.sent += len(data)
        return offset, data

    def acknowledge(self, offset: int) -> None:
        """The controller has everything before `offset`. Repeated and late acknowledgements change nothing.

        Raises ValueError for an offset that was never produced.
        """
        if offset > self.end:
            raise ValueError(f"offset {offset} acknowledged, but the stream ends at {self.end}")
        if offset > self.acknowledged:
            del self._bytes[: offset - self.acknowledged]
            self.acknowledged = offset
            self.sent = max(self.sent, offset)

    def rewind(self) -> None:
        """Send again everything that is not acknowledged: something on the way was lost."""
        self.sent = self.acknowledged

    def kept(self) -> bytes:
        """The unacknowledged bytes, for the journal."""
        return bytes(self._bytes)
