"""Whether a program waits for a person, and what it asks: the judge of what a holder sees. Rules without I/O.

What counts, in this order: whether the kernel shows a program in the foreground that waits for its terminal; where it
does not show that, or shows one that waits for something else too, what is on the screen; and how the terminal treats
what is typed. docs/explanation/prompts.md tells why.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace

from runlet.agent import phrases, wording
from runlet.agent.replies import ends_in_question
from runlet.agent.same_question import is_alike, is_same, new_part, said
from runlet.agent.screen import Screen
from runlet.holder import waiting
from runlet.holder.wire import Look
from runlet.model.prompt import MAX_TEXT, Kind, Prompt, fingerprint

# What is read of a terminal that collects lines: a question is at the end.
_PLAIN_BYTES = 4096
# Who sends the cursor about so often draws; or who erases the rest of so many rows, where it is not seen to read alone.
_MOVES = 3
_ERASED = 8
# A wait with a shorter limit is for nobody, unless it is begun again and again.
_SHORTEST_SECONDS = 0.25
# A wait with a limit of so many seconds is for an answer, where keys come one by one, ...
_PATIENT_SECONDS = 2.0
# ... and where lines do: event loops wake for their timers more often.
_PATIENT_LINE_SECONDS = 10.0
# Above a line that only counts down, the question may stand so many lines up.
_NEAR_LINES = 6
# A line that was drawn so often in a row with nothing but its cursor changed stands still.
_BLINKS = 3
_FRAMES = 2  # several lines say more than one
# What a line is judged by, however long it is.
_LINE_CHARACTERS = 500

_ID_CHARACTERS = 8  # of the fingerprint: beside the offset, enough to tell one question from another

# How sure each finding makes us. What is less than even is not told.
LEAST_CONFIDENCE = 0.5
_READS, _READS_BARE, _LIMITED = 0.9, 0.8, 0.7
_SECRET_SEEN, _SCREEN, _SHARED, _HIDDEN, _WEAK = 0.85, 0.9, 0.6, 0.6, 0.5
_MARKED = 0.08  # on top, when the line also reads like a question

# That a program reads its terminal is seen, not guessed.
_READ = (waiting.READING, waiting.LIMITED)
_SEQUENCES = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")
_GOES_UP = re.compile(rb"\x1b\[\d*[AF]")
_UPWARDS = re.compile(rb"(?:\x1b\[\d*[AF](?:\r|\x1b\[\d*[A-K])*)+")
_COUNT = re.compile(r"\s*\d+\s*(s|sec|seconds)?\.?\s*$")  # what is left of the time, behind a question
_CURSORS = "_█▌▏▁| "
_NO_CURSORS = dict.fromkeys(map(ord, _CURSORS), " ")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A program waits for a person."""

    kind: Kind
    text: str
    secret: bool
    confidence: float


def judge(look: Look) -> Waiting | None:
    """What the program waits with; None when it does not, as far as can be seen."""
    if look.activity == waiting.BUSY or (not (look.lines or look.long) and ends_in_question(look.recent)):
        return None
    screen = _screen_of(look)
    if not look.lines and (look.own_screen or _draws(screen, look.activity)):
        text = wording.screenful(screen)
        secret = look.hides or wording.asks_secret_in_field(screen)
        return Waiting(Kind.INTERACTIVE, text, secret=secret, confidence=_SCREEN)
    screen = _when_it_asked(look, screen)
    line = screen.before_cursor[-_LINE_CHARACTERS:]
    text = wording.question(screen)
    if look.activity == waiting.LIMITED and _blinks(look.recent):
        text = text.rstrip(_CURSORS)
    # Where a program reads key by key, it may show stars or the text itself: only the question tells.
    secret = not look.echo and (look.lines or look.hides or wording.asks_secret(text))
    sure = _confidence(look, screen, line, secret=secret)
    if sure < LEAST_CONFIDENCE:
        return None
    if phrases.asks(line):
        sure = min(1.0, sure + _MARKED)
    return Waiting(Kind.PROMPT, text, secret, round(sure, 2))


