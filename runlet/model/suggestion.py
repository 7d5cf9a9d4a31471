"""The declared answers that would have answered what people answered: rules made from a run's questions.

A rule matches the last line of its question, as it is but for its numbers, which differ from time to time, and for the
device's own name where several devices asked so. Where the same line was answered differently, those count, and then
the devices do. What cannot be said by a rule is left to a person: a device that answered the same differently, keys,
and texts that are not known.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from runlet.model.declared_answers import MAX_RULES, MAX_SENT, MOST_SECRET_USES, MOST_USES, Rule
from runlet.model.prompt import named

# Of a line so many characters are matched, from its end: below what an expression may have, with every one escaped too.
_LINE_CHARACTERS = 150
# A last line with fewer letters says little (`> `, `#?`): it is matched with the lines above it, so many at most.
_LETTERS, _LINES = 2, 3
# Numbers of a line that may differ, and those beside a device's name: each is nine ways to match and a name is 63, of
# which an expression has a bound.
_MOST_NUMBERS, _MOST_BESIDE_NAME = 4, 2
_DIGITS = 9
_NUMBER = f"[0-9]{{1,{_DIGITS}}}"
_NAME = "[A-Za-z0-9_-]{1,63}"
_BETWEEN = "\\s+"
# Of the text, not of a line: what stands above is not the question.
_END = "\\Z"
_SPECIAL = re.compile(r"[\\.^$*+?{}\[\]|()]")
_NAME_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class Given:
    """What a person answered to a question on a device; `text` is None of a secret and of what was not kept."""

    device: str
    question: str
    secret: bool
    text: str | None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A rule, and how many answers it stands for; it asks where none of them can be declared."""

    rule: Rule
    answers: int


def suggest(given: Sequence[Given]) -> list[Suggestion]:
    """The rules for these answers, in the order in which they must stand; as many as a job may have."""
    found: list[Suggestion] = []
    taken: set[str] = set()
    shared = _shared(given)

    def likeness(one: Given) -> str:
        anywhere = _pattern(one, any_device=True)
        return anywhere if anywhere in shared else _pattern(one, any_device=False)

    for like, group in _grouped(given, likeness).items():
        rule = _rule(like, group, taken)
        if rule.ask and len(exact := _grouped(group, _exact)) > 1:
            found += (Suggestion(_rule(match, some, taken), len(some)) for match, some in exact.items())
        else:
            found.append(Suggestion(rule, len(group)))
    # What is matched by more lines, or by more of its line, must come before what would match it too.
    found.sort(key=_order)
    return found[:MAX_RULES]


def _shared(given: Sequence[Given]) -> set[str]:
    """The patterns by which devices ask with their own names.

    A device may have a word's name: that the word means the device is seen where another says its own in that place,
    and where nobody has asked anything else that would be taken for it.
    """
    found = set()
    for match, group in _grouped(given, partial(_pattern, any_device=True)).items():
        if _NAME in match and len({one.device for one in group}) > 1:
            taken_for_it = sum(re.search(match, one.question, re.MULTILINE) is not None for one in given)
            if taken_for_it == len(group):
                found.add(match)
    return found


def _order(one: Suggestion) -> tuple[int, int]:
    match = one.rule.match
    return -match.count(_BETWEEN), -len(match.replace(_NUMBER, "").replace(_NAME, ""))


def _grouped(given: Iterable[Given], key: Callable[[Given], str]) -> Mapping[str, list[Given]]:
    groups: defaultdict[str, list[Given]] = defaultdict(list)
    for one in given:
        groups[key(one)].append(one)
    return groups


def _rule(match: str, group: Sequence[Given], taken: set[str]) -> Rule:
    uses = max(Counter(one.device for one in group).values())
    if all(one.secret for one in group):
        name = _secret_name(group[0].question, taken)
        return Rule(match, secret=name, max=uses if uses > MOST_SECRET_USES else None)
    texts: dict[str, str] = {}
    for one in group:
        if (
            one.secret
            or one.text is None
            or not _is_line(one.text)
            or texts.setdefault(one.device, one.text) != one.text
        ):
            return Rule(match, ask=True)
    ((usual, _),) = Counter(texts[device] for device in sorted(texts)).most_common(1)
    others = {device: text for device, text in sorted(texts.items()) if text != usual}
    return Rule(match, send=usual, devices=others, max=uses if uses > MOST_USES else None)


def _is_line(text: str) -> bool:
    return len(text) <= MAX_SENT and not any(ord(character) < 0x20 or ord(character) == 0x7F for character in text)


def _pattern(one: Given, *, any_device: bool) -> str:
    """What finds the question again, with other numbers, and where another device says its own name."""

    def parts(line: str) -> list[str]:
        return named([one.device]).split(line) if any_device else [line]

    lines = _told(one.question)
    if len(lines) != 1:
        return _exact(one)
    names = len(parts(lines[0])) - 1
    numbers = [number for part in parts(lines[0]) for number in re.findall("[0-9]+", part)]
    most = _MOST_BESIDE_NAME if names else _MOST_NUMBERS
    if names > 1 or len(numbers) > most or any(len(number) > _DIGITS for number in numbers):
        return _exact(one)
    return _joined(lines, lambda line: _NAME.join(map(_numbered, parts(line))))


def _exact(one: Given) -> str:
    return _joined(_told(one.question), _escaped)


def _told(question: str) -> list[str]:
    """The lines that say what is asked."""
    lines = [line.rstrip() for line in question.splitlines() if line.strip()]
    count = 1
    while count < min(_LINES, len(lines)) and sum(map(str.isalpha, "".join(lines[-count:]))) < _LETTERS:
        count += 1
    return lines[-count:]


def _joined(lines: Sequence[str], written: Callable[[str], str]) -> str:
    if not lines:
        return f"^{_END}"
    length = _LINE_CHARACTERS // len(lines)
    begin = "^" if len(lines[0]) <= length and not lines[0][0].isspace() else ""
    return begin + _BETWEEN.join(written(line.strip()[-length:].strip()) for line in lines) + _END


def _numbered(text: str) -> str:
    return re.sub("[0-9]+", lambda _: _NUMBER, _escaped(text))


def _escaped(text: str) -> str:
    return _SPECIAL.sub(lambda found: "\\" + found[0], text)


def _secret_name(question: str, taken: set[str]) -> str:
    """A name for what is asked, which a person may change: PASSWORD_FOR_ANA."""
    words = re.findall("[A-Za-z]+", (_told(question) or [""])[-1])
    name = "_".join(words).upper()[:_NAME_CHARACTERS].strip("_") or "SECRET"
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    taken.add(found)
    return found
