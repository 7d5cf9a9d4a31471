"""Who answers a program's question: the first. Rules without I/O.

Operators, attached consoles and what a job declares race for a prompt; the agent is where they meet. One answer at a
time goes to the terminal; those that come meanwhile wait for what becomes of it. What is taken is remembered, so that
whoever comes later learns who was first, and an answer that comes twice is told the same.
"""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from runlet.agent.prompts import Asking
from runlet.model.answer import MAX_TEXT, First, Origin, Result, text_of
from runlet.model.prompt import Kind, Prompt
from runlet.protocol.messages import MAX_DETAIL, Answered

# Prompts of one execution whose answers are remembered: an answer that comes later finds its question gone.
REMEMBERED = 16
# Answers that wait for what becomes of another: a crowd of operators. More are refused.
MAX_BEHIND = 256
# The terminal changes between a look and what is typed for it, so often in turn: it is drawn on all the time.
MOST_MOVES = 8
# Who answers on an attached console that does not say whose it is.
CONSOLE = "an attached console"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An answer that may be typed. `data` are the bytes; they are told once typed, unless `hidden` or for a secret."""

    id: str
    prompt: str
    origin: Origin
    by: str
    data: bytes
    hidden: bool
    done: Callable[[], None] = lambda: None  # it is decided


class Answers:
    """The answers to the prompts of one execution.

    `type_` types a candidate, and `typed` is called when that is decided. `tell` tells what became of an answer: of
    one that was taken, once; of another, as often as it comes.
    """

    def __init__(
        self,
        key: tuple[str, int],
        asking: Asking,
        type_: Callable[[Candidate], None],
        tell: Callable[[Answered], None],
        last: Answered | None = None,
    ) -> None:
        self._key = key
        self._asking = asking
        self._type = type_
        self._tell = tell
        self._taken: dict[str, Answered] = {}  # by prompt
        if last is not None:
            self._taken[last.prompt] = last
        self._typing: tuple[Candidate, Prompt] | None = None
        self._moves = 0  # of the terminal, since one was typed or refused
        self._behind: deque[Candidate] = deque()
        self._line = Line()
        self._pieces = 0  # typed on consoles, and the terminal has not said whether it takes them

    def offer(self, candidate: Candidate) -> None:
        """Take it if it is the first, and tell what became of it."""
        if first := self._taken.get(candidate.prompt):
            self._is_late(candidate, first)
        elif self._typing is not None or self._pieces or not self._asking.is_known:
            if len(self._behind) < MAX_BEHIND:
                self._behind.append(candidate)
            else:
                self._refuse(candidate, "too many answers at once")
        elif (prompt := self._asking.open) is None or prompt.id != candidate.prompt:
            self._decide(candidate, self._answered(candidate, Result.STALE))
        elif prompt.secret and candidate.origin is Origin.OPERATOR and not candidate.hidden:
            self._refuse(candidate, "the program asks for a secret, which must be sealed")
        elif prompt.secret and self._asking.shows_what_is_typed:
            self._refuse(candidate, "the terminal would show the secret")
        elif self._line.is_begun:
            self._refuse(candidate, "somebody has begun to type an answer on an attached console")
        else:
            self._typing = candidate, prompt
            self._type(candidate)

    def typed(self, words: str) -> None:
        """The terminal has what was typed last, or with `words` has refused it."""
        assert self._typing is not None
        (candidate, prompt), self._typing = self._typing, None
        self._moves = 0
        if words:
            self._refuse(candidate, words)
        else:
            self._take(candidate, prompt)
        self.go_on()

    def moved(self) -> None:
        """Nothing was typed, for the terminal is not as it was seen: the next look tells whether the question is."""
        assert self._typing is not None
        self._moves += 1
        if self._moves > MOST_MOVES:
            self.typed("what is on the terminal changes all the time: attach to it")
            return
        (candidate, _), self._typing = self._typing, None
        self._asking.doubt()
        self._behind.appendleft(candidate)

    def console_types(self) -> Prompt | None:
        """An attached console types something: for which prompt. Its echo may come before `console_typed`."""
        self._pieces += 1
        return self._asking.open

    def console_typed(self, prompt: Prompt | None, data: bytes, words: str, who: str = "") -> None:
        """The terminal has it, or with `words` has refused it. What is typed until Enter for a prompt is an answer, of
        whoever ends it.
        """
        self._pieces -= 1
        if not words:
            self._asking.typed(data)
            self._collect(prompt, data, who)
        self.go_on()

    def go_on(self) -> None:
        """More is known: judge those that wait."""
        behind, self._behind = self._behind, deque()
        for one in behind:
            self.offer(one)

    def _collect(self, prompt: Prompt | None, data: bytes, who: str) -> None:
        if prompt is None or prompt.kind is not Kind.PROMPT or prompt.id in self._taken:
            self._line.clear()
        elif self._line.type(prompt, data):
            text = bytes(self._line.text)
            self._line.clear()
            by = who or CONSOLE
            typed = Candidate(str(uuid.uuid4()), prompt.id, Origin.CONSOLE, by, text, hidden=prompt.secret)
            self._take(typed, prompt)

    def _take(self, candidate: Candidate, prompt: Prompt) -> None:
        answered = self._answered(candidate, Result.TAKEN, asked=prompt)
        self._taken[prompt.id] = answered
        if len(self._taken) > REMEMBERED:
            del self._taken[next(iter(self._taken))]
        self._asking.answered(prompt, b"" if prompt.secret or candidate.hidden else candidate.data)
        self._decide(candidate, answered)

    def _is_late(self, candidate: Candidate, first: Answered) -> None:
        if candidate.id == first.id:
            self._decide(candidate, first)
        else:
            told = First(first.id, first.by, first.origin)
            self._decide(candidate, self._answered(candidate, Result.LATE, first=told))

    def _refuse(self, candidate: Candidate, words: str) -> None:
        self._decide(candidate, self._answered(candidate, Result.REFUSED, detail=words[:MAX_DETAIL]))

    def _decide(self, candidate: Candidate, answered: Answered) -> None:
        self._tell(answered)
        candidate.done()

    def _answered(
        self,
        candidate: Candidate,
        result: Result,
        *,
        asked: Prompt | None = None,
        first: First | None = None,
        detail: str = "",
    ) -> Answered:
        return Answered(
            candidate.id,
            *self._key,
            candidate.prompt,
            result,
            candidate.origin,
            candidate.by,
            at=time.time(),
            asked=asked,
            text=None if asked is None or asked.secret or candidate.hidden else text_of(candidate.data),
            first=first,
            detail=detail,
        )


class Line:
    """What consoles type for one prompt up to Enter, with the simplest edits of a person; never a secret's bytes."""

    _ERASE, _ERASE_LINE, _ENTER = b"\x7f\x08", b"\x15\x03", b"\r\n"

    def __init__(self) -> None:
        self._prompt = ""
        self.text = bytearray()

    @property
    def is_begun(self) -> bool:
        return bool(self.text)

    def clear(self) -> None:
        self.text.clear()

    def type(self, prompt: Prompt, data: bytes) -> bool:
        """Whether this ends the line; what follows in `data` was typed for something else. Beyond a bound, the line's
        end is not kept."""
        if self._prompt != prompt.id:
            self._prompt = prompt.id
            self.clear()
        for byte in data:
            if byte in self._ENTER:
                return True
            if byte in self._ERASE_LINE:
                self.clear()
            elif byte in self._ERASE:
                del self.text[-1:]
            elif len(self.text) < MAX_TEXT:
                self.text.append(ord("*") if prompt.secret else byte)
        return False
