"""What controllers of one workspace tell one another, so that a console sees the same wherever it is attached.

News names what changed and never how: whoever hears it looks into the database and the transcripts that all share. It
may come late, twice or never. JSON, one object a message.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from runlet.errors import ProtocolError
from runlet.protocol.messages import InputRefused, InputTaken, Modes, Writer
from runlet.protocol.values import from_json, to_json

# What is older says less than a look into the database, which whoever hears news takes as often as this.
NEWS_SECONDS = 5.0
# Names in one message: 1,000 ids are 40 KB.
MAX_NAMES = 1000


@dataclass(frozen=True, slots=True)
class News:
    """From the controller `origin`, a UUID made at its start. Empty, it says that this controller is there."""

    origin: str
    changed: tuple[str, ...] = ()  # executions with a newer version
    printed: tuple[str, ...] = ()  # executions with more output
    rollouts: tuple[int, ...] = ()  # runs that came further
    refused: tuple[InputRefused, ...] = ()
    decided: tuple[str, ...] = ()  # answers whose devices said what became of them
    writers: tuple[Writer, ...] = ()  # whole, for no database has them
    modes: tuple[Modes, ...] = ()  # likewise
    taken: tuple[InputTaken, ...] = ()


def encode(news: News) -> bytes:
    return json.dumps(to_json(news), separators=(",", ":")).encode()


def decode(body: bytes) -> News:
    """Raises ProtocolError for anything that is no news."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not JSON: {error}") from None
    news = from_json(News, content, "news")
    named = news.changed, news.printed, news.rollouts, news.refused, news.decided
    told = *named, news.writers, news.modes, news.taken
    if max(map(len, told)) > MAX_NAMES:
        raise ProtocolError(f"news of more than {MAX_NAMES} things")
    return news
