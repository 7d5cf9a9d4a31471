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
# In place of what differs: what no prompt's text holds.
_OWN_NAME = "\0"
# What differs from device to device in the same question, by its kind. What a person may choose by does not count:
# names of disks, counts, sizes, dates and times, versions of three numbers, fingerprints of keys. Matched in small
# letters. Between hyphens, digits alone may be a date.
_DIFFERS = re.compile(
    r"""(?x)
      (?P<uuid> \b [0-9a-f]{8} - (?: [0-9a-f]{4} - ){3} [0-9a-f]{12} \b )
    | (?P<mac> \b (?: (?: [0-9a-f]{2} : ){5} | (?= [\d-]* [a-f] ) (?: [0-9a-f]{2} - ){5} ) [0-9a-f]{2} \b )
    | (?P<ip> \b \d{1,3} (?: \. \d{1,3} ){3} \b
        | (?<! [\w:] ) (?: (?: [0-9a-f]{1,4} : ){7} [0-9a-f]{1,4} | (?= [0-9a-f:]* :: ) [0-9a-f:]{3,39} ) (?! [\w:] ) )
    | (?P<pid> \b (?: pid | process ) \b [\s=:\#(]{0,3} \d+ )
    | (?P<temporary> (?: /var | /private )? /tmp/ [^\s'"`),;?]+ | /run/user/\d+ )
    """
)


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


def _within_words(names: Collection[str]) -> re.Pattern[str]:
    """What finds these names in small letters, but not in a longer name: pi-1 in backup-pi-1.tar, not in pi-10."""
    words = "|".join(re.escape(name.casefold()) for name in sorted(names, key=len, reverse=True))
    return re.compile(rf"(?<![^\W_])(?:{words})(?![^\W_])")


def fingerprint(text: str, kind: Kind, *, secret: bool, key: str, names: Collection[str] = ()) -> str:
    """The same for texts that differ only in spaces, capitals, the `names` of who asks, also within a word, and in what
    differs from device to device; `key` keeps it from being looked up elsewhere.
    """
    text = text.casefold()
    if names:
        text = _within_words(names).sub(_OWN_NAME, text)
    text = _DIFFERS.sub(lambda found: f"{_OWN_NAME}{found.lastgroup}", text)
    normal = f"{kind}\n{secret}\n{' '.join(text.split())}"
    return hashlib.blake2b(
        normal.encode(), digest_size=_FINGERPRINT_BYTES, key=key.encode()[:_MAX_KEY_BYTES]
    ).hexdigest()
