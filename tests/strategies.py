"""Values that a well-behaved peer may send, for property tests."""

from __future__ import annotations

import base64
import dataclasses
from datetime import timedelta
from typing import Any, get_args, get_type_hints

from hypothesis import strategies as st

from runlet.model import answer, environment, facts
from runlet.model.answer import First, Origin
from runlet.model.declared_answers import MAX_SENT, SECRET_NAME, Mode, Rule, Rules, Unanswered
from runlet.model.execution import Event
from runlet.model.logs import LEAST_LIMIT, MOST_LIMIT, Logs
from runlet.model.prompt import MAX_ID, MAX_TEXT, Kind, Prompt
from runlet.protocol.chunk import MAX_WHO_CHARACTERS
from runlet.protocol.messages import (
    MAX_ATTEMPT,
    MAX_COUNT,
    MAX_DETAIL,
    MAX_MODES_CHARACTERS,
    MAX_NAME,
    MAX_WINDOW,
    Answer,
    Answered,
    Message,
    Modes,
    Report,
    TerminalSize,
)

TERMINAL_SIZES = st.builds(TerminalSize, st.integers(1, MAX_WINDOW), st.integers(1, MAX_WINDOW))
_COUNTS = st.integers(0, MAX_COUNT)
_DETAILS = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=MAX_DETAIL)
_LINES = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=facts.MAX_TEXT)
_NUMBERS_OF_CONSOLES = st.integers(0, 2**63 - 1)
NAMES_OF_CONSOLES = st.text(max_size=MAX_WHO_CHARACTERS).filter(str.isprintable)
_NUMBERS = st.floats(-MAX_COUNT, MAX_COUNT)
_SENT = st.text(st.characters(codec="utf-8"), max_size=MAX_SENT)
_RULES = st.builds(
    Rules,
    st.sampled_from(Mode),
    st.none() | st.integers(1, 366 * 24 * 3600).map(lambda seconds: timedelta(seconds=seconds)),
    st.sampled_from(Unanswered),
    st.lists(st.builds(Rule, st.sampled_from(["Go on", r"\[Y/n\]$", "a.*b"]), send=_SENT), max_size=3).map(tuple),
)
_BY_NAME: dict[str, st.SearchStrategy[Any]] = {
    "execution": st.uuids().map(str),
    "terminal": TERMINAL_SIZES,
    "detail": _DETAILS,
    "agent_version": _DETAILS,
    "attempt": st.integers(0, MAX_ATTEMPT),
    "version": _COUNTS,
    "exit_code": st.none() | _COUNTS,
    "signal": st.none() | _COUNTS,
    "output_length": _COUNTS,
    "kept_from": _COUNTS,
    "run": _COUNTS,
    "job": st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=MAX_NAME),
    "at": st.floats(allow_nan=False, allow_infinity=False),
    "environment": st.dictionaries(st.from_regex(environment.NAME, fullmatch=True), _DETAILS, max_size=5),
    "facts": st.dictionaries(
        st.from_regex(facts._NAME, fullmatch=True),
        _LINES | st.integers(-MAX_COUNT, MAX_COUNT) | _NUMBERS | st.booleans() | st.lists(_LINES, max_size=5),
        max_size=5,
    ),
    "logs": st.builds(Logs, st.integers(LEAST_LIMIT, MOST_LIMIT)),
    "timeout": st.none() | st.floats(0, MAX_COUNT, exclude_min=True),
    "seconds": st.none() | st.floats(allow_nan=False, allow_infinity=False),
    "input": _RULES,
    "secrets": st.dictionaries(
        st.from_regex(SECRET_NAME, fullmatch=True),
        st.binary(min_size=48, max_size=200).map(lambda box: base64.b64encode(box).decode()),
        max_size=3,
    ),
    "unanswered": st.just(False),  # of every event but one
    "prompt": st.none(),
    "answered": st.none(),
    "key": st.none() | st.binary(min_size=32, max_size=32).map(lambda key: base64.b64encode(key).decode()),
    "identity": _NUMBERS_OF_CONSOLES,
    "asker": _NUMBERS_OF_CONSOLES,
    "front": _NUMBERS_OF_CONSOLES,
    "epoch": _COUNTS,
    "who": NAMES_OF_CONSOLES,
    "asker_who": NAMES_OF_CONSOLES,
}
_WORDS = st.text("abcdef0123456789", min_size=1, max_size=MAX_ID)
PROMPTS = st.builds(
    Prompt,
    id=_WORDS,
    offset=_COUNTS,
    text=st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=MAX_TEXT),
    secret=st.booleans(),
    kind=st.sampled_from(Kind),
    confidence=st.floats(0, 1, exclude_min=True),
    fingerprint=_WORDS,
)


def _messages_of(kind: type[Any], **special: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind)
    known = _BY_NAME | special
    names = [field.name for field in dataclasses.fields(kind)]
    return st.builds(kind, **{name: known.get(name, st.from_type(hints[name])) for name in names})


_IDS = st.uuids().map(str)
_BY = st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1, max_size=answer.MAX_BY)
_OF_ANSWERS = {"id": _IDS, "prompt": _WORDS, "by": _BY}
_ASKING = _messages_of(Report, event=st.just(Event.ASK), prompt=PROMPTS)
_ANSWER = _messages_of(
    Answer,
    **_OF_ANSWERS,
    data=st.binary(min_size=1, max_size=answer.MAX_BYTES).map(lambda data: base64.b64encode(data).decode()),
)
_TOLD = {"first": st.none() | st.builds(First, answer=_IDS, by=_BY, origin=st.sampled_from(Origin))}
_ANSWERED = _messages_of(Answered, **_OF_ANSWERS, **_TOLD, text=st.none(), asked=st.none() | PROMPTS) | _messages_of(
    Answered, **_OF_ANSWERS, **_TOLD, text=PROMPTS.map(lambda prompt: prompt.text), asked=st.none()
)
_MODES = _messages_of(
    Modes, offset=_COUNTS, output=st.text(st.characters(codec="ascii"), max_size=MAX_MODES_CHARACTERS)
)
_SPECIAL = {Answer: _ANSWER, Answered: _ANSWERED, Modes: _MODES}
_PLAIN = [_messages_of(kind) for kind in get_args(Message) if kind not in _SPECIAL]
MESSAGES: st.SearchStrategy[Message] = st.one_of([*_PLAIN, *_SPECIAL.values()]) | _ASKING
