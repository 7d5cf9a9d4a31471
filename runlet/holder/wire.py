"""What a holder and its agent say to each other over a Unix socket, without I/O.

A frame is one byte of kind, four of length, and that many bytes of content. The holder's first frame is GREETING, or
REFUSED or ELSEWHERE in its place; after GREETING come OUTPUT and ANSWER as it happens, and ENDED last. Output begins
where GREETING says and has no gaps, so that its frames need no offset.

An agent may be killed between any two bytes, a new one connect at any time: nothing that matters is only in a socket.
Output stays with the holder until the agent passes on that the controller has stored it; what was typed is answered
when the terminal has it, and is recognised by its number when it comes again.
"""

from __future__ import annotations

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# A holder may be older than its agent by as long as its program runs: kinds may be added, for which the agent looks at
# the version; none may change.
VERSION = 1

# --- from the agent --------------------------------------------------------------------------------------------------
TYPE = 1  # console, number, bytes: type them, and ANSWER
RELEASE = 2  # offset: the controller has stored everything before it
RESIZE = 3  # columns, rows
END = 4  # politely, verdict: end the program; the first verdict stays
TAKEN = 5  # the outcome is in the journal

# --- from the holder -------------------------------------------------------------------------------------------------
GREETING = 16  # version, offset: the program was started; its output follows from there
OUTPUT = 17  # bytes
ANSWER = 18  # console, number, words: they were typed; with words, they were not, and this is why
ENDED = 19  # a record: all output has been sent before
REFUSED = 20  # words: the program cannot be started, and never ran
ELSEWHERE = 21  # another holder has or had this execution: nothing is known here

# The largest content is what a console types at once.
MAX_CONTENT_BYTES = 1024 * 1024

_HEADER = struct.Struct(">BI")
_NUMBER = struct.Struct(">Q")
_GREETING = struct.Struct(">HQ")
_TYPED = struct.Struct(">QQ")
_SIZE = struct.Struct(">HH")


class BrokenWire(ValueError):
    """The other side said what it may not say."""


class Frames:
    """Bytes as they come, as frames."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """(kind, content) of every frame that is complete with `data`. Raises BrokenWire."""
        self._bytes += data
        at = 0
        try:
            while len(self._bytes) - at >= _HEADER.size:
                kind, length = _HEADER.unpack_from(self._bytes, at)
                if length > MAX_CONTENT_BYTES:
                    raise BrokenWire(f"a frame of {length} bytes")
                end = at + _HEADER.size + length
                if end > len(self._bytes):
                    return
                content = bytes(memoryview(self._bytes)[at + _HEADER.size : end])
                at = end
                yield kind, content
        finally:
            del self._bytes[:at]


def frame(kind: int, content: bytes = b"") -> bytes:
    return _HEADER.pack(kind, len(content)) + content


def type_(console: int, number: int, data: bytes) -> bytes:
    return frame(TYPE, _TYPED.pack(console, number) + data)


def release(offset: int) -> bytes:
    return frame(RELEASE, _NUMBER.pack(offset))


def resize(columns: int, rows: int) -> bytes:
    return frame(RESIZE, _SIZE.pack(columns, rows))


def end(verdict: bytes, *, politely: bool) -> bytes:
    """`politely`: with Ctrl-C first."""
    return frame(END, bytes([politely]) + verdict)


def greeting(offset: int) -> bytes:
    return frame(GREETING, _GREETING.pack(VERSION, offset))


def answer(console: int, number: int, words: str) -> bytes:
    return frame(ANSWER, _TYPED.pack(console, number) + words.encode())


def read_typed(content: bytes) -> tuple[int, int, bytes]:
    """(console, number, bytes) of TYPE and of ANSWER, whose bytes are words in UTF-8."""
    console, number = _TYPED.unpack_from(_long_enough(content, _TYPED.size))
    return console, number, content[_TYPED.size :]


def read_release(content: bytes) -> int:
    (offset,) = _NUMBER.unpack_from(_long_enough(content, _NUMBER.size))
    return int(offset)


def read_resize(content: bytes) -> tuple[int, int]:
    columns, rows = _SIZE.unpack_from(_long_enough(content, _SIZE.size))
    return columns, rows


def read_end(content: bytes) -> tuple[bool, bytes]:
    """(politely, verdict)."""
    return bool(_long_enough(content, 1)[0]), content[1:]


def read_greeting(content: bytes) -> int:
    """The offset. Raises BrokenWire for another version."""
    version, offset = _GREETING.unpack_from(_long_enough(content, _GREETING.size))
    if version != VERSION:
        raise BrokenWire(f"version {version} of the wire")
    return int(offset)


def _long_enough(content: bytes, size: int) -> bytes:
    if len(content) < size:
        raise BrokenWire(f"a frame of {len(content)} bytes is cut off")
    return content
