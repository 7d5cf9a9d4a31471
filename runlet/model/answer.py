"""An answer: what is typed for a prompt, and what became of it. The first one is taken."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

# A terminal that collects lines holds 4,095 bytes of one; with the key that ends it.
MAX_BYTES = 4096
# What is kept of what was typed, in characters: a person's answer, not a pasted file.
MAX_TEXT = 1000
# Who answered, in words for one line of a table.
MAX_BY = 100


class Result(StrEnum):
    """What its agent made of an answer."""

    TAKEN = "taken"  # typed
    LATE = "late"  # another was first
    STALE = "stale"  # the program no longer asks that
    REFUSED = "refused"  # it cannot be typed now, and `detail` says why


class Origin(StrEnum):
    """Where an answer came from."""

    OPERATOR = "operator"  # the inbox
    CONSOLE = "console"  # typed on an attached console
    DECLARED = "declared"  # the job has it
    DEFAULT = "default"  # the job has it for when nobody answers


@dataclass(frozen=True, slots=True)
class First:
    """The answer that was taken where another was late: its id, whose it was, and where it came from."""

    answer: str
    by: str
    origin: Origin


def mistake(by: str, text: str | None = None) -> str | None:
    """What is wrong with an answer's words from elsewhere."""
    if not (0 < len(by) <= MAX_BY and by.isprintable()):
        return f"who answers must be told in 1 to {MAX_BY} printable characters"
    if text is not None and (len(text) > MAX_TEXT or "\0" in text):
        return "an answer's text is too long, or holds a NUL character"
    return None


def text_of(data: bytes) -> str:
    """What was typed, as it is kept: without the Enter that ends it, and bounded."""
    text = data.decode(errors="replace").removesuffix("\r").replace("\0", "\ufffd")
    return text[:MAX_TEXT]
