"""The last of what a program printed, whether or not the controller has it: where its question is."""

from __future__ import annotations

# A screen full of text, with its colours and the moves of a menu that was drawn again.
RECENT_BYTES = 16 * 1024
# What a program says to get a screen of its own, and to give it back, up to the last letter.
_SCREENS = (b"\x1b[?1049", b"\x1b[?1047", b"\x1b[?47")
_LONGEST = 8


class Recent:
    """`own_screen`: the program has drawn on a screen of its own, and not gone back."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self.own_screen = False

    def append(self, data: bytes) -> None:
        seam = bytes(self._bytes[1 - _LONGEST :]) + data  # a sequence may be cut
        at = max(seam.rfind(screen) for screen in _SCREENS)
        while at >= 0:
            final = seam[at:].lstrip(b"\x1b[?0123456789")[:1]
            if final in (b"h", b"l"):
                self.own_screen = final == b"h"
                break
            at = max(seam.rfind(screen, 0, at) for screen in _SCREENS)
        self._bytes += data[-RECENT_BYTES:]
        del self._bytes[:-RECENT_BYTES]

    def bytes(self) -> bytes:
        return bytes(self._bytes)
