"""The open questions of a fleet as an operator sees them: in groups that ask the same, each with an id to type.

An id is the beginning of a digest, as long as it takes to tell the open ones apart. It is of the question itself, so
that what is typed for one that is gone is not taken for another.
"""

from __future__ import annotations

import base64
import hashlib
import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from runlet import sealing
from runlet.errors import Conflict, UnknownName
from runlet.model.answer import Result
from runlet.model.prompt import Kind
from runlet.protocol.messages import Answer, answer_context
from runlet.protocol.values import to_json
from runlet.protocol.views import AnswerView, PromptView

# Enough for an id of yesterday not to be one of today's: a million to the number of open questions.
LEAST_ID_CHARACTERS = 5

# Texts of one group in a line; the others are counted.
MOST_TITLES = 3

_WORD = re.compile(r"[^\W\d_]{2}")


@dataclass(frozen=True, slots=True)
class Question:
    """One open question, and its id."""

    id: str
    view: PromptView


@dataclass(frozen=True, slots=True)
class Group:
    """The questions that are the same, the oldest first, and the id of them together."""

    id: str
    questions: tuple[Question, ...]

    @property
    def first(self) -> PromptView:
        return self.questions[0].view

    @property
    def asked_at(self) -> datetime:
        return self.first.asked_at

    @property
    def title(self) -> str:
        """The line that asks; of questions that differ in addresses and the like, each one's, so many at most."""
        titles = list(dict.fromkeys(_title(text, self.first.prompt.kind) for text in self.texts))
        more = f" / ... ({len(titles)} texts)" if len(titles) > MOST_TITLES else ""
        return " / ".join(titles[:MOST_TITLES]) + more

    @property
    def texts(self) -> dict[str, list[Question]]:
        """The questions by their text, the oldest first."""
        found: dict[str, list[Question]] = {}
        for one in self.questions:
            found.setdefault(one.view.prompt.text, []).append(one)
        return found

    def to_json(self) -> dict[str, object]:
        prompt = self.first.prompt
        return {
            "id": self.id,
            "fingerprint": prompt.fingerprint,
            "text": prompt.text,
            "secret": prompt.secret,
            "kind": prompt.kind.value,
            "asked_at": self.asked_at.isoformat(),
            "prompts": [question_json(one) for one in self.questions],
        }


def _title(text: str, kind: Kind) -> str:
    """A program's last line, with its first if that says nothing by itself; a screen's first."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [""]
    if kind is Kind.INTERACTIVE:
        return lines[0]
    return lines[-1] if len(lines) == 1 or _WORD.search(lines[-1]) else f"{lines[0]} ... {lines[-1]}"


def question_json(question: Question) -> dict[str, object]:
    return {"id": question.id, **to_json(question.view)}


def groups(views: Iterable[PromptView]) -> list[Group]:
    """The groups of what is open, by their oldest question."""
    members: dict[str, dict[str, PromptView]] = {}
    for view in views:
        members.setdefault(_group_digest(view), {})[_digest(view)] = view
    length = _telling_length([*members, *(name for group in members.values() for name in group)])
    return [
        Group(mark[:length], tuple(Question(name[:length], view) for name, view in group.items()))
        for mark, group in members.items()
    ]


def named(known: Sequence[Group], word: str) -> Group:
    """The group that `word` names, or one question as a group of its own; a longer id than is needed is right too.

    Raises UnknownName, and Conflict when it is too short for an id.
    """
    mark = word.lower()
    found = [group for group in known if _group_digest(group.first).startswith(mark)]
    found += [Group(one.id, (one,)) for group in known for one in group.questions if _digest(one.view).startswith(mark)]
    if not found:
        raise UnknownName(f"no open question is called {word!r}", "it may be answered; see them with: runlet prompts")
    if len(found) > 1 or len(word) < LEAST_ID_CHARACTERS:
        raise Conflict(f"{word!r} is too short for the id of a question", "see them with: runlet prompts")
    return found[0]


def answered(given: Iterable[AnswerView], word: str) -> AnswerView | None:
    """The first of these answers that was taken for what `word` named when it was open."""
    mark = word.lower()
    if len(mark) < LEAST_ID_CHARACTERS:
        return None
    return next((one for one in given if one.result is Result.TAKEN and _is_to(one, mark)), None)


def _is_to(one: AnswerView, mark: str) -> bool:
    digests = [_hex(f"{one.execution} {one.attempt} {one.prompt} {one.fingerprint}")]
    digests += [_hex(f"{one.fingerprint} {kind} {one.secret}") for kind in Kind]
    return any(digest.startswith(mark) for digest in digests)


def within(known: Iterable[Group], devices: set[str]) -> list[Group]:
    """What these devices ask."""
    narrowed = [Group(group.id, tuple(one for one in group.questions if one.view.device in devices)) for group in known]
    return [group for group in narrowed if group.questions]


def answers(questions: Sequence[Question], data: bytes, by: str) -> list[Answer]:
    """`data` typed for each of these questions, for each secret one sealed. Raises Conflict when that cannot be."""
    return [_answer(one.view, data, by) for one in questions]


def _answer(view: PromptView, data: bytes, by: str) -> Answer:
    secret = view.prompt.secret
    if secret and view.sealing_key is None:
        raise Conflict(f"{view.device} has told no key to seal a secret for", "its agent is older: update and start it")
    if secret:
        context = answer_context(view.execution, view.attempt, view.prompt.id)
        data = sealing.seal(data, base64.b64decode(view.sealing_key or ""), context)
    content = base64.b64encode(data).decode()
    return Answer(str(uuid.uuid4()), view.execution, view.attempt, view.prompt.id, content, secret, by)


def _digest(view: PromptView) -> str:
    return _hex(f"{view.execution} {view.attempt} {view.prompt.id} {view.prompt.fingerprint}")


def _group_digest(view: PromptView) -> str:
    """Not by the fingerprint alone, which a device tells: what is shown while it is typed and what is not are two."""
    return _hex(f"{view.prompt.fingerprint} {view.prompt.kind} {view.prompt.secret}")


def _hex(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _telling_length(digests: Sequence[str]) -> int:
    length = LEAST_ID_CHARACTERS
    while len({digest[:length] for digest in digests}) < len(digests):
        length += 1
    return length
