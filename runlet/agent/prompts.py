"""Whether a program waits for a person, and what it asks: the judge of what a holder sees. Rules without I/O.

What counts, in this order: whether the kernel shows a program in the foreground that waits for its terminal; where it
does not show that, or shows one that waits for something else too, what is on the screen; and how the terminal treats
what is typed. docs/explanation/prompts.md tells why.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace

from runlet.agent.same_question import is_alike, is_same, new_part, said
from runlet.agent.screen import Screen
from runlet.holder import waiting
from runlet.holder.wire import Look
from runlet.model.prompt import MAX_TEXT, Kind, Prompt, fingerprint

# A menu is shown with so many lines at most.
MOST_LINES = 12

# What is read of a terminal that collects lines: a question is at the end.
_PLAIN_BYTES = 4096
# Who sends the cursor about so often draws; or who erases the rest of so many lines, and looks at its keys between.
_MOVES = 3
_ERASED = 8

# What a line is judged by, however long it is.
_LINE_CHARACTERS = 500
_ID_CHARACTERS = 8  # of the fingerprint: beside the offset, enough to tell one question from another

# How sure each finding makes us. What is less than even is not told.
LEAST_CONFIDENCE = 0.5
_READS, _READS_BARE, _LIMITED = 0.9, 0.8, 0.7
_SECRET_SEEN, _SCREEN, _SHARED, _HIDDEN, _HIDDEN_WEAK = 0.85, 0.9, 0.6, 0.6, 0.5
_MARKED = 0.08  # on top, when the line also reads like a question

# The end of a line that reads like a question whatever its program does.
_STRONG = re.compile(
    r"""(?xi)
    [\[(]\s* ( y(es)? \s*[/|]\s* no? | no? \s*[/|]\s* y(es)? | [^\W\d_]{1,3}(\s*[/|,]\s*([^\W\d_]{1,3}|\?))+ )
      \b [^\])]* [\])] \W*$
    | \[default[=\s][^\]]*\] \W*$
    | \b(password|passphrase|passcode|pin|otp|secret|token|verification\ code)\b [^:]{0,80} [:>]\s*$
    | \b(press|hit|type|enter)\b .{0,60}\b(key|enter|return|continue|yes|no)\b \W{0,6}.{0,30}$
    | \b(login|username|user\ name)\s*:\s*$
    | (^|[.!?:]\s+) (please\s+)? (enter|type|choose|select|specify|give|input|provide|which|what)\b .{0,100} [:>]\s*$
    | \[[^\]]{0,60}\] \s* : \s*$
    | [:?] \s* [\[(] \s* \w [^\])%\#/]{0,60} [\])] \s*$
    | \(end\)\s*$ | --more--
    | \?\s*$
    """
)
_WEAK = re.compile(r"[:>#$%?\])]\s*$")
_COMMAND = re.compile(r"(^|\S)[>#$]\s?$|(^|[^\s\d])%\s?$")
_HIDDEN_WORDS = r"\b(password|passwort|passphrase|passcode|pin|otp|secret|token|code)\b"
_SECRET = re.compile(f"(?i){_HIDDEN_WORDS}")
_SECRET_ASKED = re.compile(rf"(?i){_HIDDEN_WORDS}[^:?]{{0,80}}:\s*(\([^()]{{1,60}}\)\s*)?$")
# The last line may say as little as "> ": the question stands above it.
_WORD = re.compile(r"[^\W\d_]{2}")
_OPTION = re.compile(r"^\s*([>*\u276f\u203a\u2022\u25c9-\u25ef-]|[(\[]?[\w*x ]{0,3}[)\].:])\s*\S")
# That a program reads its terminal is seen, not guessed.
_READ = (waiting.READING, waiting.LIMITED)
_FRAMES = re.compile(r"[\u2500-\u259f\u25a0-\u25ff]+")  # lines, blocks, shapes


@dataclass(frozen=True, slots=True)
class Waiting:
    """A program waits for a person."""

    kind: Kind
    text: str
    secret: bool
    confidence: float


def judge(look: Look) -> Waiting | None:
    """What the program waits with; None when it does not, as far as can be seen."""
    if look.activity == waiting.BUSY and look.lines and look.echo:
        return None
    screen = Screen(look.columns, look.rows)
    screen.feed(look.recent if look.own_screen or not look.lines else look.recent[-_PLAIN_BYTES:])
    if not look.lines and (look.own_screen or _draws(screen, look.activity)):
        if look.activity == waiting.BUSY:
            return None  # it shows how far it is: a gauge
        return Waiting(Kind.INTERACTIVE, _screenful(screen), secret=False, confidence=_SCREEN)
    line = screen.before_cursor[-_LINE_CHARACTERS:]
    # Where a program reads key by key, it may show stars or the text itself: only the question tells.
    secret = not look.echo and (look.lines or bool(_SECRET_ASKED.search(line)))
    sure = _confidence(look, line, secret=secret)
    if sure < LEAST_CONFIDENCE:
        return None
    if line.strip() and _STRONG.search(line):
        sure = min(1.0, sure + _MARKED)
    return Waiting(Kind.PROMPT, _question(screen), secret, round(sure, 2))


def _draws(screen: Screen, activity: int) -> bool:
    """Whether it draws a screen on the one that all share; editing a line takes neither as often."""
    return screen.moves >= _MOVES or (activity == waiting.LIMITED and screen.erased >= _ERASED)


def _confidence(look: Look, line: str, *, secret: bool) -> float:
    unterminated = bool(line.strip())
    strong = unterminated and bool(_STRONG.search(line))
    match look.activity:
        case waiting.READING:
            return _READS if unterminated else _READS_BARE
        case waiting.LIMITED:
            # It asks with a limit, or it works and looks at its keys between.
            return _LIMITED if unterminated and (strong or _WEAK.search(line) or look.lines) else 0.0
        case waiting.NAPPING:
            return 0.0
        case waiting.BUSY:
            # Somebody else may read for it: gpg's agent does.
            return _SECRET_SEEN if secret and look.lines and unterminated and _SECRET.search(line) else 0.0
        case waiting.SHARED:
            if secret and unterminated:
                return _SECRET_SEEN
            return _SHARED if strong or (look.long and not look.lines and _waits_for_commands(line)) else 0.0
        case _:
            if secret and unterminated:
                return _SECRET_SEEN
            if strong:
                return _HIDDEN
            return _HIDDEN_WEAK if look.long and _waits_for_commands(line) else 0.0


def _waits_for_commands(line: str) -> bool:
    """Whether it ends as the prompts of shells and their like do."""
    return bool(_COMMAND.search(line))


def _question(screen: Screen) -> str:
    """The last line; what belongs to it above; the options below it."""
    lines = screen.lines()
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        return ""
    first = len(lines) - 1
    while first > 0 and len(lines) - first < MOST_LINES and lines[first - 1].strip():
        options = _OPTION.match(lines[first - 1]) or (first < len(lines) - 1 and _OPTION.match(lines[first]))
        if not options and (_WORD.search(lines[first]) or first < len(lines) - 1):
            break
        first -= 1
    return _bounded(lines[first:])


def _screenful(screen: Screen) -> str:
    """The text on a screen that a program drew, without its frames."""
    lines = [" ".join(_FRAMES.sub(" ", line).split()) for line in screen.lines()]
    return _bounded([line for line in lines if any(map(str.isalnum, line))][:MOST_LINES])


def _bounded(lines: list[str]) -> str:
    return "\n".join(lines).strip()[-MAX_TEXT:]


@dataclass(frozen=True, slots=True)
class _Past:
    """The question before: its text as it was seen last, up to which offset, and what was typed for it since then.

    `is_over`: it was answered, or the kernel showed that it was read for, so that what follows it is another.
    """

    text: str = ""
    offset: int = 0
    typed: bytes = b""
    is_over: bool = False


class Asking:
    """The present prompt of one execution; the same as long as the same question stands and is not answered.

    `key` keys the fingerprints, which overlook the `names` of the device; `last` is the prompt that was answered last,
    with what was typed for it.
    """

    def __init__(self, key: str, last: Prompt | None = None, typed: bytes = b"", names: Collection[str] = ()) -> None:
        self._key = key
        self._names = names
        self._answered = last.id if last else ""
        self._past = _Past(last.text, last.offset, typed, is_over=True) if last else _Past()
        self._answer = self._past if last else None  # the last, until something else was asked
        self._typed = b""  # on consoles since the prompt was seen
        self._printed_on = False
        self._worked = False  # when it was looked at last
        self.look: Look | None = None  # the newest
        self.is_known = False  # whether there is a prompt: not before the first look
        self.is_silent = False  # nothing was said between the last answer and the prompt
        self.prompt: Prompt | None = None

    @property
    def open(self) -> Prompt | None:
        """The prompt, if it can be answered: nobody has, and the program has not printed on since."""
        return None if self.prompt is None or self.prompt.id == self._answered or self._printed_on else self.prompt

    @property
    def shows_what_is_typed(self) -> bool:
        return self.look is None or self.look.echo

    def answered(self, prompt: Prompt, typed: bytes) -> None:
        """Somebody has answered this: whatever the program waits with next is another prompt."""
        self._answered = prompt.id
        offset = prompt.offset if self.look is None or self._typed else self.look.offset
        self._answer = self._past = _Past(self._past.text or prompt.text, offset, typed, is_over=True)
        self._typed = b""

    def typed(self, data: bytes) -> None:
        """Somebody has typed this, not as an answer: its echo makes no other question."""
        self._typed = (self._typed + data)[-MAX_TEXT:]

    def doubt(self) -> None:
        """Whether the prompt still stands is not known before the next look."""
        self.is_known = False

    def printed(self, data: bytes) -> None:
        """The program printed this after the last look."""
        # Behind a question comes what is typed, or a countdown, in its line. A screen is drawn anew all the time.
        if self.prompt is not None and self.prompt.kind is Kind.PROMPT and b"\n" in data:
            self._printed_on = True

    def take(self, look: Look) -> bool:
        """Whether `prompt` is another, or none, after this look."""
        self._printed_on = False
        self.is_known = True
        self.look = look
        before = self.prompt
        worked, self._worked = self._worked, look.activity == waiting.BUSY
        standing = before if before is not None and before.id != self._answered else None
        found = judge(look)
        if standing is not None and self._draws_on(standing, found, look, worked=worked):
            return False
        silent = standing is None and self._is_silent(look)
        # What is on the screen was answered; that somebody reads again must be seen.
        if found is None or (silent and found.kind is Kind.PROMPT and look.activity not in _READ):
            self.prompt = None
            return before is not None
        if standing is not None and self._is_still(standing, found, look):
            self._past = replace(self._past, text=self._past.text if self._typed else found.text, offset=look.offset)
            return False
        self._ask(look, found, silent=silent)
        return True

    def end(self) -> None:
        """The program has ended."""
        self.is_known = True
        self.prompt = None

    def _ask(self, look: Look, found: Waiting, *, silent: bool) -> None:
        text = found.text
        if found.kind is Kind.PROMPT and self._past.is_over:
            text = new_part(self._past.text, text, self._past.typed + self._typed)
        mark = fingerprint(text, found.kind, secret=found.secret, key=self._key, names=self._names)
        name = self._name(look.offset, mark)
        self.prompt = Prompt(name, look.offset, text, found.secret, found.kind, found.confidence, mark)
        self.is_silent = silent
        self._typed = b""
        self._past = _Past(found.text, look.offset, is_over=look.activity in _READ)
        if not silent:
            self._answer = None

    def _is_silent(self, look: Look) -> bool:
        """Whether nothing but the echo of the last answer was printed since it was given."""
        if self._answer is None:
            return False
        since = look.offset - self._answer.offset
        return since <= len(look.recent) and not said(look.recent[len(look.recent) - since :], self._answer.typed)

    def _draws_on(self, standing: Prompt, found: Waiting | None, look: Look, *, worked: bool) -> bool:
        """Whether it is one of those that show what goes on, and so ask nothing new: top, htop. They work between
        their looks at the keys, and not for two looks of ours: that is a gauge behind a menu.
        """
        if standing.kind is not Kind.INTERACTIVE or not standing.text or not look.own_screen or look.lines:
            return False
        if look.activity == waiting.LIMITED and found is not None:
            if not is_alike(self._past.text, found.text):
                return False
            self._past = replace(self._past, text=found.text)
            return True
        return look.activity == waiting.NAPPING or (look.activity == waiting.BUSY and not worked)

    def _is_still(self, before: Prompt, found: Waiting, look: Look) -> bool:
        """Whether it is the same question, with something typed behind it at most."""
        if found.kind is not before.kind or found.secret != before.secret:
            return False
        if look.offset == self._past.offset:
            return True
        if found.kind is Kind.INTERACTIVE:
            return found.text == self._past.text
        since = look.offset - before.offset
        if since > len(look.recent) or b"\n" in look.recent[len(look.recent) - since :]:
            return False
        return is_same(self._past.text, found.text, self._typed)

    def _name(self, offset: int, mark: str) -> str:
        """Not drawn by lot: an agent that was started again finds the same question under the same name."""
        name = f"{offset}-{mark[:_ID_CHARACTERS]}"
        if self._answered == name:
            return f"{name}-2"  # it asks again, without a word between
        if self._answered.startswith(f"{name}-"):
            return f"{name}-{int(self._answered.rpartition('-')[2]) + 1}"
        return name
