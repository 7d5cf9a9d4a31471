"""What may be typed on a terminal, and what waits for its program to read: rules without I/O.

Every piece of input has the number of its console and a number of its own: how many bytes that console has typed, with
this piece. What was judged once is not typed when it comes again: the broker delivers again what an agent took and did
not live to acknowledge.
"""

from __future__ import annotations

from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# Typed bytes that the program does not read yet, beyond the kernel's own queue (4 KiB a line, about 20 KiB raw). A
# console stops at half of that, and waits; what is above is for who takes over, and for answers.
INPUT_LIMIT_BYTES = 128 * 1024
# Numbers from here on are no consoles but answers to prompts, one each.
ANSWERS = 1 << 63
# A terminal that collects lines keeps this much of one, and drops what comes before its end without a word: Linux's
# N_TTY_BUF_SIZE less the place for the end of the line.
LINE_LIMIT_BYTES = 4095
# So many consoles are remembered. What comes again comes within 10 s; nobody attaches as often meanwhile.
REMEMBERED_CONSOLES = 64


class Keyboard:
    """Everything that is typed on one terminal."""

    def __init__(self) -> None:
        self.waiting = bytearray()  # accepted, and not yet taken by the kernel
        self._pieces: deque[tuple[int, int, int]] = deque()  # of what waits: (console, number, where it ends)
        self._end, self._begin = 0, 0  # of what waits, of all that was ever accepted
        self._judged: dict[int, tuple[int, str]] = {}  # by console: the newest number, and what was said of it
        self._moved: dict[int, None] = {}  # consoles of which there is news
        self._in_line = 0  # bytes of the line that is not ended

    def type(self, console: int, number: int, data: bytes, line_ends: bytes | None) -> str:
        """Accept `data` into `waiting`, all or nothing; why not, when it is refused; empty when it is accepted.

        `line_ends` are the bytes that end a line where the terminal collects lines, None where it does not.
        """
        last, words = self._judged.pop(console, (-1, ""))
        if number > last:
            last, words = number, self._judge(console, number, data, line_ends)
        elif number < last:
            words = ""
        self._judged[console] = last, words
        self._moved[console] = None
        if len(self._judged) > REMEMBERED_CONSOLES:
            oldest = next(iter(self._judged))
            del self._judged[oldest]
            self._moved.pop(oldest, None)
        return words

    def has_judged(self, console: int, number: int) -> bool:
        """Whether this piece came before."""
        return console in self._judged and number <= self._judged[console][0]

    def took(self, count: int) -> None:
        """The kernel has taken so many of the bytes that wait."""
        del self.waiting[:count]
        self._begin += count
        while self._pieces and count:
            console, _, end = self._pieces[0]
            self._moved[console] = None
            if end > self._begin:
                return
            self._pieces.popleft()

    def forget_waiting(self) -> None:
        """What is still to be typed was meant for a program that is being ended."""
        self.took(len(self.waiting))
        self._in_line = 0

    def tell_again(self) -> None:
        """Whoever was told before may not have lived to pass it on."""
        self._moved |= dict.fromkeys(self._judged)

    def news(self) -> Iterator[tuple[int, int, int]]:
        """(console, up to where its bytes are judged, up to where nothing waits), where that has changed since."""
        moved, self._moved = self._moved, {}
        first: dict[int, int] = {}  # by console: where the first of its bytes begins that wait
        begin = self._begin
        for console, number, end in self._pieces:
            first.setdefault(console, max(0, number - (end - begin)))
            begin = end
        for console in moved:
            if console < ANSWERS and console in self._judged:
                judged = self._judged[console][0]
                yield console, judged, first.get(console, judged)

    def _judge(self, console: int, number: int, data: bytes, line_ends: bytes | None) -> str:
        if len(self.waiting) + len(data) > INPUT_LIMIT_BYTES:
            return f"{len(self.waiting)} bytes wait for the program to read them, and more do not fit"
        longest, in_line = 0, 0
        if line_ends is not None:
            longest, in_line = _lines(data, self._in_line, line_ends)
        if longest > LINE_LIMIT_BYTES:
            return f"a line of more than {LINE_LIMIT_BYTES} bytes does not fit into the terminal"
        self._in_line = in_line
        self.waiting += data
        self._end += len(data)
        self._pieces.append((console, number, self._end))
        return ""


def _lines(data: bytes, begun: int, line_ends: bytes) -> tuple[int, int]:
    """(the longest line without its end, what is in the line at the end), of data behind `begun` bytes of a line."""
    lines = data.translate(bytes.maketrans(line_ends, b"\n" * len(line_ends))).split(b"\n")
    lengths = [len(line) for line in lines]
    lengths[0] += begun
    return max(lengths), lengths[-1]
