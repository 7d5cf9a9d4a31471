"""What a holder and its agent say to each other over a Unix socket, without I/O.

A frame is one byte of kind, four of length, and that many bytes of content. The holder's first frame is GREETING, NOTED
before it where there is a note, or REFUSED or ELSEWHERE in their place; after GREETING come OUTPUT, before it its
MOMENTS, ANSWER and LOOKED as it happens, and ENDED last. Output begins where GREETING says and has no gaps, so that its
frames need no offset.

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
VERSION = 2
OLDEST_VERSION = 1  # it knows no TYPE_IF

# --- from the agent --------------------------------------------------------------------------------------------------
TYPE = 1  # console, number, bytes: type them, and ANSWER
RELEASE = 2  # offset: the controller has stored everything before it
RESIZE = 3  # columns, rows, and a byte that holders of before do not look at: with another size for a moment
END = 4  # politely, verdict: end the program; the first verdict stays
TAKEN = 5  # the outcome is in the journal
WAITS = 6  # whether the program waits for a person, as the agent judges: then its time does not count
NOTE = 7  # bytes: what the next agent is to be given; the newest replaces the one before
TYPE_IF = 8  # console, number, what was seen, bytes: as TYPE while the terminal is as it was seen, else MOVED

# --- from the holder -------------------------------------------------------------------------------------------------
GREETING = 16  # version, offset: the program was started; its output follows from there
OUTPUT = 17  # bytes
ANSWER = 18  # console, number, words: they were typed; with words, they were not, and this is why
ENDED = 19  # a record: all output has been sent before
REFUSED = 20  # words: the program cannot be started, and never ran
ELSEWHERE = 21  # another holder has or had this execution: nothing is known here
LOOKED = 22  # a look: whether the program waits for a person, as far as can be seen, and what it printed last
NOTED = 23  # what an earlier agent left; before GREETING
MOMENTS = 24  # when bytes of the next OUTPUT were printed (see moments.py)
MOVED = 25  # console, number: nothing was typed, for the terminal is not as it was seen; a new LOOKED follows
TOOK = 26  # console, number, number: what it typed is judged up to the first, and nothing waits up to the second

# The largest content is what a console types at once.
MAX_CONTENT_BYTES = 1024 * 1024
# What an agent may leave for the next.
MAX_NOTE_BYTES = 4096

_HEADER = struct.Struct(">BI")
_NUMBER = struct.Struct(">Q")
_GREETING = struct.Struct(">HQ")
_TYPED = struct.Struct(">QQ")
_TOOK = struct.Struct(">QQQ")
_SIZE = struct.Struct(">HH")
_LOOK = struct.Struct(">QBBHHd")
_LINES, _ECHO, _OWN_SCREEN, _LONG = 1, 2, 4, 8
_HIDES, _HAS_WAIT = 16, 32
_WAIT = struct.Struct(">dQ")  # behind a look that has it, before the end of the stream
_SEEN = struct.Struct(">QBB")


class BrokenWire(ValueError):
    """The other side said what it may not say."""


class Look:
    """A terminal at one moment: nothing in it is judged.

    `offset` is the length of the stream; `activity` what the programs do (see waiting.py); `lines` and `echo` how the
    terminal treats what is typed; `own_screen`: it shows a screen of the program's own; `long`: nothing was printed or
    typed for LONG_SECONDS, and `silence` tells for how many. `limit` are the seconds of a *limited* wait, 0 where they
    are not known; `since` is the length that the stream had when the call that waits was first seen; `hides`: the
    program was told to hide what is typed. `recent` is the end of the stream.
    """

    __slots__ = (
        "activity",
        "columns",
        "echo",
        "hides",
        "limit",
        "lines",
        "long",
        "offset",
        "own_screen",
        "recent",
        "rows",
        "silence",
        "since",
    )

    def __init__(
        self,
        offset: int,
        activity: int,
        *,
        lines: bool,
        echo: bool,
        own_screen: bool,
        long: bool,
        columns: int,
        rows: int,
        silence: float,
        recent: bytes,
        limit: float = 0.0,
        since: int | None = None,
        hides: bool = False,
    ) -> None:
        self.offset = offset
        self.activity = activity
        self.lines = lines
        self.echo = echo
        self.own_screen = own_screen
        self.long = long
        self.columns = columns
        self.rows = rows
        self.silence = silence
        self.recent = recent
        self.limit = limit
        self.since = offset if since is None else since
        self.hides = hides


class Seen:
    """Of a look, what must be as it was when something is typed for what was seen."""

    __slots__ = ("activity", "echo", "lines", "offset", "own_screen")

    def __init__(self, offset: int, activity: int, *, lines: bool, echo: bool, own_screen: bool) -> None:
        self.offset = offset
        self.activity = activity
        self.lines = lines
        self.echo = echo
        self.own_screen = own_screen


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


def type_if(console: int, number: int, seen: Seen | Look, data: bytes) -> bytes:
    flags = seen.lines * _LINES | seen.echo * _ECHO | seen.own_screen * _OWN_SCREEN
    return frame(TYPE_IF, _TYPED.pack(console, number) + _SEEN.pack(seen.offset, seen.activity, flags) + data)


def moved(console: int, number: int) -> bytes:
    return frame(MOVED, _TYPED.pack(console, number))


def release(offset: int) -> bytes:
    return frame(RELEASE, _NUMBER.pack(offset))


def resize(columns: int, rows: int, *, nudge: bool = False) -> bytes:
    """`nudge`: programs that draw must do so again, also those that take no notice of a size that is the same."""
    return frame(RESIZE, _SIZE.pack(columns, rows) + bytes([nudge]))


def end(verdict: bytes, *, politely: bool) -> bytes:
    """`politely`: with Ctrl-C first."""
    return frame(END, bytes([politely]) + verdict)


def waits(person: bool) -> bytes:
    return frame(WAITS, bytes([person]))


def note(content: bytes) -> bytes:
    return frame(NOTE, content)


def greeting(offset: int) -> bytes:
    return frame(GREETING, _GREETING.pack(VERSION, offset))


def answer(console: int, number: int, words: str) -> bytes:
    return frame(ANSWER, _TYPED.pack(console, number) + words.encode())


def took(console: int, judged: int, taken: int) -> bytes:
    return frame(TOOK, _TOOK.pack(console, judged, taken))


def looked(look: Look) -> bytes:
    flags = look.lines * _LINES | look.echo * _ECHO | look.own_screen * _OWN_SCREEN
    flags |= look.long * _LONG | look.hides * _HIDES | _HAS_WAIT
    head = _LOOK.pack(look.offset, look.activity, flags, look.columns, look.rows, look.silence)
    return frame(LOOKED, head + _WAIT.pack(look.limit, look.since) + look.recent)


def read_typed(content: bytes) -> tuple[int, int, bytes]:
    """(console, number, bytes) of TYPE, of MOVED, and of ANSWER, whose bytes are words in UTF-8."""
    console, number = _TYPED.unpack_from(_long_enough(content, _TYPED.size))
    return console, number, content[_TYPED.size :]


def read_type_if(content: bytes) -> tuple[int, int, Seen, bytes]:
    """(console, number, what was seen, bytes)."""
    console, number, rest = read_typed(content)
    offset, activity, flags = _SEEN.unpack_from(_long_enough(rest, _SEEN.size))
    seen = Seen(
        offset,
        activity,
        lines=bool(flags & _LINES),
        echo=bool(flags & _ECHO),
        own_screen=bool(flags & _OWN_SCREEN),
    )
    return console, number, seen, rest[_SEEN.size :]


def read_took(content: bytes) -> tuple[int, int, int]:
    """(console, judged, taken)."""
    console, judged, taken = _TOOK.unpack_from(_long_enough(content, _TOOK.size))
    return console, judged, taken


def read_release(content: bytes) -> int:
    (offset,) = _NUMBER.unpack_from(_long_enough(content, _NUMBER.size))
    return int(offset)


def read_resize(content: bytes) -> tuple[int, int, bool]:
    """(columns, rows, nudge)."""
    columns, rows = _SIZE.unpack_from(_long_enough(content, _SIZE.size))
    return columns, rows, any(content[_SIZE.size :])


def read_end(content: bytes) -> tuple[bool, bytes]:
    """(politely, verdict)."""
    return bool(_long_enough(content, 1)[0]), content[1:]


def read_waits(content: bytes) -> bool:
    return bool(_long_enough(content, 1)[0])


def read_greeting(content: bytes) -> tuple[int, int]:
    """(version, offset). Raises BrokenWire for a version that is not known."""
    version, offset = _GREETING.unpack_from(_long_enough(content, _GREETING.size))
    if not OLDEST_VERSION <= version <= VERSION:
        raise BrokenWire(f"version {version} of the wire")
    return int(version), int(offset)


def read_looked(content: bytes) -> Look:
    offset, activity, flags, columns, rows, silence = _LOOK.unpack_from(_long_enough(content, _LOOK.size))
    rest, limit, since = content[_LOOK.size :], 0.0, None
    if flags & _HAS_WAIT:  # a holder of an earlier version tells of none
        limit, since = _WAIT.unpack_from(_long_enough(rest, _WAIT.size))
        rest = rest[_WAIT.size :]
    return Look(
        offset,
        activity,
        lines=bool(flags & _LINES),
        echo=bool(flags & _ECHO),
        own_screen=bool(flags & _OWN_SCREEN),
        long=bool(flags & _LONG),
        columns=columns,
        rows=rows,
        silence=silence,
        recent=rest,
        limit=limit,
        since=since,
        hides=bool(flags & _HIDES),
    )


def _long_enough(content: bytes, size: int) -> bytes:
    if len(content) < size:
        raise BrokenWire(f"a frame of {len(content)} bytes is cut off")
    return content
