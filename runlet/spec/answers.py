"""What a schema cannot say of a job's `input`: whether its expressions are safe, and whether its keys fit together."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from runlet.errors import InvalidInput
from runlet.model import duration
from runlet.model.declared_answers import MAX_BYTES, MAX_RULES, Mode, Rule, Unanswered, device_mistake, match_mistake
from runlet.model.expression import literal, misses_itself
from runlet.spec.document import Address
from runlet.spec.spread import MAX_WAIT

_INPUT = "input"


def mistakes(job: Mapping[str, Any]) -> Iterator[tuple[Address, str]]:
    """Every such mistake of a job, which may break its schema: nothing about its shape is taken for sure."""
    content = job.get(_INPUT)
    if not isinstance(content, dict):
        return
    if len(json.dumps(content, ensure_ascii=False).encode()) > MAX_BYTES:
        yield (_INPUT,), f"this is larger than {MAX_BYTES // 1024} KiB"
    for key, message in _in_whole(content):
        yield (_INPUT, key), message
    answers = content.get("answers")
    rules = answers if isinstance(answers, list) else []
    sends = [rule.get("send") if isinstance(rule, dict) else None for rule in rules]
    if sum(len(send) if isinstance(send, list) else 1 for send in sends) > MAX_RULES:
        yield (_INPUT, "answers"), f"more than {MAX_RULES} answers, with those in lists"
    for number, rule in enumerate(rules):
        if isinstance(rule, dict):
            for address, message in (*_in_rule(rule), *_in_place(rule, content)):
                yield (_INPUT, "answers", number, *address), message


def _in_whole(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    mode, unanswered, timeout = content.get("mode"), content.get("unanswered"), content.get("timeout")
    if mode == Mode.FORBID:
        for key in ("timeout", "unanswered"):
            if key in content:
                yield key, f"mode: forbid asks nobody, so {key} says nothing; leave it out"
        return
    if isinstance(timeout, str):
        yield from (("timeout", message) for message in _in_timeout(timeout))
    if unanswered is not None and timeout is None:
        yield "unanswered", "without timeout a question waits as long as it takes; add timeout, or leave this out"
    if mode == Mode.REQUIRED and unanswered == Unanswered.DEFAULT:
        yield "unanswered", "mode: required takes no default; write fail or skip, or mode: ask"


def _in_timeout(written: str) -> Iterator[str]:
    try:
        timeout = duration.parse(written)
    except InvalidInput as error:
        yield f"{error.message}; {error.hint}" if error.hint else error.message
        return
    if not timeout:
        yield "nobody can answer within no time; mode: forbid asks nobody"
    if timeout > MAX_WAIT:
        yield f"this is longer than {MAX_WAIT.days} days"


def _in_rule(rule: Mapping[str, Any]) -> Iterator[tuple[Address, str]]:
    match = rule.get("match")
    if isinstance(match, str) and match and (message := match_mistake(_expression(rule, match))):
        yield ("match",), message
    given = [key for key in ("send", "secret", "ask") if rule.get(key) not in (None, False)]
    if not given and not rule.get("devices"):
        yield (), "this answers nothing: give it send, secret or ask: true"
    if len(given) > 1:
        yield (given[1],), f"an answer has either {given[0]} or {given[1]}"
    if isinstance(rule.get("send"), list) and "max" in rule:
        yield ("max",), "each of several answers is sent once; leave max out"
    devices = rule.get("devices")
    if isinstance(devices, dict):
        if "secret" in given:
            yield ("devices",), "a secret is the same on every device; what devices sends would be in the file"
        for key in devices:
            if isinstance(key, str) and (message := device_mistake(key)):
                yield ("devices", key), message


def _expression(rule: Mapping[str, Any], match: str) -> str:
    return Rule(match, literal=rule.get("literal") is True, ignore_case=rule.get("ignoreCase") is True).expression


def doubts(job: Mapping[str, Any]) -> Iterator[tuple[Address, str]]:
    """What is right, and probably not meant."""
    content = job.get(_INPUT)
    answers = content.get("answers") if isinstance(content, dict) else None
    for number, rule in enumerate(answers if isinstance(answers, list) else ()):
        match = rule.get("match") if isinstance(rule, dict) else None
        if isinstance(match, str) and not rule.get("literal") and misses_itself(match):
            words = "as a regular expression this does not match the text that it is; add literal: true, or write"
            yield (_INPUT, "answers", number, "match"), f"{words} {literal(match)}"


def _in_place(rule: Mapping[str, Any], content: Mapping[str, Any]) -> Iterator[tuple[Address, str]]:
    """What in a rule does not fit what holds for all of them."""
    if "default" in rule and content.get("unanswered") != Unanswered.DEFAULT:
        yield ("default",), "it is sent with unanswered: default only"
    if rule.get("ask") is True and content.get("mode") == Mode.FORBID:
        yield ("ask",), "mode: forbid asks nobody"
