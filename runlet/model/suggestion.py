"""The declared answers that would have answered what people answered: rules made from a run's questions.

A rule matches the last line of its question, as it is but for its numbers, which differ from time to time. Where the
same line was answered differently, its numbers count, and then the devices do. What cannot be said by a rule is left to
a person: a device that answered the same differently, keys, and texts that are not known.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from runlet.model.declared_answers import MAX_RULES, MAX_SENT, MOST_SECRET_USES, MOST_USES, Rule

# Of a line so many characters are matched, from its end: below what an expression may have, with every one escaped too.
_LINE_CHARACTERS = 150
# A last line with fewer letters says little (`> `, `#?`): it is matched with the lines above it, so many at most.
_LETTERS, _LINES = 2, 3
# Numbers of a line that may differ: each is nine ways to match, of which an expression has a bound.
_MOST_NUMBERS = 4
_NUMBER = "[0-9]{1,9}"
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
    for like, group in _grouped(given, _pattern).items():
        rule = _rule(like, group, taken)
        if rule.ask and len(exact := _grouped(group, _exact)) > 1:
            found += (Suggestion(_rule(match, some, taken), len(some)) for match, some in exact.items())
        else:
            found.append(Suggestion(rule, len(group)))
    # What is matched by more lines, or by more of its line, must come before what would match it too.
    found.sort(key=lambda one: (-one.rule.match.count(_BETWEEN), -len(one.rule.match.replace(_NUMBER, ""))))
    return found[:MAX_RULES]


def _grouped(given: Iterable[Given], key: Callable[[str], str]) -> Mapping[str, list[Given]]:
    groups: defaultdict[str, list[Given]] = defaultdict(list)
    for one in given:
        groups[key(one.question)].append(one)
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


def _pattern(question: str) -> str:
    """What finds the question again, with other numbers."""
    lines = _told(question)
    numbers = sum(len(re.findall("[0-9]+", line)) for line in lines)
    return _exact(question) if len(lines) > 1 or numbers > _MOST_NUMBERS else _joined(lines, with_numbers=False)


def _exact(question: str) -> str:
    return _joined(_told(question), with_numbers=True)


def _told(question: str) -> list[str]:
    """The lines that say what is asked."""
    lines = [line.rstrip() for line in question.splitlines() if line.strip()]
    count = 1
    while count < min(_LINES, len(lines)) and sum(map(str.isalpha, "".join(lines[-count:]))) < _LETTERS:
        count += 1
    return lines[-count:]


def _joined(lines: Sequence[str], *, with_numbers: bool) -> str:
    if not lines:
        return f"^{_END}"
    length = _LINE_CHARACTERS // len(lines)
    parts = [_escaped(line.strip()[-length:].strip()) for line in lines]
    if not with_numbers:
        parts = [re.sub("[0-9]+", lambda _: _NUMBER, part) for part in parts]
    begin = "^" if len(lines[0]) <= length and not lines[0][0].isspace() else ""
    return begin + _BETWEEN.join(parts) + _END


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
