"""What a job declares for the questions its program asks: its `input`. What it means for one is in choice.py.

The keys of a job's `input`; `to_mapping` writes those that are not as by default, so that a default written out is not
a change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any

from runlet.errors import InvalidInput
from runlet.model import duration, expression, pattern
from runlet.model.pattern import Named, NamedLike, Sign
from runlet.model.regex import RefusedRegex, Subject, compile_bounded

# A question is searched so far from its end, where it asks: five lines of a terminal.
MATCHED_CHARACTERS = 400
# Two repetitions without a bound and a small choice: on a small device such a search takes a tenth of a second at most.
MATCHED_WAYS = 200_000
QUESTION = Subject("what is searched", MATCHED_CHARACTERS, MATCHED_WAYS)
# A secret: a passphrase, not a file. With Base64 and what seals it, a command with a hundred of them stays small.
MAX_SECRET_BYTES = 1000
_MAX_BOX_CHARACTERS = 1500
# A text of so many characters fits into a line of a terminal (4,095 bytes), whatever they are.
MAX_SENT = 1000
# More is a program of its own.
MAX_RULES = 100
MAX_DEVICES = 1000
# All of it as JSON: a command with its rules stays below the size of a message.
MAX_BYTES = 64 * 1024

# How often one rule answers in one attempt, unless it says otherwise. An upgrade asks the same of some files; a program
# that asks again because it does not like the answer asks for ever.
MOST_USES = 10
# A secret is asked for again when it was typed twice on purpose (a new password), or when it was wrong, and then the
# account may be locked after three.
MOST_SECRET_USES = 2

# As the schema has it.
SECRET_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


class Mode(StrEnum):
    """Who may answer what no rule answers."""

    ASK = "ask"  # a person, then `unanswered`
    FORBID = "forbid"  # nobody: the execution fails at once
    REQUIRED = "required"  # a person, never a default


class Unanswered(StrEnum):
    """What follows when nobody answered within `timeout`."""

    FAIL = "fail"  # the program is ended, and has failed
    DEFAULT = "default"  # the rule's default is sent, or Enter
    SKIP = "skip"  # the program gets the end of input, Ctrl-D, and goes on as it likes


@dataclass(frozen=True, slots=True)
class Rule:
    """One declared answer. Without `send`, `secret` and a device's own text, it leaves what it matches to a person."""

    match: str
    send: str | None = None
    ask: bool = False
    secret: str | None = None  # the name of what is sent, which was sealed to the device at launch
    max: int | None = None  # uses in one attempt
    devices: Mapping[str, str] = field(default_factory=dict, hash=False)  # by name or pattern: sent instead of `send`
    default: str | None = None  # sent when nobody answered
    then: tuple[str, ...] = ()  # sent in turn, once each, when the same is asked again after `send`
    literal: bool = False  # `match` is the question's own text
    ignore_case: bool = False

    @property
    def expression(self) -> str:
        text = expression.literal(self.match) if self.literal else self.match
        return expression.caseless(text) if self.ignore_case else text

    @property
    def most(self) -> int:
        return self.max or (MOST_SECRET_USES if self.secret else MOST_USES)

    def matches(self, question: str) -> bool:
        found = compile_bounded(self.expression, QUESTION, re.MULTILINE)
        return found.search(question[-MATCHED_CHARACTERS:]) is not None

    def on(self, device: str) -> Rule:
        """The rule on one device: its own name, else the longest pattern that matches it."""
        keys = [device] if device in self.devices else self._like(device)
        if not keys:
            return replace(self, devices={})
        best = max(keys, key=lambda key: (len(key), key))
        return replace(self, send=self.devices[best], then=(), ask=False, devices={})

    def spelled_out(self) -> tuple[Rule, ...]:
        """The same in rules with an expression and one text each, as an agent of any version knows them."""
        plain = replace(self, match=self.expression, literal=False, ignore_case=False, then=())
        if not self.then:
            return (plain,)
        return tuple(replace(plain, send=text, max=1) for text in (self.send, *self.then))

    def _like(self, device: str) -> list[str]:
        return [key for key in self.devices if (like := _like(key)) is not None and like.matches(device)]

    def to_mapping(self) -> dict[str, Any]:
        content = {
            "match": self.match,
            "literal": self.literal or None,
            "ignoreCase": self.ignore_case or None,
            "send": [self.send, *self.then] if self.then else self.send,
            "ask": self.ask or None,
            "secret": self.secret,
            "max": self.max,
            "devices": dict(self.devices) or None,
            "default": self.default,
        }
        return {key: value for key, value in content.items() if value is not None}

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any]) -> Rule:
        given = dict(content)
        if isinstance(given.get("send"), list):
            given["send"], *then = given["send"]
            given["then"] = tuple(then)
        return cls(ignore_case=given.pop("ignoreCase", False), **given)


