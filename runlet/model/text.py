"""Text that a program, a database and a message can be given: not all that a string can hold is."""

from __future__ import annotations

NUL = "the character NUL"
SURROGATE = "a character that UTF-8 cannot hold"


def unspeakable(text: str) -> tuple[int, str] | None:
    """Where the first character is that cannot be said, and what it is; None when all can."""
    if (at := text.find("\0")) >= 0:
        return at, NUL
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return error.start, SURROGATE
    return None