def _screen_of(look: Look, before: int = 0) -> Screen:
    """What is shown, or was, `before` so many bytes."""
    screen = Screen(look.columns, look.rows)
    recent = look.recent[: len(look.recent) - before]
    screen.feed(recent if look.own_screen or not look.lines else recent[-_PLAIN_BYTES:])
    return screen


def _when_it_asked(look: Look, screen: Screen) -> Screen:
    """The screen with the question: others may print behind it while the program still waits in the same call."""
    later = look.offset - look.since
    if not 0 < later < len(look.recent) or phrases.may_ask(screen.before_cursor[-_LINE_CHARACTERS:]):
        return screen
    earlier = _screen_of(look, before=later)
    return earlier if phrases.may_ask(earlier.before_cursor[-_LINE_CHARACTERS:]) else screen


def _draws(screen: Screen, activity: int) -> bool:
    """Whether it draws a screen on the one that all share; editing a line takes neither as often, and what colours its
    matches sends the cursor nowhere.
    """
    return screen.moves >= _MOVES or (screen.erased >= _ERASED and (activity != waiting.READING or screen.moves > 0))


def _confidence(look: Look, screen: Screen, line: str, *, secret: bool) -> float:
    asks = phrases.asks(line) or (look.activity == waiting.LIMITED and _asks_above(look, screen, line))
    asks_before_count = phrases.asks(_COUNT.sub("", line))
    match look.activity:
        case waiting.READING:
            if phrases.is_dots(line) and not look.long:
                return 0.0  # another thread prints them
            return _READS if line.strip() else _READS_BARE
        case waiting.LIMITED:
            # It asks with a limit, or it works and looks at its keys between.
            if not look.lines and _blinks(look.recent):
                return _LIMITED
            if look.limit < _SHORTEST_SECONDS and look.silence < look.limit:
                return 0.0
            is_gauge = phrases.may_tell(line) and not asks_before_count
            if is_gauge and look.limit < _PATIENT_SECONDS and look.silence < look.limit:
                return 0.0  # until it waits again without a word
            return _LIMITED if phrases.may_ask(line) or asks or asks_before_count or _is_patient(look, screen) else 0.0
        case waiting.NAPPING:
            return 0.0
        case _ if secret and line.strip():
            return _SECRET_SEEN
        case waiting.SHARED:
            if look.long and not look.lines and phrases.is_of_shell(line):
                return _SHARED
            return _SHARED if asks else _weakly(look, line)
        case _:
            if look.long and phrases.is_of_shell(line):
                return _WEAK
            return _HIDDEN if asks else _weakly(look, line)


def _asks_above(look: Look, screen: Screen, line: str) -> bool:
    """Whether it has asked in a line of its own, has said nothing since, and takes keys one by one."""
    if line.strip() or look.lines or not look.long:
        return False
    said = [above for above in screen.lines_to_cursor() if above.strip()]
    return bool(said) and phrases.asks(said[-1][-_LINE_CHARACTERS:])


def _weakly(look: Look, line: str) -> float:
    """Where the kernel does not tell: a line that nothing has followed for long."""
    return _WEAK if look.long and phrases.leaves_open(line) else 0.0


def _is_patient(look: Look, screen: Screen) -> bool:
    """Whether a wait with a limit is for an answer, though its line does not read like a question."""
    if not look.lines:
        stands = look.long and phrases.may_name(screen.before_cursor[-_LINE_CHARACTERS:])
        return stands or look.limit >= _PATIENT_SECONDS
    near = [line[-_LINE_CHARACTERS:] for line in screen.lines_to_cursor() if line.strip()][-_NEAR_LINES:]
    if any(map(phrases.asks, near)):
        return True
    return look.long and bool(near) and (look.limit >= _PATIENT_LINE_SECONDS or phrases.leaves_open(near[-1]))