@dataclass(frozen=True, slots=True)
class Rules:
    """A job's `input`. `timeout` counts from when a question was asked; without it, a person is waited for."""

    mode: Mode = Mode.ASK
    timeout: timedelta | None = None
    unanswered: Unanswered = Unanswered.FAIL
    answers: tuple[Rule, ...] = ()

    @property
    def secrets(self) -> frozenset[str]:
        """The names of what must be sealed at launch."""
        return frozenset(rule.secret for rule in self.answers if rule.secret)

    def on(self, device: str) -> Rules:
        """What holds on one device, in the form that its agent knows."""
        return replace(self, answers=tuple(one for rule in self.answers for one in rule.on(device).spelled_out()))

    def unattended(self) -> Rules:
        """The same where nobody is asked."""
        return Rules(Mode.FORBID, answers=self.answers)

    def to_mapping(self) -> dict[str, Any]:
        content: dict[str, Any] = {}
        if self.mode is not Mode.ASK:
            content["mode"] = self.mode.value
        if self.timeout is not None:
            content["timeout"] = duration.text(self.timeout)
        if self.unanswered is not Unanswered.FAIL:
            content["unanswered"] = self.unanswered.value
        if self.answers:
            content["answers"] = [rule.to_mapping() for rule in self.answers]
        return content

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any]) -> Rules:
        """From content that was checked against the schema. Raises InvalidInput for what is no duration."""
        return cls(
            mode=Mode(content.get("mode", Mode.ASK)),
            timeout=duration.parse(content["timeout"]) if "timeout" in content else None,
            unanswered=Unanswered(content.get("unanswered", Unanswered.FAIL)),
            answers=tuple(Rule.from_mapping(rule) for rule in content.get("answers", ())),
        )


BY_DEFAULT = Rules()


@lru_cache(maxsize=MAX_DEVICES)
def _like(key: str) -> NamedLike | None:
    """The glob or regular expression that a key of `devices` is."""
    selector = pattern.parse(key).selector
    return selector if isinstance(selector, NamedLike) else None


def device_mistake(key: str) -> str | None:
    """What is wrong with a key of `devices`."""
    try:
        term = pattern.parse(key)
    except InvalidInput as error:
        return error.message
    if term.sign is not Sign.ADD or not isinstance(term.selector, Named | NamedLike):
        return f"{key!r} names no device: write a name (pi-1), a glob (pi-*) or ~ and a regular expression"
    return None


def match_mistake(text: str) -> str | None:
    """What is wrong with the expression of a rule."""
    try:
        compile_bounded(text, QUESTION, re.MULTILINE)
    except RefusedRegex as refused:
        return f"column {refused.position + 1} of the expression: {refused.message}"
    return None


def secrets_mistake(boxes: Mapping[str, str]) -> str | None:
    """What is wrong with the sealed secrets of a device; what is in them only the device can say."""
    if len(boxes) > MAX_RULES:
        return f"more than {MAX_RULES} secrets are given"
    for name, box in boxes.items():
        if not SECRET_NAME.fullmatch(name):
            return f"{name[:40]!r} names no secret"
        if not (_BASE64.fullmatch(box) and len(box) <= _MAX_BOX_CHARACTERS):
            return f"the secret {name} is not sealed, in Base64"
    return None


def mistakes(rules: Rules) -> Iterator[str]:
    """What is wrong with rules from elsewhere, as far as applying them needs it."""
    if len(rules.answers) > MAX_RULES:
        yield f"more than {MAX_RULES} answers are declared"
    for rule in rules.answers[:MAX_RULES]:
        if message := match_mistake(rule.match):
            yield message
