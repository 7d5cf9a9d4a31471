"""A prompt: what a program asks a person on its terminal."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

# A question of a screenful is cut at its beginning.
MAX_TEXT = 1000
MAX_ID = 64
_FINGERPRINT_BYTES = 16
_MAX_KEY_BYTES = 64
# In place of a name: what no prompt's text holds.
_OWN_NAME = "\0"


class Kind(StrEnum):
    """How a program waits for a person."""

    PROMPT = "prompt"  # for an answer
    INTERACTIVE = "interactive"  # for keys, on a screen that it draws


@dataclass(frozen=True, slots=True)
class Prompt:
    """What an execution waits with, raised by its agent.

    `offset` is the length of the stream when it was seen; `text` the question as it reads on the screen; with `secret`,
    what is typed is not shown; `confidence`, above 0 and at most 1, says how sure the agent is. Prompts of the same
    fingerprint ask the same.
    """

    id: str
    offset: int
    text: str
    secret: bool
    kind: Kind
    confidence: float
    fingerprint: str


def mistake(prompt: Prompt) -> str | None:
    """What is wrong with a prompt from elsewhere."""
    if len(prompt.text) > MAX_TEXT or "\0" in prompt.text:
        return "a prompt's text is too long, or holds a NUL character"
    if not (prompt.id.isascii() and prompt.id.isprintable() and 0 < len(prompt.id) <= MAX_ID):
        return "a prompt's id is none"
    if not (prompt.fingerprint.isalnum() and prompt.fingerprint.isascii() and len(prompt.fingerprint) <= MAX_ID):
        return "a prompt's fingerprint is none"
    if not (math.isfinite(prompt.confidence) and 0 < prompt.confidence <= 1):
        return "a prompt's confidence is not above 0 and at most 1"
    return None


def named(names: Collection[str]) -> re.Pattern[str]:
    """What finds any of these names in a text, as a word of its own, the longest first."""
    words = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.compile(rf"(?i)(?<![\w-])(?:{words})(?![\w-])")


def fingerprint(text: str, kind: Kind, *, secret: bool, key: str, names: Collection[str] = ()) -> str:
    """The same for texts that differ in spaces, capitals and the `names` of who asks only; `key` keeps it from being
    looked up elsewhere.
    """
    if names:
        text = named(names).sub(_OWN_NAME, text)
    normal = f"{kind}\n{secret}\n{' '.join(text.casefold().split())}"
    return hashlib.blake2b(
        normal.encode(), digest_size=_FINGERPRINT_BYTES, key=key.encode()[:_MAX_KEY_BYTES]
    ).hexdigest()