def _blinks(recent: bytes) -> bool:
    """Whether a line is drawn again and again for its cursor's sake only, or several lines in their place."""
    return _is_steady(recent.replace(b"\n", b"\r").split(b"\r"), _BLINKS) or _is_steady(_UPWARDS.split(recent), _FRAMES)


def _without_cursors(text: str) -> str:
    return " ".join(text.translate(_NO_CURSORS).split())


def _is_steady(drawn: list[bytes], times: int) -> bool:
    """Whether what was drawn last says the same so often in turn."""
    words = [_without_cursors(_SEQUENCES.sub(b"", one).decode(errors="replace")) for one in drawn[-times:]]
    return len(words) == times and len(set(words)) == 1 and phrases.says_something(words[0])


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
        self._activity = waiting.READING  # when it was looked at last
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
            self.doubt()  # it may have been printed by another

    def take(self, look: Look) -> bool:
        """Whether `prompt` is another, or none, after this look."""
        self._printed_on = False
        self.is_known = True
        before = self.prompt
        was, self._activity = self._activity, look.activity
        standing = before if before is not None and before.id != self._answered else None
        if standing is not None and self._glances(look, was):
            return False  # with the look before: what is typed is for one that reads
        self.look = look
        found = judge(look)
        if standing is not None and self._draws_on(standing, found, look, was):
            return False
        silent = standing is None and self._is_silent(look)
        # What is on the screen was answered; that somebody reads again must be seen.
        if found is None or (silent and found.kind is Kind.PROMPT and look.activity not in _READ):
            self.prompt = None
            return before is not None
        if standing is not None and self._is_still(standing, found, look):
            is_of_program = not self._typed and not self._reads_on(look)
            text = found.text if is_of_program else self._past.text
            self._past = replace(self._past, text=text, offset=look.offset)
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

    def _glances(self, look: Look, was: int) -> bool:
        """Whether it was caught between two looks at its keys, or another of its threads was, and nothing shows."""
        between = look.activity == waiting.BUSY and was == waiting.LIMITED
        beside = look.activity == waiting.LIMITED and was == waiting.READING and not look.lines
        return look.offset == self._past.offset and (between or beside)

    def _draws_on(self, standing: Prompt, found: Waiting | None, look: Look, was: int) -> bool:
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
        return look.activity == waiting.NAPPING or (look.activity == waiting.BUSY and was != waiting.BUSY)

    def _is_still(self, before: Prompt, found: Waiting, look: Look) -> bool:
        """Whether it is the same question, with something typed behind it at most."""
        if found.kind is not before.kind or found.secret != before.secret:
            return False
        if look.offset == self._past.offset or self._reads_on(look):
            return True
        if found.kind is Kind.INTERACTIVE:
            return found.text == self._past.text
        since = look.offset - self._past.offset
        unchanged = not look.lines and _without_cursors(found.text) == _without_cursors(self._past.text)
        if unchanged and since <= len(look.recent) and _GOES_UP.search(look.recent[len(look.recent) - since :]):
            return True  # drawn again in its place, for a cursor that blinks
        since = look.offset - before.offset
        if since > len(look.recent) or b"\n" in look.recent[len(look.recent) - since :]:
            return False
        return is_same(self._past.text, found.text, self._typed)

    def _reads_on(self, look: Look) -> bool:
        """Whether who reads has not run since the question was seen: what was printed is of others, such as a job in
        the background. Not where nothing was asked yet: sudo passes on what its program said before it read.
        """
        return bool(self._past.text) and look.activity in _READ and look.since <= self._past.offset < look.offset

    def _name(self, offset: int, mark: str) -> str:
        """Not drawn by lot: an agent that was started again finds the same question under the same name."""
        name = f"{offset}-{mark[:_ID_CHARACTERS]}"
        if self._answered == name:
            return f"{name}-2"  # it asks again, without a word between
        if self._answered.startswith(f"{name}-"):
            return f"{name}-{int(self._answered.rpartition('-')[2]) + 1}"
        return name
